// Tests: looking into a relay, and putting things there, from outside of any client.

import { verifyEvent } from "../../src/nostr/event.ts"
import type { NostrEvent } from "../../src/nostr/event.ts"
import type { Filter } from "../../src/nostr/filter.ts"
import { NodeWebSocket } from "../../src/nostr/node-socket.ts"
import { RelayPool } from "../../src/nostr/pool.ts"

export interface RelayDesk {
  /** What the relay holds. */
  read(url: string, filter: Filter): Promise<readonly NostrEvent[]>
  /** Fails the test unless the relay takes it. */
  put(url: string, event: NostrEvent): Promise<void>
  close(): void
}

export function openDesk(): RelayDesk {
  const pool = new RelayPool({
    WebSocket: NodeWebSocket,
    verify: (event) => verifyEvent(event),
    auth: () => Promise.reject(new Error("nobody asks for this")),
    onProblem: () => undefined,
  })
  return {
    read: async (url, filter) => {
      const { events, failed } = await pool.query([url], [filter])
      if (failed.length > 0) throw new Error("the relay does not answer")
      return events
    },
    put: async (url, event) => {
      const { accepted, message } = await pool.publish(url, event)
      if (!accepted) throw new Error(`the relay refuses: ${message}`)
    },
    close: () => pool.close(),
  }
}
