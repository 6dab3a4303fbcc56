// Marmot message retention (marmot-wire §6.6, §7.4): when a message is over, and that nothing of it stays here then.

import type { AppRecord, Intent, MarmotGroup } from "./engine-types.ts"
import { factsOf } from "./group-facts.ts"
import { tipOf } from "./graph.ts"
import type { Transition } from "./transition.ts"

const MAX_U64 = 0xffffffffffffffffn

/**
 * Unix seconds: `created_at` of the inner event and the seconds that its source epoch pins, exactly. `undefined`: the
 * message stays, or its end can't be written as a u64.
 */
export function expirationOf(createdAt: number, retention: bigint): bigint | undefined {
  if (retention === 0n) return undefined
  const expiration = BigInt(createdAt) + retention
  return expiration > MAX_U64 ? undefined : expiration
}

export interface Reception {
  /** Unix seconds, as the author says. */
  readonly createdAt: number
  /** Of the source epoch, seconds. */
  readonly retention: bigint
  /** Milliseconds: when it came here. */
  readonly receivedAt: number
  /** It came while we listened, so it has just been published. */
  readonly isNews: boolean
}

/**
 * When a message must be gone here: Unix seconds. A date in the future does not prolong its life: it is counted from
 * its arrival at the latest. One that came fresh and yet is over was written by a clock that is behind; it lives from
 * its arrival on (docs/decisions/retention-and-clocks.md).
 */
export function deadlineOf(reception: Reception): number | undefined {
  const { createdAt, retention, isNews } = reception
  const receivedAt = Math.floor(reception.receivedAt / 1000)
  const deadline = expirationOf(Math.min(createdAt, receivedAt), retention)
  if (deadline === undefined || deadline > BigInt(Number.MAX_SAFE_INTEGER)) return undefined
  const isOver = Number(deadline) <= receivedAt
  return isOver && isNews ? receivedAt + Number(retention) : Number(deadline)
}

/** Forgets the words of messages that are over: what was held back, what could be sent again, what waits to be sent. */
export function forgetExpired(t: Transition): void {
  const seconds = t.env.now / 1000
  const over = [...t.group.apps.values()].filter((app) => (deadline(app) ?? Infinity) <= seconds)
  for (const app of over) t.putApp({ ...app, event: undefined })
  const late = t.group.intents.filter(
    (intent) => (intentDeadline(t.group, intent) ?? Infinity) <= seconds,
  )
  if (late.length === 0) return
  t.set({ intents: t.group.intents.filter((intent) => !late.includes(intent)) })
  for (const { intentId } of late) {
    t.failIntent(intentId, "expired", "the message was over before it could be sent")
  }
}

/** Milliseconds: when `forgetExpired` has something to do. */
export function nextExpiry(group: MarmotGroup): number | undefined {
  let next = Infinity
  for (const app of group.apps.values()) next = Math.min(next, deadline(app) ?? Infinity)
  for (const intent of group.intents)
    next = Math.min(next, intentDeadline(group, intent) ?? Infinity)
  return next === Infinity ? undefined : next * 1000
}

const deadline = (app: AppRecord) => (app.event === undefined ? undefined : app.expiresAt)

/** A message that waits has no epoch yet: the one that it would get now counts. */
function intentDeadline(group: MarmotGroup, intent: Intent): number | undefined {
  const { mls } = tipOf(group)
  if (intent.type !== "send" || mls === undefined) return undefined
  const expiration = expirationOf(intent.event.created_at, factsOf(mls).retention)
  return expiration === undefined ? undefined : Number(expiration)
}
