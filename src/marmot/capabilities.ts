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

/** Components that our own new groups require. */
const REQUIRED_COMPONENTS: readonly number[] = [
  componentIds.groupProfile,
  componentIds.adminPolicy,
  componentIds.nostrRouting,
  componentIds.identityProof,
  componentIds.groupLifecycle,
]

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
    capabilities: LEAF_CAPABILITIES,
    lifetime: { notBefore, notAfter: notBefore + BigInt(LIFETIME) },
    leafExtensions: [leafDictionary(device.identityProof)],
    signatureKeyPair: device.signatureKeyPair,
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

/** GroupContext extensions of a new group of ours: requirements first, the dictionary last (§4.3). */
export function groupContextExtensions(components: ReadonlyMap<number, Uint8Array>): Extension[] {
  const required = {
    extensions: [extensionTypes.appDataDictionary],
    proposals: [proposalTypes.appDataUpdate, proposalTypes.selfRemove],
    credentials: [],
  }
  const list = encodeComponentsList(REQUIRED_COMPONENTS)
  return [
    {
      type: extensionTypes.requiredCapabilities,
      data: encode(encodeRequiredCapabilities, required),
    },
    appDataExtension(new Map([...components, [mlsComponentIds.appComponents, list]])),
  ]
}

/** The identity proof in a leaf's dictionary, if its component list names it too. */
export function leafProof(leaf: LeafNode): Uint8Array | undefined {
  if (!leafComponents(leaf).includes(componentIds.identityProof)) return undefined
  return appDataDictionary(leaf.extensions)?.get(componentIds.identityProof)
}

/** Components that a leaf says it supports; empty where it says nothing. Throws `MlsError` for malformed lists. */
export function leafComponents(leaf: LeafNode): readonly number[] {
  const list = appDataDictionary(leaf.extensions)?.get(mlsComponentIds.appComponents)
  return list === undefined ? [] : decodeComponentsList(list)
}

/** What a group asks of every leaf beside MLS's own required_capabilities. */
export interface GroupRequirements {
  readonly components: readonly number[]
  readonly extensions: readonly number[]
  readonly proposals: readonly number[]
}

/** The requirements of our own new groups. */
export const newGroupRequirements: GroupRequirements = {
  components: REQUIRED_COMPONENTS,
  extensions: [extensionTypes.appDataDictionary],
  proposals: [proposalTypes.appDataUpdate, proposalTypes.selfRemove],
}

/** Required components, and the roles that the agent stream policy asks for (§4.4, §6.7). */
export function requirementsOf(components: ReadonlyMap<number, Uint8Array>): GroupRequirements {
  const list = components.get(mlsComponentIds.appComponents)
  const policy = components.get(componentIds.agentTextStream)
  return {
    components: list === undefined ? [] : decodeComponentsList(list),
    extensions: policy === undefined ? [] : requiredRoleExtensions(decodeAgentTextStream(policy)),
    proposals: [],
  }
}

/** What `leaf` lacks of `requirements`; all empty: it can be a member. */
export function missingRequirements(
  requirements: GroupRequirements,
  leaf: LeafNode,
): GroupRequirements {
  const { capabilities } = leaf
  const supported = leafComponents(leaf)
  const lacking = (wanted: readonly number[], has: readonly number[]) =>
    wanted.filter((id) => !has.includes(id))
  return {
    components: lacking(requirements.components, supported),
    extensions: lacking(requirements.extensions, capabilities.extensions),
    proposals: lacking(requirements.proposals, capabilities.proposals),
  }
}

export function isCovered(missing: GroupRequirements): boolean {
  return missing.components.length + missing.extensions.length + missing.proposals.length === 0
}
