// Marmot authorization (behaviour §4, §5.3): who may propose and commit what, judged in the parent state.

import {
  type CommitSummary,
  type CommittedProposal,
  type GroupState,
  type Proposal,
  proposalTypes,
  type Sender,
  senderTypes,
} from "../mls/index.ts"
import { componentIds as mlsComponentIds } from "../mls/index.ts"
import { bytesToHex } from "../nostr/event.ts"
import { accountOf } from "./account-service.ts"
import { decodeAdminPolicy } from "./components/admin-policy.ts"
import { decodeGroupLifecycle } from "./components/group-lifecycle.ts"
import { MarmotError } from "./error.ts"
import { accountOfLeaf, factsOf, isActiveAdmin } from "./group-facts.ts"
import { componentIds } from "./registry.ts"

/** Proposals that the current profile knows; any other makes a Commit or proposal invalid (marmot-wire §4.7). */
const ALLOWED: ReadonlySet<number> = new Set([
  proposalTypes.add,
  proposalTypes.remove,
  proposalTypes.groupContextExtensions,
  proposalTypes.appDataUpdate,
  proposalTypes.selfRemove,
])

const refused = (why: string) => new MarmotError("authorization_failed", why)

/**
 * Whether a Commit needs an admin: all but a pure self-update and a Commit of nothing but SelfRemoves. The same
 * question decides `tip_priority`.
 */
export function requiresAdmin(summary: CommitSummary): boolean {
  const { proposals, hasPath } = summary
  const selfUpdate = proposals.length === 0 && hasPath
  const departures = proposals.length > 0 && proposals.every(isSelfRemove)
  return !selfUpdate && !departures
}

/** Throws `MarmotError` `authorization_failed` for a Commit that its author could not make in `parent`. */
export function authorizeCommit(parent: GroupState, summary: CommitSummary): void {
  if (summary.external) throw refused("a Commit from outside the group")
  const committer = bytesToHex(accountOf(summary.committerLeaf.credential))
  if (requiresAdmin(summary) && !isActiveAdmin(parent, committer)) {
    throw refused("a change that only an admin may commit")
  }
  for (const { proposal, sender, byReference } of summary.proposals) {
    if (byReference) authorizeProposal(parent, proposal, sender)
    else checkType(proposal)
  }
  checkLifecycle(parent, summary, committer)
}

/** Standalone proposals: SelfRemove by those who are no admins, the rest by admins. Throws `authorization_failed`. */
export function authorizeProposal(parent: GroupState, proposal: Proposal, sender: Sender): void {
  checkType(proposal)
  if (sender.senderType !== senderTypes.member) throw refused("a proposal from outside the group")
  const isAdmin = isActiveAdmin(parent, accountOfLeaf(parent, sender.leafIndex))
  if (proposal.proposalType === proposalTypes.selfRemove) {
    // An admin steps down first, so that the policy never names someone who left.
    if (isAdmin) throw refused("an admin leaves without stepping down")
  } else if (!isAdmin) throw refused("a proposal that only an admin may make")
}

/** Whether the Commit disbands the group. */
export function disbands(summary: CommitSummary): boolean {
  return summary.proposals.some(({ proposal }) => lifecycleTarget(proposal) === "disbanded")
}

function isSelfRemove({ proposal, byReference }: CommittedProposal): boolean {
  return proposal.proposalType === proposalTypes.selfRemove && byReference
}

function checkType(proposal: Proposal): void {
  if (!ALLOWED.has(proposal.proposalType)) {
    throw refused(`proposal type ${proposal.proposalType} has no place in a Marmot group`)
  }
  if (proposal.proposalType !== proposalTypes.appDataUpdate) return
  const { componentId, update } = proposal
  const fixed: readonly number[] = [
    mlsComponentIds.appComponents,
    componentIds.adminPolicy,
    componentIds.groupLifecycle,
  ]
  if (update === undefined && fixed.includes(componentId)) {
    throw refused("a component that can't be removed")
  }
  if (componentId === componentIds.identityProof || componentId === mlsComponentIds.safeAad) {
    throw refused("a component that is no state of the group")
  }
}

function lifecycleTarget(proposal: Proposal): string | undefined {
  if (proposal.proposalType !== proposalTypes.appDataUpdate) return undefined
  if (proposal.componentId !== componentIds.groupLifecycle || proposal.update === undefined) {
    return undefined
  }
  return decodeGroupLifecycle(proposal.update)
}

/** §5.3: the lifecycle changes inline only; disbanding has one exact shape, and there is no way back. */
function checkLifecycle(parent: GroupState, summary: CommitSummary, committer: string): void {
  const changes = summary.proposals.filter(
    ({ proposal }) => lifecycleTarget(proposal) !== undefined,
  )
  if (changes.length === 0) return
  if (changes.some(({ byReference }) => byReference))
    throw refused("a lifecycle change by reference")
  const had = factsOf(parent).components.has(componentIds.groupLifecycle)
  if (disbands(summary)) {
    if (!had) throw refused("a group without the lifecycle component can't be disbanded")
    checkDisband(parent, summary, committer)
  } else if (had) throw refused("a lifecycle change that changes nothing")
}

function checkDisband(parent: GroupState, summary: CommitSummary, committer: string): void {
  const removed = new Set<number>()
  for (const { proposal, byReference } of summary.proposals) {
    if (byReference) throw refused("a disband with a proposal by reference")
    if (proposal.proposalType === proposalTypes.remove) removed.add(proposal.removed)
    else if (!isDisbandUpdate(proposal, committer)) throw refused("a disband that does more")
  }
  const updates = summary.proposals.length - removed.size
  const others = factsOf(parent).leaves.filter((leaf) => leaf.leafIndex !== summary.committer)
  if (updates !== 2 || !others.every((leaf) => removed.has(leaf.leafIndex))) {
    throw refused("a disband that does not remove everyone else")
  }
}

/** The lifecycle's end, or the admin policy reduced to the committer. */
function isDisbandUpdate(proposal: Proposal, committer: string): boolean {
  if (lifecycleTarget(proposal) === "disbanded") return true
  if (proposal.proposalType !== proposalTypes.appDataUpdate) return false
  if (proposal.componentId !== componentIds.adminPolicy || proposal.update === undefined)
    return false
  const { admins } = decodeAdminPolicy(proposal.update)
  return admins.map(bytesToHex).join() === committer
}
