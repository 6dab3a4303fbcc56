// Marmot member departure: when a SelfRemove is made anew and when someone else's is committed.

import { sha256 } from "@noble/hashes/sha2.js"
import { type GroupState, proposalTypes, senderTypes } from "../mls/index.ts"
import { bytesToHex } from "../nostr/event.ts"
import type { MessageId, PublishOutcome } from "./engine-types.ts"
import { factsOf, routeOf } from "./group-facts.ts"
import { isRetryDue, retryTime } from "./retry.ts"
import type { Transition } from "./transition.ts"

const SHORTEST_JITTER_MS = 100
const JITTER_RANGE_MS = 1400
/** In large groups the jitter is as wide as this for each member, up to a limit. */
const JITTER_PER_MEMBER_MS = 100
const WIDEST_JITTER_MS = 30_000
/** A Commit of departures that could not be made or published is tried again after this long. */
const RETRY_MS = 60_000
/** So is our own SelfRemove; that pause doubles up to this. */
const LONGEST_RETRY_MS = 3600 * 1000
const PAUSES = { first: RETRY_MS, longest: LONGEST_RETRY_MS }

/** A SelfRemove proposal that waits at a state. */
export interface WaitingDeparture {
  readonly ref: Uint8Array
  /** Leaf of the leaver. */
  readonly leaf: number
}

/** Whether a SelfRemove of our own is cached at `state`. */
export function hasProposedDeparture(state: GroupState): boolean {
  return [...state.proposals.values()].some(
    ({ proposal, sender }) =>
      proposal.proposalType === proposalTypes.selfRemove &&
      sender.senderType === senderTypes.member &&
      sender.leafIndex === state.ownLeafIndex,
  )
}

/**
 * SelfRemoves of other leaves cached at `state`: of several by one leaf, the one whose complete message has the lowest
 * SHA-256 (member-departure §6). `messageIds`: that hash, by the hex of the proposal's reference.
 */
export function waitingDepartures(
  state: GroupState,
  messageIds: ReadonlyMap<string, MessageId> = new Map(),
): WaitingDeparture[] {
  const byLeaf = new Map<number, WaitingDeparture>()
  // One that was stored before hashes were kept comes last.
  const rank = (ref: Uint8Array) => messageIds.get(bytesToHex(ref)) ?? `~${bytesToHex(ref)}`
  for (const { ref, proposal, sender } of state.proposals.values()) {
    if (proposal.proposalType !== proposalTypes.selfRemove) continue
    if (sender.senderType !== senderTypes.member) continue
    if (sender.leafIndex === state.ownLeafIndex) continue
    const known = byLeaf.get(sender.leafIndex)
    if (known === undefined || rank(ref) < rank(known.ref)) {
      byLeaf.set(sender.leafIndex, { ref, leaf: sender.leafIndex })
    }
  }
  return [...byLeaf.values()]
}

/**
 * Sets the time for committing the SelfRemoves at the tip (member-departure §5): after a jitter, by anyone, without
 * an election. The jitter is wide, since each simultaneous Commit costs everyone a convergence pass
 * (docs/decisions/departure-jitter.md).
 */
export function scheduleDeparture(t: Transition): void {
  const { mls } = t.tip
  const { standing, leaving, disbanding, groupId, device, tip } = t.group
  const due =
    standing === "active" &&
    leaving === undefined &&
    disbanding === undefined &&
    mls !== undefined &&
    waitingDepartures(mls).length > 0
  if (!due) {
    t.set({ autoCommitAt: undefined })
  } else if (t.group.autoCommitAt === undefined) {
    const spread = jitter([device.pubkey, groupId, tip])
    const widest = factsOf(mls).members.length * JITTER_PER_MEMBER_MS
    const range = Math.min(WIDEST_JITTER_MS, Math.max(JITTER_RANGE_MS, widest))
    t.set({ autoCommitAt: t.env.now + SHORTEST_JITTER_MS + (spread % range) })
  }
}

/**
 * Every relay has refused our SelfRemove. Nobody has heard it, so nobody will commit it, and there can be no other one for
 * this state (behaviour §5): the same one is offered again.
 */
export function departureAnswered(t: Transition, eventId: string, outcome: PublishOutcome): void {
  const { leaving } = t.group
  if (leaving?.event?.id !== eventId || outcome !== "rejected") return
  const { refusals = 0 } = leaving
  const retryAt = retryTime(t.env.now, refusals, PAUSES)
  t.set({ leaving: { ...leaving, refusals: refusals + 1, retryAt } })
}

/** Once its time has come. */
export function offerDepartureAgain(t: Transition): void {
  const { leaving } = t.group
  const { mls } = t.tip
  if (leaving?.retryAt === undefined) return
  if (!isRetryDue(leaving.retryAt, t.env.now, PAUSES)) return
  t.set({ leaving: { ...leaving, retryAt: undefined } })
  const { event } = leaving
  if (event === undefined || mls === undefined) return
  const { relays } = routeOf(mls)
  t.emit({ type: "publish", purpose: "proposal", event, relays, innerId: undefined })
}

/** We are no leaver any more, so the departures of others are ours to commit again. */
export function stay(t: Transition): void {
  t.set({ leaving: undefined })
  scheduleDeparture(t)
}

/** A Commit of departures has failed, and they still wait (member-departure §7). */
export function rescheduleDeparture(t: Transition): void {
  t.set({ autoCommitAt: undefined })
  scheduleDeparture(t)
  if (t.group.autoCommitAt !== undefined) t.set({ autoCommitAt: t.env.now + RETRY_MS })
}

/** Deterministic for a member, a group and a state; never enters validity or scoring. */
function jitter(parts: readonly string[]): number {
  const digest = sha256(new TextEncoder().encode(parts.join("/")))
  return new DataView(digest.buffer, digest.byteOffset).getUint32(0)
}
