// RFC 9420 §5: a suite's cryptography, put together from hashing, HPKE and a back end that was seen to work.

import type { BackEnd } from "./back-end.ts"
import { nobleBackEnd } from "./back-end-noble.ts"
import { webCryptoBackEnd } from "./back-end-webcrypto.ts"
import { concatBytes, equalBytes } from "./bytes.ts"
import { encode } from "./codec.ts"
import type { MlsCrypto, SignatureToVerify } from "./crypto.ts"
import { isStrictPoint, isStrictSignature } from "./ed25519-strict.ts"
import { MlsError } from "./error.ts"
import { hpke } from "./hpke.ts"
import { hashFunctions } from "./primitives.ts"
import { labels } from "./registry.ts"
import type { CipherSuite } from "./suites.ts"
import { isUsableX25519Key } from "./x25519-strict.ts"

export interface CryptoOptions {
  readonly suite: CipherSuite
  /** "auto" (default): WebCrypto if a self-test succeeds on it, else noble. */
  readonly backend?: "webcrypto" | "noble" | "auto"
  /** Default: the platform's generator. */
  readonly random?: (length: number) => Uint8Array
}

/** Throws `MlsError` `unsupported` if the back end asked for does not work in this engine. */
export async function createCrypto(options: CryptoOptions): Promise<MlsCrypto> {
  const { suite, backend = "auto", random = platformRandom } = options
  const backEnd = await chooseBackEnd(suite, backend)
  const hashes = hashFunctions(suite.hash.name)
  const kem = hpke(suite, hashes, backEnd, random)

  const expandWithLabel = (
    secret: Uint8Array,
    label: string,
    context: Uint8Array,
    length: number,
  ) => hashes.expand(secret, kdfLabel(label, context, length), length)

  const verify = async ({ publicKey, label, content, signature }: SignatureToVerify) => {
    if (!isStrictPoint(publicKey) || !isStrictSignature(signature)) return false
    return backEnd.verify(publicKey, labelled(label, content), signature).catch(() => false)
  }

  return {
    suite,
    backend: backEnd.name,
    random,
    ...hashes,
    expandWithLabel,
    deriveSecret: (secret, label) => expandWithLabel(secret, label, EMPTY, suite.hash.size),
    deriveTreeSecret: (secret, label, generation, length) =>
      expandWithLabel(secret, label, u32(generation), length),
    refHash: (label, value) =>
      hashes.hash(
        encode((writer, content: Uint8Array) => {
          writer.opaque(utf8(label))
          writer.opaque(content)
        }, value),
      ),
    aeadSeal: (key, nonce, aad, plaintext) => backEnd.aeadSeal(key, nonce, aad, plaintext),
    async aeadOpen(key, nonce, aad, ciphertext) {
      try {
        return await backEnd.aeadOpen(key, nonce, aad, ciphertext)
      } catch {
        throw new MlsError("aead_failed", "a ciphertext does not open", "5.1")
      }
    },
    generateSignatureKeyPair: () => backEnd.signatureKeyPair(random(32)),
    async sign(privateKey, label, content) {
      // One engine's WebCrypto signs with the first 32 bytes of a longer key.
      if (privateKey.length !== 32)
        throw new MlsError("misuse", "an Ed25519 seed has 32 bytes", "5.1")
      return backEnd.sign(privateKey, labelled(label, content))
    },
    verify,
    verifyAll: (checks) => Promise.all(checks.map(verify)),
    generateKemKeyPair: () => kem.deriveKeyPair(random(32)),
    deriveKemKeyPair: (ikm) => kem.deriveKeyPair(ikm),
    validateKemPublicKey(publicKey) {
      if (!isUsableX25519Key(publicKey)) {
        throw new MlsError("invalid_public_key", "a KEM public key can't be used", "5.1.3")
      }
    },
    encryptWithLabel: (publicKey, label, context, plaintext) =>
      kem.seal(publicKey, labelled(label, context), plaintext),
    decryptWithLabel: (privateKey, label, context, sealed) =>
      kem.open(privateKey, labelled(label, context), sealed),
    externalInit: (publicKey, context, length) => kem.sendExport(publicKey, context, length),
    externalOpen: (privateKey, kemOutput, context, length) =>
      kem.receiveExport(privateKey, kemOutput, context, length),
  }
}

const EMPTY = new Uint8Array()
const utf8 = (text: string) => new TextEncoder().encode(text)
const platformRandom = (length: number) => crypto.getRandomValues(new Uint8Array(length))

function u32(value: number): Uint8Array {
  return encode((writer, number: number) => writer.u32(number), value)
}

/** `SignContent` and `EncryptContext` (§5.1.2, §5.1.3): both are two vectors. */
function labelled(label: string, content: Uint8Array): Uint8Array {
  return encode((writer, bytes: Uint8Array) => {
    writer.opaque(utf8(labels.prefix + label))
    writer.opaque(bytes)
  }, content)
}

/** `KDFLabel` (§8). */
function kdfLabel(label: string, context: Uint8Array, length: number): Uint8Array {
  return encode((writer, bytes: Uint8Array) => {
    writer.u16(length)
    writer.opaque(utf8(labels.prefix + label))
    writer.opaque(bytes)
  }, context)
}

async function chooseBackEnd(
  suite: CipherSuite,
  wanted: "webcrypto" | "noble" | "auto",
): Promise<BackEnd> {
  if (wanted === "noble") return nobleBackEnd(suite)
  const native = webCryptoBackEnd(suite)
  if (await works(native, suite)) return native
  if (wanted === "auto") return nobleBackEnd(suite)
  throw new MlsError("unsupported", `${suite.name}: this engine's WebCrypto can't do it`, "5.1")
}

/** One whole operation of each kind: the presence of a method says nothing about the curves behind it. */
async function works(backEnd: BackEnd, suite: CipherSuite): Promise<boolean> {
  const key = new Uint8Array(32).fill(7)
  const aeadKey = key.subarray(0, suite.aead.keySize)
  const nonce = key.subarray(0, suite.aead.nonceSize)
  try {
    const signer = await backEnd.signatureKeyPair(key)
    const signature = await backEnd.sign(key, EMPTY)
    const sealed = await backEnd.aeadSeal(aeadKey, nonce, EMPTY, key)
    const a = await backEnd.kemKeyPair(key)
    const b = await backEnd.kemKeyPair(concatBytes(key.subarray(1), Uint8Array.of(9)))
    return (
      (await backEnd.verify(signer.publicKey, EMPTY, signature)) &&
      equalBytes(await backEnd.aeadOpen(aeadKey, nonce, EMPTY, sealed), key) &&
      equalBytes(
        await backEnd.diffieHellman(a.privateKey, b.publicKey),
        await backEnd.diffieHellman(b.privateKey, a.publicKey),
      )
    )
  } catch {
    return false
  }
}
