// RFC 8032 §5.1, §5.2 on noble: EdDSA signatures, and the verification that WebCrypto's libraries do.

import type { EdDSA } from "@noble/curves/abstract/edwards.js"
import { type DiffieHellmanBackEnd, type SignatureBackEnd, promised } from "./back-end.ts"
import { equalBytes } from "./bytes.ts"

interface Montgomery {
  getPublicKey(privateKey: Uint8Array): Uint8Array
  getSharedSecret(privateKey: Uint8Array, publicKey: Uint8Array): Uint8Array
}

/** `challenge` is the hash of R, A and the message, as the scheme defines it. */
export function eddsaBackEnd(
  curve: EdDSA,
  challenge: (R: Uint8Array, A: Uint8Array, message: Uint8Array) => Uint8Array,
): SignatureBackEnd {
  const { Point } = curve
  const size = Point.Fp.BYTES
  /** Little-endian, reduced modulo the group's order. */
  const scalar = (bytes: Uint8Array) =>
    bytes.reduceRight((sum, byte) => (sum << 8n) | BigInt(byte), 0n) % Point.Fn.ORDER
  return {
    keyPair: (privateKey) =>
      promised(() => ({ privateKey, publicKey: curve.getPublicKey(privateKey) })),
    sign: (privateKey, message) => promised(() => curve.sign(message, privateKey)),
    // `encode(S·B − k·A) == R`, without a cofactor. noble's own `verify` multiplies by the cofactor even in its
    // strict mode, and so accepts signatures that WebCrypto's libraries refuse.
    verify: (publicKey, message, signature) =>
      promised(() => {
        const R = signature.subarray(0, size)
        const A = Point.fromBytes(publicKey)
        const k = scalar(challenge(R, publicKey, message))
        const S = scalar(signature.subarray(size))
        // Neither factor is secret; the fast multiplication refuses 0, which the unsafe one takes.
        const computed = Point.BASE.multiplyUnsafe(S).subtract(A.multiplyUnsafe(k))
        return equalBytes(computed.toBytes(), R)
      }),
  }
}

export function montgomeryBackEnd(curve: Montgomery): DiffieHellmanBackEnd {
  return {
    keyPair: (privateKey) =>
      promised(() => ({ privateKey, publicKey: curve.getPublicKey(privateKey) })),
    diffieHellman: (privateKey, publicKey) =>
      promised(() => curve.getSharedSecret(privateKey, publicKey)),
  }
}
