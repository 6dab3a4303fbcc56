// RFC 9180 §7.1.4: public keys that can, or can't, be agreed with.

import type { WeierstrassPointCons } from "@noble/curves/abstract/weierstrass.js"
import { p256, p384, p521 } from "@noble/curves/nist.js"
import { ml_kem1024_p384, ml_kem768_p256, ml_kem768_x25519 } from "@noble/post-quantum/hybrid.js"
import { ml_kem1024, ml_kem768 } from "@noble/post-quantum/ml-kem.js"
import { bytesToHex, concatBytes, hexToBytes } from "./bytes.ts"
import type { KemName } from "./suites.ts"

/** Hexadecimal, so that it can be handed to a browser. */
export interface KemKeySample {
  readonly title: string
  readonly publicKey: string
  readonly usable: boolean
}

const HYBRID_SEED = new Uint8Array(32).fill(7)

export function kemKeySamples(name: KemName): KemKeySample[] {
  switch (name) {
    case "X25519":
      return montgomerySamples(32, 2n ** 255n - 19n, [
        325606250916557431795983626356110631294008115727848805560023387167927233504n,
        39382357235489614581723060781553021112529911719440698176882885853963445705823n,
      ])
    case "X448":
      return montgomerySamples(56, 2n ** 448n - 2n ** 224n - 1n, [])
    case "P-256":
      return nistSamples(p256.Point)
    case "P-384":
      return nistSamples(p384.Point)
    case "P-521":
      return nistSamples(p521.Point)
    case "ML-KEM-768":
      return latticeSamples(ml_kem768.keygen(new Uint8Array(64).fill(7)).publicKey)
    case "ML-KEM-1024":
      return latticeSamples(ml_kem1024.keygen(new Uint8Array(64).fill(7)).publicKey)
    case "MLKEM768-P256":
      return hybridSamples(ml_kem768_p256.keygen(HYBRID_SEED).publicKey, nistSamples(p256.Point))
    case "MLKEM1024-P384":
      return hybridSamples(ml_kem1024_p384.keygen(HYBRID_SEED).publicKey, nistSamples(p384.Point))
    case "MLKEM768-X25519":
    case "X-Wing":
      return hybridSamples(
        ml_kem768_x25519.keygen(HYBRID_SEED).publicKey,
        montgomerySamples(32, 2n ** 255n - 19n, []),
      )
  }
}

/** RFC 7748: every string of the right length is a u coordinate, reduced or not, of the curve or of its twist. */
function montgomerySamples(size: number, p: bigint, order8: readonly bigint[]): KemKeySample[] {
  const key = (title: string, u: bigint, usable: boolean) =>
    sample(title, littleEndian(u, size), usable)
  return [
    key("u = 2", 2n, true),
    key("u = 5", 5n, true),
    key("u = 9", 9n, true),
    key("2 + p", 2n + p, true),
    ...[0n, 1n, p - 1n, p, p + 1n, ...order8].map((u) => key(`u = ${u}`, u, false)),
    sample("a byte too few", new Uint8Array(size - 1).fill(9), false),
    sample("a byte too many", new Uint8Array(size + 1).fill(9), false),
    sample("nothing", new Uint8Array(), false),
  ]
}

/** FIPS 203 §7.2: a coefficient of 12 bits is below 3329 = 0xd01. The first is the low 12 bits of the key. */
function latticeSamples(publicKey: Uint8Array): KemKeySample[] {
  const first = (value: number) =>
    publicKey.with(0, value & 0xff).with(1, ((publicKey[1] ?? 0) & 0xf0) | (value >> 8))
  const second = (value: number) =>
    publicKey.with(1, ((publicKey[1] ?? 0) & 0x0f) | ((value & 0x0f) << 4)).with(2, value >> 4)
  return [
    sample("a key", publicKey, true),
    sample("the greatest first coefficient", first(3328), true),
    sample("the greatest second coefficient", second(3328), true),
    sample("a first coefficient too great", first(3329), false),
    sample("a second coefficient too great", second(3329), false),
    sample("all ones", new Uint8Array(publicKey.length).fill(0xff), false),
    sample("a byte too few", publicKey.slice(1), false),
    sample("a byte too many", concatBytes(publicKey, Uint8Array.of(0)), false),
    sample("nothing", new Uint8Array(), false),
  ]
}

/** A key of both, then its lattice part with each key of the group. */
function hybridSamples(publicKey: Uint8Array, points: readonly KemKeySample[]): KemKeySample[] {
  const [first] = points
  const lattice = publicKey.subarray(0, publicKey.length - (first?.publicKey.length ?? 0) / 2)
  return [
    ...latticeSamples(publicKey),
    ...points.map(({ title, publicKey: point, usable }) =>
      sample(`the group's: ${title}`, concatBytes(lattice, hexToBytes(point)), usable),
    ),
  ]
}

function nistSamples(Point: WeierstrassPointCons<bigint>): KemKeySample[] {
  const { BASE, Fp } = Point
  const size = Fp.BYTES
  const p = Fp.ORDER
  const key = BASE.multiply(4711n).toBytes(false)
  const last = key.at(-1) ?? 0
  const encoded = (x: bigint, y: bigint) =>
    concatBytes(Uint8Array.of(4), fixed(x, size), fixed(y, size))
  // All three curves have points with x = 0.
  const { y } = Point.fromBytes(new Uint8Array(1 + size).with(0, 2)).toAffine()
  const base = BASE.toAffine()
  const fits = (value: bigint) => value < 2n ** BigInt(8 * size)
  const swapped = concatBytes(key.subarray(0, 1), key.subarray(1 + size), key.subarray(1, 1 + size))
  return [
    sample("a point", key, true),
    sample("the base point", encoded(base.x, base.y), true),
    sample("a point with x = 0", encoded(0n, y), true),
    sample("the same, x not reduced", encoded(p, y), false),
    ...(fits(base.y + p) ? [sample("y not reduced", encoded(base.x, base.y + p), false)] : []),
    sample("another y", key.with(-1, last ^ 1), false),
    sample("x and y exchanged", swapped, false),
    sample("y = 0", encoded(base.x, 0n), false),
    sample("(0, 0)", encoded(0n, 0n), false),
    sample("infinity", Uint8Array.of(0), false),
    sample("infinity, padded", new Uint8Array(1 + 2 * size), false),
    sample("compressed", BASE.toBytes(true), false),
    sample("compressed, padded", concatBytes(BASE.toBytes(true), new Uint8Array(size)), false),
    sample("hybrid", key.with(0, 6 + (last & 1)), false),
    sample("without prefix", key.subarray(1), false),
    sample("another prefix", key.with(0, 5), false),
    sample("a byte too few", key.subarray(0, -1), false),
    sample("a byte too many", concatBytes(key, Uint8Array.of(0)), false),
    sample("nothing", new Uint8Array(), false),
  ]
}

function sample(title: string, publicKey: Uint8Array, usable: boolean): KemKeySample {
  return { title, publicKey: bytesToHex(publicKey), usable }
}

function fixed(value: bigint, size: number): Uint8Array {
  return hexToBytes(value.toString(16).padStart(2 * size, "0"))
}

function littleEndian(value: bigint, size: number): Uint8Array {
  return fixed(value, size).toReversed()
}
