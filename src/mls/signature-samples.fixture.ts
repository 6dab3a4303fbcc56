// RFC 9420 §5.1.2: signatures on which verifiers are known to disagree, and what must be said of each.

import type { EdwardsPointCons } from "@noble/curves/abstract/edwards.js"
import type { WeierstrassPointCons } from "@noble/curves/abstract/weierstrass.js"
import { ed25519 } from "@noble/curves/ed25519.js"
import { ed448 } from "@noble/curves/ed448.js"
import { p256, p384, p521 } from "@noble/curves/nist.js"
import { ml_dsa44, ml_dsa65, ml_dsa87 } from "@noble/post-quantum/ml-dsa.js"
import { sha256, sha384, sha512 } from "@noble/hashes/sha2.js"
import { shake256 } from "@noble/hashes/sha3.js"
import { bytesToHex, concatBytes, hexToBytes } from "./bytes.ts"
import type { SignatureName } from "./suites.ts"

/** Hexadecimal, so that it can be handed to a browser. Every signature is under `SAMPLE` or meant to look so. */
export interface SignatureSample {
  readonly title: string
  readonly publicKey: string
  readonly signature: string
  readonly valid: boolean
}

export const SAMPLE = { label: "sample", content: hexToBytes("01") }

/** `SignContent` of the sample. */
const MESSAGE = concatBytes(hexToBytes("0e"), utf8("MLS 1.0 sample"), hexToBytes("0101"))

export function signatureSamples(name: SignatureName): SignatureSample[] {
  switch (name) {
    case "Ed25519":
      return edwardsSamples({
        Point: ed25519.Point,
        torsion: "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
        hash: (R, A) => sha512(concatBytes(R, A, MESSAGE)),
      })
    case "Ed448":
      return edwardsSamples({
        Point: ed448.Point,
        torsion: "00".repeat(57),
        hash: (R, A) =>
          shake256(concatBytes(utf8("SigEd448"), hexToBytes("0000"), R, A, MESSAGE), {
            dkLen: 114,
          }),
      })
    case "P-256":
      return ecdsaSamples({ Point: p256.Point, digest: sha256(MESSAGE) })
    case "P-384":
      return ecdsaSamples({ Point: p384.Point, digest: sha384(MESSAGE) })
    case "P-521":
      return ecdsaSamples({ Point: p521.Point, digest: sha512(MESSAGE) })
    case "ML-DSA-44":
      return latticeSamples(ml_dsa44)
    case "ML-DSA-65":
      return latticeSamples(ml_dsa65)
    case "ML-DSA-87":
      return latticeSamples(ml_dsa87)
  }
}

/** FIPS 204: pure, without context; anything else is another message. */
function latticeSamples(scheme: typeof ml_dsa44): SignatureSample[] {
  const { publicKey, secretKey } = scheme.keygen(new Uint8Array(32).fill(7))
  const other = scheme.keygen(new Uint8Array(32).fill(8))
  const good = scheme.sign(MESSAGE, secretKey, { extraEntropy: false })
  const flipped = (at: number) => good.with(at, (good.at(at) ?? 0) ^ 1)
  const wrong = (title: string, signature: Uint8Array, by: Uint8Array = publicKey) =>
    sample(title, by, signature, false)
  return [
    sample("as it is made", publicKey, good, true),
    sample(
      "with randomness",
      publicKey,
      scheme.sign(MESSAGE, secretKey, { extraEntropy: new Uint8Array(32).fill(1) }),
      true,
    ),
    wrong("with a context", scheme.sign(MESSAGE, secretKey, { context: Uint8Array.of(1) })),
    wrong("of a hash", scheme.prehash(sha512).sign(MESSAGE, secretKey)),
    wrong("of another message", scheme.sign(MESSAGE.subarray(1), secretKey)),
    wrong("by another key", scheme.sign(MESSAGE, other.secretKey)),
    wrong("under another key", good, other.publicKey),
    wrong("whose challenge is changed", flipped(0)),
    wrong("whose response is changed", flipped(100)),
    // The number of hints: the last byte. None may stand behind them.
    wrong("whose hints are changed", flipped(-1)),
    wrong("a byte too few", good.subarray(1)),
    wrong("a byte too many", concatBytes(good, Uint8Array.of(0))),
    wrong("nothing", new Uint8Array()),
    wrong("zeros", new Uint8Array(good.length)),
    wrong("by a key with a byte too few", good, publicKey.subarray(1)),
    wrong("by a key with a byte too many", good, concatBytes(publicKey, Uint8Array.of(0))),
    wrong("by no key", good, new Uint8Array()),
  ]
}

interface Ecdsa {
  readonly Point: WeierstrassPointCons<bigint>
  readonly digest: Uint8Array
}

function ecdsaSamples({ Point, digest }: Ecdsa): SignatureSample[] {
  const { Fn, Fp, BASE } = Point
  const n = Fn.ORDER
  const z = Fn.create(bigEndian(digest))
  const secret = 4711n
  const key = BASE.multiply(secret)
  const publicKey = key.toBytes(false)
  const signed = (d: bigint, k: bigint) => {
    const r = Fn.create(BASE.multiply(k).toAffine().x)
    return { r, s: Fn.mul(Fn.inv(k), Fn.add(z, Fn.mul(r, d))) }
  }
  // A nonce with which both integers need a zero before them, so that leaving it away can be tested.
  let nonce = 1n
  const needsZero = (value: bigint) => integer(value)[2] === 0
  while (!needsZero(signed(secret, nonce).r) || !needsZero(signed(secret, nonce).s)) nonce++
  const { r, s } = signed(secret, nonce)
  const der = (first: bigint, second: bigint) => sequence(integer(first), integer(second))
  const [R, S] = [integer(r), integer(s)]
  const good = sequence(R, S)
  const content = concatBytes(R, S)
  const size = Fn.BYTES

  const valid = (title: string, signature: Uint8Array, by: Uint8Array = publicKey) =>
    sample(title, by, signature, true)
  const wrong = (title: string, signature: Uint8Array, by: Uint8Array = publicKey) =>
    sample(title, by, signature, false)
  const longForm = content.length < 0x80 ? [0x30, 0x81] : [0x30, 0x82, 0]
  const one = signed(1n, 99n)
  const last = signed(n - 1n, 99n)
  const large = largeX(Point, z)
  return [
    valid("as it is made", good),
    valid("with the other s", der(r, n - s)),
    valid("by the base point", der(one.r, one.s), BASE.toBytes(false)),
    valid("by the base point, negated", der(last.r, last.s), BASE.negate().toBytes(false)),
    valid("whose R has an x that is not below n", der(large.r, large.s), large.publicKey),
    // The encoding.
    wrong("r with a needless zero", sequence(tlv(2, [0, ...R.subarray(2)]), S)),
    wrong("s with a needless zero", sequence(R, tlv(2, [0, ...S.subarray(2)]))),
    wrong("r that reads as negative", sequence(tlv(2, R.subarray(3)), S)),
    wrong("s that reads as negative", sequence(R, tlv(2, S.subarray(3)))),
    wrong("a longer length", Uint8Array.of(...longForm, content.length, ...content)),
    wrong("a longer length of r", sequence(Uint8Array.of(2, 0x81, ...R.subarray(1)), S)),
    wrong("an indefinite length", Uint8Array.of(0x30, 0x80, ...content, 0, 0)),
    wrong("a byte behind", concatBytes(good, Uint8Array.of(0))),
    wrong("a byte behind s", sequence(R, S, Uint8Array.of(0))),
    wrong("a third number", sequence(R, S, S)),
    wrong("a byte too few", good.subarray(0, -1)),
    wrong("a length that is one too large", good.with(-content.length - 1, content.length + 1)),
    wrong("a length that is one too small", good.with(-content.length - 1, content.length - 1)),
    wrong("a set", good.with(0, 0x31)),
    wrong("an octet string for r", sequence(R.with(0, 4), S)),
    wrong("r alone", sequence(R)),
    wrong("an empty sequence", sequence()),
    wrong("an empty s", sequence(R, tlv(2, []))),
    wrong("nothing", new Uint8Array()),
    wrong("two numbers without DER", concatBytes(fixed(r, size), fixed(s, size))),
    // The numbers.
    wrong("r = 0", der(0n, s)),
    wrong("s = 0", der(r, 0n)),
    wrong("both 0", der(0n, 0n)),
    wrong("r = n", der(n, s)),
    wrong("s = n", der(r, n)),
    wrong("r + n", der(r + n, s)),
    wrong("s + n", der(r, s + n)),
    wrong("r + 1", der(r + 1n, s)),
    wrong("s + 1", der(r, s + 1n)),
    wrong("r and s exchanged", der(s, r)),
    // The key.
    wrong("by the negated key", good, key.negate().toBytes(false)),
    wrong("by a compressed key", good, key.toBytes(true)),
    wrong("by a hybrid key", good, publicKey.with(0, 6 + ((publicKey.at(-1) ?? 0) & 1))),
    wrong("by a key without prefix", good, publicKey.subarray(1)),
    wrong("by a key that is no point", good, publicKey.with(-1, (publicKey.at(-1) ?? 0) ^ 1)),
    wrong("by infinity", good, Uint8Array.of(0)),
    wrong("by (0, 0)", good, new Uint8Array(1 + 2 * Fp.BYTES).with(0, 4)),
    wrong("by a key that is too short", good, publicKey.subarray(0, -1)),
    wrong("by a key that is too long", good, concatBytes(publicKey, Uint8Array.of(0))),
    wrong("by no key", good, new Uint8Array()),
  ]
}

/** A signature whose R has an x coordinate of n or more: `r` is x − n. The key is found from the signature. */
function largeX(Point: WeierstrassPointCons<bigint>, z: bigint) {
  const { Fn, Fp, BASE } = Point
  for (let x = Fn.ORDER + 1n; ; x++) {
    const compressed = concatBytes(Uint8Array.of(2), fixed(x, Fp.BYTES))
    const R = pointOrNone(Point, compressed)
    if (R === undefined) continue
    const [r, s] = [x - Fn.ORDER, 5n]
    const inverse = Fn.inv(r)
    const key = R.multiply(Fn.mul(s, inverse)).subtract(BASE.multiply(Fn.mul(z, inverse)))
    return { r, s, publicKey: key.toBytes(false) }
  }
}

function pointOrNone(Point: WeierstrassPointCons<bigint>, encoding: Uint8Array) {
  try {
    return Point.fromBytes(encoding)
  } catch {
    return undefined
  }
}

interface Edwards {
  readonly Point: EdwardsPointCons
  /** A point whose order is the cofactor. */
  readonly torsion: string
  readonly hash: (R: Uint8Array, A: Uint8Array) => Uint8Array
}

function edwardsSamples({ Point, torsion, hash }: Edwards): SignatureSample[] {
  const { BASE, ZERO, Fn, Fp } = Point
  const size = Fp.BYTES
  const order = Fn.ORDER
  const small = Point.fromHex(torsion)
  const cofactor = Point.CURVE().h
  const secret = 4711n
  const key = BASE.multiply(secret)
  const challenge = (R: Uint8Array, A: Uint8Array) => Fn.create(littleEndian(hash(R, A)))
  const signature = (R: Uint8Array, S: bigint) => concatBytes(R, reversed(fixed(S, size)))
  const made = (nonce: bigint, R = BASE.multiply(nonce), A = key) => {
    const [encodedR, encodedA] = [R.toBytes(), A.toBytes()]
    const S = (nonce + challenge(encodedR, encodedA) * secret) % order
    return { R: encodedR, A: encodedA, S, signature: signature(encodedR, S) }
  }
  const good = made(67890n)
  const wrong = (title: string, bytes: Uint8Array, by: Uint8Array = good.A) =>
    sample(title, by, bytes, false)

  const smallPoints = Array.from({ length: Number(cofactor) }, (_, i) =>
    small.multiplyUnsafe(BigInt(i)),
  )
  const isZero = (point: typeof small) => point.equals(ZERO)
  return [
    sample("as it is made", good.A, good.signature, true),
    wrong("S + L", signature(good.R, good.S + order)),
    wrong("S + 1", signature(good.R, good.S + 1n)),
    wrong("a byte too few", good.signature.subarray(1)),
    wrong("a byte too many", concatBytes(good.signature, Uint8Array.of(0))),
    wrong("nothing", new Uint8Array()),
    wrong("by a key that is too short", good.signature, good.A.subarray(1)),
    wrong("by a key that is too long", good.signature, concatBytes(good.A, Uint8Array.of(0))),
    wrong("by the negated key", good.signature, key.negate().toBytes()),
    wrong(
      "with an R of which a part has small order",
      made(67890n, BASE.multiply(67890n).add(small)).signature,
    ),
    ...smallPoints.map((point, i) => {
      const [A, R] = [point.toBytes(), BASE.multiply(5n)]
      // S·B = R + k·A holds for the neutral element with S = 5.
      return sample(`by point ${i} of small order`, A, signature(R.toBytes(), 5n), false)
    }),
    ...smallPoints.filter(isZero).map((point) => {
      const R = point.toBytes()
      return wrong("an R of small order", signature(R, (challenge(R, good.A) * secret) % order))
    }),
    // 1 + p, which is the neutral element again, and a sign where x is 0.
    wrong("by a key that is not reduced", good.signature, reversed(fixed(Fp.ORDER + 1n, size))),
    wrong("by a key with a needless sign", good.signature, ZERO.toBytes().with(-1, 0x80)),
    // A key of mixed order: the equation without cofactor holds for some challenges only.
    ...Array.from({ length: 24 }, (_, i) => {
      const { R, A, signature: bytes } = made(BigInt(i + 1), undefined, key.add(small))
      const k = challenge(R, A)
      return sample(`${i} by a key of mixed order`, A, bytes, k % cofactor === 0n)
    }),
  ]
}

function sample(
  title: string,
  publicKey: Uint8Array,
  signature: Uint8Array,
  valid: boolean,
): SignatureSample {
  return { title, publicKey: bytesToHex(publicKey), signature: bytesToHex(signature), valid }
}

/** Tag, shortest length, content. */
function tlv(tag: number, content: Iterable<number>): Uint8Array {
  const bytes = Uint8Array.from(content)
  const length = bytes.length < 0x80 ? [bytes.length] : [0x81, bytes.length]
  return Uint8Array.of(tag, ...length, ...bytes)
}

function sequence(...parts: readonly Uint8Array[]): Uint8Array {
  return tlv(0x30, concatBytes(...parts))
}

function integer(value: bigint): Uint8Array {
  const digits = value.toString(16)
  const bytes = hexToBytes(digits.padStart(digits.length + (digits.length % 2), "0"))
  return tlv(2, (bytes[0] ?? 0) < 0x80 ? bytes : [0, ...bytes])
}

function fixed(value: bigint, size: number): Uint8Array {
  return hexToBytes(value.toString(16).padStart(2 * size, "0"))
}

function bigEndian(bytes: Uint8Array): bigint {
  return BigInt(`0x${bytesToHex(bytes)}`)
}

function littleEndian(bytes: Uint8Array): bigint {
  return bigEndian(reversed(bytes))
}

function reversed(bytes: Uint8Array): Uint8Array {
  return bytes.toReversed()
}

function utf8(text: string): Uint8Array {
  return new TextEncoder().encode(text)
}
