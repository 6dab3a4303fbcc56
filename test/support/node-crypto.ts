// RFC 9420 §5.1 on Node's synchronous cryptography, which is OpenSSL's: for back ends that tests bring along.

import {
  createCipheriv,
  createDecipheriv,
  createPrivateKey,
  createPublicKey,
  type CipherGCMTypes,
  type JsonWebKeyInput,
  type KeyObject,
} from "node:crypto"
import { type AeadBackEnd, promised } from "../../src/mls/back-end.ts"

const TAG_SIZE = 16

/** `chacha20-poly1305` is used as the GCM ciphers are, and missing in Node's type of their names. */
export function nodeAead(cipher: CipherGCMTypes | "chacha20-poly1305"): AeadBackEnd {
  const name = cipher as CipherGCMTypes
  const options = { authTagLength: TAG_SIZE }
  return {
    seal: (key, nonce, aad, plaintext) =>
      promised(() => {
        const sealing = createCipheriv(name, key, nonce, options)
        sealing.setAAD(aad)
        const parts = [sealing.update(plaintext), sealing.final(), sealing.getAuthTag()]
        return new Uint8Array(Buffer.concat(parts))
      }),
    open: (key, nonce, aad, ciphertext) =>
      promised(() => {
        const end = ciphertext.length - TAG_SIZE
        if (end < 0) throw new Error("shorter than a tag")
        const opening = createDecipheriv(name, key, nonce, options)
        opening.setAAD(aad)
        opening.setAuthTag(ciphertext.subarray(end))
        const parts = [opening.update(ciphertext.subarray(0, end)), opening.final()]
        return new Uint8Array(Buffer.concat(parts))
      }),
  }
}

/** Bytes of a public key (RFC 8032, RFC 7748). */
const SIZES = { Ed25519: 32, X25519: 32, Ed448: 57, X448: 56 } as const

/** As JSON Web Keys: many times as quick as their DER forms, of which OpenSSL tries one decoder after the other. */
export function nodeKeys(crv: keyof typeof SIZES) {
  const secrets = new Map<string, KeyObject>()
  const publics = new Map<string, KeyObject>()
  const pairs = new Map<string, Uint8Array>()
  const read = <T>(create: (input: JsonWebKeyInput) => T, x: Uint8Array, d?: Uint8Array) => {
    const secret = d === undefined ? {} : { d: base64url(d) }
    return create({ key: { kty: "OKP", crv, x: base64url(x), ...secret }, format: "jwk" })
  }
  // Node computes the public key of a private one by itself, and looks at nothing of `x` there.
  const secret = (bytes: Uint8Array) =>
    kept(secrets, latin1(bytes), () => read(createPrivateKey, new Uint8Array(SIZES[crv]), bytes))
  const publicOf = (bytes: Uint8Array) =>
    kept(pairs, latin1(bytes), () => {
      const { x = "" } = secret(bytes).export({ format: "jwk" })
      return new Uint8Array(Buffer.from(x, "base64url"))
    }).slice()
  return {
    secret,
    public: (bytes: Uint8Array) => kept(publics, latin1(bytes), () => read(createPublicKey, bytes)),
    publicOf,
    pair: (privateKey: Uint8Array) =>
      promised(() => ({ privateKey, publicKey: publicOf(privateKey) })),
  }
}

const MAX_KEPT = 4096
export const latin1 = (bytes: Uint8Array) => viewOf(bytes).toString("latin1")
const base64url = (bytes: Uint8Array) => viewOf(bytes).toString("base64url")
const viewOf = ({ buffer, byteOffset, length }: Uint8Array) =>
  Buffer.from(buffer, byteOffset, length)

/** The value of a name, made when it is first asked for. */
export function kept<T>(known: Map<string, T>, name: string, make: () => T): T {
  const found = known.get(name)
  if (found !== undefined) return found
  if (known.size >= MAX_KEPT) known.clear()
  const made = make()
  known.set(name, made)
  return made
}
