// RFC 9420 §5.1 on Node's synchronous cryptography, for the cipher suite of the simulator: X25519, AES-128-GCM, Ed25519.
// Nothing here waits for another thread, so virtual time knows when all work is done; and it is faster than WebCrypto.

import {
  createCipheriv,
  createDecipheriv,
  createHmac,
  createPrivateKey,
  createPublicKey,
  diffieHellman,
  hash,
  type KeyObject,
  sign,
  verify,
} from "node:crypto"
import { type BackEnd, promised } from "../../src/mls/back-end.ts"
import { type HashFunctions, hashFunctions } from "../../src/mls/primitives.ts"

const TAG_SIZE = 16
const PREFIXES = {
  ed25519: { pkcs8: "302e020100300506032b657004220420", spki: "302a300506032b6570032100" },
  x25519: { pkcs8: "302e020100300506032b656e04220420", spki: "302a300506032b656e032100" },
} as const
type Curve = keyof typeof PREFIXES

export function nodeBackEnd(): BackEnd {
  const signing = keys("ed25519")
  const agreement = keys("x25519")
  const pair = (part: ReturnType<typeof keys>, privateKey: Uint8Array) =>
    promised(() => ({ privateKey, publicKey: part.publicOf(privateKey) }))
  const verdicts = new Map<string, boolean>()
  return {
    name: "noble",
    hashes,
    aead: {
      seal: (key, nonce, aad, plaintext) =>
        promised(() => {
          const cipher = createCipheriv("aes-128-gcm", key, nonce)
          cipher.setAAD(aad)
          const parts = [cipher.update(plaintext), cipher.final(), cipher.getAuthTag()]
          return new Uint8Array(Buffer.concat(parts))
        }),
      open: (key, nonce, aad, ciphertext) =>
        promised(() => {
          const end = ciphertext.length - TAG_SIZE
          if (end < 0) throw new Error("shorter than a tag")
          const cipher = createDecipheriv("aes-128-gcm", key, nonce)
          cipher.setAAD(aad)
          cipher.setAuthTag(ciphertext.subarray(end))
          const parts = [cipher.update(ciphertext.subarray(0, end)), cipher.final()]
          return new Uint8Array(Buffer.concat(parts))
        }),
    },
    signature: {
      keyPair: (privateKey) => pair(signing, privateKey),
      sign: (privateKey, message) =>
        promised(() => new Uint8Array(sign(null, message, signing.secret(privateKey)))),
      verify: (publicKey, message, signature) =>
        promised(() => {
          // Each member verifies the same.
          const name = [publicKey, signature, message].map(latin1).join()
          return kept(verdicts, name, () =>
            verify(null, message, signing.public(publicKey), signature),
          )
        }),
    },
    kem: {
      keyPair: (privateKey) => pair(agreement, privateKey),
      diffieHellman: (privateKey, publicKey) =>
        promised(() => {
          const parts = {
            privateKey: agreement.secret(privateKey),
            publicKey: agreement.public(publicKey),
          }
          return new Uint8Array(diffieHellman(parts))
        }),
    },
  }
}

const ordinary = hashFunctions("SHA-256")
const mac = (key: Uint8Array, ...parts: readonly Uint8Array[]) => {
  const made = createHmac("sha256", key)
  for (const part of parts) made.update(part)
  return new Uint8Array(made.digest())
}
const hashes: HashFunctions = {
  hash: (data) => new Uint8Array(hash("sha256", data, "buffer")),
  mac,
  extract: (salt, ikm) => mac(salt, ikm),
  expand: (prk, info, length) =>
    length > 0 && length <= 32
      ? mac(prk, info, Uint8Array.of(1)).slice(0, length)
      : ordinary.expand(prk, info, length),
}

const MAX_KEPT = 4096
const latin1 = (bytes: Uint8Array) => Buffer.from(bytes).toString("latin1")

/** The value of a name, made when it is first asked for. */
function kept<T>(known: Map<string, T>, name: string, make: () => T): T {
  const found = known.get(name)
  if (found !== undefined) return found
  if (known.size >= MAX_KEPT) known.clear()
  const made = make()
  known.set(name, made)
  return made
}

function keys(curve: Curve) {
  const pkcs8 = Buffer.from(PREFIXES[curve].pkcs8, "hex")
  const spki = Buffer.from(PREFIXES[curve].spki, "hex")
  const secrets = new Map<string, KeyObject>()
  const publics = new Map<string, KeyObject>()
  const pairs = new Map<string, Uint8Array>()
  const secret = (bytes: Uint8Array) =>
    kept(secrets, latin1(bytes), () =>
      createPrivateKey({ key: Buffer.concat([pkcs8, bytes]), format: "der", type: "pkcs8" }),
    )
  return {
    secret,
    public: (bytes: Uint8Array) =>
      kept(publics, latin1(bytes), () =>
        createPublicKey({ key: Buffer.concat([spki, bytes]), format: "der", type: "spki" }),
      ),
    publicOf: (bytes: Uint8Array) =>
      kept(pairs, latin1(bytes), () => {
        const der = createPublicKey(secret(bytes)).export({ format: "der", type: "spki" })
        return new Uint8Array(der.subarray(spki.length))
      }).slice(),
  }
}
