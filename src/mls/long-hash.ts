// RFC 9420 §5.1: hashes of what may be long, a large group's Welcome or Commit: WebCrypto's, where it is there.

import { source } from "./back-end-webcrypto.ts"
import { ownStretch } from "./batches.ts"
import { concatBytes } from "./bytes.ts"
import type { LongHashFunctions } from "./crypto.ts"
import type { HashFunctions } from "./primitives.ts"
import type { HashName } from "./suites.ts"

/** Bytes from which on WebCrypto is quicker than noble, for all that a call of it costs. */
const LONG = 4096

/** Bytes that the hash takes in at a time (FIPS 180-4 §1). */
const BLOCK: Readonly<Record<HashName, number>> = { "SHA-256": 64, "SHA-384": 128, "SHA-512": 128 }

/** `native`: whether WebCrypto is to be used. */
export function longHashFunctions(
  name: HashName,
  { hash, mac }: Pick<HashFunctions, "hash" | "mac">,
  native: boolean,
): LongHashFunctions {
  const longHash = async (data: Uint8Array) => {
    await ownStretch(data)
    if (!native || data.length < LONG) return hash(data)
    return new Uint8Array(await crypto.subtle.digest(name, source(data)))
  }
  return {
    longHash,
    async longMac(key, data) {
      if (!native || data.length < LONG) {
        await ownStretch(data)
        return mac(key, data)
      }
      // RFC 2104 §2: H(K XOR opad, H(K XOR ipad, text)).
      const block = new Uint8Array(BLOCK[name])
      block.set(key.length > block.length ? hash(key) : key)
      const padded = (pad: number) => block.map((byte) => byte ^ pad)
      const inner = await longHash(concatBytes(padded(0x36), data))
      return hash(concatBytes(padded(0x5c), inner))
    },
  }
}
