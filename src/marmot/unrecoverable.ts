// Marmot durability §8.10, §9.3: a copy of the group whose required state is gone. It applies nothing and sends nothing.

import type { NostrEvent } from "../nostr/event.ts"
import { transition } from "./lifecycle.ts"
import { MAX_UNOPENED, MAX_UNOPENED_SIZE } from "./limits.ts"
import type { Transition } from "./transition.ts"
import { categorised, MissingRetainedAnchor } from "./verdict.ts"

/** Whoever waits for a wish is told; what was received stays, for a repair and to be read. */
export function becomeUnrecoverable(t: Transition): void {
  for (const intent of t.group.intents) {
    t.failIntent(intent.intentId, "not_active", "this group can no longer be used")
  }
  t.set({
    lifecycle: transition(t.group.lifecycle, "unrecoverable"),
    pass: undefined,
    intents: [],
    welcomes: [],
    autoCommitAt: undefined,
    reading: undefined,
  })
  t.emit({ type: "ended", how: "unrecoverable", actor: undefined })
}

/** Input is stored within bounds and not looked at. */
export function keepForRepair(t: Transition, event: NostrEvent): void {
  const { unopened, isSalvaged } = t.group
  if (isSalvaged) {
    // Its records stay as they are, and so do the relays' events.
    t.emit({ type: "disposition", eventId: event.id, ...categorised("resource_refused") })
    return
  }
  if (unopened.has(event.id)) {
    t.emit({ type: "disposition", eventId: event.id, ...categorised("duplicate") })
    return
  }
  const size = [...unopened.values()].reduce((sum, kept) => sum + kept.event.content.length, 0)
  if (unopened.size >= MAX_UNOPENED || size + event.content.length > MAX_UNOPENED_SIZE) {
    // Nothing moves here any more, so nobody is asked: a repaired copy reads everything anew.
    t.emit({ type: "disposition", eventId: event.id, ...categorised("resource_refused") })
    return
  }
  const kept = { event, receivedAt: t.env.now }
  t.set({ unopened: new Map(unopened).set(event.id, kept) })
  t.emit({ type: "disposition", eventId: event.id, ...MissingRetainedAnchor })
}
