// Marmot registries (marmot-wire §1): component ids, kinds, exporter uses and constants, once.

/** App component ids (§1.1). */
export const componentIds = {
  groupProfile: 0x8001,
  blossomImage: 0x8002,
  adminPolicy: 0x8003,
  nostrRouting: 0x8004,
  messageRetention: 0x8005,
  agentTextStream: 0x8006,
  avatarUrl: 0x8007,
  encryptedMediaV1: 0x8008,
  identityProof: 0x8009,
  encryptedMediaV2: 0x800b,
  groupLifecycle: 0x800c,
} as const

/** A capability marker for agent text streams: understands their start and final events (§1.3). */
export const AGENT_STREAM_RECEIVE = 0xf2d1

/** The superseded identity proof: recognised only to be refused (§3.4). */
export const IDENTITY_PROOF_V1 = 0xf2f1

/** Event kinds (§1.4). */
export const kinds = {
  delete: 5,
  reaction: 7,
  chat: 9,
  welcome: 444,
  groupMessage: 445,
  identityProof: 450,
  edit: 1009,
  systemRow: 1210,
  keyPackage: 30443,
} as const

/** `MLS-Exporter` (§1.5): the label of all uses, and the contexts. */
export const EXPORTER_LABEL = "marmot"
export const GROUP_EVENT_CONTEXT = new TextEncoder().encode("group-event")
export const MEDIA_CONTEXT = new TextEncoder().encode("encrypted-media")

/** The cipher suite of the current profile (§4.1). */
export const CIPHER_SUITE = 0x0001

/** Longest lifetime of a KeyPackage, seconds: 84 days and an hour (§5). */
export const MAX_LIFETIME = 7_261_200

/** What users know by name, and what works only where every member's app can do it (§4.4). */
export const featureNames = [
  "profile",
  "leaving",
  "ending",
  "disappearing",
  "media",
  "agentMessages",
] as const
export type FeatureName = (typeof featureNames)[number]
