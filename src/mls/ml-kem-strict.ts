// FIPS 203 §7.2: which byte strings are ML-KEM encapsulation keys.

const Q = 3329

/** The encapsulation key check: `k` polynomials of 256 reduced coefficients of 12 bits each, and a seed of 32 bytes. */
export function isMlKemKey(bytes: Uint8Array, k: number): boolean {
  const end = 384 * k
  if (bytes.length !== end + 32) return false
  for (let i = 0; i < end; i += 3) {
    const [a = 0, b = 0, c = 0] = bytes.subarray(i, i + 3)
    if ((((b & 0x0f) << 8) | a) >= Q || ((c << 4) | (b >> 4)) >= Q) return false
  }
  return true
}
