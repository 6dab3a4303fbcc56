// RFC 9420 §5.1 on Node's synchronous cryptography, for the cipher suite of the simulator: X25519, AES-128-GCM, Ed25519.
// Nothing here waits for another thread, so virtual time knows when all work is done; and it is faster than WebCrypto.

import {
  createCipheriv,
  createDecipheriv,
  createPrivateKey,
  createPublicKey,
  diffieHellman,
  type KeyObject,
  sign,
  verify,
} from "node:crypto"
import { type BackEnd, promised } from "../../src/mls/back-end.ts"

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
  return {
    name: "noble",
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
        promised(() => verify(null, message, signing.public(publicKey), signature)),
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

const MAX_KEYS = 4096

function keys(curve: Curve) {
  const pkcs8 = Buffer.from(PREFIXES[curve].pkcs8, "hex")
  const spki = Buffer.from(PREFIXES[curve].spki, "hex")
  const secrets = new Map<string, KeyObject>()
  const publics = new Map<string, KeyObject>()
  const kept = (known: Map<string, KeyObject>, bytes: Uint8Array, make: () => KeyObject) => {
    const name = Buffer.from(bytes).toString("latin1")
    const found = known.get(name)
    if (found !== undefined) return found
    if (known.size >= MAX_KEYS) known.clear()
    const made = make()
    known.set(name, made)
    return made
  }
  const secret = (bytes: Uint8Array) =>
    kept(secrets, bytes, () =>
      createPrivateKey({ key: Buffer.concat([pkcs8, bytes]), format: "der", type: "pkcs8" }),
    )
  return {
    secret,
    public: (bytes: Uint8Array) =>
      kept(publics, bytes, () =>
        createPublicKey({ key: Buffer.concat([spki, bytes]), format: "der", type: "spki" }),
      ),
    publicOf: (bytes: Uint8Array) => {
      const der = createPublicKey(secret(bytes)).export({ format: "der", type: "spki" })
      return new Uint8Array(der.subarray(spki.length))
    },
  }
}
