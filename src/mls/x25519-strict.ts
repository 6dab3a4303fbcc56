// RFC 7748 §6.1, RFC 9180 §7.1.4: X25519 public keys that give an all-zero secret with every private key.

import { equalBytes, hexToBytes } from "./bytes.ts"

/** The encodings of the points of small order, on the curve and on its twist, without the top bit. */
const SMALL_ORDER = [
  "0000000000000000000000000000000000000000000000000000000000000000",
  "0100000000000000000000000000000000000000000000000000000000000000",
  "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
  "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
  "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
  "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
  "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
].map(hexToBytes)

/** 32 bytes with which a secret can be agreed on. */
export function isUsableX25519Key(publicKey: Uint8Array): boolean {
  if (publicKey.length !== 32) return false
  // RFC 7748 §5: "implementations of X25519 MUST mask the most significant bit in the final byte".
  const u = publicKey.slice()
  u[31] = (u[31] ?? 0) & 0x7f
  return !SMALL_ORDER.some((small) => equalBytes(small, u))
}
