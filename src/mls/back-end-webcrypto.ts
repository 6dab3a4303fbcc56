// RFC 9420 §5.1 on WebCrypto: native speed where the engine has the curves.

import type { BackEnd } from "./back-end.ts"
import { bytesToHex, concatBytes } from "./bytes.ts"
import { MlsError } from "./error.ts"
import type { CipherSuite } from "./suites.ts"

/** Imported public keys that are kept, the most recently used ones. */
const MAX_CACHED_KEYS = 4096

/** RFC 8410: the PKCS #8 wrapping of a 32-byte private key. */
const PKCS8_PREFIX = {
  Ed25519: Uint8Array.from([
    0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20,
  ]),
  X25519: Uint8Array.from([0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x6e, 4, 0x22, 4, 0x20]),
} as const

type Curve = keyof typeof PKCS8_PREFIX

/** Throws `MlsError` `unsupported` for a suite whose algorithms are not here. */
export function webCryptoBackEnd(suite: CipherSuite): BackEnd {
  if (suite.kem.name !== "X25519" || suite.signature.name !== "Ed25519") {
    throw new MlsError("unsupported", `${suite.name} on WebCrypto`, "17.1")
  }
  const { subtle } = globalThis.crypto
  const verifyKeys = publicKeys("Ed25519", ["verify"])
  const kemKeys = publicKeys("X25519", [])
  const signingKeys = privateKeys("Ed25519", ["sign"])
  const agreementKeys = privateKeys("X25519", ["deriveBits"])
  return {
    name: "webcrypto",
    async aeadSeal(key, nonce, aad, plaintext) {
      const imported = await importAes(key, "encrypt")
      return new Uint8Array(await subtle.encrypt(gcm(nonce, aad), imported, source(plaintext)))
    },
    async aeadOpen(key, nonce, aad, ciphertext) {
      const imported = await importAes(key, "decrypt")
      return new Uint8Array(await subtle.decrypt(gcm(nonce, aad), imported, source(ciphertext)))
    },
    signatureKeyPair: async (privateKey) => ({
      privateKey,
      publicKey: await publicKeyOf("Ed25519", ["sign"], privateKey),
    }),
    async sign(privateKey, message) {
      const key = await signingKeys(privateKey)
      return new Uint8Array(await subtle.sign("Ed25519", key, source(message)))
    },
    async verify(publicKey, message, signature) {
      const key = await verifyKeys(publicKey)
      return subtle.verify("Ed25519", key, source(signature), source(message))
    },
    kemKeyPair: async (privateKey) => ({
      privateKey,
      publicKey: await publicKeyOf("X25519", ["deriveBits"], privateKey),
    }),
    async diffieHellman(privateKey, publicKey) {
      const [key, peer] = await Promise.all([agreementKeys(privateKey), kemKeys(publicKey)])
      return new Uint8Array(await subtle.deriveBits({ name: "X25519", public: peer }, key, 256))
    },
  }
}

/** A view that WebCrypto's types accept; copied only if the bytes are in shared memory. */
function source(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  const { buffer } = bytes
  if (!(buffer instanceof ArrayBuffer)) return new Uint8Array(bytes)
  return new Uint8Array(buffer, bytes.byteOffset, bytes.length)
}

function gcm(nonce: Uint8Array, aad: Uint8Array): AesGcmParams {
  return { name: "AES-GCM", iv: source(nonce), additionalData: source(aad) }
}

function importAes(key: Uint8Array, usage: "encrypt" | "decrypt"): Promise<CryptoKey> {
  return crypto.subtle.importKey("raw", source(key), "AES-GCM", false, [usage])
}

function importPrivate(
  curve: Curve,
  usages: readonly KeyUsage[],
  privateKey: Uint8Array,
  extractable: boolean,
): Promise<CryptoKey> {
  const pkcs8 = concatBytes(PKCS8_PREFIX[curve], privateKey)
  return crypto.subtle.importKey("pkcs8", source(pkcs8), curve, extractable, [...usages])
}

async function publicKeyOf(
  curve: Curve,
  usages: readonly KeyUsage[],
  privateKey: Uint8Array,
): Promise<Uint8Array> {
  const key = await importPrivate(curve, usages, privateKey, true)
  const { x } = await crypto.subtle.exportKey("jwk", key)
  if (x === undefined) throw new MlsError("internal", "an exported key has no public part")
  const base64 = x.replaceAll("-", "+").replaceAll("_", "/")
  return Uint8Array.from(atob(base64), (character) => character.charCodeAt(0))
}

/** Imports public keys once. */
function publicKeys(curve: Curve, usages: readonly KeyUsage[]) {
  const known = new Map<string, Promise<CryptoKey>>()
  return (publicKey: Uint8Array): Promise<CryptoKey> => {
    const id = bytesToHex(publicKey)
    const key =
      known.get(id) ?? crypto.subtle.importKey("raw", source(publicKey), curve, true, [...usages])
    known.delete(id)
    known.set(id, key)
    const [oldest] = known.keys()
    if (known.size > MAX_CACHED_KEYS && oldest !== undefined) known.delete(oldest)
    return key
  }
}

/** Imports private keys once for as long as their bytes live, and keeps no copy of them. */
function privateKeys(curve: Curve, usages: readonly KeyUsage[]) {
  const known = new WeakMap<Uint8Array, Promise<CryptoKey>>()
  return (privateKey: Uint8Array): Promise<CryptoKey> => {
    const key = known.get(privateKey) ?? importPrivate(curve, usages, privateKey, false)
    known.set(privateKey, key)
    return key
  }
}
