// RFC 9420 §5: what every other module asks of cryptography, for one suite and one back end.
// Hashing and key derivation are synchronous; public-key operations and AES-GCM are asynchronous.

import type { CipherSuite } from "./suites.ts"

/** Raw bytes, as the algorithm's standard has them. For a KEM of §7.1 of RFC 9180 its serialised keys. */
export interface KeyPair {
  readonly publicKey: Uint8Array
  readonly privateKey: Uint8Array
}

/** `HPKECiphertext` (§7.6). */
export interface HpkeCiphertext {
  readonly kemOutput: Uint8Array
  readonly ciphertext: Uint8Array
}

/** Whom something is encrypted for, and what. */
export interface Recipient {
  readonly publicKey: Uint8Array
  readonly plaintext: Uint8Array
}

/** Without the "MLS 1.0 " prefix; bytes for labels that are no text (draft-ietf-mls-extensions §4.1). */
export type SigningLabel = string | Uint8Array

/** What `VerifyWithLabel` (§5.1.2) takes. */
export interface SignatureToVerify {
  readonly publicKey: Uint8Array
  readonly label: SigningLabel
  readonly content: Uint8Array
  readonly signature: Uint8Array
}

/** Hashing that need not be done at once. */
export interface LongHashFunctions {
  /** `hash` of what may be long. */
  longHash(data: Uint8Array): Promise<Uint8Array>
  /** `mac` of what may be long. */
  longMac(key: Uint8Array, data: Uint8Array): Promise<Uint8Array>
}

/** All cryptography of one cipher suite (§5.1), on the back end that `createCrypto` chose. It has no state of any group. */
export interface MlsCrypto extends LongHashFunctions {
  readonly suite: CipherSuite
  /** "webcrypto" if any part of it is on WebCrypto. */
  readonly backend: "webcrypto" | "noble"
  /** Fresh random bytes from the injected source. */
  random(length: number): Uint8Array

  hash(data: Uint8Array): Uint8Array
  mac(key: Uint8Array, data: Uint8Array): Uint8Array
  extract(salt: Uint8Array, ikm: Uint8Array): Uint8Array
  expand(prk: Uint8Array, info: Uint8Array, length: number): Uint8Array
  /** `ExpandWithLabel` (§8): `label` without the "MLS 1.0 " prefix. */
  expandWithLabel(
    secret: Uint8Array,
    label: string,
    context: Uint8Array,
    length: number,
  ): Uint8Array
  /** `DeriveSecret` (§8): `KDF.Nh` bytes. */
  deriveSecret(secret: Uint8Array, label: string): Uint8Array
  /** `DeriveTreeSecret` (§9.1). */
  deriveTreeSecret(
    secret: Uint8Array,
    label: string,
    generation: number,
    length: number,
  ): Uint8Array
  /** `RefHash` (§5.2): `label` in full, as in "MLS 1.0 KeyPackage Reference". */
  refHash(label: string, value: Uint8Array): Uint8Array

  /** AEAD of the suite. `aeadOpen` throws `MlsError` `aead_failed`. */
  aeadSeal(
    key: Uint8Array,
    nonce: Uint8Array,
    aad: Uint8Array,
    plaintext: Uint8Array,
  ): Promise<Uint8Array>
  aeadOpen(
    key: Uint8Array,
    nonce: Uint8Array,
    aad: Uint8Array,
    ciphertext: Uint8Array,
  ): Promise<Uint8Array>

  generateSignatureKeyPair(): Promise<KeyPair>
  /** `SignWithLabel` (§5.1.2). */
  sign(privateKey: Uint8Array, label: SigningLabel, content: Uint8Array): Promise<Uint8Array>
  /** `VerifyWithLabel` (§5.1.2): false for anything that is not a valid, strictly encoded signature. */
  verify(check: SignatureToVerify): Promise<boolean>
  /** The same for many at once, in order. */
  verifyAll(checks: readonly SignatureToVerify[]): Promise<boolean[]>

  /** `KEM.GenerateKeyPair` from injected randomness. */
  generateKemKeyPair(): Promise<KeyPair>
  /** `KEM.DeriveKeyPair` (RFC 9180 §7.1.3). */
  deriveKemKeyPair(ikm: Uint8Array): Promise<KeyPair>
  /** Throws `MlsError` `invalid_public_key` for a key of wrong length or that can't be used (§12.4.2, RFC 9180 §7.1.4). */
  validateKemPublicKey(publicKey: Uint8Array): void
  /** `EncryptWithLabel` (§5.1.3). */
  encryptWithLabel(
    publicKey: Uint8Array,
    label: SigningLabel,
    context: Uint8Array,
    plaintext: Uint8Array,
  ): Promise<HpkeCiphertext>
  /** The same for many recipients with one context, in order. What depends on the context alone is computed once. */
  encryptAllWithLabel(
    label: SigningLabel,
    context: Uint8Array,
    recipients: readonly Recipient[],
  ): Promise<HpkeCiphertext[]>
  /** `DecryptWithLabel` (§5.1.3). Throws `MlsError` `aead_failed`. */
  decryptWithLabel(
    privateKey: Uint8Array,
    label: SigningLabel,
    context: Uint8Array,
    sealed: HpkeCiphertext,
  ): Promise<Uint8Array>
  /** HPKE export for external joins (§8.3): the KEM output and the exported secret. */
  externalInit(
    externalPub: Uint8Array,
    exporterContext: Uint8Array,
    length: number,
  ): Promise<{ kemOutput: Uint8Array; secret: Uint8Array }>
  externalOpen(
    externalPriv: Uint8Array,
    kemOutput: Uint8Array,
    exporterContext: Uint8Array,
    length: number,
  ): Promise<Uint8Array>
}
