// RFC 8032 §5.1.7, §5.2.7, stricter: encodings on which verifiers disagree are refused before any back end sees them.

import { concatBytes, equalBytes, hexToBytes } from "./bytes.ts"

/** One curve; numbers are little-endian in as many bytes as the encoding of a point has. */
interface EdwardsCurve {
  readonly size: number
  /** The field's prime. */
  readonly prime: Uint8Array
  /** The order of the base point. */
  readonly order: Uint8Array
  /** The y coordinates of the points of small order. */
  readonly smallOrder: readonly Uint8Array[]
}

export interface EdwardsStrict {
  readonly size: number
  /** Bytes that canonically encode a y coordinate, of no point of small order. Whether it is a point is not checked. */
  readonly isStrictPoint: (bytes: Uint8Array) => boolean
  /** A strict R and an S below the group's order. */
  readonly isStrictSignature: (signature: Uint8Array) => boolean
}

/** Ed25519: points of 32 bytes, eight of them of small order. */
export const ed25519Strict = edwardsStrict({
  size: 32,
  // 2^255 − 19
  prime: concatBytes(Uint8Array.of(0xed), new Uint8Array(30).fill(0xff), Uint8Array.of(0x7f)),
  order: hexToBytes("edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010"),
  smallOrder: [
    "0100000000000000000000000000000000000000000000000000000000000000",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "0000000000000000000000000000000000000000000000000000000000000000",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
  ].map(hexToBytes),
})

/** 2^448 − 2^224 − 1, in 57 bytes. */
const P448 = new Uint8Array(57).fill(0xff).with(28, 0xfe).with(56, 0)

/** Ed448: points of 57 bytes, four of them of small order. */
export const ed448Strict = edwardsStrict({
  size: 57,
  prime: P448,
  order: hexToBytes(
    "f34458ab92c27823558fc58d72c26c219036d6ae49db4ec4e923ca7c".padEnd(110, "f") + "3f00",
  ),
  // 1, −1 and 0.
  smallOrder: [new Uint8Array(57).with(0, 1), P448.with(0, 0xfe), new Uint8Array(57)],
})

function edwardsStrict(curve: EdwardsCurve): EdwardsStrict {
  const { size, prime, order, smallOrder } = curve
  const isStrictPoint = (bytes: Uint8Array) => {
    if (bytes.length !== size) return false
    const y = bytes.slice()
    y[size - 1] = (y[size - 1] ?? 0) & 0x7f
    return isBelow(y, prime) && !smallOrder.some((small) => equalBytes(small, y))
  }
  return {
    size,
    isStrictPoint,
    isStrictSignature: (signature) =>
      signature.length === 2 * size &&
      isStrictPoint(signature.subarray(0, size)) &&
      isBelow(signature.subarray(size), order),
  }
}

/** Little-endian comparison of equally long numbers; both are public. */
function isBelow(a: Uint8Array, b: Uint8Array): boolean {
  for (let i = a.length - 1; i >= 0; i--) {
    const difference = (a[i] ?? 0) - (b[i] ?? 0)
    if (difference !== 0) return difference < 0
  }
  return false
}
