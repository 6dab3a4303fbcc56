// Marmot member departure: leaving, and committing the departure of others.

import { sha256 } from "@noble/hashes/sha2.js"
import {
  type CreateCommitOptions,
  createProposal,
  type GroupState,
  MlsError,
  proposalTypes,
} from "../mls/index.ts"
import { bytesToHex } from "../nostr/event.ts"
import {
  hasProposedDeparture,
  offerDepartureAgain,
  rescheduleDeparture,
  stay,
  waitingDepartures,
} from "./departure.ts"
import type { Intent } from "./engine-types.ts"
import { MarmotError } from "./error.ts"
import { factsOf, isActiveAdmin, routeOf } from "./group-facts.ts"
import { IntentRefused } from "./intent-refused.ts"
import { adminPolicyProposal, stage } from "./local-commit.ts"
import { sealForGroup } from "./local-send.ts"
import { retired } from "./settle.ts"
import type { Transition } from "./transition.ts"

/**
 * A SelfRemove proposal that someone else commits. An admin steps down first, in a Commit of its own; the wish then
 * comes back for the departure. Alone in the group, one just stops. Throws `IntentRefused` `last_admin`.
 */
export async function leave(t: Transition, intent: Intent & { type: "leave" }): Promise<void> {
  const { mls } = t.tip
  if (mls === undefined) throw new IntentRefused("not_active", "you are no longer a member")
  const self = t.group.device.pubkey
  const { leaves } = factsOf(mls)
  if (leaves.length === 1) {
    t.set({ standing: "left", intents: [], ...retired(t.group) })
    t.emit({ type: "ended", how: "left", actor: undefined })
    t.completeIntent(intent.intentId)
    return
  }
  if (isActiveAdmin(mls, self)) {
    const others = otherAdmins(t, mls)
    if (others.length === 0) {
      throw new IntentRefused("last_admin", "make someone else an admin before you leave")
    }
    await stage(t, intent, { options: { proposals: [adminPolicyProposal(others)] }, invitees: [] })
    return
  }
  await proposeDeparture(t)
  for (const waiting of t.group.intents) {
    t.failIntent(waiting.intentId, "not_active", "you are leaving this group")
  }
  t.set({ intents: [] })
  t.completeIntent(intent.intentId)
}

/**
 * The canonical state is another than the one that our proposal was for, and still has us: a fresh proposal is due.
 * Never a second one for the same state (behaviour §5).
 */
export async function renewDeparture(t: Transition): Promise<void> {
  const { mls } = t.tip
  const { leaving } = t.group
  if (leaving === undefined || mls === undefined) return
  if (hasProposedDeparture(mls)) {
    offerDepartureAgain(t)
    return
  }
  t.set({ leaving: { ...leaving, retryAt: undefined } })
  if (!isActiveAdmin(mls, t.group.device.pubkey)) return unattended(() => proposeDeparture(t))
  // The Commit by which we stepped down has lost: do it again, unless nobody else is left to do an admin's work.
  const others = otherAdmins(t, mls)
  if (others.length === 0) stay(t)
  else await stageUnattended(t, { proposals: [adminPolicyProposal(others)] })
}

/** The SelfRemoves of others, once their time has come and nobody else has committed them. */
export async function commitDepartures(t: Transition): Promise<void> {
  const { autoCommitAt, leaving } = t.group
  const { mls } = t.tip
  if (autoCommitAt === undefined || autoCommitAt > t.env.now) return
  t.set({ autoCommitAt: undefined })
  if (leaving !== undefined || mls === undefined) return
  const waiting = waitingDepartures(mls, t.group.proposalIds)
  if (waiting.length === 0) return
  await stageUnattended(t, { proposalRefs: waiting.map((departure) => departure.ref) })
  if (t.group.pending === undefined) rescheduleDeparture(t)
}

function stageUnattended(t: Transition, options: CreateCommitOptions): Promise<void> {
  return unattended(() => stage(t, null, { options, invitees: [] }))
}

/** Nobody waits for the answer; what can't be made now must not stop this step, and each one after it. */
async function unattended(make: () => Promise<void>): Promise<void> {
  try {
    await make()
  } catch (error) {
    if (!(error instanceof MlsError) && !(error instanceof MarmotError)) throw error
  }
}

function otherAdmins(t: Transition, mls: GroupState): string[] {
  return factsOf(mls).admins.filter((admin) => admin !== t.group.device.pubkey)
}

async function proposeDeparture(t: Transition): Promise<void> {
  const { tip } = t
  if (tip.mls === undefined) return
  const selfRemove = { proposalType: proposalTypes.selfRemove } as const
  const created = await createProposal(t.mls, tip.mls, selfRemove, { wireFormat: "public" })
  const event = sealForGroup(t, created.message, { createdAt: Math.floor(t.env.now / 1000) })
  t.putState({ ...tip, mls: created.state })
  const seen = new Map(t.group.seen).set(bytesToHex(sha256(created.message)), tip.epoch)
  t.set({ leaving: { epoch: tip.epoch, event }, seen })
  const { relays } = routeOf(tip.mls)
  t.emit({ type: "publish", purpose: "proposal", event, relays, innerId: undefined })
}
