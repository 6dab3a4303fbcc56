// RFC 7748 §6, RFC 9180 §7.1.4: X25519 and X448 public keys that give an all-zero secret with every private key.

import { bytesToHex, hexToBytes } from "./bytes.ts"

/** The encodings of X25519's points of small order, on the curve and on its twist, without the top bit. */
const SMALL_ORDER_25519 = [
  "0000000000000000000000000000000000000000000000000000000000000000",
  "0100000000000000000000000000000000000000000000000000000000000000",
  "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
  "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
  "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
  "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
  "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
].map(hexToBytes)

/** The same for X448: 0, 1, −1, and 0 and 1 again, not reduced. */
const SMALL_ORDER_448 = new Set([
  "00".repeat(56),
  "01" + "00".repeat(55),
  "fe" + "ff".repeat(27) + "fe" + "ff".repeat(27),
  "ff".repeat(28) + "fe" + "ff".repeat(27),
  "00".repeat(28) + "ff".repeat(28),
])

/** 32 bytes with which a secret can be agreed on. */
export function isUsableX25519Key(publicKey: Uint8Array): boolean {
  if (publicKey.length !== 32) return false
  return !SMALL_ORDER_25519.some((point) => isSameU(point, publicKey))
}

/** RFC 7748 §5: "implementations of X25519 MUST mask the most significant bit in the final byte". */
function isSameU(point: Uint8Array, publicKey: Uint8Array): boolean {
  for (let i = 0; i < 31; i++) if (point[i] !== publicKey[i]) return false
  return point[31] === ((publicKey[31] ?? 0) & 0x7f)
}

/** 56 bytes with which a secret can be agreed on. */
export function isUsableX448Key(publicKey: Uint8Array): boolean {
  return publicKey.length === 56 && !SMALL_ORDER_448.has(bytesToHex(publicKey))
}
