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
  type JsonWebKeyInput,
  type KeyObject,
  sign,
  verify,
} from "node:crypto"
import { type BackEnd, promised } from "../../src/mls/back-end.ts"
import { type HashFunctions, hashFunctions } from "../../src/mls/primitives.ts"

const TAG_SIZE = 16

export function nodeBackEnd(): BackEnd {
  const signing = keys("Ed25519")
  const agreement = keys("X25519")
  const pair = (part: ReturnType<typeof keys>, privateKey: Uint8Array) =>
    promised(() => ({ privateKey, publicKey: part.publicOf(privateKey) }))
  const verdicts = new Map<string, boolean>()
  const secrets = new Map<string, Uint8Array>()
  const nameOf = (...parts: readonly Uint8Array[]) => parts.map(latin1).join()
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
        promised(() => {
          const signature = new Uint8Array(sign(null, message, signing.secret(privateKey)))
          kept(verdicts, nameOf(signing.publicOf(privateKey), signature, message), () => true)
          return signature
        }),
      verify: (publicKey, message, signature) =>
        promised(() => {
          // Each member verifies the same, most of it signed in this process.
          const name = nameOf(publicKey, signature, message)
          return kept(verdicts, name, () =>
            verify(null, message, signing.public(publicKey), signature),
          )
        }),
    },
    kem: {
      keyPair: (privateKey) => pair(agreement, privateKey),
      diffieHellman: (privateKey, publicKey) =>
        promised(() => {
          // Both sides come to the same.
          const own = agreement.publicOf(privateKey)
          const name = [own, publicKey].map(latin1).sort().join()
          return kept(secrets, name, () => {
            const parts = {
              privateKey: agreement.secret(privateKey),
              publicKey: agreement.public(publicKey),
            }
            return new Uint8Array(diffieHellman(parts))
          }).slice()
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
const latin1 = (bytes: Uint8Array) => viewOf(bytes).toString("latin1")
const base64url = (bytes: Uint8Array) => viewOf(bytes).toString("base64url")
const viewOf = ({ buffer, byteOffset, length }: Uint8Array) =>
  Buffer.from(buffer, byteOffset, length)

/** The value of a name, made when it is first asked for. */
function kept<T>(known: Map<string, T>, name: string, make: () => T): T {
  const found = known.get(name)
  if (found !== undefined) return found
  if (known.size >= MAX_KEPT) known.clear()
  const made = make()
  known.set(name, made)
  return made
}

/** As JSON Web Keys: many times as quick as their DER forms, of which OpenSSL tries one decoder after the other. */
function keys(crv: "Ed25519" | "X25519") {
  const secrets = new Map<string, KeyObject>()
  const publics = new Map<string, KeyObject>()
  const pairs = new Map<string, Uint8Array>()
  const read = <T>(create: (input: JsonWebKeyInput) => T, x: Uint8Array, d?: Uint8Array) => {
    const secret = d === undefined ? {} : { d: base64url(d) }
    return create({ key: { kty: "OKP", crv, x: base64url(x), ...secret }, format: "jwk" })
  }
  // Node computes the public key of a private one by itself, and looks at nothing of `x` there.
  const secret = (bytes: Uint8Array) =>
    kept(secrets, latin1(bytes), () => read(createPrivateKey, new Uint8Array(32), bytes))
  return {
    secret,
    public: (bytes: Uint8Array) => kept(publics, latin1(bytes), () => read(createPublicKey, bytes)),
    publicOf: (bytes: Uint8Array) =>
      kept(pairs, latin1(bytes), () => {
        const { x = "" } = secret(bytes).export({ format: "jwk" })
        return new Uint8Array(Buffer.from(x, "base64url"))
      }).slice(),
  }
}
