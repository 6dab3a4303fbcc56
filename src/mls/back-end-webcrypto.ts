// RFC 9420 §5.1 on WebCrypto: native speed where the engine has the curves.

import type { AeadBackEnd, DiffieHellmanBackEnd, SignatureBackEnd } from "./back-end.ts"
import { concatBytes, keyString } from "./bytes.ts"
import { MlsError } from "./error.ts"
import type { AeadName, KemName, SignatureName } from "./suites.ts"
import { type WebCryptoCurve, webCryptoKems, webCryptoSignatures } from "./webcrypto-curves.ts"

/** Imported public keys that are kept, the most recently used ones. */
const MAX_CACHED_KEYS = 1024

/** `undefined` for an algorithm that WebCrypto does not have. */
export function webCryptoAead(name: AeadName): AeadBackEnd | undefined {
  if (name === "ChaCha20-Poly1305") return undefined
  const { subtle } = globalThis.crypto
  return {
    async seal(key, nonce, aad, plaintext) {
      const imported = await importAes(key, "encrypt")
      return new Uint8Array(await subtle.encrypt(gcm(nonce, aad), imported, source(plaintext)))
    },
    async open(key, nonce, aad, ciphertext) {
      const imported = await importAes(key, "decrypt")
      return new Uint8Array(await subtle.decrypt(gcm(nonce, aad), imported, source(ciphertext)))
    },
  }
}

/** `undefined` for an algorithm that WebCrypto does not have. */
export function webCryptoSignature(name: SignatureName): SignatureBackEnd | undefined {
  const curve = webCryptoSignatures[name]
  if (curve === undefined) return undefined
  const { subtle } = globalThis.crypto
  const { operation } = curve
  const verifyKeys = publicKeys(curve, ["verify"])
  const signingKeys = privateKeys(curve, ["sign"])
  const importKey = (publicKey: Uint8Array) =>
    subtle.importKey("raw", source(publicKey), curve.key, false, ["verify"])
  /** Of the latest of many: a key package has two signatures by one key. */
  let latest: { readonly publicKey: Uint8Array; readonly key: Promise<CryptoKey> } | undefined
  return {
    keyPair: async (privateKey) => ({
      privateKey,
      publicKey: await signingKeys(privateKey).publicKey(),
    }),
    async sign(privateKey, message) {
      const key = await signingKeys(privateKey).key
      return new Uint8Array(await subtle.sign(operation, key, source(message)))
    },
    async verify(publicKey, message, signature) {
      const key = await verifyKeys(publicKey)
      return subtle.verify(operation, key, source(signature), source(message))
    },
    async verifyOneOfMany(publicKey, message, signature) {
      if (latest?.publicKey !== publicKey) latest = { publicKey, key: importKey(publicKey) }
      const key = await latest.key
      return subtle.verify(operation, key, source(signature), source(message))
    },
  }
}

/** `undefined` for an algorithm that WebCrypto does not have. */
export function webCryptoKem(name: KemName): DiffieHellmanBackEnd | undefined {
  const curve = webCryptoKems[name]
  if (curve === undefined) return undefined
  const { subtle } = globalThis.crypto
  const peerKeys = publicKeys(curve, [])
  const agreementKeys = privateKeys(curve, ["deriveBits"])
  const agree = async (key: CryptoKey, peer: CryptoKey) => {
    const algorithm = { name: curve.key.name, public: peer }
    return new Uint8Array(await subtle.deriveBits(algorithm, key, curve.secretBits))
  }
  return {
    keyPair: async (privateKey) => ({
      privateKey,
      publicKey: await agreementKeys(privateKey).publicKey(),
    }),
    async diffieHellman(privateKey, publicKey) {
      const [key, peer] = await Promise.all([agreementKeys(privateKey).key, peerKeys(publicKey)])
      return agree(key, peer)
    },
    async ephemeral(publicKey) {
      const [pair, peer] = await Promise.all([
        subtle.generateKey(curve.key, false, ["deriveBits"]) as Promise<CryptoKeyPair>,
        peerKeys(publicKey),
      ])
      const [raw, secret] = await Promise.all([
        subtle.exportKey("raw", pair.publicKey),
        agree(pair.privateKey, peer),
      ])
      return { publicKey: new Uint8Array(raw), secret }
    },
  }
}

/** What WebCrypto's types accept; copied only if the bytes are in shared memory. */
export function source(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  return isUnshared(bytes) ? bytes : new Uint8Array(bytes)
}

/** Most pages have no shared memory. Where there is none, asking a small array for its buffer only makes it larger. */
const canShare = typeof SharedArrayBuffer !== "undefined"

function isUnshared(bytes: Uint8Array): bytes is Uint8Array<ArrayBuffer> {
  return !canShare || bytes.buffer instanceof ArrayBuffer
}

function gcm(nonce: Uint8Array, aad: Uint8Array): AesGcmParams {
  return { name: "AES-GCM", iv: source(nonce), additionalData: source(aad) }
}

function importAes(key: Uint8Array, usage: "encrypt" | "decrypt"): Promise<CryptoKey> {
  return crypto.subtle.importKey("raw", source(key), "AES-GCM", false, [usage])
}

/** The engine computes it; its JWK form has one coordinate (RFC 8037) or two (RFC 7518 §6.2). */
async function publicKeyOf(key: CryptoKey): Promise<Uint8Array> {
  const { x, y } = await crypto.subtle.exportKey("jwk", key)
  if (x === undefined) throw new MlsError("internal", "an exported key has no public part")
  if (y === undefined) return base64url(x)
  return concatBytes(Uint8Array.of(4), base64url(x), base64url(y))
}

function base64url(text: string): Uint8Array {
  const base64 = text.replaceAll("-", "+").replaceAll("_", "/")
  return Uint8Array.from(atob(base64), (character) => character.charCodeAt(0))
}

/** Imports public keys once. */
function publicKeys(curve: WebCryptoCurve, usages: readonly KeyUsage[]) {
  const known = new Map<string, Promise<CryptoKey>>()
  return (publicKey: Uint8Array): Promise<CryptoKey> => {
    const id = keyString(publicKey)
    const key =
      known.get(id) ??
      crypto.subtle.importKey("raw", source(publicKey), curve.key, true, [...usages])
    known.delete(id)
    known.set(id, key)
    const [oldest] = known.keys()
    if (known.size > MAX_CACHED_KEYS && oldest !== undefined) known.delete(oldest)
    return key
  }
}

interface PrivateKey {
  readonly key: Promise<CryptoKey>
  /** Asked for once; the bytes are the caller's own. */
  publicKey(): Promise<Uint8Array>
}

/**
 * Imports private keys once for as long as their bytes live, and keeps no copy of them. To import one costs several
 * times what an operation with it does. That it can be exported is for its public part.
 */
function privateKeys(curve: WebCryptoCurve, usages: readonly KeyUsage[]) {
  const known = new WeakMap<Uint8Array, PrivateKey>()
  return (privateKey: Uint8Array): PrivateKey => {
    const before = known.get(privateKey)
    if (before !== undefined) return before
    const pkcs8 = concatBytes(curve.pkcs8, privateKey)
    const key = crypto.subtle.importKey("pkcs8", source(pkcs8), curve.key, true, [...usages])
    let exported: Promise<Uint8Array> | undefined
    const imported: PrivateKey = {
      key,
      async publicKey() {
        exported ??= key.then(publicKeyOf)
        return (await exported).slice()
      },
    }
    known.set(privateKey, imported)
    return imported
  }
}
