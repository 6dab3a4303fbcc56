// Marmot encrypted media (marmot-wire §10.1, behaviour §10.1): the exporter secret, and files sealed with its keys.

import { chacha20poly1305 } from "@noble/ciphers/chacha.js"
import { sha256 } from "@noble/hashes/sha2.js"
import { exportSecret, type GroupState, type MlsCrypto } from "../mls/index.ts"
import { bytesToHex, hexToBytes, type Rumor } from "../nostr/event.ts"
import { decodeEncryptedMedia } from "./components/encrypted-media.ts"
import { MarmotError } from "./error.ts"
import { factsOf } from "./group-facts.ts"
import { isV1Tag, mediaAad, mediaKey, type MediaReference, parseMediaTag } from "./media.ts"
import { componentIds, EXPORTER_LABEL, MEDIA_CONTEXT } from "./registry.ts"

/** `MLS-Exporter("marmot", "encrypted-media", 32)` of a state's epoch, 32 bytes; it is not kept beside the epoch. */
export function mediaSecret(crypto: MlsCrypto, state: GroupState): Uint8Array {
  return exportSecret(crypto, state, EXPORTER_LABEL, MEDIA_CONTEXT, 32)
}

export interface SealedFile {
  /** What a server stores: 16 bytes longer than the file. */
  readonly blob: Uint8Array
  /** 64 hex each. */
  readonly ciphertextSha256: string
  readonly plaintextSha256: string
  /** 24 hex. */
  readonly nonce: string
}

/** Seals a v2 file. `nonce`: 12 fresh random bytes, also when the same file is sent again. */
export function sealFile(params: {
  readonly secret: Uint8Array
  readonly nonce: Uint8Array
  readonly bytes: Uint8Array
  readonly mediaType: string
  readonly filename: string
}): SealedFile {
  const { secret, nonce, bytes, mediaType, filename } = params
  if (nonce.length !== 12) throw new MarmotError("misuse", "a nonce has 12 bytes")
  const plaintextSha256 = sha256(bytes)
  const binding = { plaintextSha256, mediaType, filename }
  const key = mediaKey(secret, binding)
  const blob = chacha20poly1305(key, nonce, mediaAad(binding)).encrypt(bytes)
  return {
    blob,
    ciphertextSha256: bytesToHex(sha256(blob)),
    plaintextSha256: bytesToHex(plaintextSha256),
    nonce: bytesToHex(nonce),
  }
}

/** The file in `blob`, both hashes verified. Throws `MarmotError` `unavailable_attachment`: with another key or blob it may work. */
export function openFile(reference: MediaReference, key: Uint8Array, blob: Uint8Array): Uint8Array {
  if (bytesToHex(sha256(blob)) !== reference.ciphertextSha256.toLowerCase()) {
    throw new MarmotError("unavailable_attachment", "another blob than was sent")
  }
  const nonce = hexToBytes(reference.nonce.toLowerCase())
  const aad = mediaAad(bindingOf(reference), reference.version)
  const bytes = decrypted(() => chacha20poly1305(key, nonce, aad).decrypt(blob))
  if (bytesToHex(sha256(bytes)) !== reference.plaintextSha256.toLowerCase()) {
    throw new MarmotError("unavailable_attachment", "another file than was sent")
  }
  return bytes
}

/** A message brings no more attachments than this: each may be large, and is fetched and kept by itself. */
export const MAX_ATTACHMENTS = 16

/** The valid references among a message's tags, by their places there; the first `MAX_ATTACHMENTS`. */
export function attachmentsOf({ tags }: Rumor): ReadonlyMap<number, MediaReference> {
  const found = new Map<number, MediaReference>()
  for (const [index, tag] of tags.entries()) {
    if (found.size === MAX_ATTACHMENTS) break
    const reference = referenceOf(tag)
    if (reference !== undefined) found.set(index, reference)
  }
  return found
}

/** The key of an attachment, by its place among the message's tags. */
export type MediaKeys = Readonly<Record<number, Uint8Array>>

/**
 * Keys of the attachments that `event` carries, from the epoch that it was encrypted in: whoever keeps them needs
 * that epoch no more. Malformed references have none.
 */
export function mediaKeysOf(crypto: MlsCrypto, state: GroupState, event: Rumor): MediaKeys {
  const keys: Record<number, Uint8Array> = {}
  let secret: Uint8Array | undefined
  for (const [index, reference] of attachmentsOf(event)) {
    secret ??= mediaSecret(crypto, state)
    keys[index] = mediaKey(secret, bindingOf(reference), reference.version)
  }
  return keys
}

/** An `imeta` tag that is a valid reference to an encrypted attachment. */
export function referenceOf(tag: readonly string[]): MediaReference | undefined {
  if (tag[0] !== "imeta") return undefined
  try {
    return parseMediaTag(tag)
  } catch (error) {
    if (error instanceof MarmotError) return undefined
    throw error
  }
}

/** §10.2: a malformed reference of the frozen v1 takes its message with it; one of v2 goes alone. */
export function dropsMessage({ tags }: Rumor): boolean {
  return tags.some((tag) => isV1Tag(tag) && referenceOf(tag) === undefined)
}

/** Base URLs of the group's Blossom servers, first choice first; `undefined`: its policy allows no attachments. */
export function blossomServers(state: GroupState): readonly string[] | undefined {
  const policy = factsOf(state).components.get(componentIds.encryptedMediaV2)
  if (policy === undefined) return undefined
  const { allowedLocatorKinds, defaultBlobEndpoints } = decodeEncryptedMedia(policy)
  if (!allowedLocatorKinds.includes(BLOSSOM)) return undefined
  return defaultBlobEndpoints
    .filter(({ locatorKind }) => locatorKind === BLOSSOM)
    .map(({ baseUrl }) => baseUrl)
}

/** The locator kind of Blossom servers. */
export const BLOSSOM = "blossom-v1"

function bindingOf({ plaintextSha256, mediaType, filename }: MediaReference) {
  return { plaintextSha256: hexToBytes(plaintextSha256.toLowerCase()), mediaType, filename }
}

function decrypted(open: () => Uint8Array): Uint8Array {
  try {
    return open()
  } catch {
    throw new MarmotError("unavailable_attachment", "the file does not open with this key")
  }
}
