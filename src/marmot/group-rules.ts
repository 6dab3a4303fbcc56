// Marmot group state (marmot-wire §4.3, behaviour §2): what every resulting state must satisfy, whoever made it.

import {
  type CommitSummary,
  componentIds as mlsComponentIds,
  type Extension,
  extensionTypes,
  type GroupState,
  type LeafIndex,
  type LeafNode,
  leafNodeOf,
  members,
  proposalTypes,
  requiredCapabilities,
} from "../mls/index.ts"
import {
  type GroupRequirements,
  isCovered,
  missingRequirements,
  requirementsOf,
} from "./capabilities.ts"
import { validateGroupComponent } from "./components/index.ts"
import { MarmotError } from "./error.ts"
import { factsOf } from "./group-facts.ts"
import { componentIds, IDENTITY_PROOF_V1 } from "./registry.ts"

const ALWAYS_REQUIRED = [
  componentIds.adminPolicy,
  componentIds.identityProof,
  componentIds.nostrRouting,
]

/**
 * Checks the whole of a state. `changed`: leaves that are new since a parent that was checked and asked the same of
 * its members; all leaves otherwise. Throws `MarmotError` `missing_component`, `invalid_component`,
 * `unsupported_group` or `authorization_failed` (an admin without a leaf).
 */
export function validateGroupState(state: GroupState, changed?: Iterable<LeafIndex>): void {
  const { components, admins, members: accounts } = factsOf(state)
  checkRequiredCapabilities(state.groupContext.extensions)
  const requirements = requirementsOf(components)
  checkComponents(components, requirements)
  for (const leaf of changed ?? allLeaves(state)) checkLeaf(leafNodeOf(state, leaf), requirements)
  // §6.4: whoever takes an admin's last leaf takes the key out of the policy in the same Commit.
  const present = new Set(accounts)
  if (admins.some((admin) => !present.has(admin))) {
    throw new MarmotError("authorization_failed", "an admin of the policy is no member")
  }
}

/**
 * The same of the result of a Commit that removes this device, which can't look into it: from `parent` and the Commit
 * alone. What is no edge for those who stay must not be the end for the one whom it removes. Throws like
 * `validateGroupState`; the admins are `authorizeCommit`'s business.
 */
export function validateUnseenResult(parent: GroupState, summary: CommitSummary): void {
  const components = new Map(factsOf(parent).components)
  let { extensions } = parent.groupContext
  const nodes: LeafNode[] = []
  for (const { proposal } of summary.proposals) {
    if (proposal.proposalType === proposalTypes.appDataUpdate) {
      if (proposal.update === undefined) components.delete(proposal.componentId)
      else components.set(proposal.componentId, proposal.update)
    } else if (proposal.proposalType === proposalTypes.groupContextExtensions) {
      extensions = proposal.extensions
    } else if (proposal.proposalType === proposalTypes.add) {
      nodes.push(proposal.keyPackage.leafNode)
    }
  }
  checkRequiredCapabilities(extensions)
  const requirements = requirementsOf(components)
  checkComponents(components, requirements)
  // The committer's leaf is replaced by one that only those who stay are shown.
  const gone = new Set([summary.committer, ...summary.removed.map(({ leafIndex }) => leafIndex)])
  for (const leaf of allLeaves(parent)) if (!gone.has(leaf)) nodes.push(leafNodeOf(parent, leaf))
  for (const node of nodes) checkLeaf(node, requirements)
}

/** Whether two states ask the same of their members, so that only changed leaves need a look. */
export function sameRequirements(a: GroupState, b: GroupState): boolean {
  const asked = (state: GroupState) => JSON.stringify(requirementsOf(factsOf(state).components))
  return asked(a) === asked(b)
}

function checkRequiredCapabilities(ofGroup: readonly Extension[]): void {
  const { extensions, proposals } = requiredCapabilities(ofGroup)
  if (
    !extensions.includes(extensionTypes.appDataDictionary) ||
    !proposals.includes(proposalTypes.appDataUpdate) ||
    extensions.includes(IDENTITY_PROOF_V1)
  ) {
    throw new MarmotError("unsupported_group", "the group is not of the current Marmot profile")
  }
}

function checkComponents(
  components: ReadonlyMap<number, Uint8Array>,
  { components: required }: GroupRequirements,
): void {
  for (const id of ALWAYS_REQUIRED) {
    if (!required.includes(id)) {
      throw new MarmotError("missing_component", `component ${hex16(id)} is not required`)
    }
  }
  const frozen = componentIds.encryptedMediaV1
  if (required.includes(frozen) || components.has(frozen)) {
    throw new MarmotError("unsupported_group", "the group has the frozen media format")
  }
  for (const id of required) {
    // The identity proof has its place in the leaves.
    if (id !== componentIds.identityProof && !components.has(id)) {
      throw new MarmotError("missing_component", `component ${hex16(id)} is required and not there`)
    }
  }
  if (components.has(mlsComponentIds.safeAad)) {
    throw new MarmotError("invalid_component", "the group asks for SafeAAD")
  }
  for (const [id, data] of components) validateGroupComponent(id, data)
}

function checkLeaf(node: LeafNode, requirements: GroupRequirements): void {
  if (!isCovered(missingRequirements(requirements, node))) {
    throw new MarmotError("unsupported_group", "a member does not support what the group requires")
  }
}

function allLeaves(state: GroupState): LeafIndex[] {
  return [...members(state)].map((member) => member.leafIndex)
}

function hex16(value: number): string {
  return `0x${value.toString(16).padStart(4, "0")}`
}
