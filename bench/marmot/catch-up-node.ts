// Catching up with the headless client: the real client on a store in memory, against the relay in a process of its own.

import { randomBytes } from "node:crypto"
import type { ClientApi } from "../../src/client/api.ts"
import { openClient } from "../../src/client/client.ts"
import { NodeWebSocket } from "../../src/nostr/node-socket.ts"
import { openMemoryStore } from "../../src/store/index.ts"
import type { Prepared } from "./prepare.ts"
import { fill } from "./recording-store.ts"

export interface CatchUpResult {
  readonly events: number
  /** Milliseconds from opening the client until `sync` says that nothing is open any more. */
  readonly wall: number
  /** Milliseconds of this process' CPU in that time, all threads. */
  readonly cpu: number
  /** Milliseconds from opening the client until every message could be read. */
  readonly readable: number
  readonly perSecond: number
  readonly stepsOfProgress: number
}

export async function catchUpInNode(prepared: Prepared, url: string): Promise<CatchUpResult> {
  const { history, groupId, records } = prepared
  const store = await openMemoryStore()
  await fill(store, records)
  const before = process.cpuUsage()
  const start = performance.now()
  const client = await openClient({
    openStore: () => Promise.resolve(store),
    WebSocket: NodeWebSocket,
    random: (length) => new Uint8Array(randomBytes(length)),
    defaultRelays: [url],
    log: (message, error) => process.stderr.write(`${message} ${String(error)}\n`),
  })
  const progress = new Set<number>()
  let readable = 0
  client.subscribe(({ topic }) => {
    if (topic !== "connection" || readable > 0) return
    void client.connection().then(({ pendingInbound }) => {
      progress.add(pendingInbound)
    })
  })
  await client.sync({ timeoutMs: 900_000 })
  const wall = performance.now() - start
  const { user, system } = process.cpuUsage(before)
  readable = wall
  await check(client, groupId, history)
  await client.close()
  const events = history.events.length
  return {
    events,
    wall,
    cpu: (user + system) / 1000,
    readable,
    perSecond: (events / wall) * 1000,
    stepsOfProgress: progress.size,
  }
}

/** Every message is there once, and the group is where the others left it; otherwise it throws. */
export async function check(
  api: Pick<ClientApi, "timeline" | "fingerprint">,
  groupId: string,
  expected: Prepared["history"],
): Promise<void> {
  const found: string[] = []
  let before: string | undefined
  do {
    const cursor = before === undefined ? {} : { before }
    const page = await api.timeline(groupId, { limit: 500, ...cursor })
    for (const item of page.items) if (item.type === "message") found.push(item.messageId)
    before = page.before
  } while (before !== undefined)
  const distinct = new Set(found)
  const missing = expected.messages.filter((id) => !distinct.has(id)).length
  const twice = found.length - distinct.size
  if (missing > 0 || twice > 0 || found.length !== expected.messages.length) {
    throw new Error(`${missing} messages are missing, ${twice} are there twice`)
  }
  const mine = JSON.stringify(await api.fingerprint(groupId))
  const theirs = JSON.stringify(expected.fingerprint)
  if (mine !== theirs) throw new Error(`another state: ${mine} instead of ${theirs}`)
}
