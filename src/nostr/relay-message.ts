// NIP-01, NIP-42: what a relay says. Nothing in a frame is believed beyond its form.

import { RelayError } from "./error.ts"

export type RelayMessage =
  | { readonly type: "EVENT"; readonly subscription: string; readonly event: unknown }
  | { readonly type: "EOSE"; readonly subscription: string }
  | { readonly type: "CLOSED"; readonly subscription: string; readonly reason: string }
  | {
      readonly type: "OK"
      readonly id: string
      readonly accepted: boolean
      readonly message: string
    }
  | { readonly type: "NOTICE"; readonly message: string }
  | { readonly type: "AUTH"; readonly challenge: string }

/** The largest frame, in UTF-16 units, that is taken from a relay. */
export const MAX_FRAME_LENGTH = 8 * 1024 * 1024

/** A relay's words are cut after this many characters. */
const MAX_TEXT_LENGTH = 1_024

/** Reads one frame. Throws `RelayError` `message_too_large` or `invalid_message`. */
export function parseRelayMessage(data: unknown): RelayMessage {
  if (typeof data !== "string") throw invalid("not text")
  if (data.length > MAX_FRAME_LENGTH) {
    throw new RelayError("message_too_large", "a frame above the limit")
  }
  const [type, first, second, third] = frameOf(data)
  if (typeof first !== "string") throw invalid("no second member")
  switch (type) {
    case "EVENT":
      return { type, subscription: first, event: second }
    case "EOSE":
      return { type, subscription: first }
    case "CLOSED":
      return { type, subscription: first, reason: textOf(second) }
    case "OK":
      if (typeof second !== "boolean") throw invalid("OK without a verdict")
      return { type, id: first, accepted: second, message: textOf(third) }
    case "NOTICE":
      return { type, message: textOf(first) }
    case "AUTH":
      return { type, challenge: textOf(first) }
    default:
      throw invalid("of an unknown type")
  }
}

const invalid = (what: string) => new RelayError("invalid_message", `a frame ${what}`)

const textOf = (value: unknown) =>
  typeof value === "string" ? value.slice(0, MAX_TEXT_LENGTH).replace(/\p{Cc}/gu, " ") : ""

function frameOf(data: string): readonly unknown[] {
  const frame = parsed(data)
  if (!Array.isArray(frame)) throw invalid("that is no array")
  return frame as readonly unknown[]
}

function parsed(data: string): unknown {
  try {
    return JSON.parse(data)
  } catch {
    throw invalid("that is no JSON")
  }
}
