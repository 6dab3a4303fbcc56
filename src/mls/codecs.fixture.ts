// Every codec of the layer, with arbitrary values for it.

import fc from "fast-check"
import {
  type AppDataUpdate,
  decodeAppDataDictionary,
  decodeAppDataUpdate,
  decodeAppEphemeral,
  decodeComponentsList,
  decodeSafeAad,
  encodeAppDataDictionary,
  encodeAppDataUpdate,
  encodeAppEphemeral,
  encodeSafeAad,
} from "./app-data.ts"
import { appAck, decodeAppAck } from "./app-ack.ts"
import { type Decoder, type Encoder, decode, encode } from "./codec.ts"
import { type Credential, decodeCredential, encodeCredential } from "./credential.ts"
import { type ExporterTree, decodeExporterTree, encodeExporterTree } from "./exporter-tree.ts"
import {
  type Extension,
  decodeExtensions,
  decodeExternalPub,
  decodeExternalSender,
  decodeExternalSenders,
  decodeRequiredCapabilities,
  decodeTypes,
  encodeExtensions,
  encodeExternalPub,
  encodeExternalSender,
  encodeExternalSenders,
  encodeRequiredCapabilities,
  encodeTypes,
} from "./extensions.ts"
import {
  type AuthenticatedContent,
  type FramedContent,
  decodeAuthenticatedContent,
  decodeContentType,
  decodeFramedContent,
  decodeSender,
  encodeAuthenticatedContent,
  encodeFramedContent,
  encodeSender,
} from "./framing.ts"
import {
  type KeyPackage,
  type OwnKeyPackage,
  decodeKeyPackage,
  decodeOwnKeyPackage,
  encodeKeyPackage,
  encodeOwnKeyPackage,
} from "./key-package.ts"
import { type GroupContext, decodeGroupContext, encodeGroupContext } from "./key-schedule.ts"
import { type LeafNode, decodeLeafNode, encodeLeafNode } from "./leaf-node.ts"
import { decodeMediaTypes, encodeMediaTypes } from "./media-types.ts"
import { type MlsMessage, decodeMlsMessage, encodeMlsMessage } from "./message.ts"
import { type ParentNode, decodeParentNode, encodeParentNode } from "./parent-node.ts"
import {
  type PrivateMessage,
  decodePrivateMessage,
  encodePrivateMessage,
} from "./private-message.ts"
import {
  type Commit,
  type Proposal,
  decodeCommit,
  decodeProposal,
  decodeReInit,
  encodeCommit,
  encodeProposal,
  encodeReInit,
} from "./proposal-codec.ts"
import { type PreSharedKeyId, decodePreSharedKeyId, encodePreSharedKeyId } from "./psk.ts"
import { type PublicMessage, decodePublicMessage, encodePublicMessage } from "./public-message.ts"
import { contentTypes, proposalTypes, senderTypes, wireFormats } from "./registry.ts"
import { type TreePrivate, decodeTreePrivate, encodeTreePrivate } from "./tree-private.ts"
import { leafIndex, nodeIndex } from "./tree-math.ts"
import { type UpdatePath, decodeUpdatePath, encodeUpdatePath } from "./update-path.ts"
import {
  type GroupInfo,
  type GroupSecrets,
  type Welcome,
  decodeGroupInfo,
  decodeGroupSecrets,
  decodeWelcome,
  encodeGroupInfo,
  encodeGroupSecrets,
  encodeWelcome,
} from "./welcome-codec.ts"

const u16 = fc.nat(0xffff)
const u32 = fc.nat(0xffffffff)
const u64 = fc.bigInt(0n, 2n ** 64n - 1n)
const opaque = fc.uint8Array({ maxLength: 80 })

const extensions = fc.uniqueArray(fc.record({ type: u16, data: opaque }), {
  maxLength: 4,
  selector: ({ type }) => type,
})

const pskId: fc.Arbitrary<PreSharedKeyId> = fc.oneof(
  fc.record({ kind: fc.constant("external" as const), pskId: opaque, pskNonce: opaque }),
  fc.record({
    kind: fc.constant("application" as const),
    componentId: u16,
    pskId: opaque,
    pskNonce: opaque,
  }),
  fc.record({
    kind: fc.constant("resumption" as const),
    usage: fc.constantFrom("application" as const, "reinit" as const, "branch" as const),
    pskGroupId: opaque,
    pskEpoch: u64,
    pskNonce: opaque,
  }),
)

const types = fc.array(u16, { maxLength: 4 })

const credential: fc.Arbitrary<Credential> = fc.oneof(
  fc.record({ kind: fc.constant("basic" as const), identity: opaque }),
  fc.record({
    kind: fc.constant("x509" as const),
    certificates: fc.array(opaque, { maxLength: 3 }),
  }),
  fc.record({
    kind: fc.constant("unknown" as const),
    type: fc.nat(0xfffc).map((n) => n + 3),
    data: opaque,
  }),
)

const leafNode: fc.Arbitrary<LeafNode> = fc.record({
  encryptionKey: opaque,
  signatureKey: opaque,
  credential,
  capabilities: fc.record({
    versions: types,
    cipherSuites: types,
    extensions: types,
    proposals: types,
    credentials: types,
  }),
  source: fc.oneof(
    fc.record({
      kind: fc.constant("key_package" as const),
      lifetime: fc.record({ notBefore: u64, notAfter: u64 }),
    }),
    fc.record({ kind: fc.constant("update" as const) }),
    fc.record({ kind: fc.constant("commit" as const), parentHash: opaque }),
  ),
  extensions,
  signature: opaque,
})

const keyPackage: fc.Arbitrary<KeyPackage> = fc.record({
  version: u16,
  cipherSuite: u16,
  initKey: opaque,
  leafNode,
  extensions,
  signature: opaque,
})

const hpkeCiphertext = fc.record({ kemOutput: opaque, ciphertext: opaque })

const updatePath: fc.Arbitrary<UpdatePath> = fc.record({
  leafNode,
  nodes: fc.array(
    fc.record({
      encryptionKey: opaque,
      encryptedPathSecret: fc.array(hpkeCiphertext, { maxLength: 2 }),
    }),
    { maxLength: 3 },
  ),
})

const reInit = { groupId: opaque, version: u16, cipherSuite: u16, extensions }

const proposal: fc.Arbitrary<Proposal> = fc.oneof(
  fc.record({ proposalType: fc.constant(proposalTypes.add), keyPackage }),
  fc.record({ proposalType: fc.constant(proposalTypes.update), leafNode }),
  fc.record({ proposalType: fc.constant(proposalTypes.remove), removed: u32 }),
  fc.record({ proposalType: fc.constant(proposalTypes.psk), psk: pskId }),
  fc.record({ proposalType: fc.constant(proposalTypes.reinit), ...reInit }),
  fc.record({ proposalType: fc.constant(proposalTypes.externalInit), kemOutput: opaque }),
  fc.record({ proposalType: fc.constant(proposalTypes.groupContextExtensions), extensions }),
  fc.record({
    proposalType: fc.constant(proposalTypes.appDataUpdate),
    componentId: u16,
    update: fc.option(opaque, { nil: undefined }),
  }),
  fc.record({
    proposalType: fc.constant(proposalTypes.appEphemeral),
    componentId: u16,
    data: opaque,
  }),
  fc.record({ proposalType: fc.constant(proposalTypes.selfRemove) }),
)

const commit: fc.Arbitrary<Commit> = fc.record({
  proposals: fc.array(
    fc.oneof(
      fc.record({ kind: fc.constant("proposal" as const), proposal }),
      fc.record({ kind: fc.constant("reference" as const), ref: opaque }),
    ),
    { maxLength: 4 },
  ),
  path: fc.option(updatePath, { nil: undefined }),
})

const sender = fc.oneof(
  fc.record({
    senderType: fc.constant(senderTypes.member),
    leafIndex: fc.nat(2 ** 29 - 1).map(leafIndex),
  }),
  fc.record({ senderType: fc.constant(senderTypes.external), senderIndex: u32 }),
  fc.record({ senderType: fc.constant(senderTypes.newMemberProposal) }),
  fc.record({ senderType: fc.constant(senderTypes.newMemberCommit) }),
)

const head = fc.record({ groupId: opaque, epoch: u64, sender, authenticatedData: opaque })
const wireFormat = fc.constantFrom(wireFormats.publicMessage, wireFormats.privateMessage)
const untagged = fc.record({ signature: opaque, confirmationTag: fc.constant(undefined) })

const authenticatedContent: fc.Arbitrary<AuthenticatedContent> = fc.oneof(
  fc.tuple(wireFormat, head, untagged, opaque).map(([format, start, auth, applicationData]) => ({
    wireFormat: format,
    content: { ...start, contentType: contentTypes.application, applicationData },
    auth,
  })),
  fc.tuple(wireFormat, head, untagged, proposal).map(([format, start, auth, value]) => ({
    wireFormat: format,
    content: { ...start, contentType: contentTypes.proposal, proposal: value },
    auth,
  })),
  fc
    .tuple(wireFormat, head, fc.record({ signature: opaque, confirmationTag: opaque }), commit)
    .map(([format, start, auth, value]) => ({
      wireFormat: format,
      content: { ...start, contentType: contentTypes.commit, commit: value },
      auth,
    })),
)

const groupContext: fc.Arbitrary<GroupContext> = fc.record({
  version: fc.constant(1),
  cipherSuite: u16,
  groupId: opaque,
  epoch: u64,
  treeHash: opaque,
  confirmedTranscriptHash: opaque,
  extensions,
})

const publicMessage: fc.Arbitrary<PublicMessage> = fc
  .tuple(authenticatedContent, opaque)
  .map(([{ content, auth }, tag]) => ({
    content,
    auth,
    membershipTag: content.sender.senderType === senderTypes.member ? tag : undefined,
  }))

const privateMessage: fc.Arbitrary<PrivateMessage> = fc.record({
  groupId: opaque,
  epoch: u64,
  contentType: fc.constantFrom(...Object.values(contentTypes)),
  authenticatedData: opaque,
  encryptedSenderData: opaque,
  ciphertext: opaque,
})

const groupInfo: fc.Arbitrary<GroupInfo> = fc.record({
  groupContext,
  extensions,
  confirmationTag: opaque,
  signer: u32,
  signature: opaque,
})

const welcome: fc.Arbitrary<Welcome> = fc.record({
  cipherSuite: u16,
  secrets: fc.array(fc.record({ newMember: opaque, encryptedGroupSecrets: hpkeCiphertext }), {
    maxLength: 3,
  }),
  encryptedGroupInfo: opaque,
})

const groupSecrets: fc.Arbitrary<GroupSecrets> = fc.record({
  joinerSecret: opaque,
  pathSecret: fc.option(opaque, { nil: undefined }),
  psks: fc.array(pskId, { maxLength: 3 }),
})

const mlsMessage: fc.Arbitrary<MlsMessage> = fc.oneof(
  fc.record({ wireFormat: fc.constant(wireFormats.publicMessage), publicMessage }),
  fc.record({ wireFormat: fc.constant(wireFormats.privateMessage), privateMessage }),
  fc.record({ wireFormat: fc.constant(wireFormats.welcome), welcome }),
  fc.record({ wireFormat: fc.constant(wireFormats.groupInfo), groupInfo }),
  fc.record({ wireFormat: fc.constant(wireFormats.keyPackage), keyPackage }),
)

const ascending = (values: fc.Arbitrary<number>) =>
  fc
    .uniqueArray(values, { maxLength: 5 })
    .map((each) => [...each].sort((first, second) => first - second))

const parentNode: fc.Arbitrary<ParentNode> = fc.record({
  encryptionKey: opaque,
  parentHash: opaque,
  unmergedLeaves: ascending(u32),
})

const ownKeyPackage: fc.Arbitrary<OwnKeyPackage> = fc
  .record({
    keyPackage,
    initPrivateKey: opaque,
    encryptionPrivateKey: opaque,
    signaturePrivateKey: opaque,
  })
  .map((own) => ({ ...own, bytes: encode(encodeKeyPackage, own.keyPackage) }))

/** Of one sender each, so that none of them are made one. */
const messageRanges = ascending(fc.nat(2 ** 28)).chain((senders) =>
  fc.tuple(
    ...senders.map((sender) =>
      fc.tuple(u32, u32).map(([a, b]) => ({
        sender: leafIndex(sender),
        firstGeneration: Math.min(a, b),
        lastGeneration: Math.max(a, b),
      })),
    ),
  ),
)

const exporterTree: fc.Arbitrary<ExporterTree> = fc
  .tuple(ascending(fc.nat(2 ** 17 - 2)), opaque)
  .map(([nodes, secret]) => ({ subtrees: new Map(nodes.map((node) => [nodeIndex(node), secret])) }))

const mediaTypes = fc.array(
  fc.record({
    type: fc.string({ maxLength: 20 }),
    parameters: fc.array(
      fc.record({ name: fc.string({ maxLength: 9 }), value: fc.string({ maxLength: 9 }) }),
      { maxLength: 2 },
    ),
  }),
  { minLength: 1, maxLength: 3 },
)

const treePrivate: fc.Arbitrary<TreePrivate> = fc
  .tuple(fc.nat(2 ** 28), ascending(fc.nat(2 ** 29)), opaque)
  .map(([leaf, nodes, key]) => ({
    leafIndex: leafIndex(leaf),
    keys: new Map(nodes.map((node) => [nodeIndex(node), key])),
  }))

const externalSender = fc.record({ signatureKey: opaque, credential })
const componentData = ascending(u16).chain((ids) =>
  fc
    .array(opaque, { minLength: ids.length, maxLength: ids.length })
    .map((data) =>
      ids.map((componentId, i) => ({ componentId, data: data[i] ?? new Uint8Array() })),
    ),
)

export interface Codec {
  readonly name: string
  readonly values: fc.Arbitrary<unknown>
  readonly write: (value: never) => Uint8Array
  readonly read: (bytes: Uint8Array) => unknown
}

function codec<T>(values: fc.Arbitrary<T>, encoder: Encoder<T>, decoder: Decoder<T>) {
  return {
    values,
    write: (value: T) => encode(encoder, value),
    read: (bytes: Uint8Array) => decode(decoder, bytes),
  }
}

function wholeCodec<T>(
  values: fc.Arbitrary<T>,
  write: (value: T) => Uint8Array,
  read: (bytes: Uint8Array) => unknown,
) {
  return { values, write, read }
}

/** By the name of the exported decoder. `decodeRatchetTree`, `decodeSecretTree` and `decodeGroupState` have their own tests. */
export const codecs: readonly Codec[] = Object.entries({
  decodeAppAck: wholeCodec(
    messageRanges,
    // As they are: `receivedMessages` would unite those that a changed byte has brought together.
    (ranges) => appAck(new Map([[leafIndex(0), ranges]])).data,
    decodeAppAck,
  ),
  decodeAppDataDictionary: wholeCodec(
    componentData.map((items) => new Map(items.map((item) => [item.componentId, item.data]))),
    encodeAppDataDictionary,
    decodeAppDataDictionary,
  ),
  decodeAppDataUpdate: codec(
    fc.record({
      componentId: u16,
      update: fc.option(opaque, { nil: undefined }),
    }) as fc.Arbitrary<AppDataUpdate>,
    encodeAppDataUpdate,
    decodeAppDataUpdate,
  ),
  decodeAppEphemeral: codec(
    fc.record({ componentId: u16, data: opaque }),
    encodeAppEphemeral,
    decodeAppEphemeral,
  ),
  decodeAuthenticatedContent: codec(
    authenticatedContent,
    encodeAuthenticatedContent,
    decodeAuthenticatedContent,
  ),
  decodeCommit: codec(commit, encodeCommit, decodeCommit),
  decodeComponentsList: wholeCodec(
    fc.array(u16, { maxLength: 5 }),
    // As they are: `encodeComponentsList` puts them in order.
    (ids) => encode<number[]>((writer, value) => writer.vector(value, (w, id) => w.u16(id)), ids),
    decodeComponentsList,
  ),
  decodeContentType: codec(
    fc.constantFrom(...Object.values(contentTypes)),
    (writer, value) => writer.u8(value),
    decodeContentType,
  ),
  decodeCredential: codec(credential, encodeCredential, decodeCredential),
  decodeExporterTree: codec(exporterTree, encodeExporterTree, decodeExporterTree),
  decodeExtensions: codec<readonly Extension[]>(extensions, encodeExtensions, decodeExtensions),
  decodeExternalPub: wholeCodec(opaque, encodeExternalPub, decodeExternalPub),
  decodeExternalSender: codec(externalSender, encodeExternalSender, decodeExternalSender),
  decodeExternalSenders: codec(
    fc.array(externalSender, { maxLength: 3 }),
    encodeExternalSenders,
    (reader) => [...decodeExternalSenders(reader)],
  ),
  decodeFramedContent: codec<FramedContent>(
    authenticatedContent.map(({ content }) => content),
    encodeFramedContent,
    decodeFramedContent,
  ),
  decodeGroupContext: codec(groupContext, encodeGroupContext, decodeGroupContext),
  decodeGroupInfo: codec(groupInfo, encodeGroupInfo, decodeGroupInfo),
  decodeGroupSecrets: codec(groupSecrets, encodeGroupSecrets, decodeGroupSecrets),
  decodeKeyPackage: codec(keyPackage, encodeKeyPackage, decodeKeyPackage),
  decodeLeafNode: codec(leafNode, encodeLeafNode, decodeLeafNode),
  decodeMediaTypes: wholeCodec(mediaTypes, encodeMediaTypes, (data) => [...decodeMediaTypes(data)]),
  decodeMlsMessage: wholeCodec(mlsMessage, encodeMlsMessage, decodeMlsMessage),
  decodeOwnKeyPackage: codec(ownKeyPackage, encodeOwnKeyPackage, decodeOwnKeyPackage),
  decodeParentNode: codec(parentNode, encodeParentNode, decodeParentNode),
  decodePreSharedKeyId: codec(pskId, encodePreSharedKeyId, decodePreSharedKeyId),
  decodePrivateMessage: codec(privateMessage, encodePrivateMessage, decodePrivateMessage),
  decodeProposal: codec(proposal, encodeProposal, decodeProposal),
  decodePublicMessage: codec(publicMessage, encodePublicMessage, decodePublicMessage),
  decodeReInit: codec(fc.record(reInit), encodeReInit, decodeReInit),
  decodeRequiredCapabilities: codec(
    fc.record({ extensions: types, proposals: types, credentials: types }),
    encodeRequiredCapabilities,
    decodeRequiredCapabilities,
  ),
  decodeSafeAad: wholeCodec(componentData, encodeSafeAad, decodeSafeAad),
  decodeSender: codec(sender, encodeSender, decodeSender),
  decodeTreePrivate: codec(treePrivate, encodeTreePrivate, decodeTreePrivate),
  decodeTypes: codec<readonly number[]>(types, encodeTypes, decodeTypes),
  decodeUpdatePath: codec(updatePath, encodeUpdatePath, decodeUpdatePath),
  decodeWelcome: codec(welcome, encodeWelcome, decodeWelcome),
}).map(([name, each]) => ({ name, ...each }))
