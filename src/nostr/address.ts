// NIP-19: how people write keys: npub, nprofile, nsec, or plain hex.

import { decode, npubEncode, nsecEncode } from "nostr-tools/nip19"
import { RelayError, SignerError } from "./error.ts"
import { hexToBytes, isHex32, isLiftable, publicKeyOf } from "./event.ts"
import { isRelayUrl } from "./relay-url.ts"

export interface Person {
  /** 64 lowercase hex characters that lift to the curve. */
  readonly pubkey: string
  /** Hints of an nprofile, inside the URL profile; at most 16. */
  readonly relays: readonly string[]
}

const MAX_INPUT_LENGTH = 5_000
const MAX_NPUBS = 4_096
const MAX_HINTS = 16

/**
 * An npub, nprofile or 64 hex characters, with blanks around it or `nostr:` before it. Throws `RelayError`
 * `invalid_address`, also for an nsec, whose text never gets into the message.
 */
export function parsePerson(input: string): Person {
  const text = input.trim().replace(/^nostr:/i, "")
  const person = /^[0-9a-f]{64}$/i.test(text) ? { pubkey: text.toLowerCase() } : decodePerson(text)
  if (!isHex32(person.pubkey) || !isLiftable(hexToBytes(person.pubkey))) {
    throw new RelayError("invalid_address", "not a public key of Nostr")
  }
  return {
    pubkey: person.pubkey,
    relays: [...new Set(person.relays ?? [])].filter(isRelayUrl).slice(0, MAX_HINTS),
  }
}

/** Every view of a group names all its members: they are spelled once. */
const npubs = new Map<string, string>()

/** Throws `RelayError` `invalid_address` unless `pubkey` is 64 lowercase hex characters. */
export function npubOf(pubkey: string): string {
  const known = npubs.get(pubkey)
  if (known !== undefined) return known
  if (!isHex32(pubkey)) throw new RelayError("invalid_address", "not a public key")
  if (npubs.size >= MAX_NPUBS) npubs.clear()
  const npub = npubEncode(pubkey)
  npubs.set(pubkey, npub)
  return npub
}

/** The 32 bytes of an nsec. Throws `SignerError` `invalid`; the text never gets into the message. */
export function parseNsec(input: string): Uint8Array {
  const decoded = safeDecode(input.trim())
  if (decoded?.type !== "nsec") throw new SignerError("invalid", "not a secret key (nsec1…)")
  publicKeyOf(decoded.data)
  return decoded.data
}

/** Throws `SignerError` `invalid` unless `secretKey` is a key. */
export function nsecOf(secretKey: Uint8Array): string {
  publicKeyOf(secretKey)
  return nsecEncode(secretKey)
}

function decodePerson(text: string): { pubkey: string; relays?: string[] } {
  const decoded = safeDecode(text)
  if (decoded?.type === "npub") return { pubkey: decoded.data }
  if (decoded?.type === "nprofile") return decoded.data
  const problem =
    decoded?.type === "nsec" ? "a secret key: never share it" : "not an npub or nprofile"
  throw new RelayError("invalid_address", problem)
}

function safeDecode(text: string): ReturnType<typeof decode> | undefined {
  if (text.length > MAX_INPUT_LENGTH) return undefined
  try {
    return decode(text)
  } catch {
    return undefined
  }
}
