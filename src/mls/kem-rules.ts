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

/** Of ML-KEM-768's public keys, in bytes; X25519's stands behind it in the hybrids. */
const ML_KEM_768_SIZE = 1184

const hybrid: KemRules = {
  privateKeySize: 32,
  isPublicKey: (bytes) =>
    bytes.length === ML_KEM_768_SIZE + 32 &&
    isMlKemKey(bytes.subarray(0, ML_KEM_768_SIZE), 3) &&
    isUsableX25519Key(bytes.subarray(ML_KEM_768_SIZE)),
  isPrivateKey: (bytes) => bytes.length === 32,
}

export const kemRules: Readonly<Record<KemName, KemRules>> = {
  ...groupRules,
  "ML-KEM-768": {
    privateKeySize: 64,
    isPublicKey: (bytes) => isMlKemKey(bytes, 3),
    isPrivateKey: (bytes) => bytes.length === 64,
  },
  "MLKEM768-X25519": hybrid,
  "X-Wing": hybrid,
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
