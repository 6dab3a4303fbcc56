// RFC 9420: the public API of the MLS layer. Everything above imports from here only.

export type * from "./group-types.ts"

// §5, §17.1: cryptography
export type {
  AeadBackEnd,
  BackEnd,
  DiffieHellmanBackEnd,
  Encapsulated,
  EncapsulationBackEnd,
  KemBackEnd,
  SignatureBackEnd,
} from "./back-end.ts"
export { type CryptoOptions, createCrypto } from "./backend.ts"
export type { BackEndChoice } from "./choose-back-end.ts"
export type {
  HpkeCiphertext,
  KeyPair,
  LongHashFunctions,
  MlsCrypto,
  Recipient,
  SignatureToVerify,
  SigningLabel,
} from "./crypto.ts"
export type { HashFunctions } from "./primitives.ts"
export {
  type AeadName,
  type CipherSuite,
  type GroupName,
  type HashName,
  type KemName,
  type LatticeSignatureName,
  type PostQuantumName,
  type SignatureName,
  cipherSuite,
} from "./suites.ts"
export { MlsError, type MlsErrorCode } from "./error.ts"
export {
  contentTypes,
  credentialTypes,
  extensionTypes,
  proposalTypes,
  protocolVersions,
  senderTypes,
  wireFormats,
} from "./registry.ts"

// §2.1, §5.3, §6, §7, §10, §13: structures
export { type Decoder, type Encoder, Reader, Writer, decode, encode } from "./codec.ts"
export { type Credential, credentialType } from "./credential.ts"
export {
  type Extension,
  type RequiredCapabilities,
  type ExternalSender,
  decodeExtensions,
  decodeExternalSender,
  decodeExternalSenders,
  decodeRequiredCapabilities,
  encodeExtensions,
  encodeExternalSender,
  encodeExternalSenders,
  encodeRequiredCapabilities,
  findExtension,
} from "./extensions.ts"
export type {
  ContentType,
  FramedBody,
  FramedContent,
  FramedContentAuthData,
  Sender,
} from "./framing.ts"
export {
  type KeyPackage,
  type KeyPackageOptions,
  type OwnKeyPackage,
  decodeKeyPackage,
  decodeOwnKeyPackage,
  encodeKeyPackage,
  encodeOwnKeyPackage,
  generateKeyPackage,
  keyPackageRef,
} from "./key-package.ts"
export {
  type EpochSecrets,
  type GroupContext,
  decodeGroupContext,
  encodeGroupContext,
} from "./key-schedule.ts"
export {
  type Capabilities,
  type LeafNode,
  type LeafNodeContent,
  type LeafNodeSource,
  type Lifetime,
  encodeLeafNode,
} from "./leaf-node.ts"
export { type MlsMessage, decodeMlsMessage, encodeMlsMessage } from "./message.ts"
export type { Commit, Proposal, ProposalOrRef, ReInit } from "./proposal-codec.ts"
export type { PreSharedKeyId, ResumptionUsage } from "./psk.ts"
export { type LeafIndex, leafIndex } from "./tree-math.ts"
export { type Member, type RatchetTree, memberCount } from "./tree.ts"
export type { PrivateMessage } from "./private-message.ts"
export type { PublicMessage } from "./public-message.ts"
export { type KeyPackageChecks, validateKeyPackage } from "./validate-key-package.ts"
export type { CapabilityKind } from "./tree-index.ts"
export type { UpdatePath, UpdatePathNode } from "./update-path.ts"
export { requiredCapabilities, supports } from "./validate-leaf.ts"
export type { EncryptedGroupSecrets, GroupInfo, GroupInfoTbs, Welcome } from "./welcome-codec.ts"

// §8, §11, §12: groups
export { othersTurn } from "./batches.ts"
export { createCommit } from "./commit-create.ts"
export {
  type BindingToSign,
  multiCredentialService,
  signCredentialBinding,
} from "./credential-binding.ts"
export { joinByExternalCommit } from "./external.ts"
export { createExternalProposal, createNewMemberProposal } from "./external-proposal.ts"
export {
  type EpochRetention,
  type EpochWindow,
  type ProcessedInWindow,
  type ResumptionSecret,
  advanceEpoch,
  openEpochWindow,
  processInWindow,
  windowPsks,
} from "./epoch-window.ts"
export type { ExporterTree } from "./exporter-tree.ts"
export {
  type LeafContents,
  greasedExtensions,
  greasedLeaf,
  greaseValues,
  withGrease,
} from "./grease.ts"
export { exportGroupInfo, exportRatchetTree } from "./group-info.ts"
export {
  createGroup,
  createProposal,
  createUpdateProposal,
  encryptApplication,
  exportSecret,
  leafNodeOf,
  members,
  safeExportSecret,
} from "./group.ts"
export { peekMessage } from "./peek.ts"
export { paddingTo } from "./private-message.ts"
export { processAhead, processMessage } from "./process.ts"
export { type InspectedGroup, inspectGroup } from "./public-group.ts"
export type { SecretTree } from "./secret-tree.ts"
export { decodeGroupState, encodeGroupState } from "./state-codec.ts"
export { createBranch, createReinitialized } from "./successor.ts"
export type { TreePrivate } from "./tree-private.ts"
export { identifySender } from "./verify-message.ts"
export { joinGroup, welcomeRefs } from "./welcome.ts"

// draft-ietf-mls-extensions: components
export {
  type AppDataDictionary,
  type AppDataLogic,
  type AppDataUpdate,
  type AppEphemeral,
  type SafeAadItem,
  appDataDictionary,
  appDataExtension,
  componentIds,
  decodeAppDataDictionary,
  decodeComponentsList,
  decodeSafeAad,
  encodeAppDataDictionary,
  encodeComponentsList,
  encodeSafeAad,
  requireAscendingComponents,
} from "./app-data.ts"
export {
  type MessageRange,
  type ReceivedMessages,
  appAck,
  decodeAppAck,
  lostMessages,
  receivedMessages,
  withReceived,
} from "./app-ack.ts"
export {
  type ComponentCiphertext,
  type ComponentLabel,
  type ComponentPlaintext,
  type ComponentSignature,
  type ComponentSupport,
  componentSupport,
  isLastResort,
  lastResortComponent,
  missingComponents,
  safeDecryptWithLabel,
  safeEncryptWithLabel,
  safeSignWithLabel,
  safeVerifyWithLabel,
} from "./components.ts"
export {
  type FramedApplicationData,
  type MediaType,
  type MediaTypeParameter,
  contentMediaTypes,
  decodeMediaTypes,
  encodeMediaTypes,
  frameApplicationData,
  missingMediaTypes,
  readApplicationData,
} from "./media-types.ts"
export {
  type CredentialBinding,
  type MultiCredential,
  type MultiCredentialKind,
  multiCredential,
  readMultiCredential,
} from "./multi-credential.ts"
export { missingWireFormats, requiredWireFormats, supportedWireFormats } from "./wire-formats.ts"
