// RFC 9180 §7.1: the KEMs' sizes, which keys can be used, and how private keys are derived. No back end decides that.

import { isUsableX25519Key, isUsableX448Key } from "./montgomery-strict.ts"
import { type NistCurve, p256, p384, p521 } from "./nist-strict.ts"
import type { KemName } from "./suites.ts"

/** Sizes in bytes. */
export interface KemRules {
  readonly secretSize: number
  readonly privateKeySize: number
  isPublicKey(bytes: Uint8Array): boolean
  isPrivateKey(bytes: Uint8Array): boolean
  /** `DeriveKeyPair` (§7.1.3) after `dkp_prk`; `expand` is its `LabeledExpand`. */
  derivePrivateKey(
    expand: (label: string, info: Uint8Array, length: number) => Uint8Array,
  ): Uint8Array
}

export const kemRules: Readonly<Record<KemName, KemRules>> = {
  X25519: montgomery(32, 32, isUsableX25519Key),
  "P-256": nist(32, p256),
  "P-384": nist(48, p384),
  "P-521": nist(64, p521),
  X448: montgomery(64, 56, isUsableX448Key),
}

function montgomery(
  secretSize: number,
  size: number,
  isPublicKey: (bytes: Uint8Array) => boolean,
): KemRules {
  return {
    secretSize,
    privateKeySize: size,
    isPublicKey,
    isPrivateKey: (bytes) => bytes.length === size,
    derivePrivateKey: (expand) => expand("sk", new Uint8Array(), size),
  }
}

function nist(secretSize: number, curve: NistCurve): KemRules {
  const { size } = curve
  return {
    secretSize,
    privateKeySize: size,
    isPublicKey: (bytes) => curve.isPoint(bytes),
    isPrivateKey: (bytes) => curve.isScalar(bytes),
    derivePrivateKey: (expand) =>
      curve.firstScalar((counter) => expand("candidate", Uint8Array.of(counter), size)),
  }
}
