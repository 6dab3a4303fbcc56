// RFC 8032 §5.2, RFC 7748 §5 on Node's OpenSSL: a caller's back end for the suites 0x0004 and 0x0006. noble verifies twelve
// times as long, and the official runner gives a call 120 seconds, in which hundreds of members may wait for one process.

import {
  createCipheriv,
  createDecipheriv,
  createPrivateKey,
  createPublicKey,
  diffieHellman,
  sign,
  verify,
} from "node:crypto"
import type { CipherGCMTypes, KeyObject } from "node:crypto"
import {
  type BackEnd,
  type CipherSuite,
  type DiffieHellmanBackEnd,
  type SignatureBackEnd,
} from "../../../src/mls/index.ts"

/** What RFC 8410 puts before a private key in PKCS #8, and before a public one. */
const ED448 = { private: "3047020100300506032b6571043b0439", public: "3043300506032b6571033a00" }
const X448 = { private: "3046020100300506032b656f043a0438", public: "3042300506032b656f033900" }
type Prefixes = typeof ED448

const TAG_SIZE = 16

/** `undefined` for a suite of other curves. */
export function openssl448({ kem, signature, aead }: CipherSuite): BackEnd | undefined {
  if (kem.name !== "X448" || signature.name !== "Ed448") return undefined
  const cipher = aead.name === "AES-256-GCM" ? "aes-256-gcm" : "chacha20-poly1305"
  return { name: "webcrypto", kem: x448, signature: ed448, aead: aeadOf(cipher as CipherGCMTypes) }
}

const ed448: SignatureBackEnd = {
  keyPair: (privateKey) => promised(() => pairOf(ED448, privateKey)),
  sign: (privateKey, message) =>
    promised(() => bytesOf(sign(null, message, privateOf(ED448, privateKey)))),
  verify: (publicKey, message, signature) =>
    promised(() => verify(null, message, publicOf(ED448, publicKey), signature)),
}

const x448: DiffieHellmanBackEnd = {
  keyPair: (privateKey) => promised(() => pairOf(X448, privateKey)),
  diffieHellman: (privateKey, publicKey) =>
    promised(() => {
      const keys = { privateKey: privateOf(X448, privateKey), publicKey: publicOf(X448, publicKey) }
      return bytesOf(diffieHellman(keys))
    }),
}

function aeadOf(cipher: CipherGCMTypes): BackEnd["aead"] {
  const options = { authTagLength: TAG_SIZE }
  return {
    seal: (key, nonce, aad, plaintext) =>
      promised(() => {
        const sealing = createCipheriv(cipher, key, nonce, options).setAAD(aad)
        const parts = [sealing.update(plaintext), sealing.final()]
        return bytesOf(Buffer.concat([...parts, sealing.getAuthTag()]))
      }),
    open: (key, nonce, aad, ciphertext) =>
      promised(() => {
        const opening = createDecipheriv(cipher, key, nonce, options).setAAD(aad)
        opening.setAuthTag(ciphertext.subarray(-TAG_SIZE))
        const plaintext = opening.update(ciphertext.subarray(0, -TAG_SIZE))
        return bytesOf(Buffer.concat([plaintext, opening.final()]))
      }),
  }
}

function pairOf(prefixes: Prefixes, privateKey: Uint8Array) {
  const spki = createPublicKey(privateOf(prefixes, privateKey)).export(DER.public)
  return { privateKey, publicKey: bytesOf(spki).slice(prefixes.public.length / 2) }
}

const DER = {
  private: { format: "der", type: "pkcs8" },
  public: { format: "der", type: "spki" },
} as const

function privateOf(prefixes: Prefixes, bytes: Uint8Array): KeyObject {
  const key = Buffer.concat([Buffer.from(prefixes.private, "hex"), bytes])
  return createPrivateKey({ key, ...DER.private })
}

function publicOf(prefixes: Prefixes, bytes: Uint8Array): KeyObject {
  const key = Buffer.concat([Buffer.from(prefixes.public, "hex"), bytes])
  return createPublicKey({ key, ...DER.public })
}

const bytesOf = (buffer: Buffer) => new Uint8Array(buffer)

function promised<T>(operation: () => T): Promise<T> {
  return new Promise((resolve) => {
    resolve(operation())
  })
}
