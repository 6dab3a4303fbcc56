// Marmot member departure: leaving, and committing the departure of others.

import { createProposal, proposalTypes } from "../mls/index.ts"
import { waitingDepartures } from "./departure.ts"
import type { Intent } from "./engine-types.ts"
import { factsOf, isActiveAdmin, routeOf } from "./group-facts.ts"
import { IntentRefused } from "./intent-refused.ts"
import { adminPolicyProposal, stage } from "./local-commit.ts"
import { sealForGroup } from "./local-send.ts"
import type { Transition } from "./transition.ts"

/**
 * A SelfRemove proposal that someone else commits. An admin steps down first, in a Commit of its own; the wish then
 * comes back for the departure. Alone in the group, one just stops. Throws `IntentRefused` `last_admin`.
 */
export async function leave(t: Transition, intent: Intent & { type: "leave" }): Promise<void> {
  const { mls } = t.tip
  if (mls === undefined) throw new IntentRefused("not_active", "you are no longer a member")
  const self = t.group.device.pubkey
  const { leaves, admins } = factsOf(mls)
  if (leaves.length === 1) {
    t.set({ standing: "left", intents: [] })
    t.emit({ type: "ended", how: "left", actor: undefined })
    t.completeIntent(intent.intentId)
    return
  }
  if (isActiveAdmin(mls, self)) {
    const others = admins.filter((admin) => admin !== self)
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

/** An epoch has passed without removing us: the old proposal is stale, so a fresh one is due. */
export async function renewDeparture(t: Transition): Promise<void> {
  const { leaving } = t.group
  if (leaving !== undefined && leaving.epoch < t.tip.epoch) await proposeDeparture(t)
}

/** The SelfRemoves of others, once their time has come and nobody else has committed them. */
export async function commitDepartures(t: Transition): Promise<void> {
  const { autoCommitAt, leaving } = t.group
  const { mls } = t.tip
  if (autoCommitAt === undefined || autoCommitAt > t.env.now) return
  t.set({ autoCommitAt: undefined })
  if (leaving !== undefined || mls === undefined) return
  const proposalRefs = waitingDepartures(mls).map((departure) => departure.ref)
  if (proposalRefs.length > 0) await stage(t, null, { options: { proposalRefs }, invitees: [] })
}

async function proposeDeparture(t: Transition): Promise<void> {
  const { tip } = t
  if (tip.mls === undefined) return
  const selfRemove = { proposalType: proposalTypes.selfRemove } as const
  const created = await createProposal(t.mls, tip.mls, selfRemove, { wireFormat: "public" })
  const event = sealForGroup(t, created.message, { createdAt: Math.floor(t.env.now / 1000) })
  t.putState({ ...tip, mls: created.state })
  t.set({ leaving: { epoch: tip.epoch } })
  const { relays } = routeOf(tip.mls)
  t.emit({ type: "publish", purpose: "proposal", event, relays, innerId: undefined })
}
