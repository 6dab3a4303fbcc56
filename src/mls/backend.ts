// RFC 9420 §5: a suite's cryptography, put together from hashing, HPKE and a back end that was seen to work.

import type { BackEnd, KemBackEnd, SignatureBackEnd } from "./back-end.ts"
import { ownStretch } from "./batches.ts"
import { concatBytes } from "./bytes.ts"
import { type BackEndChoice, chooseBackEnd } from "./choose-back-end.ts"
import { type Encoder, Writer, encode, opaqueSize, withEncoded } from "./codec.ts"
import type { MlsCrypto, Recipient, SignatureToVerify, SigningLabel } from "./crypto.ts"
import { MlsError } from "./error.ts"
import { hpke } from "./hpke.ts"
import { kemRules } from "./kem-rules.ts"
import { longHashFunctions } from "./long-hash.ts"
import { hashFunctions } from "./primitives.ts"
import { labels } from "./registry.ts"
import { signatureRules } from "./signature-rules.ts"
import type { CipherSuite } from "./suites.ts"

/** For which suite, on what, and with whose randomness. */
export interface CryptoOptions {
  readonly suite: CipherSuite
  /** "auto" (default): WebCrypto for each algorithm on which a self-test succeeds, else noble. Or one of the caller's. */
  readonly backend?: BackEndChoice | BackEnd
  /** Default: the platform's generator. */
  readonly random?: (length: number) => Uint8Array
}

/** Throws `MlsError` `unsupported` if the back end asked for does not work in this engine. */
export async function createCrypto(options: CryptoOptions): Promise<MlsCrypto> {
  const { suite, backend = "auto", random = platformRandom } = options
  const {
    name,
    aead,
    signature: scheme,
    kem: groups,
    hashes: short = hashFunctions(suite.hash.name),
  } = typeof backend === "string" ? await chooseBackEnd(suite, backend) : backend
  const hashes = { ...short, ...longHashFunctions(suite.hash.name, short, name === "webcrypto") }
  const signatures = signatureRules[suite.signature.name]
  const kems = kemRules[suite.kem.name]
  const kem = hpke(
    suite,
    hashes,
    { aead, kem: options.random === undefined ? groups : onInjectedRandomness(groups) },
    random,
  )

  const expandWithLabel = (
    secret: Uint8Array,
    label: string,
    context: Uint8Array,
    length: number,
  ) =>
    withEncoded(encodeKdfLabel, { label, context, length }, (info) =>
      hashes.expand(secret, info, length),
    )

  const verifyBy =
    (check: SignatureBackEnd["verify"]) =>
    async ({ publicKey, label, content, signature }: SignatureToVerify) => {
      const raw = signatures.decodeSignature(signature)
      if (raw === undefined || !signatures.isPublicKey(publicKey)) return false
      await ownStretch(content)
      return check(publicKey, labelled(label, content), raw).catch(() => false)
    }
  const verify = verifyBy((...check) => scheme.verify(...check))
  const verifyOneOfMany = verifyBy((...check) =>
    (scheme.verifyOneOfMany ?? scheme.verify)(...check),
  )

  const encryptAllWithLabel = (
    label: SigningLabel,
    context: Uint8Array,
    recipients: readonly Recipient[],
  ) => kem.sealAll(labelled(label, context), recipients)

  return {
    suite,
    backend: name,
    random,
    ...hashes,
    expandWithLabel,
    deriveSecret: (secret, label) => expandWithLabel(secret, label, EMPTY, suite.hash.size),
    deriveTreeSecret: (secret, label, generation, length) =>
      expandWithLabel(secret, label, u32(generation), length),
    refHash: (label, value) =>
      withEncoded(
        (writer, content: Uint8Array) => {
          writer.opaque(utf8(label))
          writer.opaque(content)
        },
        value,
        (input) => hashes.hash(input),
      ),
    async aeadSeal(key, nonce, aad, plaintext) {
      await ownStretch(plaintext)
      return aead.seal(key, nonce, aad, plaintext)
    },
    async aeadOpen(key, nonce, aad, ciphertext) {
      await ownStretch(ciphertext)
      try {
        return await aead.open(key, nonce, aad, ciphertext)
      } catch {
        throw new MlsError("aead_failed", "a ciphertext does not open", "5.1")
      }
    },
    generateSignatureKeyPair: () => scheme.keyPair(signatures.privateKey(random)),
    async sign(privateKey, label, content) {
      // One engine's WebCrypto signs with the first 32 bytes of a longer key.
      if (!signatures.isPrivateKey(privateKey))
        throw new MlsError("misuse", `no private key of ${suite.signature.name}`, "5.1")
      await ownStretch(content)
      return signatures.encodeSignature(await scheme.sign(privateKey, labelled(label, content)))
    },
    verify,
    verifyAll: (checks) => Promise.all(checks.map(verifyOneOfMany)),
    generateKemKeyPair: () => kem.deriveKeyPair(random(kems.privateKeySize)),
    deriveKemKeyPair: (ikm) => kem.deriveKeyPair(ikm),
    validateKemPublicKey(publicKey) {
      if (!kems.isPublicKey(publicKey)) {
        throw new MlsError("invalid_public_key", "a KEM public key can't be used", "5.1.3")
      }
    },
    async encryptWithLabel(publicKey, label, context, plaintext) {
      const [sealed] = await encryptAllWithLabel(label, context, [{ publicKey, plaintext }])
      if (sealed === undefined) throw new MlsError("internal", "nothing was sealed")
      return sealed
    },
    encryptAllWithLabel,
    decryptWithLabel: (privateKey, label, context, sealed) =>
      kem.open(privateKey, labelled(label, context), sealed),
    externalInit: (publicKey, context, length) => kem.sendExport(publicKey, context, length),
    externalOpen: (privateKey, kemOutput, context, length) =>
      kem.receiveExport(privateKey, kemOutput, context, length),
  }
}

/** Where the randomness is the caller's, none of it may be the engine's. */
function onInjectedRandomness(groups: KemBackEnd): KemBackEnd {
  if (!("diffieHellman" in groups)) return groups
  return {
    keyPair: (privateKey) => groups.keyPair(privateKey),
    diffieHellman: (privateKey, publicKey) => groups.diffieHellman(privateKey, publicKey),
  }
}

const EMPTY = new Uint8Array()
const encoder = new TextEncoder()
const utf8 = (text: string) => encoder.encode(text)

const known = new Map<string, Uint8Array>()

/** The bytes of one of the few labels that there are, "MLS 1.0 " before it. */
function labelBytes(label: SigningLabel): Uint8Array {
  if (typeof label !== "string") return concatBytes(utf8(labels.prefix), label)
  const bytes = known.get(label) ?? utf8(labels.prefix + label)
  if (known.size < 64) known.set(label, bytes)
  return bytes
}
const platformRandom = (length: number) => crypto.getRandomValues(new Uint8Array(length))

function u32(value: number): Uint8Array {
  return encode((writer, number: number) => writer.u32(number), value)
}

/** `SignContent` and `EncryptContext` (§5.1.2, §5.1.3): both are two vectors. */
function labelled(label: SigningLabel, content: Uint8Array): Uint8Array {
  const name = labelBytes(label)
  const writer = new Writer(opaqueSize(name) + opaqueSize(content))
  writer.opaque(name)
  writer.opaque(content)
  return writer.view()
}

interface KdfLabel {
  readonly label: string
  readonly context: Uint8Array
  readonly length: number
}

/** `KDFLabel` (§8). */
const encodeKdfLabel: Encoder<KdfLabel> = (writer, { label, context, length }) => {
  writer.u16(length)
  writer.opaque(labelBytes(label))
  writer.opaque(context)
}
