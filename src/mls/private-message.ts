// RFC 9420 §6.3: PrivateMessage, encrypted with the sender's ratchet.

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

/** Encrypts content of a member. `padding`: zero bytes that are appended. */
export async function protectPrivate(
  crypto: MlsCrypto,
  authenticated: AuthenticatedContent,
  protection: MessageProtection,
  padding = 0,
): Promise<{ readonly message: PrivateMessage; readonly secretTree: SecretTree }> {
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
  plaintext.fixed(new Uint8Array(padding))
  const nonce = guarded(key.nonce, reuseGuard)
  const aad = encode(encodeContentAad, content)
  const ciphertext = await crypto.aeadSeal(key.key, nonce, aad, plaintext.finish()).finally(() => {
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
  }
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
  options: { readonly isMember: (leaf: LeafIndex) => boolean; readonly limits?: RatchetLimits },
): Promise<{ readonly content: AuthenticatedContent; readonly secretTree: SecretTree }> {
  const opener = senderDataKey(crypto, protection.senderDataSecret, message.ciphertext)
  const senderDataBytes = await crypto.aeadOpen(
    opener.key,
    opener.nonce,
    encode(encodeSenderDataAad, message),
    message.encryptedSenderData,
  )
  const senderData = decode(decodeSenderData, senderDataBytes)
  // §6.3.2: "the sender data's leaf_index identifies a non-blank leaf".
  if (!options.isMember(senderData.leaf)) {
    throw new MlsError("unknown_sender", "the sender is no member", "6.3.2")
  }
  const { key, tree } = messageKey(
    crypto,
    protection.secretTree,
    senderData.leaf,
    kindOf(message),
    senderData.generation,
    options.limits,
  )
  const nonce = guarded(key.nonce, senderData.reuseGuard)
  const aad = encode(encodeContentAad, message)
  const plaintext = await crypto.aeadOpen(key.key, nonce, aad, message.ciphertext).finally(() => {
    wipe(key)
  })
  const { groupId, epoch, authenticatedData } = message
  const sender = { senderType: senderTypes.member, leafIndex: senderData.leaf }
  const { body, auth } = parsePlaintext(plaintext, message.contentType)
  return {
    content: {
      wireFormat: wireFormats.privateMessage,
      content: { groupId, epoch, sender, authenticatedData, ...body },
      auth,
    },
    secretTree: tree,
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
