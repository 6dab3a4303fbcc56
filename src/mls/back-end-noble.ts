// RFC 9420 §5.1 on noble: pure JavaScript, for engines whose WebCrypto lacks a curve.

import { gcm } from "@noble/ciphers/aes.js"
import { ed25519, x25519 } from "@noble/curves/ed25519.js"
import { sha512 } from "@noble/hashes/sha2.js"
import type { BackEnd } from "./back-end.ts"
import { concatBytes, equalBytes } from "./bytes.ts"
import { MlsError } from "./error.ts"
import type { CipherSuite } from "./suites.ts"

/** Throws `MlsError` `unsupported` for a suite whose algorithms are not here. */
export function nobleBackEnd(suite: CipherSuite): BackEnd {
  if (suite.kem.name !== "X25519" || suite.signature.name !== "Ed25519") {
    throw new MlsError("unsupported", `${suite.name} on noble`, "17.1")
  }
  return {
    name: "noble",
    aeadSeal: (key, nonce, aad, plaintext) =>
      promised(() => gcm(key, nonce, aad).encrypt(plaintext)),
    aeadOpen: (key, nonce, aad, ciphertext) =>
      promised(() => gcm(key, nonce, aad).decrypt(ciphertext)),
    signatureKeyPair: (privateKey) =>
      promised(() => ({ privateKey, publicKey: ed25519.getPublicKey(privateKey) })),
    sign: (privateKey, message) => promised(() => ed25519.sign(message, privateKey)),
    verify: (publicKey, message, signature) =>
      promised(() => verifyEd25519(publicKey, message, signature)),
    kemKeyPair: (privateKey) =>
      promised(() => ({ privateKey, publicKey: x25519.getPublicKey(privateKey) })),
    diffieHellman: (privateKey, publicKey) =>
      promised(() => x25519.getSharedSecret(privateKey, publicKey)),
  }
}

/** A promise that rejects with what `operation` throws. */
function promised<T>(operation: () => T): Promise<T> {
  return new Promise((resolve) => {
    resolve(operation())
  })
}

/**
 * `encode(S·B − k·A) == R`, without a cofactor: what WebCrypto's libraries compute. noble's own `verify` multiplies
 * by the cofactor even in its strict mode, and so accepts signatures that they refuse.
 */
function verifyEd25519(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean {
  const R = signature.subarray(0, 32)
  const A = ed25519.Point.fromBytes(publicKey)
  const k = scalar(sha512(concatBytes(R, publicKey, message)))
  const S = scalar(signature.subarray(32))
  // Neither factor is secret; the fast multiplication refuses 0, which the unsafe one takes.
  const computed = ed25519.Point.BASE.multiplyUnsafe(S).subtract(A.multiplyUnsafe(k))
  return equalBytes(computed.toBytes(), R)
}

/** Little-endian, reduced modulo the group's order. */
function scalar(bytes: Uint8Array): bigint {
  const value = bytes.reduceRight((sum, byte) => (sum << 8n) | BigInt(byte), 0n)
  return value % ed25519.Point.Fn.ORDER
}
