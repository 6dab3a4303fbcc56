// Marmot durability: JSON for stored records, with bytes as tagged base64 and `undefined` as absence.

import { fromBase64, toBase64 } from "./base64.ts"
import { MarmotError } from "./error.ts"

interface TaggedBytes {
  readonly $bytes: string
}

const encoder = new TextEncoder()
const decoder = new TextDecoder("utf-8", { fatal: true })

export function writeRecord(value: unknown): Uint8Array {
  const json = JSON.stringify(value, (_key, item: unknown) =>
    item instanceof Uint8Array ? { $bytes: toBase64(item) } : item,
  )
  return encoder.encode(json)
}

/** Throws `MarmotError` `corrupt_state` for what `writeRecord` can't have written. */
export function parseRecord(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(decoder.decode(bytes), (_key, item: unknown) =>
      isTagged(item) ? fromBase64(item.$bytes) : item,
    )
  } catch (error) {
    throw new MarmotError("corrupt_state", `a stored record can't be read: ${String(error)}`)
  }
}

function isTagged(item: unknown): item is TaggedBytes {
  return (
    typeof item === "object" && item !== null && "$bytes" in item && typeof item.$bytes === "string"
  )
}
