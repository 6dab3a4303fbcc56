// A WebSocket proxy that writes down every frame between the members and the relay.

import { createWriteStream } from "node:fs"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { WebSocket, WebSocketServer } from "ws"

export interface Tap {
  readonly url: string
  close(): Promise<void>
}

/** One JSON object a line: `{ms, connection, from, frame}`, the frame as it was sent. */
export async function startTap(relay: string, file: string): Promise<Tap> {
  const log = createWriteStream(file)
  const server = createServer()
  const sockets = new WebSocketServer({ server })
  let connections = 0
  sockets.on("connection", (member) => {
    const connection = ++connections
    const upstream = new WebSocket(relay)
    const early: string[] = []
    const write = (from: string, frame: string) =>
      log.write(`${JSON.stringify({ ms: Date.now(), connection, from, frame })}\n`)
    member.on("message", (data: Buffer) => {
      const frame = data.toString("utf8")
      write("member", frame)
      if (upstream.readyState === WebSocket.OPEN) upstream.send(frame)
      else early.push(frame)
    })
    upstream.on("open", () => {
      for (const frame of early) upstream.send(frame)
    })
    upstream.on("message", (data: Buffer) => {
      const frame = data.toString("utf8")
      write("relay", frame)
      if (member.readyState === WebSocket.OPEN) member.send(frame)
    })
    for (const [one, other] of [
      [member, upstream],
      [upstream, member],
    ] as const) {
      one.on("close", () => other.terminate())
      one.on("error", () => other.terminate())
    }
  })
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  return {
    url: `ws://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async close() {
      for (const socket of sockets.clients) socket.terminate()
      await new Promise((resolve) => server.close(resolve))
      await new Promise((resolve) => log.end(resolve))
    },
  }
}
