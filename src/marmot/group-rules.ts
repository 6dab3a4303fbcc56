// Marmot group state (marmot-wire §4.3, behaviour §2): what every resulting state must satisfy, whoever made it.

import {
  componentIds as mlsComponentIds,
  extensionTypes,
  type GroupState,
  type LeafIndex,
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
  checkRequiredCapabilities(state)
  const requirements = requirementsOf(components)
  checkComponents(components, requirements)
  for (const leaf of changed ?? allLeaves(state)) checkLeaf(state, leaf, requirements)
  // §6.4: whoever takes an admin's last leaf takes the key out of the policy in the same Commit.
  const present = new Set(accounts)
  if (admins.some((admin) => !present.has(admin))) {
    throw new MarmotError("authorization_failed", "an admin of the policy is no member")
  }
}

/** Whether two states ask the same of their members, so that only changed leaves need a look. */
export function sameRequirements(a: GroupState, b: GroupState): boolean {
  const asked = (state: GroupState) => JSON.stringify(requirementsOf(factsOf(state).components))
  return asked(a) === asked(b)
}

function checkRequiredCapabilities(state: GroupState): void {
  const { extensions, proposals } = requiredCapabilities(state.groupContext.extensions)
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

function checkLeaf(state: GroupState, leaf: LeafIndex, requirements: GroupRequirements): void {
  const node = leafNodeOf(state, leaf)
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
