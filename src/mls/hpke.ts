// RFC 9180: hybrid public-key encryption in base mode, with the parameters of a suite.

import type { BackEnd } from "./back-end.ts"
import { concatBytes } from "./bytes.ts"
import type { HpkeCiphertext, KeyPair } from "./crypto.ts"
import { MlsError } from "./error.ts"
import type { HashFunctions } from "./primitives.ts"
import type { CipherSuite } from "./suites.ts"

const utf8 = (text: string) => new TextEncoder().encode(text)
const u16 = (value: number) => Uint8Array.of(value >> 8, value & 0xff)
const EMPTY = new Uint8Array()

/** Sizes of X25519 (RFC 9180 §7.1), in bytes. */
const SECRET_SIZE = 32
const PUBLIC_KEY_SIZE = 32
const PRIVATE_KEY_SIZE = 32

export interface Hpke {
  /** `DeriveKeyPair` (§7.1.3). */
  deriveKeyPair(ikm: Uint8Array): Promise<KeyPair>
  /** `SealBase` with empty AAD (§6.1). Throws `MlsError` `invalid_public_key`. */
  seal(publicKey: Uint8Array, info: Uint8Array, plaintext: Uint8Array): Promise<HpkeCiphertext>
  /** `OpenBase` with empty AAD. Throws `MlsError` `aead_failed`. */
  open(privateKey: Uint8Array, info: Uint8Array, sealed: HpkeCiphertext): Promise<Uint8Array>
  /** `SendExportBase` (§6.2) with empty info. */
  sendExport(
    publicKey: Uint8Array,
    exporterContext: Uint8Array,
    length: number,
  ): Promise<{ kemOutput: Uint8Array; secret: Uint8Array }>
  /** `ReceiveExportBase` (§6.2) with empty info. */
  receiveExport(
    privateKey: Uint8Array,
    kemOutput: Uint8Array,
    exporterContext: Uint8Array,
    length: number,
  ): Promise<Uint8Array>
}

interface Context {
  readonly key: Uint8Array
  readonly nonce: Uint8Array
  readonly exporterSecret: Uint8Array
}

export function hpke(
  suite: CipherSuite,
  hashes: HashFunctions,
  backEnd: BackEnd,
  random: (length: number) => Uint8Array,
): Hpke {
  const { kem, aead } = suite
  const kemId = concatBytes(utf8("KEM"), u16(kem.hpkeId))
  const suiteId = concatBytes(utf8("HPKE"), u16(kem.hpkeId), u16(kem.hpkeKdfId), u16(aead.hpkeId))

  const labeledExtract = (id: Uint8Array, salt: Uint8Array, label: string, ikm: Uint8Array) =>
    hashes.extract(salt, concatBytes(utf8("HPKE-v1"), id, utf8(label), ikm))
  const labeledExpand = (
    id: Uint8Array,
    prk: Uint8Array,
    label: string,
    info: Uint8Array,
    length: number,
  ) => hashes.expand(prk, concatBytes(u16(length), utf8("HPKE-v1"), id, utf8(label), info), length)

  // §4.1 ExtractAndExpand.
  const sharedSecret = (dh: Uint8Array, enc: Uint8Array, recipient: Uint8Array) => {
    const prk = labeledExtract(kemId, EMPTY, "eae_prk", dh)
    return labeledExpand(kemId, prk, "shared_secret", concatBytes(enc, recipient), SECRET_SIZE)
  }

  // §5.1 KeySchedule, mode_base.
  const keySchedule = (shared: Uint8Array, info: Uint8Array): Context => {
    const pskIdHash = labeledExtract(suiteId, EMPTY, "psk_id_hash", EMPTY)
    const infoHash = labeledExtract(suiteId, EMPTY, "info_hash", info)
    const context = concatBytes(Uint8Array.of(0), pskIdHash, infoHash)
    const secret = labeledExtract(suiteId, shared, "secret", EMPTY)
    return {
      key: labeledExpand(suiteId, secret, "key", context, aead.keySize),
      nonce: labeledExpand(suiteId, secret, "base_nonce", context, aead.nonceSize),
      exporterSecret: labeledExpand(suiteId, secret, "exp", context, suite.hash.size),
    }
  }

  const deriveKeyPair = (ikm: Uint8Array) => {
    const prk = labeledExtract(kemId, EMPTY, "dkp_prk", ikm)
    return backEnd.kemKeyPair(labeledExpand(kemId, prk, "sk", EMPTY, PRIVATE_KEY_SIZE))
  }

  const setupSender = async (publicKey: Uint8Array, info: Uint8Array) => {
    const ephemeral = await deriveKeyPair(random(SECRET_SIZE))
    const dh = await agree(backEnd, ephemeral.privateKey, publicKey, "invalid_public_key")
    const shared = sharedSecret(dh, ephemeral.publicKey, publicKey)
    return { kemOutput: ephemeral.publicKey, context: keySchedule(shared, info) }
  }

  const setupReceiver = async (privateKey: Uint8Array, kemOutput: Uint8Array, info: Uint8Array) => {
    if (privateKey.length !== PRIVATE_KEY_SIZE) {
      throw new MlsError("misuse", `a KEM private key has ${PRIVATE_KEY_SIZE} bytes`, "5.1")
    }
    const [{ publicKey }, dh] = await Promise.all([
      backEnd.kemKeyPair(privateKey),
      agree(backEnd, privateKey, kemOutput, "aead_failed"),
    ])
    return keySchedule(sharedSecret(dh, kemOutput, publicKey), info)
  }

  const exported = (context: Context, exporterContext: Uint8Array, length: number) =>
    labeledExpand(suiteId, context.exporterSecret, "sec", exporterContext, length)

  return {
    deriveKeyPair,
    async seal(publicKey, info, plaintext) {
      const { kemOutput, context } = await setupSender(publicKey, info)
      const ciphertext = await backEnd.aeadSeal(context.key, context.nonce, EMPTY, plaintext)
      return { kemOutput, ciphertext }
    },
    async open(privateKey, info, { kemOutput, ciphertext }) {
      const context = await setupReceiver(privateKey, kemOutput, info)
      try {
        return await backEnd.aeadOpen(context.key, context.nonce, EMPTY, ciphertext)
      } catch {
        throw new MlsError("aead_failed", "an HPKE ciphertext does not open", "5.1.3")
      }
    },
    async sendExport(publicKey, exporterContext, length) {
      const { kemOutput, context } = await setupSender(publicKey, EMPTY)
      return { kemOutput, secret: exported(context, exporterContext, length) }
    },
    async receiveExport(privateKey, kemOutput, exporterContext, length) {
      const context = await setupReceiver(privateKey, kemOutput, EMPTY)
      return exported(context, exporterContext, length)
    },
  }
}

/** RFC 9180 §7.1.4: an all-zero shared secret is refused, whatever the back end does about it. */
async function agree(
  backEnd: BackEnd,
  privateKey: Uint8Array,
  publicKey: Uint8Array,
  code: "invalid_public_key" | "aead_failed",
): Promise<Uint8Array> {
  const refused = new MlsError(code, "a KEM public key can't be used", "5.1.3")
  if (publicKey.length !== PUBLIC_KEY_SIZE) throw refused
  const secret = await backEnd.diffieHellman(privateKey, publicKey).catch(() => {
    throw refused
  })
  if (secret.every((byte) => byte === 0)) throw refused
  return secret
}
