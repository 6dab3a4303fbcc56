// Official test vectors for the tests of this folder: hexadecimal, suites and back ends.

import type { MlsCrypto } from "./crypto.ts"
import { createCrypto } from "./backend.ts"
import { kemRules } from "./kem-rules.ts"
import { cipherSuite } from "./suites.ts"

export { bytesToHex as hex } from "./bytes.ts"

/** Bytes from hexadecimal. */
export function bytes(hex: string): Uint8Array {
  return Uint8Array.from(hex.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16))
}

export const vectorBackEnds = ["webcrypto", "noble"] as const

/** Suites that this build implements; vectors of others are not counted. */
export const implementedSuites: readonly number[] = [
  0x0001, 0x0002, 0x0003, 0x0004, 0x0005, 0x0006, 0x0007,
]

/** draft-ietf-mls-pq-ciphersuites-06, and ts-mls' two. */
export const postQuantumSuites: readonly number[] = [
  0xf801, 0xf802, 0xf803, 0xf804, 0xf805, 0xf806, 0xf807, 0xf808, 0xf809, 0xf80a, 0xf80b, 0xf00d,
  0xf00e,
]

interface ForSuite {
  readonly cipher_suite: number
}

/** The cases of implemented suites. */
export function implemented<T extends ForSuite>(cases: readonly T[]): T[] {
  return cases.filter((vector) => implementedSuites.includes(vector.cipher_suite))
}

/** A private key of a vector. The scalars of suite 5 stand there without the zeros that they begin with. */
export function privateKey(vector: ForSuite, hex: string): Uint8Array {
  const { privateKeySize } = kemRules[cipherSuite(vector.cipher_suite).kem.name]
  return bytes(hex.padStart(2 * privateKeySize, "0"))
}

export function vectorCrypto(
  vector: ForSuite,
  backend: (typeof vectorBackEnds)[number],
  random?: (length: number) => Uint8Array,
): Promise<MlsCrypto> {
  const suite = cipherSuite(vector.cipher_suite)
  return createCrypto({ suite, backend, ...(random && { random }) })
}
