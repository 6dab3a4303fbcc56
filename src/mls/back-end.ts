// RFC 9420 §5.1: the asynchronous half of a suite's cryptography, as a back end offers it.

import type { KeyPair } from "./crypto.ts"

/** Raw operations on bytes; policy (labels, strict encodings, HPKE) lies above. */
export interface BackEnd {
  readonly name: "webcrypto" | "noble"
  aeadSeal(
    key: Uint8Array,
    nonce: Uint8Array,
    aad: Uint8Array,
    plaintext: Uint8Array,
  ): Promise<Uint8Array>
  /** Throws anything on failure; the caller gives it its type. */
  aeadOpen(
    key: Uint8Array,
    nonce: Uint8Array,
    aad: Uint8Array,
    ciphertext: Uint8Array,
  ): Promise<Uint8Array>
  /** The pair of a private key (32-byte seed for Ed25519). */
  signatureKeyPair(privateKey: Uint8Array): Promise<KeyPair>
  sign(privateKey: Uint8Array, message: Uint8Array): Promise<Uint8Array>
  /** Cofactorless; encodings were checked before. False or a throw: not valid. */
  verify(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): Promise<boolean>
  kemKeyPair(privateKey: Uint8Array): Promise<KeyPair>
  /** The raw shared secret. Throws anything for a public key that can't be used. */
  diffieHellman(privateKey: Uint8Array, publicKey: Uint8Array): Promise<Uint8Array>
}
