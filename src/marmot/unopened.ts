// Marmot inbound processing §7: opening the outer layer, and keeping what does not open yet, within bounds.

import type { NostrEvent } from "../nostr/event.ts"
import { isBygone, missed, refused } from "./backfill.ts"
import type { DeferredEvent, StateNode } from "./engine-types.ts"
import { eventKey } from "./event-key.ts"
import { openGroupEvent, type GroupEventPayload } from "./group-event.ts"
import {
  MAX_UNOPENED,
  MAX_UNOPENED_ATTEMPTS,
  MAX_UNOPENED_SIZE,
  UNOPENED_LIFETIME_MS,
} from "./limits.ts"
import type { Transition } from "./transition.ts"
import { categorised, type InputVerdict } from "./verdict.ts"

/** Keys that are known not to open an event: each is tried once. Lost at a restart, and made again. */
const tried = new WeakMap<NostrEvent, WeakSet<Uint8Array>>()

/** Tries the keys of every retained state and of our staged Commits; what opens picks the state, never a branch. */
export function open(
  t: Transition,
  event: NostrEvent,
  payload: GroupEventPayload,
): { readonly node: StateNode; readonly message: Uint8Array } | undefined {
  const { states, pending, abandoned } = t.group
  const own = [...(pending === undefined ? [] : [pending]), ...abandoned.values()]
  // What was made last is what is spoken in most of the time.
  const candidates = [...[...states.values()].reverse(), ...own.map(({ node }) => node)]
  let failed = tried.get(event)
  for (const node of candidates) {
    if (node.mls === undefined) continue
    const key = eventKey(t.env.crypto, node.mls)
    if (failed?.has(key) === true) continue
    const message = t.ahead?.opened(event, key) ?? openGroupEvent(key, payload)
    if (message !== undefined) return { node, message }
    failed ??= new WeakSet()
    failed.add(key)
  }
  if (failed !== undefined) tried.set(event, failed)
  return undefined
}

/** Some retained state has a key that was not tried on the event. */
export function isWorthAnotherTry(t: Transition, event: NostrEvent): boolean {
  const failed = tried.get(event)
  if (failed === undefined) return true
  return [...t.group.states.values()].some(
    ({ mls }) => mls !== undefined && !failed.has(eventKey(t.env.crypto, mls)),
  )
}

/** `transport_deferred`: kept until a state appears that opens it. Whoever was here first keeps its place. */
export function park(t: Transition, event: NostrEvent): InputVerdict {
  if (isBygone(t, event.created_at)) return categorised("resource_refused")
  missed(t, event)
  const alive = [...t.group.unopened].filter(([, parked]) => !isTooOld(t, parked))
  if (!hasRoom(t, alive, event)) {
    if (alive.length < t.group.unopened.size) t.set({ unopened: new Map(alive) })
    refused(t, event.created_at)
    return categorised("resource_refused")
  }
  const parked: DeferredEvent = { event, receivedAt: t.env.now, atSweep: t.group.sweeps ?? 0 }
  t.set({ unopened: new Map(alive).set(event.id, parked) })
  return categorised("transport_deferred")
}

/**
 * New states were tried. Whoever has been here for too many of them makes room: it is refused after all, and comes again
 * when the relays are asked.
 */
export function countSweep(t: Transition): void {
  const sweeps = (t.group.sweeps ?? 0) + 1
  const unopened = new Map(t.group.unopened)
  for (const [id, { event, atSweep = 0 }] of t.group.unopened) {
    if (sweeps - atSweep < MAX_UNOPENED_ATTEMPTS) continue
    unopened.delete(id)
    refused(t, event.created_at)
    t.emit({ type: "disposition", eventId: id, ...categorised("resource_refused") })
  }
  t.set({ sweeps, ...(unopened.size < t.group.unopened.size && { unopened }) })
}

/**
 * What is dated before we joined was mostly said in epochs that we never had, and a busy group's last hours are enough to
 * fill the room with it: half of it stays for what came since, or a Commit that overtakes another one would be refused.
 */
function hasRoom(
  t: Transition,
  alive: readonly (readonly [string, DeferredEvent])[],
  event: NostrEvent,
): boolean {
  const since = (t.group.joinedAt ?? 0) / 1000
  if (!fits(alive, event, 1)) return false
  if (event.created_at >= since) return true
  const earlier = alive.filter(([, parked]) => parked.event.created_at < since)
  return fits(earlier, event, 2)
}

/** Into the `share`th part of the room; one alone may be of any size. */
function fits(
  parked: readonly (readonly [string, DeferredEvent])[],
  { content }: NostrEvent,
  share: number,
): boolean {
  const size = parked.reduce((sum, [, { event }]) => sum + event.content.length, 0)
  if (parked.length >= MAX_UNOPENED / share) return false
  return size === 0 || size + content.length <= MAX_UNOPENED_SIZE / share
}

function isTooOld(t: Transition, { receivedAt }: DeferredEvent): boolean {
  return t.env.now - receivedAt >= UNOPENED_LIFETIME_MS
}
