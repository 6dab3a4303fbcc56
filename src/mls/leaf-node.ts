// RFC 9420 §7.2: the leaf node, a member's entry in the ratchet tree.

import { concatBytes } from "./bytes.ts"
import { type Decoder, type Encoder, encode, opaqueSize } from "./codec.ts"
import { type Credential, decodeCredential, encodeCredential } from "./credential.ts"
import type { MlsCrypto, SignatureToVerify } from "./crypto.ts"
import { MlsError } from "./error.ts"
import {
  type Extension,
  decodeExtensions,
  decodeTypes,
  encodeExtensions,
  encodeTypes,
} from "./extensions.ts"
import { labels } from "./registry.ts"

/** Registry values that a member understands, beside the default ones (§7.2). */
export interface Capabilities {
  readonly versions: readonly number[]
  readonly cipherSuites: readonly number[]
  readonly extensions: readonly number[]
  readonly proposals: readonly number[]
  readonly credentials: readonly number[]
}

/** Seconds since 1970, both ends included. */
export interface Lifetime {
  readonly notBefore: bigint
  readonly notAfter: bigint
}

/** Where a leaf was made, and what only leaves from there have. */
export type LeafNodeSource =
  | { readonly kind: "key_package"; readonly lifetime: Lifetime }
  | { readonly kind: "update" }
  | { readonly kind: "commit"; readonly parentHash: Uint8Array }

/** All of a leaf but its signature. */
export interface LeafNodeContent {
  readonly encryptionKey: Uint8Array
  readonly signatureKey: Uint8Array
  readonly credential: Credential
  readonly capabilities: Capabilities
  readonly source: LeafNodeSource
  readonly extensions: readonly Extension[]
}

/** `LeafNode` (§7.2). */
export interface LeafNode extends LeafNodeContent {
  readonly signature: Uint8Array
}

/** Where a leaf made by an Update or Commit stands; its signature covers this. */
export interface LeafPosition {
  readonly groupId: Uint8Array
  readonly leafIndex: number
}

/** `LeafNodeSource` (§7.2). */
const SOURCE = { key_package: 1, update: 2, commit: 3 } as const

const encodeCapabilities: Encoder<Capabilities> = (writer, value) => {
  encodeTypes(writer, value.versions)
  encodeTypes(writer, value.cipherSuites)
  encodeTypes(writer, value.extensions)
  encodeTypes(writer, value.proposals)
  encodeTypes(writer, value.credentials)
}

/** Those that were read last: nearly all members of a group say the same, and share it then. */
let latest: { readonly bytes: Uint8Array; readonly capabilities: Capabilities } | undefined

const decodeCapabilities: Decoder<Capabilities> = (reader) => {
  if (latest !== undefined && reader.startsWith(latest.bytes)) {
    reader.skip(latest.bytes.length)
    return latest.capabilities
  }
  const start = reader.offset
  const capabilities = Object.freeze({
    versions: Object.freeze(decodeTypes(reader)),
    cipherSuites: Object.freeze(decodeTypes(reader)),
    extensions: Object.freeze(decodeTypes(reader)),
    proposals: Object.freeze(decodeTypes(reader)),
    credentials: Object.freeze(decodeTypes(reader)),
  })
  const bytes = reader.bytes.slice(start, reader.offset)
  if (bytes.length <= MAX_SHARED_SIZE) latest = { bytes, capabilities }
  return capabilities
}

/** Bytes of the longest capabilities that are remembered. */
const MAX_SHARED_SIZE = 1024

const encodeSource: Encoder<LeafNodeSource> = (writer, value) => {
  writer.u8(SOURCE[value.kind])
  if (value.kind === "key_package") {
    writer.u64(value.lifetime.notBefore)
    writer.u64(value.lifetime.notAfter)
  } else if (value.kind === "commit") writer.opaque(value.parentHash)
}

const decodeSource: Decoder<LeafNodeSource> = (reader) => {
  const source = reader.u8()
  switch (source) {
    case SOURCE.key_package:
      return {
        kind: "key_package",
        lifetime: { notBefore: reader.u64(), notAfter: reader.u64() },
      }
    case SOURCE.update:
      return { kind: "update" }
    case SOURCE.commit:
      return { kind: "commit", parentHash: reader.opaque() }
    default:
      throw new MlsError("decode", `leaf node source ${source}`, "7.2")
  }
}

const skipSource: Decoder<void> = (reader) => {
  const source = reader.u8()
  if (source === SOURCE.key_package) reader.skip(16)
  else if (source === SOURCE.commit) reader.skipOpaque()
  else if (source !== SOURCE.update) {
    throw new MlsError("decode", `leaf node source ${source}`, "7.2")
  }
}

const encodeContent: Encoder<LeafNodeContent> = (writer, value) => {
  writer.opaque(value.encryptionKey)
  writer.opaque(value.signatureKey)
  encodeCredential(writer, value.credential)
  encodeCapabilities(writer, value.capabilities)
  encodeSource(writer, value.source)
  encodeExtensions(writer, value.extensions)
}

/** `LeafNode`. */
export const encodeLeafNode: Encoder<LeafNode> = (writer, value) => {
  encodeContent(writer, value)
  writer.opaque(value.signature)
}

export const decodeLeafNode: Decoder<LeafNode> = (reader) => ({
  encryptionKey: reader.opaque(),
  signatureKey: reader.opaque(),
  credential: decodeCredential(reader),
  capabilities: decodeCapabilities(reader),
  source: decodeSource(reader),
  extensions: decodeExtensions(reader),
  signature: reader.opaque(),
})

/** Goes past a leaf without reading more of it than its extent needs. Throws `MlsError` `decode`. */
export const skipLeafNode: Decoder<void> = (reader) => {
  reader.skipOpaque()
  reader.skipOpaque()
  reader.u16()
  for (let vector = 0; vector < 6; vector++) reader.skipOpaque()
  skipSource(reader)
  reader.skipOpaque()
  reader.skipOpaque()
}

/**
 * `LeafNodeTBS`: what the signature covers. A leaf of a key package belongs to no group yet; any other needs
 * its position. Throws `MlsError` `misuse` without one.
 */
export function leafNodeTbs(content: LeafNodeContent, position?: LeafPosition): Uint8Array {
  return encode<LeafNodeContent>((writer, value) => {
    encodeContent(writer, value)
    if (value.source.kind === "key_package") return
    if (position === undefined) {
      throw new MlsError("misuse", "a leaf made in a group is signed with its position", "7.2")
    }
    writer.opaque(position.groupId)
    writer.u32(position.leafIndex)
  }, content)
}

export interface LeafNodeSigning {
  readonly content: LeafNodeContent
  readonly signaturePrivateKey: Uint8Array
  /** Of a leaf that an Update or Commit carries. */
  readonly position?: LeafPosition
}

/** The leaf with its signature. Throws as `leafNodeTbs`. */
export async function signLeafNode(crypto: MlsCrypto, signing: LeafNodeSigning): Promise<LeafNode> {
  const { content, signaturePrivateKey, position } = signing
  const tbs = leafNodeTbs(content, position)
  return { ...content, signature: await crypto.sign(signaturePrivateKey, labels.leafNodeTbs, tbs) }
}

/** The same for a leaf that was received: what was signed is taken from its bytes, not encoded again. */
export function receivedLeafSignature(
  received: { readonly leafNode: LeafNode; readonly bytes: Uint8Array },
  { groupId, leafIndex }: LeafPosition,
): SignatureToVerify {
  const { leafNode, bytes } = received
  const { signatureKey: publicKey, signature, source } = leafNode
  const content = bytes.subarray(0, bytes.length - opaqueSize(signature))
  const place = () =>
    encode<Uint8Array>((writer, id) => {
      writer.opaque(id)
      writer.u32(leafIndex)
    }, groupId)
  return {
    publicKey,
    label: labels.leafNodeTbs,
    content: source.kind === "key_package" ? content : concatBytes(content, place()),
    signature,
  }
}

/** The signature of a leaf, to be verified. Throws as `leafNodeTbs`. */
export function leafNodeSignature(leafNode: LeafNode, position?: LeafPosition): SignatureToVerify {
  return {
    publicKey: leafNode.signatureKey,
    label: labels.leafNodeTbs,
    content: leafNodeTbs(leafNode, position),
    signature: leafNode.signature,
  }
}
