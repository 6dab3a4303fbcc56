// RFC 9180: hybrid public-key encryption in base mode, with the parameters of a suite.

import type { AeadBackEnd, KemBackEnd } from "./back-end.ts"
import { concatBytes } from "./bytes.ts"
import type { HpkeCiphertext, KeyPair } from "./crypto.ts"
import { MlsError } from "./error.ts"
import { kemRules } from "./kem-rules.ts"
import type { HashFunctions } from "./primitives.ts"
import type { CipherSuite } from "./suites.ts"

const utf8 = (text: string) => new TextEncoder().encode(text)
const u16 = (value: number) => Uint8Array.of(value >> 8, value & 0xff)
const EMPTY = new Uint8Array()

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
  backEnd: { readonly aead: AeadBackEnd; readonly kem: KemBackEnd },
  random: (length: number) => Uint8Array,
): Hpke {
  const { kem, aead } = suite
  const rules = kemRules[kem.name]
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
    return labeledExpand(kemId, prk, "shared_secret", concatBytes(enc, recipient), rules.secretSize)
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
    const privateKey = rules.derivePrivateKey((label, info, length) =>
      labeledExpand(kemId, prk, label, info, length),
    )
    return backEnd.kem.keyPair(privateKey)
  }

  // §7.1.4: an all-zero shared secret is refused, whatever the back end does about it.
  const agree = async (
    privateKey: Uint8Array,
    publicKey: Uint8Array,
    code: "invalid_public_key" | "aead_failed",
  ) => {
    const refused = new MlsError(code, "a KEM public key can't be used", "5.1.3")
    if (!rules.isPublicKey(publicKey)) throw refused
    const secret = await backEnd.kem.diffieHellman(privateKey, publicKey).catch(() => {
      throw refused
    })
    if (secret.every((byte) => byte === 0)) throw refused
    return secret
  }

  const setupSender = async (publicKey: Uint8Array, info: Uint8Array) => {
    const ephemeral = await deriveKeyPair(random(rules.privateKeySize))
    const dh = await agree(ephemeral.privateKey, publicKey, "invalid_public_key")
    const shared = sharedSecret(dh, ephemeral.publicKey, publicKey)
    return { kemOutput: ephemeral.publicKey, context: keySchedule(shared, info) }
  }

  const setupReceiver = async (privateKey: Uint8Array, kemOutput: Uint8Array, info: Uint8Array) => {
    if (!rules.isPrivateKey(privateKey)) {
      throw new MlsError("misuse", `no private key of ${kem.name}`, "5.1")
    }
    const [{ publicKey }, dh] = await Promise.all([
      backEnd.kem.keyPair(privateKey),
      agree(privateKey, kemOutput, "aead_failed"),
    ])
    return keySchedule(sharedSecret(dh, kemOutput, publicKey), info)
  }

  const exported = (context: Context, exporterContext: Uint8Array, length: number) =>
    labeledExpand(suiteId, context.exporterSecret, "sec", exporterContext, length)

  return {
    deriveKeyPair,
    async seal(publicKey, info, plaintext) {
      const { kemOutput, context } = await setupSender(publicKey, info)
      const ciphertext = await backEnd.aead.seal(context.key, context.nonce, EMPTY, plaintext)
      return { kemOutput, ciphertext }
    },
    async open(privateKey, info, { kemOutput, ciphertext }) {
      const context = await setupReceiver(privateKey, kemOutput, info)
      try {
        return await backEnd.aead.open(context.key, context.nonce, EMPTY, ciphertext)
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
