// RFC 9180 §7.1, SEC 1 §2.3: points and scalars of the NIST curves, checked before any back end sees them.

import { bytesToHex, hexToBytes } from "./bytes.ts"
import { MlsError } from "./error.ts"

export interface NistCurve {
  /** Bytes of a coordinate and of a scalar, which are equally long. */
  readonly size: number
  /** The uncompressed encoding, `4 || x || y` with reduced coordinates, of a point on the curve. The point at
   * infinity has no such encoding, and the cofactor is 1: nothing more can be wrong (RFC 9180 §7.1.4). */
  isPoint(bytes: Uint8Array): boolean
  /** Big-endian, `0 < d < n`. May be asked about secrets: the time depends on the length only. */
  isScalar(bytes: Uint8Array): boolean
  /** RFC 9180 §7.1.3: the first of 256 candidates that, masked, is a scalar. Throws `MlsError` `internal`. */
  firstScalar(candidate: (counter: number) => Uint8Array): Uint8Array
}

export const p256 = nistCurve({
  size: 32,
  bitmask: 0xff,
  prime: 2n ** 256n - 2n ** 224n + 2n ** 192n + 2n ** 96n - 1n,
  b: 0x5ac635d8aa3a93e7b3ebbd55769886bc651d06b0cc53b0f63bce3c3e27d2604bn,
  order: "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551",
})

export const p384 = nistCurve({
  size: 48,
  bitmask: 0xff,
  prime: 2n ** 384n - 2n ** 128n - 2n ** 96n + 2n ** 32n - 1n,
  b: 0xb3312fa7e23ee7e4988e056be3f82d19181d9c6efe8141120314088f5013875ac656398d8a2ed19d2a85c8edd3ec2aefn,
  order:
    "ffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf581a0db248b0a77aecec196accc52973",
})

export const p521 = nistCurve({
  size: 66,
  bitmask: 0x01,
  prime: 2n ** 521n - 1n,
  b: 0x51953eb9618e1c9a1f929a21a0b68540eea2da725b99b315f3b8b489918ef109e156193951ec7e937b1652c0bd3bb1bf073573df883d2c34f1ef451fd46b503f00n,
  order:
    "01fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffa" +
    "51868783bf2f966b7fcc0148f709a5d03bb5c9b8899c47aebb6fb71e91386409",
})

interface Parameters {
  readonly size: number
  /** What candidates for a scalar keep of their first byte. */
  readonly bitmask: number
  readonly prime: bigint
  /** The curve is y² = x³ − 3x + b. */
  readonly b: bigint
  readonly order: string
}

function nistCurve({ size, bitmask, prime, b, order }: Parameters): NistCurve {
  const n = hexToBytes(order)
  const isScalar = (bytes: Uint8Array) => {
    if (bytes.length !== size) return false
    let borrow = 0
    let bits = 0
    for (let i = size - 1; i >= 0; i--) {
      const byte = bytes[i] ?? 0
      bits |= byte
      borrow = ((byte - (n[i] ?? 0) - borrow) >> 8) & 1
    }
    return bits !== 0 && borrow === 1
  }
  return {
    size,
    isScalar,
    isPoint(bytes) {
      if (bytes.length !== 1 + 2 * size || bytes[0] !== 4) return false
      const x = bigEndian(bytes.subarray(1, 1 + size))
      const y = bigEndian(bytes.subarray(1 + size))
      return x < prime && y < prime && (y * y - (x * x - 3n) * x - b) % prime === 0n
    },
    firstScalar(candidate) {
      for (let counter = 0; counter < 256; counter++) {
        const bytes = candidate(counter)
        const masked = bytes.with(0, (bytes[0] ?? 0) & bitmask)
        if (isScalar(masked)) return masked
      }
      throw new MlsError("internal", "256 candidates for a private key, none of them in range")
    },
  }
}

/** For coordinates, which are public. */
function bigEndian(bytes: Uint8Array): bigint {
  return BigInt(`0x${bytesToHex(bytes)}`)
}
