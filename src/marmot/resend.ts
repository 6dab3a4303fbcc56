// Marmot group messaging: our own messages that may not have reached anyone are encrypted anew, under the same inner id.

import type { AppRecord, PublishOutcome } from "./engine-types.ts"
import { canonicalIds } from "./graph.ts"
import { RESEND_AFTER } from "./limits.ts"
import type { Transition } from "./transition.ts"

const resendId = (innerId: string) => `resend:${innerId}`

/** Queues the message to be sent on the selected branch, at the epoch that is the tip by then. */
export function resend(t: Transition, app: AppRecord): void {
  if (app.innerId === undefined || app.event === undefined) return
  const intentId = resendId(app.innerId)
  if (t.group.intents.some((intent) => intent.intentId === intentId)) return
  t.set({ intents: [...t.group.intents, { type: "send", intentId, event: app.event }] })
}

/** The branch that it was sent on has won after all. */
export function dropResend(t: Transition, innerId: string): void {
  const intents = t.group.intents.filter((intent) => intent.intentId !== resendId(innerId))
  if (intents.length !== t.group.intents.length) t.set({ intents })
}

/**
 * What the relays said of an application event of ours. An acknowledgement that comes when the group has moved on
 * counts for nothing: the others have moved on, too, and may open that epoch no more (behaviour §8.5).
 */
export function acknowledge(t: Transition, eventId: string, outcome: PublishOutcome): void {
  const app = [...t.group.apps.values()].find((record) => record.unacknowledged === eventId)
  if (app === undefined) return
  const newest = Math.max(...[...t.group.states.values()].map((node) => node.epoch))
  if (outcome === "accepted" && newest - app.epoch > RESEND_AFTER) return
  putAcknowledged(t, app)
}

/** Messages whose epoch is leaving the window of others before a relay has acknowledged them. */
export function resendStale(t: Transition): void {
  const canonical = canonicalIds(t.group)
  for (const app of t.group.apps.values()) {
    if (app.unacknowledged === undefined || !canonical.has(app.stateId)) continue
    if (t.tip.epoch - app.epoch <= RESEND_AFTER) continue
    putAcknowledged(t, app)
    resend(t, app)
  }
}

function putAcknowledged(t: Transition, app: AppRecord): void {
  t.putApp({ ...app, unacknowledged: undefined })
}
