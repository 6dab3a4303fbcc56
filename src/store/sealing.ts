// Encryption at rest: AES-256-GCM (NIST SP 800-38D) for values, HMAC-SHA-256 (RFC 2104) tokens for scopes.

import { hmac } from "@noble/hashes/hmac.js"
import { sha256 } from "@noble/hashes/sha2.js"
import { bytesToHex } from "@noble/hashes/utils.js"
import { StoreError } from "./error.ts"
import { labels, sealVersion } from "./registry.ts"
import type { StoreKey, TableName } from "./types.ts"

export const dataKeyLength = 32

/** A sealed value is longer than its plaintext by this: version (1), nonce (12), tag (16). */
export const sealOverhead = 1 + 12 + 16

/** 32 random bytes: the root of a store's encryption. */
export function generateDataKey(): Uint8Array<ArrayBuffer> {
  return crypto.getRandomValues(new Uint8Array(dataKeyLength))
}

/** The data key as WebCrypto keeps it: it only derives. The caller's bytes are not wiped. */
export function importDataKey(dataKey: Uint8Array): Promise<CryptoKey> {
  return crypto.subtle.importKey("raw", asBufferSource(dataKey), "HKDF", false, [
    "deriveKey",
    "deriveBits",
  ])
}

export class Sealer {
  readonly #sealKey: CryptoKey
  readonly #nameKey: Uint8Array
  readonly #tokens = new Map<string, string>()
  readonly #prefixes = new Map<string, Uint8Array>()

  private constructor(sealKey: CryptoKey, nameKey: Uint8Array) {
    this.#sealKey = sealKey
    this.#nameKey = nameKey
  }

  /** Derives both keys from a data key (HKDF-SHA-256, no salt: the data key is uniformly random). */
  static async create(dataKey: CryptoKey): Promise<Sealer> {
    const aes = { name: "AES-GCM", length: 256 }
    const [sealKey, nameKey] = await Promise.all([
      crypto.subtle.deriveKey(hkdf(labels.sealKey), dataKey, aes, false, ["encrypt", "decrypt"]),
      crypto.subtle.deriveBits(hkdf(labels.nameKey), dataKey, 256),
    ])
    return new Sealer(sealKey, new Uint8Array(nameKey))
  }

  /** What stands for a scope in the clear: 32 hex characters, different in every table and every store. */
  token(table: TableName, scope: string): string {
    const name = `${table}/${scope}`
    const known = this.#tokens.get(name)
    if (known !== undefined) return known
    const mac = hmac(sha256, this.#nameKey, lengthPrefixed([table, scope]))
    const token = bytesToHex(mac.subarray(0, 16))
    if (this.#tokens.size >= tokenCacheSize) this.#tokens.clear()
    this.#tokens.set(name, token)
    return token
  }

  /**
   * version (1) || nonce (12) || ciphertext and tag; the key is the AAD. The nonce is random, which is sound for
   * 2^32 values of one data key. `value` is read before this returns its promise.
   */
  async seal(table: TableName, key: StoreKey, value: Uint8Array): Promise<Uint8Array> {
    const iv = crypto.getRandomValues(new Uint8Array(nonceLength))
    const parameters = { name: "AES-GCM", iv, additionalData: this.#associatedData(table, key) }
    const ciphertext = new Uint8Array(
      await crypto.subtle.encrypt(parameters, this.#sealKey, asBufferSource(value)),
    )
    const sealed = new Uint8Array(headerLength + ciphertext.length)
    sealed[0] = sealVersion
    sealed.set(iv, 1)
    sealed.set(ciphertext, headerLength)
    return sealed
  }

  #associatedData(table: TableName, { scope, sort }: StoreKey): Uint8Array<ArrayBuffer> {
    const name = `${table}/${scope}`
    const prefix = this.#prefixes.get(name) ?? lengthPrefixed([table, scope], sealVersion)
    if (this.#prefixes.size >= tokenCacheSize) this.#prefixes.clear()
    this.#prefixes.set(name, prefix)
    const end = lengthPrefixed([sort])
    const bytes = new Uint8Array(prefix.length + end.length)
    bytes.set(prefix)
    bytes.set(end, prefix.length)
    return bytes
  }

  /** Throws `StoreError` `tampered` for whatever `seal` did not return for this table and key. */
  async open(table: TableName, key: StoreKey, sealed: Uint8Array): Promise<Uint8Array> {
    if (sealed.length < sealOverhead || sealed[0] !== sealVersion) throw tampered(table)
    const parameters = {
      name: "AES-GCM",
      iv: asBufferSource(sealed.subarray(1, headerLength)),
      additionalData: this.#associatedData(table, key),
    }
    const ciphertext = asBufferSource(sealed.subarray(headerLength))
    try {
      return new Uint8Array(await crypto.subtle.decrypt(parameters, this.#sealKey, ciphertext))
    } catch {
      throw tampered(table)
    }
  }
}

/** WebCrypto takes no views of shared memory, and TypeScript knows. */
export function asBufferSource(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  return isUnshared(bytes) ? bytes : bytes.slice()
}

const encoder = new TextEncoder()
const nonceLength = 12
const headerLength = 1 + nonceLength
const tokenCacheSize = 4096

const hkdf = (label: string) => ({
  name: "HKDF",
  hash: "SHA-256",
  salt: new Uint8Array(0),
  info: new TextEncoder().encode(label),
})

/** Each string as UTF-8 behind its length (4 bytes, big-endian), so that no two lists give the same bytes. */
function lengthPrefixed(strings: readonly string[], version?: number): Uint8Array<ArrayBuffer> {
  const encoded = strings.map((text) => encoder.encode(text))
  const start = version === undefined ? 0 : 1
  const bytes = new Uint8Array(encoded.reduce((sum, each) => sum + 4 + each.length, start))
  const view = new DataView(bytes.buffer)
  if (version !== undefined) bytes[0] = version
  let offset = start
  for (const each of encoded) {
    view.setUint32(offset, each.length)
    bytes.set(each, offset + 4)
    offset += 4 + each.length
  }
  return bytes
}

/** Most pages have no shared memory. */
const canShare = typeof SharedArrayBuffer !== "undefined"

const isUnshared = (bytes: Uint8Array): bytes is Uint8Array<ArrayBuffer> =>
  !canShare || bytes.buffer instanceof ArrayBuffer

const tampered = (table: TableName) =>
  new StoreError("tampered", `a record of table ${table} is not what was stored under its key`)
