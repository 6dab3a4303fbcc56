// The helper's thread: it checks frames of relays, knows nothing else, and says yes or nothing.

import { verifyFast } from "../nostr/fast-verify.ts"
import { verifyFrame } from "../nostr/verify-frame.ts"
import { portChannel } from "./channels.ts"
import type { Frames, HelperMessage } from "./frame-helper.ts"
import type { Channel } from "./rpc.ts"
import { hasType } from "./rpc-server.ts"

async function serve(channel: Channel): Promise<void> {
  // Without it, an answer would take longer than the work.
  if (!(await verifyFast())) return
  channel.listen((message) => {
    if (!hasType(message, "frames")) return
    const { id, frames } = message as Frames
    const verdicts = frames.map(verifyFrame)
    channel.send({ type: "verdicts", id, verdicts } satisfies HelperMessage)
  })
  channel.send({ type: "ready" } satisfies HelperMessage)
}

// Whoever starts it hands it a port.
addEventListener("message", ({ ports: [port] }) => {
  if (port !== undefined) void serve(portChannel(port))
})
