// RFC 9420 §17.1, draft-ietf-mls-pq-ciphersuites-06 §3.1: the cipher suites, as data. Another suite is another row, never another branch.

import { MlsError } from "./error.ts"

/** Of the suite: hashing, HMAC and HKDF. */
export type HashName = "SHA-256" | "SHA-384" | "SHA-512"
/** Of the suite: its AEAD, HPKE's too. */
export type AeadName = "AES-128-GCM" | "AES-256-GCM" | "ChaCha20-Poly1305"
/** Groups, of which RFC 9180 §4.1 makes a KEM. */
export type GroupName = "X25519" | "P-256" | "P-384" | "P-521" | "X448"
/**
 * draft-ietf-hpke-pq's KEMs. X-Wing is MLKEM768-X25519 with the derivation of key pairs of draft-connolly-cfrg-xwing-kem:
 * the same number, but other keys from the same path secret.
 */
export type PostQuantumName =
  "ML-KEM-768" | "ML-KEM-1024" | "MLKEM768-P256" | "MLKEM1024-P384" | "MLKEM768-X25519" | "X-Wing"
/** The KEM of HPKE. */
export type KemName = GroupName | PostQuantumName
/** Signatures of FIPS 204. */
export type LatticeSignatureName = "ML-DSA-44" | "ML-DSA-65" | "ML-DSA-87"
/** The signatures of leaves, messages and KeyPackages. */
export type SignatureName = "Ed25519" | "P-256" | "P-384" | "P-521" | "Ed448" | LatticeSignatureName

/** What a suite consists of; sizes in bytes. Sizes of keys belong to the algorithms (`kem-rules`, `signature-rules`). */
export interface CipherSuite {
  readonly id: number
  readonly name: string
  readonly hash: { readonly name: HashName; readonly size: number }
  readonly aead: {
    readonly name: AeadName
    readonly hpkeId: number
    readonly keySize: number
    readonly nonceSize: number
  }
  /** RFC 9180 §7.1, §7.2. */
  readonly kem: { readonly name: KemName; readonly hpkeId: number; readonly hpkeKdfId: number }
  /** The name of an ECDSA curve stands for ECDSA with the hash of its size, whatever the suite's. */
  readonly signature: { readonly name: SignatureName; readonly scheme: number }
}

const sha256 = { name: "SHA-256", size: 32 } as const
const sha384 = { name: "SHA-384", size: 48 } as const
const sha512 = { name: "SHA-512", size: 64 } as const

const aes128 = { name: "AES-128-GCM", hpkeId: 0x0001, keySize: 16, nonceSize: 12 } as const
const aes256 = { name: "AES-256-GCM", hpkeId: 0x0002, keySize: 32, nonceSize: 12 } as const
const chacha = { name: "ChaCha20-Poly1305", hpkeId: 0x0003, keySize: 32, nonceSize: 12 } as const

const dhP256 = { name: "P-256", hpkeId: 0x0010, hpkeKdfId: 0x0001 } as const
const dhP384 = { name: "P-384", hpkeId: 0x0011, hpkeKdfId: 0x0002 } as const
const dhP521 = { name: "P-521", hpkeId: 0x0012, hpkeKdfId: 0x0003 } as const
const x25519 = { name: "X25519", hpkeId: 0x0020, hpkeKdfId: 0x0001 } as const
const x448 = { name: "X448", hpkeId: 0x0021, hpkeKdfId: 0x0003 } as const

// draft-ietf-mls-pq-ciphersuites-06: HPKE's KDF is that of the suite's hash, whatever the KEM does inside.
const mlKem768 = { name: "ML-KEM-768", hpkeId: 0x0041, hpkeKdfId: 0x0002 } as const
const mlKem1024 = { name: "ML-KEM-1024", hpkeId: 0x0042, hpkeKdfId: 0x0002 } as const
const mlKem768P256 = { name: "MLKEM768-P256", hpkeId: 0x0050 } as const
const mlKem1024P384 = { name: "MLKEM1024-P384", hpkeId: 0x0051, hpkeKdfId: 0x0002 } as const
const mlKem768X25519 = { name: "MLKEM768-X25519", hpkeId: 0x647a } as const
const xWing = { name: "X-Wing", hpkeId: 0x647a, hpkeKdfId: 0x0003 } as const

const ecdsaP256 = { name: "P-256", scheme: 0x0403 } as const
const ecdsaP384 = { name: "P-384", scheme: 0x0503 } as const
const ecdsaP521 = { name: "P-521", scheme: 0x0603 } as const
const ed25519 = { name: "Ed25519", scheme: 0x0807 } as const
const ed448 = { name: "Ed448", scheme: 0x0808 } as const
// draft-ietf-tls-mldsa.
const mlDsa44 = { name: "ML-DSA-44", scheme: 0x0904 } as const
const mlDsa65 = { name: "ML-DSA-65", scheme: 0x0905 } as const
const mlDsa87 = { name: "ML-DSA-87", scheme: 0x0906 } as const

const SUITES: readonly CipherSuite[] = [
  {
    id: 0x0001,
    name: "MLS_128_DHKEMX25519_AES128GCM_SHA256_Ed25519",
    hash: sha256,
    aead: aes128,
    kem: x25519,
    signature: ed25519,
  },
  {
    id: 0x0002,
    name: "MLS_128_DHKEMP256_AES128GCM_SHA256_P256",
    hash: sha256,
    aead: aes128,
    kem: dhP256,
    signature: ecdsaP256,
  },
  {
    id: 0x0003,
    name: "MLS_128_DHKEMX25519_CHACHA20POLY1305_SHA256_Ed25519",
    hash: sha256,
    aead: chacha,
    kem: x25519,
    signature: ed25519,
  },
  {
    id: 0x0004,
    name: "MLS_256_DHKEMX448_AES256GCM_SHA512_Ed448",
    hash: sha512,
    aead: aes256,
    kem: x448,
    signature: ed448,
  },
  {
    id: 0x0005,
    name: "MLS_256_DHKEMP521_AES256GCM_SHA512_P521",
    hash: sha512,
    aead: aes256,
    kem: dhP521,
    signature: ecdsaP521,
  },
  {
    id: 0x0006,
    name: "MLS_256_DHKEMX448_CHACHA20POLY1305_SHA512_Ed448",
    hash: sha512,
    aead: chacha,
    kem: x448,
    signature: ed448,
  },
  {
    id: 0x0007,
    name: "MLS_256_DHKEMP384_AES256GCM_SHA384_P384",
    hash: sha384,
    aead: aes256,
    kem: dhP384,
    signature: ecdsaP384,
  },
  // The draft's code points are not assigned yet ("TBD1" to "TBD11"): these are of RFC 9420's private range.
  {
    id: 0xf801,
    name: "MLS_128_MLKEM768X25519_AES128GCM_SHA256_Ed25519",
    hash: sha256,
    aead: aes128,
    kem: { ...mlKem768X25519, hpkeKdfId: 0x0001 },
    signature: ed25519,
  },
  {
    id: 0xf802,
    name: "MLS_128_MLKEM768X25519_AES256GCM_SHA384_Ed25519",
    hash: sha384,
    aead: aes256,
    kem: { ...mlKem768X25519, hpkeKdfId: 0x0002 },
    signature: ed25519,
  },
  {
    id: 0xf803,
    name: "MLS_128_MLKEM768P256_AES128GCM_SHA256_P256",
    hash: sha256,
    aead: aes128,
    kem: { ...mlKem768P256, hpkeKdfId: 0x0001 },
    signature: ecdsaP256,
  },
  {
    id: 0xf804,
    name: "MLS_128_MLKEM768P256_AES256GCM_SHA384_P256",
    hash: sha384,
    aead: aes256,
    kem: { ...mlKem768P256, hpkeKdfId: 0x0002 },
    signature: ecdsaP256,
  },
  {
    id: 0xf805,
    name: "MLS_192_MLKEM1024P384_AES256GCM_SHA384_P384",
    hash: sha384,
    aead: aes256,
    kem: mlKem1024P384,
    signature: ecdsaP384,
  },
  {
    id: 0xf806,
    name: "MLS_128_MLKEM768_AES256GCM_SHA384_Ed25519",
    hash: sha384,
    aead: aes256,
    kem: mlKem768,
    signature: ed25519,
  },
  {
    id: 0xf807,
    name: "MLS_128_MLKEM768_AES256GCM_SHA384_P256",
    hash: sha384,
    aead: aes256,
    kem: mlKem768,
    signature: ecdsaP256,
  },
  {
    id: 0xf808,
    name: "MLS_192_MLKEM1024_AES256GCM_SHA384_P384",
    hash: sha384,
    aead: aes256,
    kem: mlKem1024,
    signature: ecdsaP384,
  },
  {
    id: 0xf809,
    name: "MLS_128_MLKEM768X25519_CHACHA20POLY1305_SHA384_MLDSA44",
    hash: sha384,
    aead: chacha,
    kem: { ...mlKem768X25519, hpkeKdfId: 0x0002 },
    signature: mlDsa44,
  },
  {
    id: 0xf80a,
    name: "MLS_192_MLKEM768_AES256GCM_SHA384_MLDSA65",
    hash: sha384,
    aead: aes256,
    kem: mlKem768,
    signature: mlDsa65,
  },
  {
    id: 0xf80b,
    name: "MLS_256_MLKEM1024_AES256GCM_SHA384_MLDSA87",
    hash: sha384,
    aead: aes256,
    kem: mlKem1024,
    signature: mlDsa87,
  },
  // As ts-mls has them, in the private range too.
  {
    id: 0xf00d,
    name: "MLS_256_XWING_AES256GCM_SHA512_Ed25519",
    hash: sha512,
    aead: aes256,
    kem: xWing,
    signature: ed25519,
  },
  {
    id: 0xf00e,
    name: "MLS_256_XWING_CHACHA20POLY1305_SHA512_Ed25519",
    hash: sha512,
    aead: chacha,
    kem: xWing,
    signature: ed25519,
  },
]

/**
 * The suite with this id: 0x0001 to 0x0007, and post-quantum ones from RFC 9420's private range, 0xf801 to 0xf80b as
 * draft-ietf-mls-pq-ciphersuites lists them and 0xf00d, 0xf00e of ts-mls. Throws `MlsError` `unsupported`.
 */
export function cipherSuite(id: number): CipherSuite {
  const suite = SUITES.find((candidate) => candidate.id === id)
  if (suite === undefined) {
    const message = `no cipher suite 0x${id.toString(16).padStart(4, "0")} is built`
    throw new MlsError("unsupported", message, "17.1")
  }
  return suite
}
