// RFC 9420 §5.1 on Node's synchronous cryptography, for the cipher suite of the simulator: X25519, AES-128-GCM, Ed25519.
// Nothing here waits for another thread, so virtual time knows when all work is done; and it is faster than WebCrypto.

import { createHmac, diffieHellman, hash, sign, verify } from "node:crypto"
import { type BackEnd, promised } from "../../src/mls/back-end.ts"
import { type HashFunctions, hashFunctions } from "../../src/mls/primitives.ts"
import { kept, latin1, nodeAead, nodeKeys } from "../support/node-crypto.ts"

export function nodeBackEnd(): BackEnd {
  const signing = nodeKeys("Ed25519")
  const agreement = nodeKeys("X25519")
  const verdicts = new Map<string, boolean>()
  const secrets = new Map<string, Uint8Array>()
  const nameOf = (...parts: readonly Uint8Array[]) => parts.map(latin1).join()
  return {
    name: "noble",
    hashes,
    aead: nodeAead("aes-128-gcm"),
    signature: {
      keyPair: signing.pair,
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
      keyPair: agreement.pair,
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
