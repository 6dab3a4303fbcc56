// NIP-65 (kind 10002) and NIP-17 (kind 10050): where an account publishes, and where it listens for gift wraps.

import { RelayError } from "./error.ts"
import type { EventTemplate, NostrEvent } from "./event.ts"
import { isRelayUrl, parseRelayUrl } from "./relay-url.ts"

export const RELAY_LIST_KIND = 10002
export const INBOX_LIST_KIND = 10050

/** Entries of a list beyond this many are ignored. */
const MAX_RELAYS = 64

export interface RelayList {
  readonly read: readonly string[]
  /** The write-capable set of Marmot §7.7: where KeyPackages are published. */
  readonly write: readonly string[]
}

/** A kind 10002 with `relays` for reading and writing. `now` in Unix milliseconds. Throws `RelayError` `invalid_url`. */
export function relayListTemplate(relays: readonly string[], now: number): EventTemplate {
  return template(RELAY_LIST_KIND, "r", relays, now)
}

/** A kind 10050 with `relays`. `now` in Unix milliseconds. Throws `RelayError` `invalid_url`. */
export function inboxListTemplate(relays: readonly string[], now: number): EventTemplate {
  return template(INBOX_LIST_KIND, "relay", relays, now)
}

/**
 * Entries without marker are for both; markers are compared without case; entries with an unknown marker or a URL
 * outside the profile are skipped. An empty set is a value, not an error. Throws `RelayError` `invalid_relay_list`
 * for another kind.
 */
export function parseRelayList(event: NostrEvent): RelayList {
  if (event.kind !== RELAY_LIST_KIND) throw wrongKind(event)
  const entries = event.tags
    .filter((tag) => tag[0] === "r")
    .map((tag) => ({ url: tag[1] ?? "", marker: (tag[2] ?? "").toLowerCase() }))
  const urls = (marker: string) =>
    usable(entries.filter((e) => e.marker === marker || e.marker === "").map(({ url }) => url))
  return { read: urls("read"), write: urls("write") }
}

/** Throws `RelayError` `invalid_relay_list` for another kind; URLs outside the profile are skipped. */
export function parseInboxList(event: NostrEvent): readonly string[] {
  if (event.kind !== INBOX_LIST_KIND) throw wrongKind(event)
  return usable(event.tags.filter((tag) => tag[0] === "relay").map((tag) => tag[1] ?? ""))
}

const wrongKind = (event: NostrEvent) =>
  new RelayError("invalid_relay_list", `kind ${event.kind} is another list`)

const usable = (urls: readonly string[]): readonly string[] =>
  [...new Set(urls.filter(isRelayUrl))].slice(0, MAX_RELAYS)

function template(
  kind: number,
  tag: string,
  relays: readonly string[],
  now: number,
): EventTemplate {
  const tags = [...new Set(relays)].map((url) => [tag, parseRelayUrl(url)])
  return { created_at: Math.floor(now / 1000), kind, tags, content: "" }
}
