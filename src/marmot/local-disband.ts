// Marmot group lifecycle (behaviour §5.3, marmot-wire §6.12): our request to end the group, for as long as it takes.

import {
  type CreateCommitOptions,
  type GroupState,
  MlsError,
  type Proposal,
  proposalTypes,
} from "../mls/index.ts"
import { requiresLifecycle } from "./authorization.ts"
import { encodeGroupLifecycle } from "./components/group-lifecycle.ts"
import { endDisbandRequest, isTimeToDisband, retryDisbandLater } from "./disbanding.ts"
import type { Intent } from "./engine-types.ts"
import { MarmotError } from "./error.ts"
import { featureStatus } from "./features.ts"
import { factsOf, isActiveAdmin } from "./group-facts.ts"
import { IntentRefused } from "./intent-refused.ts"
import { adminPolicyProposal, planUpgrade, replaceComponent, stage } from "./local-commit.ts"
import { componentIds } from "./registry.ts"
import { isUnheard } from "./resend.ts"
import type { Transition } from "./transition.ts"

/**
 * Closes the gate: from now on nothing new goes out, and no restart, failure or lost branch opens it again. Messages
 * that were queued before still go out first. Throws `IntentRefused` where the group can't be ended by us.
 */
export function requestDisband(t: Transition, intent: Intent & { type: "disband" }): void {
  const refusal = obstacle(t)
  if (refusal !== undefined) throw refusal
  const dropped = t.group.intents.filter((queued) => queued.type !== "send")
  for (const { intentId } of dropped) {
    t.failIntent(intentId, "not_active", "this group is being ended")
  }
  t.set({
    intents: t.group.intents.filter((queued) => queued.type === "send"),
    disbanding: { intentId: intent.intentId, attempts: 0, retryAt: undefined },
    autoCommitAt: undefined,
  })
}

/** Makes the Commit against the settled state, anew where an earlier one has failed or lost. */
export async function continueDisband(t: Transition): Promise<void> {
  const { disbanding } = t.group
  const { mls } = t.tip
  if (disbanding === undefined || mls === undefined) return
  // Once the group has ended, nobody can be told what was said before.
  if (!isTimeToDisband(disbanding, t.env.now) || isUnheard(t.group)) return
  const refusal = obstacle(t)
  if (refusal !== undefined) {
    endDisbandRequest(t, refusal.code, refusal.message)
    return
  }
  try {
    await stage(t, null, { options: nextCommit(mls, t.group.device.pubkey), invitees: [] })
  } catch (error) {
    if (!(error instanceof MlsError) && !(error instanceof MarmotError)) throw error
    retryDisbandLater(t)
  }
}

/** Why we can't end the group as it is now. */
function obstacle(t: Transition): IntentRefused | undefined {
  const { mls } = t.tip
  if (mls === undefined) return new IntentRefused("not_active", "you are no longer a member")
  if (!isActiveAdmin(mls, t.group.device.pubkey)) {
    return new IntentRefused("not_admin", "only an admin of the group can do this")
  }
  if (!requiresLifecycle(mls) && featureStatus(mls, "ending").status === "unavailable") {
    return new IntentRefused(
      "unsupported",
      "not every member's app understands that a group can be ended",
    )
  }
  return undefined
}

/** A group from before there was a lifecycle takes it up first, in a Commit that does nothing else. */
function nextCommit(mls: GroupState, self: string): CreateCommitOptions {
  if (requiresLifecycle(mls)) return { proposals: disbandProposals(mls, self) }
  const plan = planUpgrade(mls, ["ending"])
  if (plan === undefined) throw new MarmotError("internal", "the lifecycle can't be taken up")
  return plan.options
}

/** The exact shape: everyone else out, ourselves the only admin, the end; all inline and nothing else. */
function disbandProposals(mls: GroupState, self: string): Proposal[] {
  const removes = factsOf(mls)
    .leaves.filter((leaf) => leaf.leafIndex !== mls.ownLeafIndex)
    .map((leaf): Proposal => ({ proposalType: proposalTypes.remove, removed: leaf.leafIndex }))
  const end = replaceComponent(componentIds.groupLifecycle, encodeGroupLifecycle("disbanded"))
  return [...removes, adminPolicyProposal([self]), end]
}
