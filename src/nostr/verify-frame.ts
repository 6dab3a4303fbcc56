// NIP-01: whole frames of relays, checked where there is time for it: in another thread.

import { parseEvent, verifyEvent } from "./event.ts"
import { parseRelayMessage } from "./relay-message.ts"

/** Someone who checks frames elsewhere. */
export interface FrameCheck {
  /**
   * Resolves to true only if `frame` is an `EVENT` whose event has the right id and signature. False says nothing: it
   * may be a bad event, or nobody answered. `undefined`: there is nobody to ask. Never rejects.
   */
  confirm(frame: string): Promise<boolean> | undefined
}

/** Whether `frame` is a relay's `EVENT` whose event has the right id and signature. Never throws. */
export function verifyFrame(frame: string): boolean {
  try {
    const message = parseRelayMessage(frame)
    return message.type === "EVENT" && verifyEvent(parseEvent(message.event))
  } catch {
    return false
  }
}
