// RFC 8032 §5.1, RFC 7748 §5 on noble: Ed25519 and X25519.

import { ed25519, x25519 } from "@noble/curves/ed25519.js"
import { sha512 } from "@noble/hashes/sha2.js"
import { concatBytes } from "./bytes.ts"
import { eddsaBackEnd, montgomeryBackEnd } from "./noble-edwards.ts"

export const ed25519BackEnd = eddsaBackEnd(ed25519, (R, A, message) =>
  sha512(concatBytes(R, A, message)),
)

export const x25519BackEnd = montgomeryBackEnd(x25519)
