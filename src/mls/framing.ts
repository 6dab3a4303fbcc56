// RFC 9420 §6: framed content and what authenticates it.

import { atOnce, inTurns } from "./batches.ts"
import { type Decoder, type Encoder, Writer } from "./codec.ts"
import { MlsError } from "./error.ts"
import { type GroupContext, encodeGroupContext } from "./key-schedule.ts"
import {
  type Commit,
  type Proposal,
  commitEncoding,
  decodeCommit,
  decodeProposal,
  encodeProposal,
} from "./proposal-codec.ts"
import { contentTypes, protocolVersions, senderTypes, wireFormats } from "./registry.ts"
import { type LeafIndex, leafIndex } from "./tree-math.ts"

/** `ContentType` (§6). */
export type ContentType = (typeof contentTypes)[keyof typeof contentTypes]
export type MessageWireFormat = typeof wireFormats.publicMessage | typeof wireFormats.privateMessage

/** `Sender` (§6). A leaf index is as it came: whether it is a member's is seen when the message is processed. */
export type Sender =
  | { readonly senderType: typeof senderTypes.member; readonly leafIndex: LeafIndex }
  /** An index into the group's external_senders. */
  | { readonly senderType: typeof senderTypes.external; readonly senderIndex: number }
  | { readonly senderType: typeof senderTypes.newMemberProposal }
  | { readonly senderType: typeof senderTypes.newMemberCommit }

/** What a message carries, by its content type (§6). */
export type FramedBody =
  | {
      readonly contentType: typeof contentTypes.application
      readonly applicationData: Uint8Array
    }
  | { readonly contentType: typeof contentTypes.proposal; readonly proposal: Proposal }
  | { readonly contentType: typeof contentTypes.commit; readonly commit: Commit }

/** `FramedContent` (§6). */
export type FramedContent = FramedBody & {
  readonly groupId: Uint8Array
  readonly epoch: bigint
  readonly sender: Sender
  readonly authenticatedData: Uint8Array
}

/** `FramedContentAuthData` (§6.1). */
export interface FramedContentAuthData {
  readonly signature: Uint8Array
  /** Of a commit, and of nothing else. */
  readonly confirmationTag: Uint8Array | undefined
}

export interface AuthenticatedContent {
  readonly wireFormat: MessageWireFormat
  readonly content: FramedContent
  readonly auth: FramedContentAuthData
}

export const encodeSender: Encoder<Sender> = (writer, value) => {
  writer.u8(value.senderType)
  if (value.senderType === senderTypes.member) writer.u32(value.leafIndex)
  if (value.senderType === senderTypes.external) writer.u32(value.senderIndex)
}

export const decodeSender: Decoder<Sender> = (reader) => {
  const senderType = reader.u8()
  switch (senderType) {
    case senderTypes.member:
      return { senderType, leafIndex: leafIndex(reader.u32()) }
    case senderTypes.external:
      return { senderType, senderIndex: reader.u32() }
    case senderTypes.newMemberProposal:
    case senderTypes.newMemberCommit:
      return { senderType }
    default:
      throw new MlsError("decode", `sender type ${senderType}`, "6")
  }
}

/** The body alone, as in `PrivateMessageContent`. */
export const encodeBody: Encoder<FramedBody> = (writer, value) => {
  atOnce(bodyEncoding(writer, value))
}

function* bodyEncoding(writer: Writer, value: FramedBody): Generator<undefined> {
  if (value.contentType === contentTypes.application) writer.opaque(value.applicationData)
  else if (value.contentType === contentTypes.proposal) encodeProposal(writer, value.proposal)
  else yield* commitEncoding(writer, value.commit)
}

export function bodyDecoder(contentType: ContentType): Decoder<FramedBody> {
  return (reader) => {
    if (contentType === contentTypes.application) {
      return { contentType, applicationData: reader.opaque() }
    }
    if (contentType === contentTypes.proposal) {
      return { contentType, proposal: decodeProposal(reader) }
    }
    return { contentType, commit: decodeCommit(reader) }
  }
}

export const decodeContentType: Decoder<ContentType> = (reader) => {
  const type = reader.u8()
  const known = Object.values(contentTypes).find((value) => value === type)
  if (known === undefined) throw new MlsError("decode", `content type ${type}`, "6")
  return known
}

/** Content as bytes, for as long as it lives: it is signed, tagged and hashed, and a large Commit is long. */
const encoded = new WeakMap<FramedContent, Uint8Array>()

export const encodeFramedContent: Encoder<FramedContent> = (writer, value) => {
  const known = encoded.get(value)
  if (known === undefined) atOnce(framedContentEncoding(writer, value))
  else writer.fixed(known)
}

function* framedContentEncoding(writer: Writer, value: FramedContent): Generator<undefined> {
  writer.opaque(value.groupId)
  writer.u64(value.epoch)
  encodeSender(writer, value.sender)
  writer.opaque(value.authenticatedData)
  writer.u8(value.contentType)
  yield* bodyEncoding(writer, value)
}

/** About how long the encoding of a Commit that adds many will be: what grows to that leaves as much behind. */
function sizeHint(content: FramedContent): number | undefined {
  if (content.contentType !== contentTypes.commit) return undefined
  const { proposals } = content.commit
  return proposals.length < MANY ? undefined : SIZE_OF_PROPOSAL * proposals.length
}

const MANY = 64
const SIZE_OF_PROPOSAL = 400

/** Content whose encoding is kept. What is long is encoded in turns with others. */
export async function withEncoding(content: FramedContent): Promise<FramedContent> {
  const writer = new Writer(sizeHint(content))
  await inTurns(framedContentEncoding(writer, content))
  encoded.set(content, writer.view())
  return content
}

export const decodeFramedContent: Decoder<FramedContent> = (reader) => {
  const start = reader.offset
  const groupId = reader.opaque()
  const epoch = reader.u64()
  const sender = decodeSender(reader)
  const authenticatedData = reader.opaque()
  const body = bodyDecoder(decodeContentType(reader))(reader)
  const content: FramedContent = { groupId, epoch, sender, authenticatedData, ...body }
  encoded.set(content, reader.bytes.subarray(start, reader.offset))
  return content
}

/** `FramedContentAuthData`; the confirmation tag is there exactly in commits. */
export const encodeAuthData: Encoder<FramedContentAuthData> = (writer, value) => {
  writer.opaque(value.signature)
  if (value.confirmationTag !== undefined) writer.opaque(value.confirmationTag)
}

export function authDataDecoder(contentType: ContentType): Decoder<FramedContentAuthData> {
  return (reader) => ({
    signature: reader.opaque(),
    confirmationTag: contentType === contentTypes.commit ? reader.opaque() : undefined,
  })
}

export const encodeAuthenticatedContent: Encoder<AuthenticatedContent> = (writer, value) => {
  writer.u16(value.wireFormat)
  encodeFramedContent(writer, value.content)
  encodeAuthData(writer, value.auth)
}

export const decodeAuthenticatedContent: Decoder<AuthenticatedContent> = (reader) => {
  const wireFormat = reader.u16()
  if (wireFormat !== wireFormats.publicMessage && wireFormat !== wireFormats.privateMessage) {
    throw new MlsError("decode", `wire format ${wireFormat} carries no framed content`, "6")
  }
  const content = decodeFramedContent(reader)
  return { wireFormat, content, auth: authDataDecoder(content.contentType)(reader) }
}

/** `FramedContentTBS` (§6.1): what the signature covers. Members and those who join by commit bind the group's context. */
export function framedContentTbs(
  wireFormat: MessageWireFormat,
  content: FramedContent,
  groupContext: GroupContext,
): Uint8Array {
  const writer = new Writer()
  writer.u16(protocolVersions.mls10)
  writer.u16(wireFormat)
  encodeFramedContent(writer, content)
  const { senderType } = content.sender
  if (senderType === senderTypes.member || senderType === senderTypes.newMemberCommit) {
    encodeGroupContext(writer, groupContext)
  }
  return writer.view()
}
