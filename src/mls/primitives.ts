// RFC 9420 §5.1, §8: hashing, HMAC and HKDF of a suite. Synchronous: WebCrypto's calls cost more than the work
// (`long-hash.ts` is for where they do not).

import { expand } from "@noble/hashes/hkdf.js"
import { sha256, sha384, sha512 } from "@noble/hashes/sha2.js"
import type { CHash, Hash } from "@noble/hashes/utils.js"
import { MlsError } from "./error.ts"
import type { HashName } from "./suites.ts"

/** What they are given is overwritten afterwards: none of it may be kept. */
export interface HashFunctions {
  hash(data: Uint8Array): Uint8Array
  mac(key: Uint8Array, data: Uint8Array): Uint8Array
  extract(salt: Uint8Array, ikm: Uint8Array): Uint8Array
  /** Throws `MlsError` `misuse` for a `length` of more than 255 times the hash's size. */
  expand(prk: Uint8Array, info: Uint8Array, length: number): Uint8Array
}

export function hashFunctions(name: HashName): HashFunctions {
  switch (name) {
    case "SHA-256":
      return functionsOf(sha256)
    case "SHA-384":
      return functionsOf(sha384)
    case "SHA-512":
      return functionsOf(sha512)
  }
}

function functionsOf<H extends Hash<H>>(made: CHash<H>): HashFunctions {
  const hash = hasher(made)
  const mac = hmac(made, hash)
  return {
    hash: (data) => hash([data]),
    mac,
    // RFC 5869 §2.2: PRK = HMAC-Hash(salt, IKM).
    extract: mac,
    expand(prk, info, length) {
      // RFC 5869 §2.3: "length of output keying material in octets (<= 255*HashLen)".
      if (length > 255 * made.outputLen)
        throw new MlsError("misuse", `HKDF of ${length} bytes`, "8")
      // One block (RFC 5869 §2.3: T(1) = HMAC(PRK, info || 0x01)), as nearly always: the same, with fewer objects.
      if (length > 0 && length <= made.outputLen) {
        const block = new Uint8Array(info.length + 1)
        block.set(info)
        block[info.length] = 1
        const okm = mac(prk, block)
        return length === okm.length ? okm : okm.slice(0, length)
      }
      return expand(made, prk, info, length)
    },
  }
}

/**
 * The hash of parts, one after the other. One object serves all calls: to make one costs as much as to hash a block, and
 * most of what MLS hashes is one or two. Nothing of the parts is left in it.
 */
function hasher<H extends Hash<H>>(made: CHash<H>): (parts: readonly Uint8Array[]) => Uint8Array {
  const [fresh, used] = [made.create(), made.create()]
  return (parts) => {
    fresh._cloneInto(used)
    for (const part of parts) used.update(part)
    return used.digest()
  }
}

/** RFC 2104. */
function hmac(
  { blockLen }: { readonly blockLen: number },
  hash: (parts: readonly Uint8Array[]) => Uint8Array,
): (key: Uint8Array, data: Uint8Array) => Uint8Array {
  const pad = new Uint8Array(blockLen)
  // In halves it goes by way of the hasher's own buffer; as a whole block it would get a view made for it.
  const [first, second] = [pad.subarray(0, blockLen / 2), pad.subarray(blockLen / 2)]
  return (key, data) => {
    const short = key.length > blockLen ? hash([key]) : key
    for (let i = 0; i < blockLen; i++) pad[i] = (short[i] ?? 0) ^ 0x36
    const inner = hash([first, second, data])
    for (let i = 0; i < blockLen; i++) pad[i] = (short[i] ?? 0) ^ 0x5c
    const tag = hash([first, second, inner])
    pad.fill(0)
    inner.fill(0)
    return tag
  }
}
