// Byte strings: comparison and hexadecimal.

/** Equality of public byte strings; leaves early. */
export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false
  return true
}

/** Equality of secrets and authentication tags: the time depends on the lengths only. */
export function constantTimeEqual(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false
  let difference = 0
  for (let i = 0; i < a.length; i++) difference |= (a[i] ?? 0) ^ (b[i] ?? 0)
  return difference === 0
}

const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, "0"))

export function bytesToHex(bytes: Uint8Array): string {
  let hex = ""
  for (const byte of bytes) hex += HEX[byte] ?? ""
  return hex
}

/** Bytes as a map key: one character for each, any length. */
export function keyString(bytes: Uint8Array): string {
  // Three times as quick as to spread them.
  if (bytes.length <= 256) return Reflect.apply(String.fromCharCode, undefined, bytes) as string
  return Array.from(bytes, (byte) => String.fromCharCode(byte)).join("")
}

/** The bytes of a `keyString`. */
export function keyBytes(key: string): Uint8Array {
  const bytes = new Uint8Array(key.length)
  for (let i = 0; i < key.length; i++) bytes[i] = key.charCodeAt(i)
  return bytes
}

/** The bytes of an even number of hexadecimal digits that our own code wrote down. */
export function hexToBytes(hex: string): Uint8Array {
  return Uint8Array.from(hex.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16))
}

/** Copies in one buffer: of thousands of short ones, each with a buffer of its own, most would be the buffers. */
export function packed(parts: readonly Uint8Array[]): Uint8Array[] {
  const whole = concatBytes(...parts)
  let offset = 0
  return parts.map((part) => whole.subarray(offset, (offset += part.length)))
}

export function concatBytes(...parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((length, part) => length + part.length, 0))
  let offset = 0
  for (const part of parts) {
    whole.set(part, offset)
    offset += part.length
  }
  return whole
}
