// What the pool's tests share: pools and relays that are closed after each test, and a relay made to misbehave.

import { once } from "node:events"
import type { AddressInfo } from "node:net"
import { WebSocketServer } from "ws"
import type { WebSocket as ServerSocket } from "ws"
import { afterEach } from "vitest"
import { startRelay } from "../../dev/relay/server.ts"
import type { RelayServerOptions, RunningRelay } from "../../dev/relay/server.ts"
import type { NostrEvent } from "../../src/nostr/event.ts"
import { NodeWebSocket } from "../../src/nostr/node-socket.ts"
import { RelayPool } from "../../src/nostr/pool.ts"
import type { RelayPoolOptions } from "../../src/nostr/pool.ts"

const open: { close(): unknown }[] = []
afterEach(async () => {
  for (const thing of open.splice(0).reverse()) await thing.close()
})

export const timing = {
  firstRetry: 20,
  longestRetry: 100,
  silence: 60_000,
  answer: 60_000,
  refusedRetry: 30,
}

const kept = <T extends { close(): unknown }>(thing: T): T => {
  open.push(thing)
  return thing
}

export const newPool = (options: Partial<RelayPoolOptions> = {}) =>
  kept(new RelayPool({ WebSocket: NodeWebSocket, timing, ...options }))

export const start = async (options?: RelayServerOptions): Promise<RunningRelay> =>
  kept(await startRelay(options))

/** Polls until `holds`; the test's own time limit ends it otherwise. */
export const until = async (holds: () => boolean) => {
  while (!holds()) await new Promise((resolve) => setTimeout(resolve, 5))
}

export /** Subscribes to kind 1 everywhere and keeps what comes. */
const listen = (pool: RelayPool, relays: readonly string[]) => {
  const events: NostrEvent[] = []
  const complete: string[] = []
  const refused: string[] = []
  const subscription = pool.subscribe({
    relays,
    filters: () => [{ kinds: [1] }],
    onEvent: (event) => events.push(event),
    onEose: (relay) => complete.push(relay),
    onRefused: (_, reason) => refused.push(reason),
  })
  const ids = () => events.map(({ id }) => id)
  return { events, complete, refused, subscription, ids }
}

/** A URL at which nothing listens. */
export const deadUrl = async (): Promise<string> => {
  const relay = await startRelay()
  await relay.close()
  return relay.url
}

/** A relay that answers each frame as it likes. */
export const malicious = async (answer: (frame: string[], socket: ServerSocket) => void) => {
  const server = kept(new WebSocketServer({ port: 0, host: "127.0.0.1" }))
  let connections = 0
  server.on("connection", (socket) => {
    connections += 1
    socket.on("error", () => socket.terminate())
    socket.on("message", (data: Buffer) => answer(JSON.parse(data.toString()) as string[], socket))
  })
  await once(server, "listening")
  const url = `ws://127.0.0.1:${(server.address() as AddressInfo).port}`
  return { url, connections: () => connections }
}
