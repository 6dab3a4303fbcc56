// RFC 9420 §5.1, §8: hashing, HMAC and HKDF of a suite. Synchronous: WebCrypto's calls cost more than the work
// (`long-hash.ts` is for where they do not).

import { expand, extract } from "@noble/hashes/hkdf.js"
import { hmac } from "@noble/hashes/hmac.js"
import { sha256, sha384, sha512 } from "@noble/hashes/sha2.js"
import { MlsError } from "./error.ts"
import type { HashName } from "./suites.ts"

const HASHES = { "SHA-256": sha256, "SHA-384": sha384, "SHA-512": sha512 } as const

/** What they are given is overwritten afterwards: none of it may be kept. */
export interface HashFunctions {
  hash(data: Uint8Array): Uint8Array
  mac(key: Uint8Array, data: Uint8Array): Uint8Array
  extract(salt: Uint8Array, ikm: Uint8Array): Uint8Array
  /** Throws `MlsError` `misuse` for a `length` of more than 255 times the hash's size. */
  expand(prk: Uint8Array, info: Uint8Array, length: number): Uint8Array
}

export function hashFunctions(name: HashName): HashFunctions {
  const hash = HASHES[name]
  return {
    hash: (data) => hash(data),
    mac: (key, data) => hmac(hash, key, data),
    extract: (salt, ikm) => extract(hash, ikm, salt),
    expand(prk, info, length) {
      // RFC 5869 §2.3: "length of output keying material in octets (<= 255*HashLen)".
      if (length > 255 * hash.outputLen)
        throw new MlsError("misuse", `HKDF of ${length} bytes`, "8")
      // One block (RFC 5869 §2.3: T(1) = HMAC(PRK, info || 0x01)), as nearly always: the same, with fewer objects.
      if (length > 0 && length <= hash.outputLen) {
        const block = new Uint8Array(info.length + 1)
        block.set(info)
        block[info.length] = 1
        const okm = hmac(hash, prk, block)
        return length === okm.length ? okm : okm.slice(0, length)
      }
      return expand(hash, prk, info, length)
    },
  }
}
