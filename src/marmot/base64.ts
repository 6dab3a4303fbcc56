// RFC 4648 §4: standard padded base64, read strictly (marmot-wire §7.1).

import { base64 } from "@scure/base"
import { MarmotError } from "./error.ts"

export const toBase64 = (bytes: Uint8Array): string => base64.encode(bytes)

/** Throws `MarmotError` `invalid_encoding` for anything but the one padded form of some bytes. */
export function fromBase64(text: string): Uint8Array {
  try {
    return base64.decode(text)
  } catch {
    throw new MarmotError("invalid_encoding", "content that is not standard base64")
  }
}
