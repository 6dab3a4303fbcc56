// RFC 9420 §5.1 on noble: ECDSA and ECDH over the NIST curves.

import { p256, p384, p521 } from "@noble/curves/nist.js"
import { type DiffieHellmanBackEnd, type SignatureBackEnd, promised } from "./back-end.ts"

const CURVES = { "P-256": p256, "P-384": p384, "P-521": p521 } as const

/** noble hashes with the curve's usual hash, which is the suite's. WebCrypto makes and takes large and small s alike. */
const OPTIONS = { format: "compact", lowS: false, prehash: true } as const

export function ecdsaBackEnd(name: keyof typeof CURVES): SignatureBackEnd {
  const curve = CURVES[name]
  return {
    keyPair: (privateKey) =>
      promised(() => ({ privateKey, publicKey: curve.getPublicKey(privateKey, false) })),
    // RFC 6979: the nonce comes from key and message, so no randomness is asked for.
    sign: (privateKey, message) => promised(() => curve.sign(message, privateKey, OPTIONS)),
    verify: (publicKey, message, signature) =>
      promised(() => curve.verify(signature, message, publicKey, OPTIONS)),
  }
}

export function ecdhBackEnd(name: keyof typeof CURVES): DiffieHellmanBackEnd {
  const curve = CURVES[name]
  return {
    keyPair: (privateKey) =>
      promised(() => ({ privateKey, publicKey: curve.getPublicKey(privateKey, false) })),
    // RFC 9180 §7.1: the secret is the x coordinate; noble gives a whole point.
    diffieHellman: (privateKey, publicKey) =>
      promised(() => curve.getSharedSecret(privateKey, publicKey, true).subarray(1)),
  }
}
