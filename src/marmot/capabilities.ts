// Marmot MLS profile (marmot-wire §4.2–4.6): what our leaf says it can, and what a group may ask of it.

import {
  appDataDictionary,
  appDataExtension,
  type Capabilities,
  componentIds as mlsComponentIds,
  decodeComponentsList,
  encode,
  encodeComponentsList,
  encodeRequiredCapabilities,
  type Extension,
  extensionTypes,
  type KeyPackageOptions,
  type LeafNode,
  proposalTypes,
  requireAscendingComponents,
  type RequiredCapabilities,
} from "../mls/index.ts"
import { hexToBytes } from "../nostr/event.ts"
import { decodeAgentTextStream, requiredRoleExtensions } from "./components/agent-text-stream.ts"
import type { DeviceIdentity } from "./engine-types.ts"
import { AGENT_STREAM_RECEIVE, CIPHER_SUITE, componentIds } from "./registry.ts"

/** Components that this client decodes, validates and preserves: what a group made by White Noise needs, and more. */
export const SUPPORTED_COMPONENTS: readonly number[] = [
  componentIds.groupProfile,
  componentIds.blossomImage,
  componentIds.adminPolicy,
  componentIds.nostrRouting,
  componentIds.messageRetention,
  componentIds.agentTextStream,
  componentIds.avatarUrl,
  componentIds.identityProof,
  componentIds.encryptedMediaV2,
  componentIds.groupLifecycle,
]

/** Components without which there is no group of ours. */
const MANDATORY_COMPONENTS: readonly number[] = [
  componentIds.adminPolicy,
  componentIds.nostrRouting,
  componentIds.identityProof,
  componentIds.groupLifecycle,
]

/** Components of every new group that it requires only if all who found it support them. */
const NEGOTIATED_COMPONENTS: readonly number[] = [componentIds.groupProfile]

/** Default extension and proposal types are implicit and not listed (§4.2). */
export const LEAF_CAPABILITIES: Capabilities = {
  versions: [1],
  cipherSuites: [CIPHER_SUITE],
  extensions: [extensionTypes.appDataDictionary, AGENT_STREAM_RECEIVE],
  proposals: [proposalTypes.appDataUpdate, proposalTypes.selfRemove],
  credentials: [1],
}

/** `span` of 84 days; `not_before` an hour ago, for clocks that are behind (§5). */
const LIFETIME = 7_257_600
const BACKDATE = 3600

/** A leaf of ours: for a KeyPackage to publish or for a group that we found. `now` in seconds. */
export function keyPackageOptions(device: DeviceIdentity, now: number): KeyPackageOptions {
  const notBefore = BigInt(now - BACKDATE)
  return {
    credential: { kind: "basic", identity: hexToBytes(device.pubkey) },
    ...leafOptions(device),
    lifetime: { notBefore, notAfter: notBefore + BigInt(LIFETIME) },
    signatureKeyPair: device.signatureKeyPair,
  }
}

/** What every leaf of this device says of its app, old leaves once they are renewed. */
export function leafOptions(device: DeviceIdentity) {
  return {
    capabilities: LEAF_CAPABILITIES,
    leafExtensions: [leafDictionary(device.identityProof)],
  }
}

/** The three entries that every leaf has: supported components, an empty SafeAAD list, the identity proof. */
function leafDictionary(identityProof: Uint8Array): Extension {
  return appDataExtension(
    new Map([
      [
        mlsComponentIds.appComponents,
        encodeComponentsList([mlsComponentIds.appComponents, ...SUPPORTED_COMPONENTS]),
      ],
      [mlsComponentIds.safeAad, encodeComponentsList([])],
      [componentIds.identityProof, identityProof],
    ]),
  )
}

/** GroupContext extensions of a group: requirements first, the dictionary last (§4.3). Without credential types. */
export function groupContextExtensions(
  components: ReadonlyMap<number, Uint8Array>,
  { extensions, proposals, components: required }: GroupRequirements,
): Extension[] {
  const list = encodeComponentsList([...required].sort((a, b) => a - b))
  const dictionary = appDataExtension(
    new Map([...components, [mlsComponentIds.appComponents, list]]),
  )
  return withRequiredCapabilities([dictionary], { extensions, proposals, credentials: [] })
}

/** `extensions` with other required_capabilities, which come first; the dictionary comes last (§4.3). */
export function withRequiredCapabilities(
  extensions: readonly Extension[],
  required: RequiredCapabilities,
): Extension[] {
  const isDictionary = ({ type }: Extension) => type === extensionTypes.appDataDictionary
  const others = extensions.filter(
    (extension) =>
      extension.type !== extensionTypes.requiredCapabilities && !isDictionary(extension),
  )
  const data = encode(encodeRequiredCapabilities, required)
  return [
    { type: extensionTypes.requiredCapabilities, data },
    ...others,
    ...extensions.filter(isDictionary),
  ]
}

/** The identity proof in a leaf's dictionary, if its component list names it too. */
export function leafProof(leaf: LeafNode): Uint8Array | undefined {
  if (!leafComponents(leaf).includes(componentIds.identityProof)) return undefined
  return appDataDictionary(leaf.extensions)?.get(componentIds.identityProof)
}

/**
 * A ComponentsList, which in a Marmot group ascends and names each id once (§4.2), though the draft leaves that open.
 * Throws `MlsError` `decode` or `app_data_order`.
 */
export function decodeAppComponents(bytes: Uint8Array): number[] {
  const ids = decodeComponentsList(bytes)
  requireAscendingComponents(ids)
  return ids
}

/** Components that a leaf says it supports; empty where it says nothing. Throws `MlsError` for malformed lists. */
export function leafComponents(leaf: LeafNode): readonly number[] {
  const list = appDataDictionary(leaf.extensions)?.get(mlsComponentIds.appComponents)
  return list === undefined ? [] : decodeAppComponents(list)
}

/** What a group asks of every leaf, or what leaves can do. */
export interface GroupRequirements {
  readonly components: readonly number[]
  readonly extensions: readonly number[]
  readonly proposals: readonly number[]
}

/** What every new group of ours requires at least. */
export const newGroupRequirements: GroupRequirements = {
  components: MANDATORY_COMPONENTS,
  extensions: [extensionTypes.appDataDictionary],
  proposals: [proposalTypes.appDataUpdate, proposalTypes.selfRemove],
}

/**
 * What a new group requires: what it must, and of what is optional all that its founders can do (§4.4). `optional`:
 * components that this group would have beyond those of every group.
 */
export function foundingRequirements(
  founders: readonly LeafNode[],
  optional: readonly number[] = [],
): GroupRequirements {
  const { components } = constructable(founders)
  const negotiated = [...NEGOTIATED_COMPONENTS, ...optional].filter((id) => components.includes(id))
  return {
    ...newGroupRequirements,
    components: [...MANDATORY_COMPONENTS, ...negotiated].sort((a, b) => a - b),
  }
}

/** The most that a group of `leaves` can do: what each of them can. Of no leaves, nothing. */
export function constructable(leaves: readonly LeafNode[]): GroupRequirements {
  const [first, ...others] = leaves.map(supportOf)
  const shared = (kind: keyof GroupRequirements) =>
    (first?.[kind] ?? []).filter((id) => others.every((other) => other[kind].includes(id)))
  return {
    components: shared("components"),
    extensions: shared("extensions"),
    proposals: shared("proposals"),
  }
}

/** What a leaf says it can. Throws `MlsError` for malformed lists. */
export function supportOf(leaf: LeafNode): GroupRequirements {
  const { extensions, proposals } = leaf.capabilities
  return { components: leafComponents(leaf), extensions, proposals }
}

/** Required components, and the roles that the agent stream policy asks for (§4.4, §6.7). */
export function requirementsOf(components: ReadonlyMap<number, Uint8Array>): GroupRequirements {
  const list = components.get(mlsComponentIds.appComponents)
  const policy = components.get(componentIds.agentTextStream)
  return {
    components: list === undefined ? [] : decodeAppComponents(list),
    extensions: policy === undefined ? [] : requiredRoleExtensions(decodeAgentTextStream(policy)),
    proposals: [],
  }
}

/** What `leaf` lacks of `requirements`; all empty: it can be a member. */
export function missingRequirements(
  requirements: GroupRequirements,
  leaf: LeafNode,
): GroupRequirements {
  return without(requirements, supportOf(leaf))
}

/** What of `requirements` is not in `support`. */
export function without(
  requirements: GroupRequirements,
  support: GroupRequirements,
): GroupRequirements {
  const lacking = (kind: keyof GroupRequirements) =>
    requirements[kind].filter((id) => !support[kind].includes(id))
  return {
    components: lacking("components"),
    extensions: lacking("extensions"),
    proposals: lacking("proposals"),
  }
}

export function isCovered(missing: GroupRequirements): boolean {
  return missing.components.length + missing.extensions.length + missing.proposals.length === 0
}
