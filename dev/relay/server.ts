// NIP-01 over WebSocket and NIP-11 over HTTP: the relay on a port of its own, or on a path of an existing server.

import { createServer } from "node:http"
import type { IncomingMessage, Server, ServerResponse } from "node:http"
import type { AddressInfo } from "node:net"
import type { Duplex } from "node:stream"
import { WebSocketServer } from "ws"
import type { WebSocket } from "ws"
import type { AuthMode } from "./auth.ts"
import { Relay, defaultLimits } from "./relay.ts"
import type { RelayLimits } from "./relay.ts"
import { EventStore } from "./store.ts"

export interface AttachOptions {
  /** Where the events are kept; in memory without it. */
  readonly dataDir?: string | undefined
  readonly auth?: AuthMode
  readonly limits?: Partial<RelayLimits>
  /** Unix seconds. */
  readonly now?: () => number
  /** The URL of the relay as clients know it, if a proxy hides it (NIP-42); otherwise the request's Host decides. */
  readonly publicUrl?: string
}

export interface RelayServerOptions extends AttachOptions {
  /** 0, the default, takes a free port. */
  readonly port?: number
  /** 127.0.0.1 by default. */
  readonly host?: string
}

export interface RunningRelay {
  /** ws://host:port */
  readonly url: string
  readonly port: number
  /** Cuts all connections; what was acknowledged is on disk. */
  close(): Promise<void>
}

export interface AttachedRelay {
  /** NIP-11 and CORS: answers and returns true if the request is meant for the relay. */
  handleRequest(request: IncomingMessage, response: ServerResponse): boolean
  close(): Promise<void>
}

/** A client that lets this much pile up is cut off. */
const MAX_BUFFERED = 256 * 1024 * 1024
const HEARTBEAT_MS = 30_000
const SWEEP_MS = 60_000

export async function startRelay(options: RelayServerOptions = {}): Promise<RunningRelay> {
  const { port = 0, host = "127.0.0.1" } = options
  const server = createServer()
  const attached = await attachRelay(server, options)
  server.on("request", (request, response) => {
    if (attached.handleRequest(request, response)) return
    response.writeHead(200, { "content-type": "text/plain" }).end("A Nostr relay.\n")
  })
  try {
    await listen(server, port, host)
  } catch (error) {
    await attached.close()
    throw error
  }
  const bound = (server.address() as AddressInfo).port
  return {
    url: `ws://${host.includes(":") ? `[${host}]` : host}:${bound}`,
    port: bound,
    async close() {
      await attached.close()
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

/** Serves the relay on `server`, at `path` only if one is given: other upgrades are left to others. */
export async function attachRelay(
  server: Server,
  { path, ...options }: AttachOptions & { readonly path?: string } = {},
): Promise<AttachedRelay> {
  const now = options.now ?? (() => Math.floor(Date.now() / 1000))
  const limits = { ...defaultLimits, ...options.limits }
  const auth = options.auth ?? "optional"
  const store = await EventStore.open({ dataDir: options.dataDir, now })
  const relay = new Relay({ store, auth, limits, now })
  const sockets = new WebSocketServer({ noServer: true, maxPayload: limits.messageLength })
  const isOurs = (request: IncomingMessage) =>
    path === undefined || new URL(request.url ?? "/", "http://x").pathname === path

  const upgrade = (request: IncomingMessage, ...rest: [Duplex, Buffer]) => {
    if (!isOurs(request)) return
    const url =
      options.publicUrl ?? `ws://${request.headers.host ?? ""}${path ?? request.url ?? ""}`
    sockets.handleUpgrade(request, ...rest, (socket) => serve(relay, socket, url))
  }
  server.on("upgrade", upgrade)
  const sweep = setInterval(() => store.index.sweep(now()), SWEEP_MS)

  return {
    handleRequest(request, response) {
      return isOurs(request) && respond(request, response, { auth, limits })
    },
    async close() {
      clearInterval(sweep)
      server.off("upgrade", upgrade)
      for (const socket of sockets.clients) socket.terminate()
      sockets.close()
      await store.close()
    },
  }
}

function serve(relay: Relay, socket: WebSocket, url: string): void {
  const connection = relay.connect({
    url,
    send(frame) {
      if (socket.bufferedAmount > MAX_BUFFERED) socket.terminate()
      if (socket.readyState === socket.OPEN) socket.send(frame)
    },
  })
  let alive = true
  const heartbeat = setInterval(() => {
    if (!alive) {
      socket.terminate()
      return
    }
    alive = false
    socket.ping()
  }, HEARTBEAT_MS)
  socket.on("pong", () => (alive = true))
  socket.on("message", (data: Buffer) => {
    alive = true
    void connection.receive(data.toString("utf8"))
  })
  // Oversized or malformed frames: `ws` closes the connection, and tells us here first.
  socket.on("error", () => socket.terminate())
  socket.on("close", () => {
    clearInterval(heartbeat)
    connection.close()
  })
}

/** NIP-11: the relay's description, for any origin. */
function respond(
  request: IncomingMessage,
  response: ServerResponse,
  { auth, limits }: { auth: AuthMode; limits: RelayLimits },
): boolean {
  const cors = {
    "access-control-allow-origin": "*",
    "access-control-allow-headers": "*",
    "access-control-allow-methods": "GET, HEAD, OPTIONS",
  }
  if (request.method === "OPTIONS") {
    response.writeHead(204, cors).end()
    return true
  }
  const isGet = request.method === "GET" || request.method === "HEAD"
  if (!isGet || !request.headers.accept?.includes("application/nostr+json")) return false
  const information = {
    name: "Burrow relay",
    description: "A small relay for developing and testing Burrow.",
    supported_nips: [1, 9, 11, 40, 42, 70],
    software: "burrow",
    limitation: {
      max_message_length: limits.messageLength,
      max_subscriptions: limits.subscriptions,
      max_filters: limits.filters,
      max_limit: limits.limit,
      default_limit: limits.limit,
      max_subid_length: 64,
      created_at_upper_limit: limits.future,
      auth_required: auth === "everything",
      payment_required: false,
      restricted_writes: false,
    },
  }
  response.writeHead(200, { ...cors, "content-type": "application/nostr+json" })
  response.end(JSON.stringify(information))
  return true
}

async function listen(server: Server, port: number, host: string): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject)
    server.listen(port, host, () => {
      server.off("error", reject)
      resolve()
    })
  })
}
