// RFC 9420 §5.1 on noble: pure JavaScript, for what an engine's WebCrypto lacks. A family of curves is loaded when a
// suite that needs it is.

import { gcm } from "@noble/ciphers/aes.js"
import { chacha20poly1305 } from "@noble/ciphers/chacha.js"
import {
  type AeadBackEnd,
  type DiffieHellmanBackEnd,
  type KemBackEnd,
  type SignatureBackEnd,
  promised,
} from "./back-end.ts"
import type { AeadName, GroupName, KemName, SignatureName } from "./suites.ts"

export function nobleAead(name: AeadName): AeadBackEnd {
  const cipher = name === "ChaCha20-Poly1305" ? chacha20poly1305 : gcm
  return {
    seal: (key, nonce, aad, plaintext) =>
      promised(() => cipher(key, nonce, aad).encrypt(plaintext)),
    open: (key, nonce, aad, ciphertext) =>
      promised(() => cipher(key, nonce, aad).decrypt(ciphertext)),
  }
}

export async function nobleSignature(name: SignatureName): Promise<SignatureBackEnd> {
  switch (name) {
    case "Ed25519":
      return (await import("./noble-25519.ts")).ed25519BackEnd
    case "Ed448":
      return (await import("./noble-448.ts")).ed448BackEnd
    case "ML-DSA-44":
    case "ML-DSA-65":
    case "ML-DSA-87":
      return (await import("./noble-ml-dsa.ts")).mlDsaBackEnd(name)
    default:
      return (await import("./noble-nist.ts")).ecdsaBackEnd(name)
  }
}

export async function nobleKem(name: KemName): Promise<KemBackEnd> {
  switch (name) {
    case "ML-KEM-768":
    case "ML-KEM-1024":
    case "MLKEM768-P256":
    case "MLKEM1024-P384":
    case "MLKEM768-X25519":
    case "X-Wing":
      return (await import("./noble-post-quantum.ts")).postQuantumBackEnd(name)
    default:
      return nobleGroup(name)
  }
}

export async function nobleGroup(name: GroupName): Promise<DiffieHellmanBackEnd> {
  switch (name) {
    case "X25519":
      return (await import("./noble-25519.ts")).x25519BackEnd
    case "X448":
      return (await import("./noble-448.ts")).x448BackEnd
    default:
      return (await import("./noble-nist.ts")).ecdhBackEnd(name)
  }
}
