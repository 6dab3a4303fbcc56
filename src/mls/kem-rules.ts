// RFC 9180 §7.1, draft-ietf-hpke-pq: the KEMs' sizes, which keys can be used, and how private keys are derived. No back end decides that.

import { isUsableX25519Key, isUsableX448Key } from "./montgomery-strict.ts"
import { type NistCurve, p256, p384, p521 } from "./nist-strict.ts"
import { isMlKemKey } from "./ml-kem-strict.ts"
import type { GroupName, KemName } from "./suites.ts"

/** Sizes in bytes. */
export interface KemRules {
  readonly privateKeySize: number
  isPublicKey(bytes: Uint8Array): boolean
  isPrivateKey(bytes: Uint8Array): boolean
}

/** For a group, of which §4.1 makes a KEM. */
export interface GroupRules extends KemRules {
  readonly secretSize: number
  /** `DeriveKeyPair` (§7.1.3) after `dkp_prk`; `expand` is its `LabeledExpand`. */
  derivePrivateKey(
    expand: (label: string, info: Uint8Array, length: number) => Uint8Array,
  ): Uint8Array
}

export const groupRules: Readonly<Record<GroupName, GroupRules>> = {
  X25519: montgomery(32, 32, isUsableX25519Key),
  "P-256": nist(32, p256),
  "P-384": nist(48, p384),
  "P-521": nist(64, p521),
  X448: montgomery(64, 56, isUsableX448Key),
}

/** ML-KEM alone, with `k` of FIPS 203. */
const mlKem = (k: number): KemRules => ({
  privateKeySize: 64,
  isPublicKey: (bytes) => isMlKemKey(bytes, k),
  isPrivateKey: (bytes) => bytes.length === 64,
})

/** ML-KEM and a group, whose public key stands behind the lattice's. */
const hybrid = (k: number, isPublicKey: (bytes: Uint8Array) => boolean): KemRules => ({
  privateKeySize: 32,
  isPublicKey: (bytes) =>
    isMlKemKey(bytes.subarray(0, 384 * k + 32), k) && isPublicKey(bytes.subarray(384 * k + 32)),
  isPrivateKey: (bytes) => bytes.length === 32,
})

export const kemRules: Readonly<Record<KemName, KemRules>> = {
  ...groupRules,
  "ML-KEM-768": mlKem(3),
  "ML-KEM-1024": mlKem(4),
  "MLKEM768-P256": hybrid(3, (bytes) => p256.isPoint(bytes)),
  "MLKEM1024-P384": hybrid(4, (bytes) => p384.isPoint(bytes)),
  "MLKEM768-X25519": hybrid(3, isUsableX25519Key),
  "X-Wing": hybrid(3, isUsableX25519Key),
}

function montgomery(
  secretSize: number,
  size: number,
  isPublicKey: (bytes: Uint8Array) => boolean,
): GroupRules {
  return {
    secretSize,
    privateKeySize: size,
    isPublicKey,
    isPrivateKey: (bytes) => bytes.length === size,
    derivePrivateKey: (expand) => expand("sk", new Uint8Array(), size),
  }
}

function nist(secretSize: number, curve: NistCurve): GroupRules {
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
