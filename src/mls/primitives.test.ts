import { extract, expand } from "@noble/hashes/hkdf.js"
import { hmac } from "@noble/hashes/hmac.js"
import { sha256, sha384, sha512 } from "@noble/hashes/sha2.js"
import fc from "fast-check"
import { describe, expect, test } from "vitest"
import { hashFunctions } from "./primitives.ts"

const bytes = (maxLength: number) => fc.uint8Array({ maxLength })

describe.each([
  ["SHA-256", sha256],
  ["SHA-384", sha384],
  ["SHA-512", sha512],
] as const)("%s", (name, noble) => {
  const ours = hashFunctions(name)

  test("hashes, and makes MACs and keys, as noble does, whatever came before", () => {
    fc.assert(
      fc.property(bytes(300), bytes(300), fc.integer({ min: 1, max: 200 }), (key, data, length) => {
        expect(ours.hash(data)).toEqual(noble(data))
        expect(ours.mac(key, data)).toEqual(hmac(noble, key, data))
        expect(ours.extract(key, data)).toEqual(extract(noble, data, key))
        const prk = noble(key)
        expect(ours.expand(prk, data, length)).toEqual(expand(noble, prk, data, length))
      }),
      { numRuns: 200 },
    )
  })

  test("what it gives stays, and what it was given does", () => {
    const [key, data] = [new Uint8Array(noble.blockLen).fill(1), new Uint8Array(40).fill(2)]
    const first = ours.mac(key, data)
    const kept = first.slice()
    ours.mac(data, key)
    ours.hash(key)
    expect(first).toEqual(kept)
    expect(key).toEqual(new Uint8Array(noble.blockLen).fill(1))
    expect(data).toEqual(new Uint8Array(40).fill(2))
  })
})
