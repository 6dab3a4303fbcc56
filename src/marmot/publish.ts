// Marmot publish lifecycle: a Commit of ours counts once a relay has acknowledged it, and not before.

import type { PublishOutcome, StateId } from "./engine-types.ts"
import { canonicalIds } from "./graph.ts"
import { transition } from "./lifecycle.ts"
import { MAX_ABANDONED, WELCOME_DELAY_MS } from "./limits.ts"
import { admitRetained } from "./pass.ts"
import { retryDisbandLater } from "./disbanding.ts"
import { rescheduleDeparture, stay } from "./departure.ts"
import { applied, sendWelcomes } from "./settle.ts"
import type { Transition } from "./transition.ts"

/** What the relays said of an event that we asked to be published. Late or repeated answers change nothing. */
export function published(t: Transition, eventId: string, outcome: PublishOutcome): void {
  if (t.group.pending?.event.id !== eventId) return
  if (outcome === "accepted") confirmPending(t)
  else abandonPending(t)
}

/** PendingPublish -> Merging -> Stable: our staged state becomes the tip; rivals are weighed afterwards. */
export function confirmPending(t: Transition): void {
  const { pending } = t.group
  if (pending === undefined) return
  if (pending.node.edge?.disbands === true) {
    // The end is never applied by simple advance, ours no more than another's (behaviour §5.3).
    t.putState({ ...pending.node, judged: false })
    t.set({ pending: undefined, lifecycle: "stable" })
    admitRetained(t)
    return
  }
  const before = canonicalIds(t.group)
  const notBefore = t.env.now + WELCOME_DELAY_MS
  t.putState(pending.node)
  t.set({
    tip: pending.node.id,
    pending: undefined,
    lifecycle: transition(t.group.lifecycle, "merging"),
    welcomes: [
      ...t.group.welcomes,
      ...pending.welcomes.map((welcome) => ({ ...welcome, notBefore })),
    ],
  })
  t.candidatesChanged = true
  applied(t, before)
  if (t.group.lifecycle === "merging") t.set({ lifecycle: transition("merging", "stable") })
  const { intent } = pending
  if (intent?.type === "leave" || intent?.type === "upgrade") {
    // Stepping down was the first half, and the departure follows from the new epoch; or more may be taken up.
    t.set({ intents: [intent, ...t.group.intents] })
  } else if (intent !== null) {
    t.completeIntent(intent.intentId)
  }
  admitRetained(t)
}

/** Every relay refused: the wish fails, and the staged state is put aside in case a relay has lied or erred. */
function abandonPending(t: Transition): void {
  const { pending } = t.group
  if (pending === undefined) return
  const abandoned = [...t.group.abandoned, [pending.node.id, pending] as const]
  t.set({
    pending: undefined,
    lifecycle: transition(t.group.lifecycle, "stable"),
    abandoned: new Map(abandoned.slice(-MAX_ABANDONED)),
  })
  if (pending.intent === null) unattendedFailed(t)
  else {
    t.failIntent(pending.intent.intentId, "publish_rejected", "no relay accepted the change")
  }
  admitRetained(t)
}

/** Nobody waits for the answer, but what it was for is still wanted. */
function unattendedFailed(t: Transition): void {
  if (t.group.disbanding !== undefined) retryDisbandLater(t)
  // Our stepping down for a departure was refused, so we stay.
  else if (t.group.leaving !== undefined) stay(t)
  else rescheduleDeparture(t)
}

/** A Commit that we gave up was published after all: it competes like anyone's, with what it owes. */
export function adoptAbandoned(t: Transition, id: StateId): void {
  const commit = t.group.abandoned.get(id)
  if (commit === undefined) return
  const abandoned = new Map(t.group.abandoned)
  abandoned.delete(id)
  const notBefore = t.env.now + WELCOME_DELAY_MS
  const welcomes = commit.welcomes.map((welcome) => ({ ...welcome, notBefore }))
  t.putState({ ...commit.node, judged: false })
  t.set({ abandoned, welcomes: [...t.group.welcomes, ...welcomes] })
  t.candidatesChanged = true
  admitRetained(t)
}

/** Welcomes whose Commit was acknowledged a while ago and is still on the selected branch. */
export function sendDueWelcomes(t: Transition): void {
  if (t.group.lifecycle !== "stable" || t.group.pass !== undefined) return
  sendWelcomes(t, ({ notBefore }) => notBefore <= t.env.now)
}
