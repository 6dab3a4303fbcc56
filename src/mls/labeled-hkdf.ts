// RFC 9180 §4: HKDF with HPKE's labels.

import { concatBytes } from "./bytes.ts"
import type { HashFunctions } from "./primitives.ts"

export interface LabeledHkdf {
  /** `LabeledExtract` for a `suite_id`. */
  extract(suiteId: Uint8Array, salt: Uint8Array, label: string, ikm: Uint8Array): Uint8Array
  /** `LabeledExpand` to `length` bytes. */
  expand(
    suiteId: Uint8Array,
    prk: Uint8Array,
    label: string,
    info: Uint8Array,
    length: number,
  ): Uint8Array
}

export function labeledHkdf(hashes: HashFunctions): LabeledHkdf {
  return {
    extract: (suiteId, salt, label, ikm) =>
      hashes.extract(salt, concatBytes(labeledInput(suiteId, label), ikm)),
    expand: (suiteId, prk, label, info, length) =>
      hashes.expand(prk, concatBytes(u16(length), VERSION, suiteId, utf8(label), info), length),
  }
}

/** What stands before the input key material in `LabeledExtract`. */
export function labeledInput(suiteId: Uint8Array, label: string): Uint8Array {
  return concatBytes(VERSION, suiteId, utf8(label))
}

/** `suite_id` of a KEM (§4.1). */
export function kemSuiteId(hpkeId: number): Uint8Array {
  return concatBytes(utf8("KEM"), u16(hpkeId))
}

/** `suite_id` of HPKE (§5.1). */
export function hpkeSuiteId(kemId: number, kdfId: number, aeadId: number): Uint8Array {
  return concatBytes(utf8("HPKE"), u16(kemId), u16(kdfId), u16(aeadId))
}

const utf8 = (text: string) => new TextEncoder().encode(text)
const u16 = (value: number) => Uint8Array.of(value >> 8, value & 0xff)
const VERSION = utf8("HPKE-v1")
