// Marmot canonical encoding (marmot-wire §2): component bytes are read strictly and never repaired.

import {
  type Decoder,
  type Encoder,
  type Reader,
  decode,
  encode,
  MlsError,
} from "../../mls/index.ts"
import { compareBytes } from "../bytes.ts"
import { MarmotError } from "../error.ts"

/** A component's state: how it is written, read and checked. */
export interface ComponentCodec<T> {
  readonly encode: (state: T) => Uint8Array
  /** Throws `MarmotError` `invalid_component`. */
  readonly decode: (bytes: Uint8Array) => T
}

/**
 * A codec from its two halves. Both directions check the state with `check`, which returns what is wrong with it, or
 * `undefined`.
 */
export function componentCodec<T>(
  name: string,
  encoder: Encoder<T>,
  decoder: Decoder<T>,
  check: (state: T) => string | undefined = () => undefined,
): ComponentCodec<T> {
  const invalid = (problem: string) => new MarmotError("invalid_component", `${name}: ${problem}`)
  const checked = (state: T): T => {
    const problem = check(state)
    if (problem !== undefined) throw invalid(problem)
    return state
  }
  return {
    encode: (state) => encode(encoder, checked(state)),
    decode(bytes) {
      try {
        return checked(decode(decoder, bytes))
      } catch (error) {
        if (error instanceof MlsError) throw invalid(error.message)
        throw error
      }
    },
  }
}

/** `opaque x<0..max>` as UTF-8 text, exactly as it stands. */
export function readText(reader: Reader): string {
  const bytes = reader.opaque()
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch {
    throw new MarmotError("invalid_component", "text that is not UTF-8")
  }
}

export function utf8(text: string): Uint8Array {
  return new TextEncoder().encode(text)
}

/** Ascending and unique in bytewise order. */
export function isSortedUnique(items: readonly Uint8Array[]): boolean {
  return items.every((item, i) => {
    const before = items[i - 1]
    return before === undefined || compareBytes(before, item) < 0
  })
}
