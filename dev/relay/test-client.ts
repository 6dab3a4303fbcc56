// A raw WebSocket client for the relay's tests: sends frames as they are, and waits for frames.

import { once } from "node:events"
import { WebSocket } from "ws"
import { finalizeEvent, generateSecretKey } from "../../src/nostr/event.ts"
import type { EventTemplate, NostrEvent } from "../../src/nostr/event.ts"

export type Frame = readonly unknown[]

export class RawClient {
  readonly socket: WebSocket
  readonly frames: Frame[] = []
  #changed: () => void = () => undefined

  private constructor(url: string) {
    this.socket = new WebSocket(url)
    const note = () => this.#changed()
    this.socket.on("message", (data: Buffer) => {
      this.frames.push(JSON.parse(data.toString()) as Frame)
      note()
    })
    this.socket.on("close", note)
    this.socket.on("error", note)
  }

  static async connect(url: string): Promise<RawClient> {
    const client = new RawClient(url)
    await once(client.socket, "open")
    return client
  }

  send(...frame: unknown[]): void {
    this.socket.send(JSON.stringify(frame))
  }

  /** Waits until `done` returns something. */
  async until<T>(done: () => T | undefined): Promise<T> {
    for (;;) {
      const result = done()
      if (result !== undefined) return result
      if (this.socket.readyState === WebSocket.CLOSED) throw new Error("closed by the relay")
      await new Promise<void>((resolve) => (this.#changed = resolve))
    }
  }

  /** The first frame of this type, with this second member. */
  frame(type: string, about?: string): Promise<Frame> {
    return this.until(() =>
      this.frames.find(([t, a]) => t === type && (about === undefined || a === about)),
    )
  }

  /** Publishes; [accepted, message] of the OK. */
  async publish(event: NostrEvent): Promise<[unknown, unknown]> {
    const from = this.frames.length
    this.send("EVENT", event)
    const ok = await this.until(() =>
      this.frames.slice(from).find(([type, id]) => type === "OK" && id === event.id),
    )
    return [ok[2], ok[3]]
  }

  /** Ids of the stored events for `filters`, in the relay's order; or the reason of a CLOSED. */
  async query(...filters: object[]): Promise<unknown> {
    const id = `q${Math.random()}`
    this.send("REQ", id, ...filters)
    const end = await this.until(() =>
      this.frames.find(([type, sub]) => (type === "EOSE" || type === "CLOSED") && sub === id),
    )
    this.send("CLOSE", id)
    return end[0] === "CLOSED" ? end[2] : this.delivered(id)
  }

  /** Ids of the events that came for a subscription. */
  delivered(id: string): string[] {
    return this.frames.flatMap(([type, sub, event]) =>
      type === "EVENT" && sub === id ? [(event as NostrEvent).id] : [],
    )
  }

  close(): void {
    this.socket.terminate()
  }
}

export const nowSeconds = () => Math.floor(Date.now() / 1000)

/** A signed event; everything has a default. */
export function signed(
  template: Partial<EventTemplate> = {},
  key: Uint8Array = generateSecretKey(),
): NostrEvent {
  return finalizeEvent(
    { created_at: nowSeconds(), kind: 1, tags: [], content: "", ...template },
    key,
  )
}
