// Marmot publish lifecycle: a Commit of ours counts once a relay has acknowledged it, and not before.

import type { PublishOutcome } from "./engine-types.ts"
import { canonicalIds } from "./graph.ts"
import { WELCOME_DELAY_MS } from "./limits.ts"
import { admitRetained } from "./pass.ts"
import { applied } from "./settle.ts"
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
  const before = canonicalIds(t.group)
  const notBefore = t.env.now + WELCOME_DELAY_MS
  t.putState(pending.node)
  t.set({
    tip: pending.node.id,
    pending: undefined,
    lifecycle: "stable",
    welcomes: [
      ...t.group.welcomes,
      ...pending.welcomes.map((welcome) => ({ ...welcome, notBefore })),
    ],
  })
  t.candidatesChanged = true
  applied(t, before)
  const { intent } = pending
  if (intent?.type === "leave") {
    // Stepping down was the first half; the departure itself follows from the new epoch.
    t.set({ intents: [intent, ...t.group.intents] })
  } else if (intent !== null) {
    t.completeIntent(intent.intentId)
  }
  admitRetained(t)
}

/** Every relay refused: conclusively unpublished, so the staged state is dropped and the wish fails. */
function abandonPending(t: Transition): void {
  const { pending } = t.group
  if (pending === undefined) return
  t.set({ pending: undefined, lifecycle: "stable" })
  // Nobody waited for it: our stepping down for a departure was refused, so we stay.
  if (pending.intent === null) t.set({ leaving: undefined })
  else {
    t.failIntent(pending.intent.intentId, "publish_rejected", "no relay accepted the change")
  }
  admitRetained(t)
}

/** Welcomes whose Commit was acknowledged a while ago and is still on the selected branch. */
export function sendDueWelcomes(t: Transition): void {
  if (t.group.lifecycle !== "stable" || t.group.pass !== undefined) return
  const due = t.group.welcomes.filter((welcome) => welcome.notBefore <= t.env.now)
  if (due.length === 0) return
  for (const { recipient, keyPackageEventId, welcome, relays } of due) {
    t.emit({ type: "welcome", recipient, keyPackageEventId, welcome, relays })
  }
  t.set({ welcomes: t.group.welcomes.filter((welcome) => !due.includes(welcome)) })
}
