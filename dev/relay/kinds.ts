// NIP-01, NIP-40, NIP-70: what an event's kind and tags ask of the relay that stores it.

import type { NostrEvent } from "../../src/nostr/event.ts"

export const DELETION_KIND = 5
export const GIFT_WRAP_KIND = 1059
export const AUTH_KIND = 22242

export type Storage = "regular" | "replaceable" | "ephemeral" | "addressable"

export function storageOf(kind: number): Storage {
  if (kind === 0 || kind === 3 || (kind >= 10_000 && kind < 20_000)) return "replaceable"
  if (kind >= 20_000 && kind < 30_000) return "ephemeral"
  return kind >= 30_000 && kind < 40_000 ? "addressable" : "regular"
}

/** `kind:pubkey:d`, the key under which only the newest event is kept; undefined for the other kinds. */
export function addressOf(event: NostrEvent): string | undefined {
  const storage = storageOf(event.kind)
  if (storage === "replaceable") return `${event.kind}:${event.pubkey}:`
  if (storage !== "addressable") return undefined
  return `${event.kind}:${event.pubkey}:${firstTag(event, "d") ?? ""}`
}

/** NIP-40, Unix seconds; a value that is no decimal integer counts as none. */
function expirationOf(event: NostrEvent): number | undefined {
  const value = firstTag(event, "expiration")
  return value !== undefined && /^\d{1,15}$/.test(value) ? Number(value) : undefined
}

export function isExpired(event: NostrEvent, nowSeconds: number): boolean {
  const expiration = expirationOf(event)
  return expiration !== undefined && expiration <= nowSeconds
}

/** NIP-70: only its author may publish it. */
export function isProtected(event: NostrEvent): boolean {
  return event.tags.some((tag) => tag.length === 1 && tag[0] === "-")
}

export function tagValues(event: NostrEvent, name: string): string[] {
  return event.tags.flatMap(([tag, value]) => (tag === name && value !== undefined ? [value] : []))
}

export function firstTag(event: NostrEvent, name: string): string | undefined {
  return tagValues(event, name)[0]
}
