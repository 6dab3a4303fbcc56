// RFC 9420 §6.3: PrivateMessage, encrypted with the sender's ratchet.

import { concatBytes } from "./bytes.ts"
import { type Decoder, type Encoder, Reader, Writer, decode, encode } from "./codec.ts"
import type { MlsCrypto } from "./crypto.ts"
import { MlsError } from "./error.ts"
import {
  type AuthenticatedContent,
  type ContentType,
  type FramedContent,
  authDataDecoder,
  bodyDecoder,
  decodeContentType,
  encodeAuthData,
  encodeBody,
} from "./framing.ts"
import type { PaddingPolicy } from "./group-types.ts"
import { contentTypes, labels, senderTypes, wireFormats } from "./registry.ts"
import {
  type MessageKey,
  type RatchetKind,
  type RatchetLimits,
  type SecretTree,
  messageKey,
  nextMessageKey,
} from "./secret-tree.ts"
import { type LeafIndex, leafIndex } from "./tree-math.ts"

/** `PrivateMessage` (§6.3). */
export interface PrivateMessage {
  readonly groupId: Uint8Array
  readonly epoch: bigint
  readonly contentType: ContentType
  readonly authenticatedData: Uint8Array
  readonly encryptedSenderData: Uint8Array
  readonly ciphertext: Uint8Array
}

export const encodePrivateMessage: Encoder<PrivateMessage> = (writer, value) => {
  writer.opaque(value.groupId)
  writer.u64(value.epoch)
  writer.u8(value.contentType)
  writer.opaque(value.authenticatedData)
  writer.opaque(value.encryptedSenderData)
  writer.opaque(value.ciphertext)
}

export const decodePrivateMessage: Decoder<PrivateMessage> = (reader) => ({
  groupId: reader.opaque(),
  epoch: reader.u64(),
  contentType: decodeContentType(reader),
  authenticatedData: reader.opaque(),
  encryptedSenderData: reader.opaque(),
  ciphertext: reader.opaque(),
})

/** Random bytes that are mixed into the nonce, in case a ratchet key is used twice (§6.3.1). */
const REUSE_GUARD_SIZE = 4

interface SenderData {
  readonly leaf: LeafIndex
  readonly generation: number
  readonly reuseGuard: Uint8Array
}

/** The keys of an epoch that protect messages. */
export interface MessageProtection {
  readonly senderDataSecret: Uint8Array
  readonly secretTree: SecretTree
}

interface ProtectedMessage {
  readonly message: PrivateMessage
  readonly secretTree: SecretTree
  readonly generation: number
}

/**
 * A policy that brings contents to multiples of `block` bytes, so that their length says less. Throws `MlsError` `misuse`
 * for a block that is no positive integer.
 */
export function paddingTo(block: number): PaddingPolicy {
  if (!Number.isInteger(block) || block < 1) throw new MlsError("misuse", `blocks of ${block}`)
  return (length) => (block - (length % block)) % block
}

/** Encrypts content of a member. `padding`: zero bytes that are appended. Throws `MlsError` `misuse` for no such number. */
export async function protectPrivate(
  crypto: MlsCrypto,
  authenticated: AuthenticatedContent,
  protection: MessageProtection,
  padding: number | PaddingPolicy = 0,
): Promise<ProtectedMessage> {
  const { content, auth } = authenticated
  if (content.sender.senderType !== senderTypes.member) {
    throw new MlsError("misuse", "only members send PrivateMessages", "6.3")
  }
  const leaf = content.sender.leafIndex
  const { key, tree } = nextMessageKey(crypto, protection.secretTree, leaf, kindOf(content))
  const reuseGuard = crypto.random(REUSE_GUARD_SIZE)
  const plaintext = new Writer()
  encodeBody(plaintext, content)
  encodeAuthData(plaintext, auth)
  const unpadded = plaintext.finish()
  const zeros = typeof padding === "number" ? padding : padding(unpadded.length)
  if (!Number.isSafeInteger(zeros) || zeros < 0) {
    throw new MlsError("misuse", `padding of ${zeros} bytes`, "6.3.1")
  }
  const padded = concatBytes(unpadded, new Uint8Array(zeros))
  const nonce = guarded(key.nonce, reuseGuard)
  const aad = encode(encodeContentAad, content)
  const ciphertext = await crypto.aeadSeal(key.key, nonce, aad, padded).finally(() => {
    wipe(key)
  })
  const senderData = { leaf, generation: key.generation, reuseGuard }
  const sealer = senderDataKey(crypto, protection.senderDataSecret, ciphertext)
  const encryptedSenderData = await crypto.aeadSeal(
    sealer.key,
    sealer.nonce,
    encode(encodeSenderDataAad, content),
    encode(encodeSenderData, senderData),
  )
  const { groupId, epoch, contentType, authenticatedData } = content
  return {
    message: { groupId, epoch, contentType, authenticatedData, encryptedSenderData, ciphertext },
    secretTree: tree,
    generation: key.generation,
  }
}

/** What it takes to tell who a sender is, and how much of its ratchet to walk. */
export interface UnprotectOptions {
  readonly isMember: (leaf: LeafIndex) => boolean
  readonly limits?: RatchetLimits
}

/**
 * Decrypts; the signature is still to be verified, and only then may the new secret tree be kept. Throws `MlsError`
 * `aead_failed`, `message_key_used`, `generation_too_far`, `padding_not_zero`, `unknown_sender` (by `isMember`) or
 * `decode`.
 */
export async function unprotectPrivate(
  crypto: MlsCrypto,
  message: PrivateMessage,
  protection: MessageProtection,
  options: UnprotectOptions,
): Promise<OpenedPrivate> {
  const senderData = await openSenderData(crypto, message, protection.senderDataSecret)
  const { secretTree } = protection
  const { key, tree } = keyFor(crypto, message, { senderData, secretTree, options })
  const content = await openContent(crypto, message, senderData, key)
  return { content, secretTree: tree, generation: senderData.generation }
}

/** A message that was opened, and the secret tree after it. */
export interface OpenedPrivate {
  readonly content: AuthenticatedContent
  readonly secretTree: SecretTree
  /** Of the key that opened it. */
  readonly generation: number
}

/**
 * `unprotectPrivate` for messages that follow each other, each on the secret tree of the one before, with the
 * cryptography side by side. Ends before the first that does not open.
 */
export async function unprotectAll(
  crypto: MlsCrypto,
  messages: readonly PrivateMessage[],
  protection: MessageProtection,
  options: UnprotectOptions,
): Promise<readonly OpenedPrivate[]> {
  const senders = await Promise.all(
    messages.map((message) =>
      orNothing(openSenderData(crypto, message, protection.senderDataSecret)),
    ),
  )
  const opening: Promise<OpenedPrivate | undefined>[] = []
  let { secretTree } = protection
  for (const [at, message] of messages.entries()) {
    const senderData = senders[at]
    const found = senderData && keyOrNothing(crypto, message, { senderData, secretTree, options })
    if (senderData === undefined || found === undefined) break
    const { key, tree } = found
    secretTree = tree
    const opened = openContent(crypto, message, senderData, key)
    const { generation } = senderData
    opening.push(orNothing(opened.then((content) => ({ content, secretTree: tree, generation }))))
  }
  const opened = await Promise.all(opening)
  const failed = opened.indexOf(undefined)
  return opened.slice(0, failed === -1 ? undefined : failed).filter((each) => each !== undefined)
}

interface KeyRequest {
  readonly senderData: SenderData
  readonly secretTree: SecretTree
  readonly options: UnprotectOptions
}

async function openSenderData(
  crypto: MlsCrypto,
  message: PrivateMessage,
  senderDataSecret: Uint8Array,
): Promise<SenderData> {
  const opener = senderDataKey(crypto, senderDataSecret, message.ciphertext)
  const bytes = await crypto.aeadOpen(
    opener.key,
    opener.nonce,
    encode(encodeSenderDataAad, message),
    message.encryptedSenderData,
  )
  return decode(decodeSenderData, bytes)
}

function keyFor(
  crypto: MlsCrypto,
  message: PrivateMessage,
  { senderData, secretTree, options }: KeyRequest,
): { readonly key: MessageKey; readonly tree: SecretTree } {
  const { leaf, generation } = senderData
  // §6.3.2: "the sender data's leaf_index identifies a non-blank leaf".
  if (!options.isMember(leaf)) {
    throw new MlsError("unknown_sender", "the sender is no member", "6.3.2")
  }
  return messageKey(crypto, secretTree, leaf, kindOf(message), generation, options.limits)
}

/** Wipes `key`. */
async function openContent(
  crypto: MlsCrypto,
  message: PrivateMessage,
  { leaf, reuseGuard }: SenderData,
  key: MessageKey,
): Promise<AuthenticatedContent> {
  const nonce = guarded(key.nonce, reuseGuard)
  const aad = encode(encodeContentAad, message)
  const plaintext = await crypto.aeadOpen(key.key, nonce, aad, message.ciphertext).finally(() => {
    wipe(key)
  })
  const { groupId, epoch, authenticatedData } = message
  const sender = { senderType: senderTypes.member, leafIndex: leaf }
  const { body, auth } = parsePlaintext(plaintext, message.contentType)
  return {
    wireFormat: wireFormats.privateMessage,
    content: { groupId, epoch, sender, authenticatedData, ...body },
    auth,
  }
}

/** For what another, careful attempt will name. */
async function orNothing<T>(attempt: Promise<T>): Promise<T | undefined> {
  try {
    return await attempt
  } catch (error) {
    if (error instanceof MlsError) return undefined
    throw error
  }
}

function keyOrNothing(crypto: MlsCrypto, message: PrivateMessage, request: KeyRequest) {
  try {
    return keyFor(crypto, message, request)
  } catch (error) {
    if (error instanceof MlsError) return undefined
    throw error
  }
}

function parsePlaintext(plaintext: Uint8Array, contentType: ContentType) {
  const reader = new Reader(plaintext)
  const body = bodyDecoder(contentType)(reader)
  const auth = authDataDecoder(contentType)(reader)
  // §6.3.1: "the receiver MUST verify that all of its bytes are zero".
  if (!reader.fixed(reader.remaining).every((byte) => byte === 0)) {
    throw new MlsError("padding_not_zero", "padding that is not zero", "6.3.1")
  }
  return { body, auth }
}

function kindOf(content: { readonly contentType: ContentType }): RatchetKind {
  return content.contentType === contentTypes.application ? "application" : "handshake"
}

/** §9.2: a key that was used is deleted. No state shares these bytes. */
function wipe({ key, nonce }: MessageKey): void {
  key.fill(0)
  nonce.fill(0)
}

function guarded(nonce: Uint8Array, guard: Uint8Array): Uint8Array {
  return nonce.map((byte, i) => byte ^ (guard[i] ?? 0))
}

/** §6.3.2: the sample is the first `KDF.Nh` bytes of the ciphertext. */
function senderDataKey(crypto: MlsCrypto, senderDataSecret: Uint8Array, ciphertext: Uint8Array) {
  const { hash, aead } = crypto.suite
  const sample = ciphertext.subarray(0, hash.size)
  return {
    key: crypto.expandWithLabel(senderDataSecret, labels.key, sample, aead.keySize),
    nonce: crypto.expandWithLabel(senderDataSecret, labels.nonce, sample, aead.nonceSize),
  }
}

const encodeSenderData: Encoder<SenderData> = (writer, value) => {
  writer.u32(value.leaf)
  writer.u32(value.generation)
  writer.fixed(value.reuseGuard)
}

const decodeSenderData: Decoder<SenderData> = (reader) => ({
  leaf: leafIndex(reader.u32()),
  generation: reader.u32(),
  reuseGuard: reader.fixed(REUSE_GUARD_SIZE),
})

/** `SenderDataAAD`. */
const encodeSenderDataAad: Encoder<Pick<PrivateMessage, "groupId" | "epoch" | "contentType">> = (
  writer,
  value,
) => {
  writer.opaque(value.groupId)
  writer.u64(value.epoch)
  writer.u8(value.contentType)
}

/** `PrivateContentAAD`. */
const encodeContentAad: Encoder<
  Pick<FramedContent, "groupId" | "epoch" | "contentType" | "authenticatedData">
> = (writer, value) => {
  encodeSenderDataAad(writer, value)
  writer.opaque(value.authenticatedData)
}
