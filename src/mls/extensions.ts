// RFC 9420 §13: extensions, and the data of those that the RFC defines.

import { type Decoder, type Encoder, decode, encode } from "./codec.ts"
import { type Credential, decodeCredential, encodeCredential } from "./credential.ts"
import { MlsError } from "./error.ts"

/** `data` is left as it came: what it means depends on `type` and on the object that carries it. */
export interface Extension {
  readonly type: number
  readonly data: Uint8Array
}

/** What every member must support beyond the default types (§11.1). */
export interface RequiredCapabilities {
  readonly extensions: readonly number[]
  readonly proposals: readonly number[]
  readonly credentials: readonly number[]
}

/** Someone outside the group who may send proposals (§12.1.8.1). */
export interface ExternalSender {
  readonly signatureKey: Uint8Array
  readonly credential: Credential
}

const encodeExtension: Encoder<Extension> = (writer, value) => {
  writer.u16(value.type)
  writer.opaque(value.data)
}

const decodeExtension: Decoder<Extension> = (reader) => ({
  type: reader.u16(),
  data: reader.opaque(),
})

/** `Extension extensions<V>`. */
export const encodeExtensions: Encoder<readonly Extension[]> = (writer, value) => {
  writer.vector(value, encodeExtension)
}

/** Throws `MlsError` `extension_duplicate` when a type comes twice. */
export const decodeExtensions: Decoder<readonly Extension[]> = (reader) => {
  const extensions = reader.vector(decodeExtension)
  requireUniqueExtensions(extensions)
  return extensions
}

/** §13: at most one extension of a type in a list. Throws `MlsError` `extension_duplicate`. */
export function requireUniqueExtensions(extensions: readonly Extension[]): void {
  const types = new Set<number>()
  for (const { type } of extensions) {
    if (types.has(type)) {
      throw new MlsError("extension_duplicate", `extension type ${type} comes twice`, "13")
    }
    types.add(type)
  }
}

/** The extension of this type, or `undefined`. */
export function findExtension(
  extensions: readonly Extension[],
  type: number,
): Extension | undefined {
  return extensions.find((extension) => extension.type === type)
}

/**
 * What `read` makes of an extension's data, kept as long as the extension lives: a group's is asked for with each of
 * thousands of leaves.
 */
export function readOnce<T extends object>(
  read: (data: Uint8Array) => T,
): (extension: Extension) => T {
  const known = new WeakMap<Extension, T>()
  return (extension) => {
    const found = known.get(extension) ?? read(extension.data)
    known.set(extension, found)
    return found
  }
}

const encodeType: Encoder<number> = (writer, value) => writer.u16(value)
const decodeType: Decoder<number> = (reader) => reader.u16()

/** A vector of u16 registry values. */
export const encodeTypes: Encoder<readonly number[]> = (writer, value) => {
  writer.vector(value, encodeType)
}
export const decodeTypes: Decoder<readonly number[]> = (reader) => reader.vector(decodeType)

/** `RequiredCapabilities` (§11.1), the data of a required_capabilities extension. */
export const encodeRequiredCapabilities: Encoder<RequiredCapabilities> = (writer, value) => {
  encodeTypes(writer, value.extensions)
  encodeTypes(writer, value.proposals)
  encodeTypes(writer, value.credentials)
}

/** Throws `MlsError` `decode`. */
export const decodeRequiredCapabilities: Decoder<RequiredCapabilities> = (reader) => ({
  extensions: decodeTypes(reader),
  proposals: decodeTypes(reader),
  credentials: decodeTypes(reader),
})

/** `ExternalSender` (§12.1.8.1). */
export const encodeExternalSender: Encoder<ExternalSender> = (writer, value) => {
  writer.opaque(value.signatureKey)
  encodeCredential(writer, value.credential)
}

/** Throws `MlsError` `decode`. */
export const decodeExternalSender: Decoder<ExternalSender> = (reader) => ({
  signatureKey: reader.opaque(),
  credential: decodeCredential(reader),
})

/** `ExternalSender external_senders<V>`. */
export const encodeExternalSenders: Encoder<readonly ExternalSender[]> = (writer, value) => {
  writer.vector(value, encodeExternalSender)
}
/** Throws `MlsError` `decode`. */
export const decodeExternalSenders: Decoder<readonly ExternalSender[]> = (reader) =>
  reader.vector(decodeExternalSender)

/** The data of an `external_pub` extension (§12.4.3.2): an HPKE public key. */
export function encodeExternalPub(publicKey: Uint8Array): Uint8Array {
  return encode<Uint8Array>((writer, value) => writer.opaque(value), publicKey)
}

/** Throws `MlsError` `decode`. */
export function decodeExternalPub(data: Uint8Array): Uint8Array {
  return decode((reader) => reader.opaque(), data)
}
