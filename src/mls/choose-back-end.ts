// RFC 9420 §5.1: which back end does what, decided for each algorithm by one whole operation on it.

import type { AeadBackEnd, BackEnd, KemBackEnd, SignatureBackEnd } from "./back-end.ts"
import { nobleAead, nobleKem, nobleSignature } from "./back-end-noble.ts"
import { webCryptoAead, webCryptoKem, webCryptoSignature } from "./back-end-webcrypto.ts"
import { equalBytes } from "./bytes.ts"
import { MlsError } from "./error.ts"
import { kemRules } from "./kem-rules.ts"
import { signatureRules } from "./signature-rules.ts"
import type { CipherSuite } from "./suites.ts"

/**
 * "webcrypto": all that WebCrypto specifies is on it, and noble does what it does not (ChaCha20-Poly1305, X448,
 * Ed448). "auto": the same, but noble also does what this engine lacks. "noble": noble does everything.
 */
export type BackEndChoice = "webcrypto" | "noble" | "auto"

/** Throws `MlsError` `unsupported` if the back end asked for does not work in this engine. */
export async function chooseBackEnd(suite: CipherSuite, wanted: BackEndChoice): Promise<BackEnd> {
  const [aead, signature, kem] = await Promise.all([
    choose<AeadBackEnd>(wanted, {
      name: suite.aead.name,
      native: () => webCryptoAead(suite.aead.name),
      portable: () => nobleAead(suite.aead.name),
      works: (candidate) => aeadWorks(candidate, suite),
    }),
    choose<SignatureBackEnd>(wanted, {
      name: suite.signature.name,
      native: () => webCryptoSignature(suite.signature.name),
      portable: () => nobleSignature(suite.signature.name),
      works: (candidate) => signatureWorks(candidate, suite),
    }),
    choose<KemBackEnd>(wanted, {
      name: suite.kem.name,
      native: () => webCryptoKem(suite.kem.name),
      portable: () => nobleKem(suite.kem.name),
      works: (candidate) => kemWorks(candidate, suite),
    }),
  ])
  const isNative = aead.isNative || signature.isNative || kem.isNative
  return {
    name: isNative ? "webcrypto" : "noble",
    aead:
      aead.isNative && wanted === "auto" && HANDS_TO_THREADS
        ? shortOn(nobleAead(suite.aead.name), aead.part)
        : aead.part,
    signature: signature.part,
    kem: kem.part,
  }
}

/**
 * Node hands each call of WebCrypto to another thread and back, Chromium does so much quicker: up to some length noble
 * is done before Node's answer comes.
 */
const HANDS_TO_THREADS = "process" in globalThis
const SHORT = 1024

function shortOn(short: AeadBackEnd, long: AeadBackEnd): AeadBackEnd {
  const of = (bytes: Uint8Array) => (bytes.length <= SHORT ? short : long)
  return {
    seal: (key, nonce, aad, plaintext) => of(plaintext).seal(key, nonce, aad, plaintext),
    open: (key, nonce, aad, ciphertext) => of(ciphertext).open(key, nonce, aad, ciphertext),
  }
}

interface Candidates<Part> {
  readonly name: string
  readonly native: () => Part | undefined
  readonly portable: () => Part | Promise<Part>
  readonly works: (candidate: Part) => Promise<boolean>
}

async function choose<Part>(
  wanted: BackEndChoice,
  { name, native, portable, works }: Candidates<Part>,
): Promise<{ part: Part; isNative: boolean }> {
  const candidate = wanted === "noble" ? undefined : native()
  if (candidate !== undefined) {
    // The presence of a method says nothing about the curves behind it.
    if (await works(candidate).catch(() => false)) return { part: candidate, isNative: true }
    if (wanted === "webcrypto") {
      throw new MlsError("unsupported", `${name}: this engine's WebCrypto can't do it`, "5.1")
    }
  }
  return { part: await portable(), isNative: false }
}

/** A private key on every curve. */
function testKey(size: number, last: number): Uint8Array {
  return new Uint8Array(size)
    .fill(7)
    .with(0, 1)
    .with(size - 1, last)
}

const EMPTY = new Uint8Array()

async function aeadWorks(aead: AeadBackEnd, suite: CipherSuite): Promise<boolean> {
  const key = testKey(suite.aead.keySize, 7)
  const nonce = testKey(suite.aead.nonceSize, 7)
  const sealed = await aead.seal(key, nonce, EMPTY, key)
  return equalBytes(await aead.open(key, nonce, EMPTY, sealed), key)
}

async function signatureWorks(scheme: SignatureBackEnd, suite: CipherSuite): Promise<boolean> {
  const rules = signatureRules[suite.signature.name]
  const key = rules.privateKey((size) => testKey(size, 7))
  const { publicKey } = await scheme.keyPair(key)
  const signature = await scheme.sign(key, EMPTY)
  return rules.isPublicKey(publicKey) && scheme.verify(publicKey, EMPTY, signature)
}

async function kemWorks(kem: KemBackEnd, suite: CipherSuite): Promise<boolean> {
  const { privateKeySize } = kemRules[suite.kem.name]
  if (!("diffieHellman" in kem)) {
    const { publicKey, privateKey } = await kem.deriveKeyPair(testKey(privateKeySize, 7))
    const { kemOutput, secret } = await kem.encapsulate(publicKey, testKey(kem.randomSize, 7))
    return equalBytes(await kem.decapsulate(privateKey, kemOutput), secret)
  }
  const [a, b] = await Promise.all([
    kem.keyPair(testKey(privateKeySize, 7)),
    kem.keyPair(testKey(privateKeySize, 9)),
  ])
  const [ab, ba] = await Promise.all([
    kem.diffieHellman(a.privateKey, b.publicKey),
    kem.diffieHellman(b.privateKey, a.publicKey),
  ])
  return equalBytes(ab, ba)
}
