// Marmot member departure: when a SelfRemove is made anew and when someone else's is committed.

import { sha256 } from "@noble/hashes/sha2.js"
import { type GroupState, proposalTypes, senderTypes } from "../mls/index.ts"
import { bytesToHex } from "../nostr/event.ts"
import type { Transition } from "./transition.ts"

const SHORTEST_JITTER_MS = 100
const JITTER_RANGE_MS = 1400

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
 * SelfRemoves of other leaves cached at `state`: of several by one leaf, the one with the lowest reference.
 * The reference is a hash over the proposal's authenticated content, so the choice is the same everywhere.
 */
export function waitingDepartures(state: GroupState): WaitingDeparture[] {
  const byLeaf = new Map<number, WaitingDeparture>()
  for (const { ref, proposal, sender } of state.proposals.values()) {
    if (proposal.proposalType !== proposalTypes.selfRemove) continue
    if (sender.senderType !== senderTypes.member) continue
    if (sender.leafIndex === state.ownLeafIndex) continue
    const known = byLeaf.get(sender.leafIndex)
    if (known === undefined || bytesToHex(ref) < bytesToHex(known.ref)) {
      byLeaf.set(sender.leafIndex, { ref, leaf: sender.leafIndex })
    }
  }
  return [...byLeaf.values()]
}

/**
 * Sets the time for committing the SelfRemoves at the tip (member-departure §5): after a jitter, by anyone, without
 * an election. The jitter is wide, since each simultaneous Commit costs everyone a convergence pass.
 */
export function scheduleDeparture(t: Transition): void {
  const { mls } = t.tip
  const { standing, leaving, groupId, device, tip } = t.group
  const due =
    standing === "active" &&
    leaving === undefined &&
    mls !== undefined &&
    waitingDepartures(mls).length > 0
  if (!due) {
    t.set({ autoCommitAt: undefined })
  } else if (t.group.autoCommitAt === undefined) {
    const spread = jitter([device.pubkey, groupId, tip])
    t.set({ autoCommitAt: t.env.now + SHORTEST_JITTER_MS + (spread % JITTER_RANGE_MS) })
  }
}

/** Deterministic for a member, a group and a state; never enters validity or scoring. */
function jitter(parts: readonly string[]): number {
  const digest = sha256(new TextEncoder().encode(parts.join("/")))
  return new DataView(digest.buffer, digest.byteOffset).getUint32(0)
}
