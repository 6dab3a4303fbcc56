// RFC 9420 §5.1: the asynchronous half of a suite's cryptography, as back ends offer it, an algorithm at a time.

import type { KeyPair } from "./crypto.ts"
import type { HashFunctions } from "./primitives.ts"

/** Raw operations on bytes; policy (labels, encodings, which keys are refused, HPKE) lies above. */
export interface AeadBackEnd {
  seal(
    key: Uint8Array,
    nonce: Uint8Array,
    aad: Uint8Array,
    plaintext: Uint8Array,
  ): Promise<Uint8Array>
  /** Throws anything on failure; the caller gives it its type. */
  open(
    key: Uint8Array,
    nonce: Uint8Array,
    aad: Uint8Array,
    ciphertext: Uint8Array,
  ): Promise<Uint8Array>
}

/** Signatures are two numbers of fixed size: R and S as RFC 8032 encodes them, or ECDSA's big-endian r and s. */
export interface SignatureBackEnd {
  /** The pair of a private key that `SignatureRules` accept. */
  keyPair(privateKey: Uint8Array): Promise<KeyPair>
  sign(privateKey: Uint8Array, message: Uint8Array): Promise<Uint8Array>
  /** Without cofactor; `SignatureRules` have accepted the encodings. False or a throw: not valid. */
  verify(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): Promise<boolean>
  /** The same with a key that is one of many, and not worth being remembered. */
  verifyOneOfMany?(
    publicKey: Uint8Array,
    message: Uint8Array,
    signature: Uint8Array,
  ): Promise<boolean>
}

/** A group, of which HPKE makes a KEM (RFC 9180 §4.1). */
export interface DiffieHellmanBackEnd {
  /** The pair of a private key that `KemRules` accept. */
  keyPair(privateKey: Uint8Array): Promise<KeyPair>
  /** The raw shared secret: a u or x coordinate. Throws anything for a public key that can't be used. */
  diffieHellman(privateKey: Uint8Array, publicKey: Uint8Array): Promise<Uint8Array>
  /**
   * The same with a private key that the engine generates and nobody sees: quicker than to bring one. Only where the
   * randomness is the engine's own.
   */
  ephemeral?(
    publicKey: Uint8Array,
  ): Promise<{ readonly publicKey: Uint8Array; readonly secret: Uint8Array }>
}

/** What a KEM gives to its sender. */
export interface Encapsulated {
  readonly kemOutput: Uint8Array
  readonly secret: Uint8Array
}

/** A KEM by itself (draft-ietf-hpke-pq). */
export interface EncapsulationBackEnd {
  /** Bytes of randomness that `encapsulate` takes. */
  readonly randomSize: number
  deriveKeyPair(ikm: Uint8Array): Promise<KeyPair>
  /** `KemRules` have accepted the public key. Throws anything if it can't be used all the same. */
  encapsulate(publicKey: Uint8Array, randomness: Uint8Array): Promise<Encapsulated>
  /** Throws anything for a KEM output of wrong length or that can't be used. */
  decapsulate(privateKey: Uint8Array, kemOutput: Uint8Array): Promise<Uint8Array>
}

/** A suite's KEM: of a group, or one by itself. */
export type KemBackEnd = DiffieHellmanBackEnd | EncapsulationBackEnd

/** What one cipher suite is computed with: for `createCrypto`, where a caller brings its own. */
export interface BackEnd {
  /** "webcrypto" if any of the three is on it. */
  readonly name: "webcrypto" | "noble"
  readonly aead: AeadBackEnd
  readonly signature: SignatureBackEnd
  readonly kem: KemBackEnd
  /** Synchronous; noble's, if absent. */
  readonly hashes?: HashFunctions
}

/** A promise that rejects with what a synchronous `operation` throws. */
export function promised<T>(operation: () => T): Promise<T> {
  return new Promise((resolve) => {
    resolve(operation())
  })
}
