// Marmot group messaging: our own messages that may not have reached anyone are encrypted anew, under the same inner id.

import type { AppRecord, MarmotGroup, PublishOutcome } from "./engine-types.ts"
import { canonicalIds } from "./graph.ts"
import { APP_WINDOW, MAX_REPEATS, RESEND_AFTER, RESEND_FOR, RESEND_WITHIN_MS } from "./limits.ts"
import { referenceOf } from "./media-file.ts"
import type { Transition } from "./transition.ts"

const resendId = (innerId: string) => `resend:${innerId}`

/**
 * Queues the message to be sent on the selected branch, at the epoch that is the tip by then; before a departure, after
 * which nothing can be sent. Its older event would reach only those who are as far behind as it is.
 */
export function resend(t: Transition, app: AppRecord): void {
  if (app.innerId === undefined || app.event === undefined) return
  const intentId = resendId(app.innerId)
  if (t.group.intents.some((intent) => intent.intentId === intentId)) return
  // What was sealed for another state is refused there, and whoever has the files seals them anew.
  const sealed = app.event.tags.some((tag) => referenceOf(tag)?.version === "encrypted-media-v2")
  const mediaState = sealed ? { mediaState: app.stateId } : {}
  const { event, repeats } = app
  const again = { ...mediaState, ...(repeats !== undefined && { repeats }) }
  const intent = { type: "send", intentId, event, ...again } as const
  const { intents } = t.group
  const departure = intents.findIndex(({ type }) => type === "leave")
  t.set({ intents: intents.toSpliced(departure < 0 ? intents.length : departure, 0, intent) })
  t.emit({ type: "recall", innerId: app.innerId })
}

/**
 * It is sent anew now: what becomes of the older event on this branch says nothing any more. On a branch that lost it
 * still says whether anyone has it there, should that branch be selected again.
 */
export function resent(t: Transition, intentId: string, innerId: string): void {
  if (intentId !== resendId(innerId)) return
  const canonical = canonicalIds(t.group)
  for (const app of t.group.apps.values()) {
    if (app.innerId !== innerId || app.unacknowledged === undefined) continue
    if (!canonical.has(app.stateId)) continue
    t.putApp({ ...app, unacknowledged: undefined })
  }
}

/** A message of ours may have reached nobody yet: no time to leave. */
export function isUnheard(group: MarmotGroup): boolean {
  const canonical = canonicalIds(group)
  return [...group.apps.values()].some(
    ({ unacknowledged, stateId }) => unacknowledged !== undefined && canonical.has(stateId),
  )
}

/** The branch that it was sent on has won after all. */
export function dropResend(t: Transition, innerId: string): void {
  const intents = t.group.intents.filter((intent) => intent.intentId !== resendId(innerId))
  if (intents.length !== t.group.intents.length) t.set({ intents })
}

/**
 * What the relays said of an application event of ours. An acknowledgement that comes when the group has moved on
 * counts for nothing: the others have moved on, too, and may open that epoch no more (behaviour §8.5). Whether it has
 * shows only once the newer epochs are weighed (`resendStale`).
 */
export function acknowledge(t: Transition, eventId: string, outcome: PublishOutcome): void {
  const app = [...t.group.apps.values()].find((record) => record.unacknowledged === eventId)
  if (app === undefined) return
  if (outcome === "rejected") {
    t.putApp({ ...app, unacknowledged: undefined, acknowledgedAt: undefined })
    return
  }
  const unacknowledged = mayBeLate(t, app) ? app.unacknowledged : undefined
  t.putApp({ ...app, unacknowledged, acknowledgedAt: t.env.now })
}

/** Some branch is beyond it that has not lost. */
function mayBeLate(t: Transition, { epoch }: AppRecord): boolean {
  const fresh = [...t.group.states.values()].filter(({ judged }) => !judged)
  return Math.max(t.tip.epoch, ...fresh.map((node) => node.epoch)) - epoch > RESEND_AFTER
}

/**
 * Whoever was gone in between can't know that anyone was told of a message by the one relay that had it: it counts as
 * acknowledged only now, and is encrypted anew if the group turns out to have left its window meanwhile. Not for ever,
 * or a relay that is dead would make each return repeat what was said before.
 */
export function acknowledgeAnew(t: Transition, innerIds: readonly string[]): void {
  const owed = new Set(innerIds)
  for (const app of t.group.apps.values()) {
    if (app.innerId === undefined || !owed.has(app.innerId)) continue
    if (app.acknowledgedAt === undefined || app.event === undefined) continue
    if (t.env.now / 1000 - app.event.created_at > RESEND_FOR) continue
    t.putApp({ ...app, acknowledgedAt: t.env.now })
  }
}

/**
 * Messages that the others may be unable to open, because the group has left their epoch behind. One whose
 * acknowledgement only seemed to come too late, because of a branch that has lost since, has been heard.
 */
export function resendStale(t: Transition): void {
  const canonical = canonicalIds(t.group)
  for (const app of t.group.apps.values()) {
    if (!app.own || !canonical.has(app.stateId)) continue
    const { unacknowledged, acknowledgedAt, repeats = 0 } = app
    if (!isStale(t, app)) {
      const isHeard = unacknowledged !== undefined && acknowledgedAt !== undefined
      if (isHeard && !mayBeLate(t, app)) t.putApp({ ...app, unacknowledged: undefined })
      continue
    }
    t.putApp({ ...app, unacknowledged: undefined, acknowledgedAt: undefined })
    resend(t, unacknowledged === undefined ? { ...app, repeats: repeats + 1 } : app)
  }
}

/**
 * Without an acknowledgement, the epoch is leaving the window of others. With one that came just before we learned of
 * many new epochs, the others had left it when the message came: we had only not been told yet.
 */
function isStale(t: Transition, app: AppRecord): boolean {
  const { epoch, unacknowledged, acknowledgedAt, repeats = 0 } = app
  const age = t.tip.epoch - epoch
  if (unacknowledged !== undefined) return age > RESEND_AFTER
  return (
    acknowledgedAt !== undefined &&
    repeats < MAX_REPEATS &&
    age > APP_WINDOW &&
    t.env.now - acknowledgedAt < RESEND_WITHIN_MS
  )
}
