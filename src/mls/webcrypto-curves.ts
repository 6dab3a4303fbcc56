// RFC 8410, RFC 5915: how WebCrypto's curves are named and their private keys wrapped in PKCS #8, as data.

import { hexToBytes } from "./bytes.ts"
import type { KemName, SignatureName } from "./suites.ts"

export interface WebCryptoCurve {
  /** For importing keys. */
  readonly key: Algorithm | EcKeyImportParams
  /** What stands before the private key in its PKCS #8 form. The public key may follow it; we leave it away. */
  readonly pkcs8: Uint8Array
}

export interface WebCryptoSignature extends WebCryptoCurve {
  readonly operation: Algorithm | EcdsaParams
}

export interface WebCryptoKem extends WebCryptoCurve {
  readonly secretBits: number
}

const PKCS8 = {
  Ed25519: hexToBytes("302e020100300506032b657004220420"),
  X25519: hexToBytes("302e020100300506032b656e04220420"),
  "P-256": hexToBytes("3041020100301306072a8648ce3d020106082a8648ce3d030107042730250201010420"),
  "P-384": hexToBytes("304e020100301006072a8648ce3d020106052b81040022043730350201010430"),
  "P-521": hexToBytes("3060020100301006072a8648ce3d020106052b81040023044930470201010442"),
} as const

/** `undefined`: WebCrypto does not have the algorithm. */
export const webCryptoSignatures: Readonly<Record<SignatureName, WebCryptoSignature | undefined>> =
  {
    Ed25519: {
      key: { name: "Ed25519" },
      operation: { name: "Ed25519" },
      pkcs8: PKCS8.Ed25519,
    },
    "P-256": ecdsa("P-256", "SHA-256"),
    "P-384": ecdsa("P-384", "SHA-384"),
    "P-521": ecdsa("P-521", "SHA-512"),
    Ed448: undefined,
    "ML-DSA-44": undefined,
    "ML-DSA-65": undefined,
    "ML-DSA-87": undefined,
  }

export const webCryptoKems: Readonly<Record<KemName, WebCryptoKem | undefined>> = {
  X25519: { key: { name: "X25519" }, pkcs8: PKCS8.X25519, secretBits: 256 },
  "P-256": ecdh("P-256", 256),
  "P-384": ecdh("P-384", 384),
  "P-521": ecdh("P-521", 528),
  X448: undefined,
  "ML-KEM-768": undefined,
  "ML-KEM-1024": undefined,
  "MLKEM768-P256": undefined,
  "MLKEM1024-P384": undefined,
  "MLKEM768-X25519": undefined,
  "X-Wing": undefined,
}

type NistName = "P-256" | "P-384" | "P-521"

function ecdsa(namedCurve: NistName, hash: string): WebCryptoSignature {
  return {
    key: { name: "ECDSA", namedCurve },
    operation: { name: "ECDSA", hash },
    pkcs8: PKCS8[namedCurve],
  }
}

function ecdh(namedCurve: NistName, secretBits: number): WebCryptoKem {
  return { key: { name: "ECDH", namedCurve }, pkcs8: PKCS8[namedCurve], secretBits }
}
