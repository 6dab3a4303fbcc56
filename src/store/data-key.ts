// Storage in browsers: the data key, wrapped with an AES-256-GCM key that WebCrypto does not let out.

import { StoreError } from "./error.ts"
import { formatVersion, labels } from "./registry.ts"
import { asBufferSource, dataKeyLength, generateDataKey } from "./sealing.ts"

/** The only record that is not sealed: without it no other can be opened. */
export interface StoreHeader {
  readonly format: number
  /** AES-256-GCM, non-extractable; it may only encrypt a data key once, and unwrap it. */
  readonly wrappingKey: CryptoKey
  /** nonce (12) || ciphertext and tag (32 + 16). */
  readonly wrappedDataKey: Uint8Array
}

/** A header with a new data key. */
export async function createHeader(): Promise<StoreHeader> {
  const wrappingKey = await crypto.subtle.generateKey({ name: "AES-GCM", length: 256 }, false, [
    "encrypt",
    "unwrapKey",
  ])
  const iv = crypto.getRandomValues(new Uint8Array(nonceLength))
  const dataKey = generateDataKey()
  const ciphertext = await crypto.subtle.encrypt(wrapping(iv), wrappingKey, dataKey)
  dataKey.fill(0)
  const wrappedDataKey = new Uint8Array(wrappedLength)
  wrappedDataKey.set(iv)
  wrappedDataKey.set(new Uint8Array(ciphertext), nonceLength)
  return { format: formatVersion, wrappingKey, wrappedDataKey }
}

/**
 * The data key of a header as it was found in a database: a key to derive from, whose bytes never enter this program.
 * Throws `StoreError` `version` for a later format, and `corrupt` for anything else that is wrong with it.
 */
export async function unwrapDataKey(found: unknown): Promise<CryptoKey> {
  const { wrappingKey, wrappedDataKey } = parseHeader(found)
  const iv = asBufferSource(wrappedDataKey.subarray(0, nonceLength))
  const ciphertext = asBufferSource(wrappedDataKey.subarray(nonceLength))
  try {
    return await crypto.subtle.unwrapKey(
      "raw",
      ciphertext,
      wrappingKey,
      wrapping(iv),
      "HKDF",
      false,
      ["deriveKey", "deriveBits"],
    )
  } catch {
    throw new StoreError("corrupt", "the data key does not open")
  }
}

const nonceLength = 12
const wrappedLength = nonceLength + dataKeyLength + 16

const wrapping = (iv: Uint8Array<ArrayBuffer>) => ({
  name: "AES-GCM",
  iv,
  additionalData: new TextEncoder().encode(labels.wrappedDataKey),
})

function parseHeader(found: unknown): StoreHeader {
  if (typeof found !== "object" || found === null) throw noHeader()
  const { format, wrappingKey, wrappedDataKey } = found as Partial<Record<string, unknown>>
  if (typeof format === "number" && format > formatVersion) {
    throw new StoreError("version", "the database is of a later format")
  }
  if (format !== formatVersion || !(wrappingKey instanceof CryptoKey)) throw noHeader()
  if (!(wrappedDataKey instanceof Uint8Array) || wrappedDataKey.length !== wrappedLength) {
    throw noHeader()
  }
  return { format, wrappingKey, wrappedDataKey }
}

const noHeader = () => new StoreError("corrupt", "the record of the data key is damaged")
