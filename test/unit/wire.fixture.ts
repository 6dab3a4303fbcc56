// Tests: a client's way to the relays, which can be cut one by one.

import { NodeWebSocket } from "../../src/nostr/node-socket.ts"

/** Cuts a client off from a relay. */
export class Wire {
  readonly #open = new Set<NodeWebSocket>()
  #blocked: string | undefined

  get WebSocket(): typeof NodeWebSocket {
    const isBlocked = (url: string) => this.#blocked !== undefined && url.startsWith(this.#blocked)
    const open = this.#open
    return class extends NodeWebSocket {
      constructor(url: string) {
        // The discard port: nobody listens there.
        super(isBlocked(url) ? "ws://127.0.0.1:9" : url)
        open.add(this)
        this.on("close", () => open.delete(this))
      }
    }
  }

  block(url: string | undefined): void {
    this.#blocked = url
    for (const socket of this.#open) {
      if (url !== undefined && socket.url.startsWith(url)) socket.terminate()
    }
  }
}
