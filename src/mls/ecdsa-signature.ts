// RFC 9420 §5.1.2, RFC 3279 §2.2.3: ECDSA signatures in DER, in the one encoding that each has.

import { concatBytes, equalBytes } from "./bytes.ts"

const INTEGER = 0x02
const SEQUENCE = 0x30

/** `Ecdsa-Sig-Value` of two equally long big-endian numbers `r || s`. */
export function encodeEcdsaSignature(raw: Uint8Array): Uint8Array {
  const half = raw.length / 2
  const content = concatBytes(integer(raw.subarray(0, half)), integer(raw.subarray(half)))
  // Only P-521 has content of more than 127 bytes, and none has more than 255.
  const length = content.length < 0x80 ? [content.length] : [0x81, content.length]
  return concatBytes(Uint8Array.of(SEQUENCE, ...length), content)
}

/** `r || s`, each in `size` bytes, of a canonical `Ecdsa-Sig-Value`; `undefined` for anything else. */
export function decodeEcdsaSignature(der: Uint8Array, size: number): Uint8Array | undefined {
  const first = der[1] === 0x81 ? 3 : 2
  const r = valueAt(der, first)
  const s = valueAt(der, first + 2 + r.length)
  const raw = concatBytes(fixed(r, size), fixed(s, size))
  // Tags, lengths, signs, leading zeros and what follows are right if, and only if, encoding gives the same bytes.
  return equalBytes(encodeEcdsaSignature(raw), der) ? raw : undefined
}

/** The shortest two's complement of a number that is not negative. */
function integer(number: Uint8Array): Uint8Array {
  const significant = number.findIndex((byte) => byte !== 0)
  const digits = number.subarray(significant < 0 ? number.length - 1 : significant)
  const sign = (digits[0] ?? 0) >= 0x80 ? [0] : []
  return concatBytes(Uint8Array.of(INTEGER, sign.length + digits.length, ...sign), digits)
}

/** What may be the content of an INTEGER at this place. */
function valueAt(der: Uint8Array, offset: number): Uint8Array {
  const start = offset + 2
  return der.subarray(start, start + (der[offset + 1] ?? 0))
}

/** The last `size` bytes, with zeros before them. */
function fixed(number: Uint8Array, size: number): Uint8Array {
  const kept = number.subarray(Math.max(0, number.length - size))
  return concatBytes(new Uint8Array(size - kept.length), kept)
}
