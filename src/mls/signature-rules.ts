// RFC 9420 §5.1.2: how keys and signatures of each scheme are encoded, and what is refused. No back end decides that.

import { decodeEcdsaSignature, encodeEcdsaSignature } from "./ecdsa-signature.ts"
import { type EdwardsStrict, ed25519Strict, ed448Strict } from "./edwards-strict.ts"
import { type NistCurve, p256, p384, p521 } from "./nist-strict.ts"
import type { SignatureName } from "./suites.ts"

export interface SignatureRules {
  isPrivateKey(bytes: Uint8Array): boolean
  /** False for what no back end may see; what it sees need not be a key that verifies anything. */
  isPublicKey(bytes: Uint8Array): boolean
  /** A fresh private key. */
  privateKey(random: (length: number) => Uint8Array): Uint8Array
  /** From what back ends make (two numbers of fixed size) to what stands in a message. */
  encodeSignature(raw: Uint8Array): Uint8Array
  /** The way back; `undefined` if it is not the one encoding of numbers in range. */
  decodeSignature(signature: Uint8Array): Uint8Array | undefined
}

export const signatureRules: Readonly<Record<SignatureName, SignatureRules>> = {
  Ed25519: edwards(ed25519Strict),
  "P-256": ecdsa(p256),
  "P-384": ecdsa(p384),
  "P-521": ecdsa(p521),
  Ed448: edwards(ed448Strict),
  "ML-DSA-44": lattice(1312, 2420),
  "ML-DSA-65": lattice(1952, 3309),
  "ML-DSA-87": lattice(2592, 4627),
}

/** FIPS 204: private keys are seeds; every public key of the right length is one, and verification decodes strictly. */
function lattice(publicKeySize: number, signatureSize: number): SignatureRules {
  return {
    isPrivateKey: (bytes) => bytes.length === 32,
    isPublicKey: (bytes) => bytes.length === publicKeySize,
    privateKey: (random) => random(32),
    encodeSignature: (raw) => raw,
    decodeSignature: (signature) => (signature.length === signatureSize ? signature : undefined),
  }
}

/** RFC 8032: private keys are seeds. */
function edwards(curve: EdwardsStrict): SignatureRules {
  return {
    isPrivateKey: (bytes) => bytes.length === curve.size,
    isPublicKey: curve.isStrictPoint,
    privateKey: (random) => random(curve.size),
    encodeSignature: (raw) => raw,
    decodeSignature: (signature) => (curve.isStrictSignature(signature) ? signature : undefined),
  }
}

/** SEC 1 §4.1: private keys are scalars. Of the two `s` that verify, both are valid: WebCrypto makes either. */
function ecdsa(curve: NistCurve): SignatureRules {
  const { size } = curve
  return {
    isPrivateKey: (bytes) => curve.isScalar(bytes),
    isPublicKey: (bytes) => curve.isPoint(bytes),
    privateKey: (random) => curve.firstScalar(() => random(size)),
    encodeSignature: encodeEcdsaSignature,
    decodeSignature(signature) {
      const raw = decodeEcdsaSignature(signature, size)
      if (raw === undefined) return undefined
      const inRange = curve.isScalar(raw.subarray(0, size)) && curve.isScalar(raw.subarray(size))
      return inRange ? raw : undefined
    },
  }
}
