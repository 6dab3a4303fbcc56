// Marmot capability negotiation (marmot-wire §4.4, behaviour §14.4): what the members of a group can do together.

import {
  componentIds as mlsComponentIds,
  extensionTypes,
  type GroupState,
  leafNodeOf,
  proposalTypes,
  requiredCapabilities,
} from "../mls/index.ts"
import {
  type GroupRequirements,
  isCovered,
  missingRequirements,
  requirementsOf,
  without,
} from "./capabilities.ts"
import { encodeAgentTextStream } from "./components/agent-text-stream.ts"
import { encodeGroupLifecycle } from "./components/group-lifecycle.ts"
import { encodeMessageRetention } from "./components/message-retention.ts"
import { factsOf } from "./group-facts.ts"
import { AGENT_STREAM_RECEIVE, componentIds, type FeatureName } from "./registry.ts"

interface Feature {
  readonly needs: GroupRequirements
  /** The component's state in a group that takes the feature up; absent where a user has to choose it. */
  readonly initial?: () => Uint8Array
}

const component = (id: number, initial?: () => Uint8Array): Feature => ({
  needs: { components: [id], extensions: [], proposals: [] },
  ...(initial === undefined ? {} : { initial }),
})

/** As White Noise's groups have it (marmot-wire §4.6): members show the final message of a stream. */
const receiveOnly = () =>
  encodeAgentTextStream({
    requiredRoles: 1,
    allowedRoles: 3,
    maxPlaintextFrameLength: 4096,
    replayTtlSeconds: 0,
    paddingBucketBytes: 0,
  })

const features: Readonly<Record<FeatureName, Feature>> = {
  profile: component(componentIds.groupProfile),
  leaving: { needs: { components: [], extensions: [], proposals: [proposalTypes.selfRemove] } },
  ending: component(componentIds.groupLifecycle, () => encodeGroupLifecycle("active")),
  disappearing: component(componentIds.messageRetention, () => encodeMessageRetention(0n)),
  media: component(componentIds.encryptedMediaV2),
  agentMessages: {
    needs: {
      components: [componentIds.agentTextStream],
      extensions: [AGENT_STREAM_RECEIVE],
      proposals: [],
    },
    initial: receiveOnly,
  },
}

export type FeatureStatus =
  /** The group requires it, so everyone has it. */
  | { readonly status: "available" }
  /** Everyone could do it; an admin can make the group require it. */
  | { readonly status: "upgradeable" }
  | {
      readonly status: "unavailable"
      /** Accounts (64 hex) of members whose apps lack it. */
      readonly lacking: readonly string[]
      readonly missing: GroupRequirements
    }

/** All that a group asks of a leaf: required components, roles, and MLS's required_capabilities. */
export function groupRequirements(state: GroupState): GroupRequirements {
  const { components, extensions } = requirementsOf(factsOf(state).components)
  const required = requiredCapabilities(state.groupContext.extensions)
  return {
    components,
    extensions: [...new Set([...required.extensions, ...extensions])],
    proposals: required.proposals,
  }
}

/** Where a feature stands in a group, read off the group's leaves. */
export function featureStatus(state: GroupState, name: FeatureName): FeatureStatus {
  const { needs } = features[name]
  if (isCovered(without(needs, groupRequirements(state)))) return { status: "available" }
  const { leaves } = factsOf(state)
  const lacking = leaves.filter(
    ({ leafIndex }) => !isCovered(missingRequirements(needs, leafNodeOf(state, leafIndex))),
  )
  if (lacking.length === 0) return { status: "upgradeable" }
  const accounts = [...new Set(lacking.map(({ account }) => account))]
  return { status: "unavailable", lacking: accounts, missing: needs }
}

/** What taking up features makes of a group: what it requires then, and the component states that are new. */
export interface Upgrade {
  readonly requirements: GroupRequirements
  readonly states: ReadonlyMap<number, Uint8Array>
}

/**
 * Taking up those of `names` that every member can do and that have a state, of their own or in `chosen`, by component;
 * `undefined`: there are none. The lifecycle's Commit may do nothing else (§6.12), so where it is among them it comes
 * alone, and the others after it.
 */
export function upgradeOf(
  state: GroupState,
  names: readonly FeatureName[],
  chosen: ReadonlyMap<number, Uint8Array> = new Map(),
): Upgrade | undefined {
  const { components } = factsOf(state)
  const possible = names.filter(
    (name) =>
      featureStatus(state, name).status === "upgradeable" &&
      (features[name].initial !== undefined ||
        features[name].needs.components.every((id) => components.has(id) || chosen.has(id))),
  )
  const taken = possible.includes("ending") ? (["ending"] as const) : possible
  if (taken.length === 0) return undefined
  const before = groupRequirements(state)
  const needs = taken.map((name) => features[name].needs)
  // A role is required through its component's policy, not through required_capabilities (§4.3).
  const listed = requiredCapabilities(state.groupContext.extensions)
  const states = new Map<number, Uint8Array>()
  for (const name of taken) {
    const { needs, initial } = features[name]
    const [id] = needs.components
    if (id === undefined || components.has(id)) continue
    const first = chosen.get(id) ?? initial?.()
    if (first !== undefined) states.set(id, first)
  }
  return {
    requirements: {
      components: merged(before.components, ...needs.map((each) => each.components)),
      extensions: listed.extensions,
      proposals: merged(listed.proposals, ...needs.map((each) => each.proposals)),
    },
    states,
  }
}

const merged = (...lists: readonly (readonly number[])[]) =>
  [...new Set(lists.flat())].sort((a, b) => a - b)

const WORDS: readonly {
  readonly kind: keyof GroupRequirements
  readonly id: number
  readonly word: string
}[] = [
  { kind: "components", id: componentIds.groupProfile, word: "group names" },
  { kind: "components", id: componentIds.blossomImage, word: "group pictures" },
  { kind: "components", id: componentIds.avatarUrl, word: "group pictures" },
  { kind: "components", id: componentIds.adminPolicy, word: "admins" },
  { kind: "components", id: componentIds.nostrRouting, word: "Nostr relays" },
  { kind: "components", id: componentIds.messageRetention, word: "disappearing messages" },
  { kind: "components", id: componentIds.agentTextStream, word: "messages by agents" },
  { kind: "extensions", id: AGENT_STREAM_RECEIVE, word: "messages by agents" },
  { kind: "components", id: componentIds.identityProof, word: "proofs of identity" },
  { kind: "components", id: componentIds.encryptedMediaV2, word: "encrypted attachments" },
  { kind: "components", id: componentIds.groupLifecycle, word: "ending a group" },
  { kind: "proposals", id: proposalTypes.selfRemove, word: "leaving a group" },
  { kind: "proposals", id: proposalTypes.appDataUpdate, word: "group settings" },
  { kind: "extensions", id: extensionTypes.appDataDictionary, word: "group settings" },
  { kind: "components", id: mlsComponentIds.appComponents, word: "group settings" },
]

/** Capabilities in words for users, each word once; what has no name here is named by its number. */
export function featureWords(requirements: GroupRequirements): readonly string[] {
  const words = (["components", "extensions", "proposals"] as const).flatMap((kind) =>
    requirements[kind].map(
      (id) =>
        WORDS.find((entry) => entry.kind === kind && entry.id === id)?.word ??
        `feature 0x${id.toString(16).padStart(4, "0")}`,
    ),
  )
  return [...new Set(words)]
}
