// The WebSocket of Node programs: `ws`, with the limits that a browser has of its own.

import { WebSocket } from "ws"
import { MAX_FRAME_LENGTH } from "./relay-message.ts"

export class NodeWebSocket extends WebSocket {
  constructor(url: string) {
    super(url, {
      maxPayload: 3 * MAX_FRAME_LENGTH,
      handshakeTimeout: 10_000,
      perMessageDeflate: false,
    })
  }
}
