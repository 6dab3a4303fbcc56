// RFC 9180 §4, §4.1: the KEM of a suite, made of a group (DHKEM) or taken as it is.

import type {
  DiffieHellmanBackEnd,
  Encapsulated,
  EncapsulationBackEnd,
  KemBackEnd,
} from "./back-end.ts"
import { concatBytes } from "./bytes.ts"
import type { KeyPair } from "./crypto.ts"
import { MlsError } from "./error.ts"
import { groupRules, kemRules } from "./kem-rules.ts"
import { kemSuiteId, labeledHkdf } from "./labeled-hkdf.ts"
import type { HashFunctions } from "./primitives.ts"
import type { GroupName, KemName } from "./suites.ts"

export interface Kem {
  deriveKeyPair(ikm: Uint8Array): Promise<KeyPair>
  /** Throws `MlsError` `invalid_public_key`. */
  encapsulate(publicKey: Uint8Array): Promise<Encapsulated>
  /** Throws `MlsError` `aead_failed` for a KEM output that can't be used, `misuse` for a bad private key. */
  decapsulate(privateKey: Uint8Array, kemOutput: Uint8Array): Promise<Uint8Array>
}

interface KemParameters {
  readonly name: KemName
  readonly hpkeId: number
}

export function kemOf(
  { name, hpkeId }: KemParameters,
  hashes: HashFunctions,
  backEnd: KemBackEnd,
  random: (length: number) => Uint8Array,
): Kem {
  if (!("diffieHellman" in backEnd)) return encapsulationKem(name, backEnd, random)
  if (!isGroup(name)) throw new MlsError("misuse", `the back end is none for ${name}`, "5.1")
  return dhKem(name, hpkeId, { hashes, backEnd, random })
}

function isGroup(name: KemName): name is GroupName {
  return name in groupRules
}

interface Parts {
  readonly hashes: HashFunctions
  readonly backEnd: DiffieHellmanBackEnd
  readonly random: (length: number) => Uint8Array
}

/** §4.1. */
function dhKem(name: GroupName, hpkeId: number, { hashes, backEnd, random }: Parts): Kem {
  const rules = groupRules[name]
  const kdf = labeledHkdf(hashes)
  const suiteId = kemSuiteId(hpkeId)

  // `ExtractAndExpand`.
  const sharedSecret = (dh: Uint8Array, enc: Uint8Array, recipient: Uint8Array) => {
    const prk = kdf.extract(suiteId, EMPTY, "eae_prk", dh)
    return kdf.expand(suiteId, prk, "shared_secret", concatBytes(enc, recipient), rules.secretSize)
  }

  const deriveKeyPair = (ikm: Uint8Array) => {
    const prk = kdf.extract(suiteId, EMPTY, "dkp_prk", ikm)
    const privateKey = rules.derivePrivateKey((label, info, length) =>
      kdf.expand(suiteId, prk, label, info, length),
    )
    return backEnd.keyPair(privateKey)
  }

  // §7.1.4: an all-zero shared secret is refused, whatever the back end does about it.
  const agree = async <T extends { readonly secret: Uint8Array }>(
    publicKey: Uint8Array,
    code: "invalid_public_key" | "aead_failed",
    diffieHellman: () => Promise<T>,
  ): Promise<T> => {
    if (!rules.isPublicKey(publicKey)) throw refused(code)
    const agreed = await diffieHellman().catch(() => {
      throw refused(code)
    })
    if (agreed.secret.every((byte) => byte === 0)) throw refused(code)
    return agreed
  }

  /** A fresh public key, and the secret that it gives with the other's. */
  const ephemeral = async (publicKey: Uint8Array) => {
    if (backEnd.ephemeral !== undefined) return backEnd.ephemeral(publicKey)
    const pair = await deriveKeyPair(random(rules.privateKeySize))
    const secret = await backEnd.diffieHellman(pair.privateKey, publicKey)
    return { publicKey: pair.publicKey, secret }
  }

  return {
    deriveKeyPair,
    async encapsulate(publicKey) {
      const agreed = await agree(publicKey, "invalid_public_key", () => ephemeral(publicKey))
      const kemOutput = agreed.publicKey
      return { kemOutput, secret: sharedSecret(agreed.secret, kemOutput, publicKey) }
    },
    async decapsulate(privateKey, kemOutput) {
      if (!rules.isPrivateKey(privateKey)) throw noPrivateKey(name)
      const [{ publicKey }, { secret }] = await Promise.all([
        backEnd.keyPair(privateKey),
        agree(kemOutput, "aead_failed", async () => ({
          secret: await backEnd.diffieHellman(privateKey, kemOutput),
        })),
      ])
      return sharedSecret(secret, kemOutput, publicKey)
    },
  }
}

function encapsulationKem(
  name: KemName,
  backEnd: EncapsulationBackEnd,
  random: (length: number) => Uint8Array,
): Kem {
  const rules = kemRules[name]
  return {
    deriveKeyPair: (ikm) => backEnd.deriveKeyPair(ikm),
    async encapsulate(publicKey) {
      if (!rules.isPublicKey(publicKey)) throw refused("invalid_public_key")
      return backEnd.encapsulate(publicKey, random(backEnd.randomSize)).catch(() => {
        throw refused("invalid_public_key")
      })
    },
    async decapsulate(privateKey, kemOutput) {
      if (!rules.isPrivateKey(privateKey)) throw noPrivateKey(name)
      return backEnd.decapsulate(privateKey, kemOutput).catch(() => {
        throw refused("aead_failed")
      })
    },
  }
}

function refused(code: "invalid_public_key" | "aead_failed"): MlsError {
  return new MlsError(code, "a KEM public key can't be used", "5.1.3")
}

function noPrivateKey(name: KemName): MlsError {
  return new MlsError("misuse", `no private key of ${name}`, "5.1")
}

const EMPTY = new Uint8Array()
