// RFC 9420 §17.1: the cipher suites, as data. Another suite is another row, never another branch.

import { MlsError } from "./error.ts"

export type HashName = "SHA-256" | "SHA-384" | "SHA-512"
export type AeadName = "AES-128-GCM" | "AES-256-GCM" | "ChaCha20-Poly1305"
export type KemName = "X25519" | "P-256" | "P-384" | "P-521" | "X448"
export type SignatureName = "Ed25519" | "P-256" | "P-384" | "P-521" | "Ed448"

/** What a suite consists of; sizes in bytes. */
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
  readonly kem: { readonly name: KemName; readonly hpkeId: number; readonly hpkeKdfId: number }
  readonly signature: { readonly name: SignatureName; readonly scheme: number }
}

const sha256 = { name: "SHA-256", size: 32 } as const
const aes128 = { name: "AES-128-GCM", hpkeId: 0x0001, keySize: 16, nonceSize: 12 } as const

const SUITES: readonly CipherSuite[] = [
  {
    id: 0x0001,
    name: "MLS_128_DHKEMX25519_AES128GCM_SHA256_Ed25519",
    hash: sha256,
    aead: aes128,
    kem: { name: "X25519", hpkeId: 0x0020, hpkeKdfId: 0x0001 },
    signature: { name: "Ed25519", scheme: 0x0807 },
  },
]

/** The suite with this id. Throws `MlsError` `unsupported`. */
export function cipherSuite(id: number): CipherSuite {
  const suite = SUITES.find((candidate) => candidate.id === id)
  if (suite === undefined) {
    throw new MlsError("unsupported", `cipher suite 0x${id.toString(16).padStart(4, "0")}`, "17.1")
  }
  return suite
}
