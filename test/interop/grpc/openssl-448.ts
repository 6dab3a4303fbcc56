// RFC 8032 §5.2, RFC 7748 §5 on Node's OpenSSL: a caller's back end for the suites 0x0004 and 0x0006. noble verifies twelve
// times as long, and the official runner gives a call 120 seconds, in which hundreds of members may wait for one process.

import { diffieHellman, sign, verify } from "node:crypto"
import { promised } from "../../../src/mls/back-end.ts"
import type { BackEnd, CipherSuite } from "../../../src/mls/index.ts"
import { nodeAead, nodeKeys } from "../../support/node-crypto.ts"

/** `undefined` for a suite of other curves. */
export function openssl448({ kem, signature, aead }: CipherSuite): BackEnd | undefined {
  if (kem.name !== "X448" || signature.name !== "Ed448") return undefined
  const signing = nodeKeys("Ed448")
  const agreement = nodeKeys("X448")
  return {
    name: "webcrypto",
    aead: nodeAead(aead.name === "AES-256-GCM" ? "aes-256-gcm" : "chacha20-poly1305"),
    signature: {
      keyPair: signing.pair,
      sign: (privateKey, message) =>
        promised(() => new Uint8Array(sign(null, message, signing.secret(privateKey)))),
      verify: (publicKey, message, bytes) =>
        promised(() => verify(null, message, signing.public(publicKey), bytes)),
    },
    kem: {
      keyPair: agreement.pair,
      diffieHellman: (own, theirs) =>
        promised(() => {
          const keys = { privateKey: agreement.secret(own), publicKey: agreement.public(theirs) }
          return new Uint8Array(diffieHellman(keys))
        }),
    },
  }
}
