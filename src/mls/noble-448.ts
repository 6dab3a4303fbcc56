// RFC 8032 §5.2, RFC 7748 §5 on noble: Ed448 and X448, which WebCrypto does not have.

import { ed448, x448 } from "@noble/curves/ed448.js"
import { shake256 } from "@noble/hashes/sha3.js"
import { concatBytes } from "./bytes.ts"
import { eddsaBackEnd, montgomeryBackEnd } from "./noble-edwards.ts"

/** `dom4(0, "")` (RFC 8032 §2). */
const DOMAIN = concatBytes(new TextEncoder().encode("SigEd448"), Uint8Array.of(0, 0))

export const ed448BackEnd = eddsaBackEnd(ed448, (R, A, message) =>
  shake256(concatBytes(DOMAIN, R, A, message), { dkLen: 114 }),
)

export const x448BackEnd = montgomeryBackEnd(x448)
