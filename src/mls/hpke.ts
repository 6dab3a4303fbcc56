// RFC 9180: hybrid public-key encryption in base mode, with the parameters of a suite.

import type { AeadBackEnd, KemBackEnd } from "./back-end.ts"
import { inBatches } from "./batches.ts"
import { concatBytes, packed } from "./bytes.ts"
import type { HpkeCiphertext, KeyPair, LongHashFunctions, Recipient } from "./crypto.ts"
import { MlsError } from "./error.ts"
import { kemOf } from "./kem.ts"
import { hpkeSuiteId, labeledHkdf, labeledInput } from "./labeled-hkdf.ts"
import type { HashFunctions } from "./primitives.ts"
import type { CipherSuite } from "./suites.ts"

const EMPTY = new Uint8Array()

export interface Hpke {
  /** `DeriveKeyPair` (§7.1.3). */
  deriveKeyPair(ikm: Uint8Array): Promise<KeyPair>
  /**
   * `SealBase` with empty AAD (§6.1), for many recipients with one `info`, which is hashed once. Throws `MlsError`
   * `invalid_public_key`.
   */
  sealAll(info: Uint8Array, recipients: readonly Recipient[]): Promise<HpkeCiphertext[]>
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

/** Recipients that are sealed to at the same time: few enough that what is used up is young, and goes at once. */
const SEAL_BATCH = 64

interface Context {
  readonly key: Uint8Array
  readonly nonce: Uint8Array
  /** Derived when asked for: most contexts seal or open one message and export nothing. */
  exporterSecret(): Uint8Array
}

export function hpke(
  suite: CipherSuite,
  hashes: HashFunctions & LongHashFunctions,
  backEnd: { readonly aead: AeadBackEnd; readonly kem: KemBackEnd },
  random: (length: number) => Uint8Array,
): Hpke {
  const { kem: parameters, aead } = suite
  const kem = kemOf(parameters, hashes, backEnd.kem, random)
  const kdf = labeledHkdf(hashes)
  const suiteId = hpkeSuiteId(parameters.hpkeId, parameters.hpkeKdfId, aead.hpkeId)

  // §5.1 KeySchedule, mode_base: what depends on `info` alone, which may be large, and the rest.
  const pskIdHash = kdf.extract(suiteId, EMPTY, "psk_id_hash", EMPTY)
  const keyScheduleContext = async (info: Uint8Array) => {
    // `LabeledExtract` with an empty salt, of what may be long (RFC 5869 §2.2).
    const input = concatBytes(labeledInput(suiteId, "info_hash"), info)
    const infoHash = await hashes.longMac(EMPTY, input)
    return concatBytes(Uint8Array.of(0), pskIdHash, infoHash)
  }
  const keySchedule = (shared: Uint8Array, context: Uint8Array): Context => {
    const secret = kdf.extract(suiteId, shared, "secret", EMPTY)
    return {
      key: kdf.expand(suiteId, secret, "key", context, aead.keySize),
      nonce: kdf.expand(suiteId, secret, "base_nonce", context, aead.nonceSize),
      exporterSecret: () => kdf.expand(suiteId, secret, "exp", context, suite.hash.size),
    }
  }

  const setupSender = async (publicKey: Uint8Array, context: Uint8Array) => {
    const { kemOutput, secret } = await kem.encapsulate(publicKey)
    return { kemOutput, context: keySchedule(secret, context) }
  }

  const setupReceiver = async (privateKey: Uint8Array, kemOutput: Uint8Array, info: Uint8Array) =>
    keySchedule(await kem.decapsulate(privateKey, kemOutput), await keyScheduleContext(info))

  const sealAll = async (info: Uint8Array, recipients: readonly Recipient[]) => {
    const shared = await keyScheduleContext(info)
    const seal = async ({ publicKey, plaintext }: Recipient): Promise<HpkeCiphertext> => {
      const { kemOutput, context } = await setupSender(publicKey, shared)
      const ciphertext = await backEnd.aead.seal(context.key, context.nonce, EMPTY, plaintext)
      return { kemOutput, ciphertext }
    }
    return inBatches(recipients, SEAL_BATCH, async (batch) =>
      packedCiphertexts(await Promise.all(batch.map(seal))),
    )
  }

  const packedCiphertexts = (sealed: readonly HpkeCiphertext[]): readonly HpkeCiphertext[] => {
    if (sealed.length === 1) return sealed
    const kemOutputs = packed(sealed.map((each) => each.kemOutput))
    const ciphertexts = packed(sealed.map((each) => each.ciphertext))
    return sealed.map((each, i) => ({
      kemOutput: kemOutputs[i] ?? each.kemOutput,
      ciphertext: ciphertexts[i] ?? each.ciphertext,
    }))
  }

  const exported = (context: Context, exporterContext: Uint8Array, length: number) =>
    kdf.expand(suiteId, context.exporterSecret(), "sec", exporterContext, length)

  return {
    deriveKeyPair: (ikm) => kem.deriveKeyPair(ikm),
    sealAll,
    async open(privateKey, info, { kemOutput, ciphertext }) {
      const context = await setupReceiver(privateKey, kemOutput, info)
      try {
        return await backEnd.aead.open(context.key, context.nonce, EMPTY, ciphertext)
      } catch {
        throw new MlsError("aead_failed", "an HPKE ciphertext does not open", "5.1.3")
      }
    },
    async sendExport(publicKey, exporterContext, length) {
      const { kemOutput, context } = await setupSender(publicKey, await keyScheduleContext(EMPTY))
      return { kemOutput, secret: exported(context, exporterContext, length) }
    },
    async receiveExport(privateKey, kemOutput, exporterContext, length) {
      const context = await setupReceiver(privateKey, kemOutput, EMPTY)
      return exported(context, exporterContext, length)
    },
  }
}
