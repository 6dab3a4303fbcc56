// Marmot transport §7.2: the profile of relay URLs. URLs are compared as exact bytes and never rewritten.

import { RelayError } from "./error.ts"

/** The longest relay URL, in UTF-8 bytes. */
const MAX_RELAY_URL_LENGTH = 512

/** Whether `text` is, exactly as it stands, a relay URL: absolute ws(s), a host, no credentials, no fragment. */
export function isRelayUrl(text: string): boolean {
  if (text.length > MAX_RELAY_URL_LENGTH || /\p{Surrogate}/u.test(text)) return false
  if (new TextEncoder().encode(text).length > MAX_RELAY_URL_LENGTH) return false
  // The URL parser drops whitespace and turns `\` into `/`: such texts are no URLs as they stand.
  const match = /^wss?:\/\/([^/?#]+)([^#]*)$/i.exec(text)
  const authority = match?.[1]
  if (authority === undefined || hasRepairable(text) || authority.includes("@")) return false
  const hostname = parsed(text)?.hostname
  return hostname !== undefined && hostname !== ""
}

/** `text`, if it is a relay URL. Throws `RelayError` `invalid_url`. */
export function parseRelayUrl(text: string): string {
  if (!isRelayUrl(text)) throw new RelayError("invalid_url", "not a relay URL (ws:// or wss://)")
  return text
}

/**
 * What a person typed, as a producer writes it: trimmed, with a scheme (`wss`, but `ws` for this machine), host in
 * lower case, no default port, no lone trailing slash. Throws `RelayError` `invalid_url`.
 */
export function relayUrlFromInput(input: string): string {
  const trimmed = input.trim()
  const text = /^[a-z][a-z0-9+.-]*:\/\//i.test(trimmed)
    ? trimmed
    : `${/^(localhost|127\.0\.0\.1|\[::1\])(:|\/|$)/i.test(trimmed) ? "ws" : "wss"}://${trimmed}`
  const url = isRelayUrl(text) ? parsed(text) : undefined
  if (url === undefined) throw new RelayError("invalid_url", "not a relay URL (ws:// or wss://)")
  const path = url.pathname === "/" && url.search === "" ? "" : url.pathname + url.search
  return parseRelayUrl(`${url.protocol}//${url.host}${path}`)
}

function parsed(text: string): URL | undefined {
  try {
    return new URL(text)
  } catch {
    return undefined
  }
}

function hasRepairable(text: string): boolean {
  for (const character of text) {
    const code = character.codePointAt(0) ?? 0
    if (code <= 0x20 || code === 0x7f || character === "\\") return true
  }
  return false
}
