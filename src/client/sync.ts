// `sync`: what relays hold has been read and processed, what we owe has been delivered, no group is on its way.

import { ClientError } from "./api.ts"
import type { Session } from "./session.ts"

const DEFAULT_MS = 30_000
const LOOK_MS = 20
/** A relay that was never reached is waited for this long before it counts as unreachable. */
const CONNECT_MS = 5_000
const FENCE_MS = 10_000
/** How far back the fence reads again (seconds); live subscriptions have brought the rest. */
const FENCE_RANGE = 600

/** Rejects with `ClientError` `timeout`, whose words say what is still open. */
export async function sync(session: Session, timeoutMs = DEFAULT_MS): Promise<void> {
  const { world } = session
  const start = world.now()
  for (;;) {
    const before = session.mailbox.steps
    await fence(session)
    let open = stillOpen(session, start)
    while (open !== undefined) {
      if (world.now() - start > timeoutMs) throw new ClientError("timeout", open)
      await new Promise<void>((resolve) => world.timers.setTimeout(resolve, LOOK_MS))
      open = stillOpen(session, start)
    }
    // What was processed may have made others answer: only a round in which nothing happened is the last one.
    if (session.mailbox.steps === before) return
    if (world.now() - start > timeoutMs) throw new ClientError("timeout", "Still changing.")
  }
}

/**
 * Asks each relay for the newest events on the same connection: its answer ends after everything that it had to tell
 * us before, and what a live subscription missed comes in by it.
 */
async function fence({ world, intake, inbox }: Session): Promise<void> {
  const since = Math.floor(world.now() / 1000) - FENCE_RANGE
  const urls = [...new Set([...intake.relays, ...inbox.relays])].filter((url) =>
    world.pool.status().some((relay) => relay.url === url && relay.status === "connected"),
  )
  await Promise.all(
    urls.map(async (url) => {
      const recent = intake.recent(url, since)
      const filters = recent.length > 0 ? recent : [{ ids: ["0".repeat(64)], limit: 1 }]
      const { events } = await world.pool.query([url], filters, { timeoutMs: FENCE_MS })
      for (const event of [...events].reverse()) intake.receive(event, url)
    }),
  )
}

/** In words, or `undefined` if nothing is. */
function stillOpen(session: Session, start: number): string | undefined {
  const { world, mailbox, intake, inbox, outbox, welcomes, groups, uploads } = session
  const wanted = [...new Set([...intake.relays, ...inbox.relays])]
  const status = new Map(world.pool.status().map((relay) => [relay.url, relay.status]))
  const connected = wanted.filter((url) => status.get(url) === "connected")
  const young = world.now() - start < CONNECT_MS
  if (young && connected.length < wanted.length) return "Relays are not connected yet."
  if (connected.length === 0 && wanted.length > 0) return "No relay can be reached."
  if (!connected.every((url) => intake.isComplete(url) && inbox.isComplete(url))) {
    return "Relays are still sending stored events."
  }
  if (intake.pending > 0 || inbox.pending > 0) return "Received events are still being processed."
  if (!uploads.isIdle) return "Files are still being uploaded."
  if (outbox.isOwed(connected)) return "Something could not be published yet."
  if (welcomes.size > 0) return "An invitation could not be sent yet."
  if (!groups.all().every((group) => world.engine.summary(group).settled)) {
    return "A group is still changing."
  }
  return mailbox.idle ? undefined : "Something is still being stored."
}
