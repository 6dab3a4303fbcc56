// RFC 8032 §5.1.7, stricter: encodings on which verifiers disagree are refused before any back end sees them.

import { concatBytes, equalBytes, hexToBytes } from "./bytes.ts"

/** 2^255 − 19, little-endian. */
const P = concatBytes(Uint8Array.of(0xed), new Uint8Array(30).fill(0xff), Uint8Array.of(0x7f))
/** The order of the base point, little-endian. */
const L = hexToBytes("edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010")

/** The y coordinates of the eight points of small order. */
const SMALL_ORDER_Y = [
  "0100000000000000000000000000000000000000000000000000000000000000",
  "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
  "0000000000000000000000000000000000000000000000000000000000000000",
  "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
  "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
].map(hexToBytes)

/** 32 bytes that canonically encode a y coordinate, of no point of small order. Whether it is a point is not checked. */
export function isStrictPoint(bytes: Uint8Array): boolean {
  if (bytes.length !== 32) return false
  const y = bytes.slice()
  y[31] = (y[31] ?? 0) & 0x7f
  return isBelow(y, P) && !SMALL_ORDER_Y.some((small) => equalBytes(small, y))
}

/** 64 bytes: a strict R and an S below the group's order. */
export function isStrictSignature(signature: Uint8Array): boolean {
  if (signature.length !== 64) return false
  return isStrictPoint(signature.subarray(0, 32)) && isBelow(signature.subarray(32), L)
}

/** Little-endian comparison of equally long numbers; both are public. */
function isBelow(a: Uint8Array, b: Uint8Array): boolean {
  for (let i = a.length - 1; i >= 0; i--) {
    const difference = (a[i] ?? 0) - (b[i] ?? 0)
    if (difference !== 0) return difference < 0
  }
  return false
}
