// Marmot authorization (behaviour §4, §5.3): who may propose and commit what, judged in the parent state.

import {
  type CommitSummary,
  type CommittedProposal,
  componentIds as mlsComponentIds,
  type GroupState,
  type Proposal,
  proposalTypes,
  type Sender,
  senderTypes,
} from "../mls/index.ts"
import { bytesToHex } from "../nostr/event.ts"
import { accountOf } from "./account-service.ts"
import { decodeAppComponents, requirementsOf } from "./capabilities.ts"
import { decodeAdminPolicy } from "./components/admin-policy.ts"
import { decodeGroupLifecycle } from "./components/group-lifecycle.ts"
import { validateGroupComponent } from "./components/index.ts"
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
  if (factsOf(parent).disbanded) throw refused("a Commit in a group that has ended")
  const committer = bytesToHex(accountOf(summary.committerLeaf.credential))
  if (requiresAdmin(summary) && !isActiveAdmin(parent, committer)) {
    throw refused("a change that only an admin may commit")
  }
  for (const { proposal, sender, byReference } of summary.proposals) {
    if (byReference) authorizeProposal(parent, proposal, sender)
    else checkType(proposal)
    checkLifecycleStays(parent, proposal)
  }
  checkLifecycle(parent, summary, committer)
  checkAdminsStay(parent, summary)
}

/** Standalone proposals: SelfRemove by those who are no admins, the rest by admins. Throws `authorization_failed`. */
export function authorizeProposal(parent: GroupState, proposal: Proposal, sender: Sender): void {
  checkType(proposal)
  if (lifecycleTarget(proposal) !== undefined) throw refused("a lifecycle change by reference")
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
  if (update === undefined) return
  if (componentId === componentIds.encryptedMediaV1) throw refused("the frozen media format")
  // Also where the result can't be looked into, because the Commit removes this device.
  if (componentId === mlsComponentIds.appComponents) decodeAppComponents(update)
  else validateGroupComponent(componentId, update)
}

function lifecycleTarget(proposal: Proposal): string | undefined {
  if (proposal.proposalType !== proposalTypes.appDataUpdate) return undefined
  if (proposal.componentId !== componentIds.groupLifecycle || proposal.update === undefined) {
    return undefined
  }
  return decodeGroupLifecycle(proposal.update)
}

/** §5.3: disbanding and enabling have one exact shape each, and there is no way back. */
function checkLifecycle(parent: GroupState, summary: CommitSummary, committer: string): void {
  const { proposals } = summary
  const enables = !requiresLifecycle(parent) && proposals.some(listsLifecycle)
  const changes = proposals.some(({ proposal }) => lifecycleTarget(proposal) !== undefined)
  if (disbands(summary)) {
    if (!requiresLifecycle(parent)) throw refused("a group that does not require the lifecycle")
    checkDisband(parent, summary, committer)
  } else if (enables) {
    // marmot-wire §6.12: one Commit lists it and adds the state, unless that is there, and does nothing more.
    if (!proposals.every(enablesLifecycle))
      throw refused("a lifecycle that is not enabled by itself")
  } else if (changes) {
    throw refused("a lifecycle change that changes nothing, or that is not required")
  }
}

/** Once required, the lifecycle stays so (§5.3). */
function checkLifecycleStays(parent: GroupState, proposal: Proposal): void {
  const listed = componentsListed(proposal)
  if (listed === undefined || listed.includes(componentIds.groupLifecycle)) return
  if (requiresLifecycle(parent)) throw refused("the lifecycle is no longer required")
}

/** Whether the group can be ended (behaviour §5.3). */
export function requiresLifecycle(state: GroupState): boolean {
  return requirementsOf(factsOf(state).components).components.includes(componentIds.groupLifecycle)
}

function listsLifecycle({ proposal }: CommittedProposal): boolean {
  return componentsListed(proposal)?.includes(componentIds.groupLifecycle) ?? false
}

/** One of the two operations, of which each component can have one: inline. */
function enablesLifecycle({ proposal, byReference }: CommittedProposal): boolean {
  if (byReference || proposal.proposalType !== proposalTypes.appDataUpdate) return false
  const { componentId } = proposal
  return (
    componentId === mlsComponentIds.appComponents || componentId === componentIds.groupLifecycle
  )
}

/** What a proposal makes the list of required components. */
function componentsListed(proposal: Proposal): readonly number[] | undefined {
  if (proposal.proposalType !== proposalTypes.appDataUpdate) return undefined
  const { componentId, update } = proposal
  if (componentId !== mlsComponentIds.appComponents || update === undefined) return undefined
  return decodeAppComponents(update)
}

/**
 * marmot-wire §6.4: every admin of the result has a leaf there. Told from parent and Commit alone, so that one who is
 * removed judges as those do who stay.
 */
function checkAdminsStay(parent: GroupState, summary: CommitSummary): void {
  const { leaves, admins } = factsOf(parent)
  const gone = new Set(summary.removed.map((member) => member.leafIndex))
  const present = new Set(
    leaves.filter((leaf) => !gone.has(leaf.leafIndex)).map((leaf) => leaf.account),
  )
  let result: readonly string[] = admins
  for (const { proposal } of summary.proposals) {
    if (proposal.proposalType === proposalTypes.add) {
      present.add(bytesToHex(accountOf(proposal.keyPackage.leafNode.credential)))
    }
    result = adminsSet(proposal) ?? result
  }
  if (!result.every((admin) => present.has(admin))) {
    throw refused("an admin of the policy is no member")
  }
}

/** The admins that a proposal makes the policy, 64 hex each. */
function adminsSet(proposal: Proposal): readonly string[] | undefined {
  if (proposal.proposalType !== proposalTypes.appDataUpdate) return undefined
  const { componentId, update } = proposal
  if (componentId !== componentIds.adminPolicy || update === undefined) return undefined
  return decodeAdminPolicy(update).admins.map(bytesToHex)
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
  return lifecycleTarget(proposal) === "disbanded" || adminsSet(proposal)?.join() === committer
}
