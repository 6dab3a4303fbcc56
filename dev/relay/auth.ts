// NIP-42 and NIP-70: who a connection speaks for, and what it may read and publish.

import { randomBytes } from "node:crypto"
import type { NostrEvent } from "../../src/nostr/event.ts"
import type { Filter } from "../../src/nostr/filter.ts"
import { AUTH_KIND, GIFT_WRAP_KIND, firstTag, isProtected, tagValues } from "./kinds.ts"

/**
 * `optional`: a challenge is sent, nothing but protected events needs an answer. `gift-wraps`: kind 1059 is served
 * to the account in its `p` tag only. `everything`: nothing is served or taken without authentication.
 */
export type AuthMode = "optional" | "gift-wraps" | "everything"

/** NIP-42: about ten minutes. */
const MAX_AGE_SECONDS = 600

export class Authentication {
  readonly challenge = randomBytes(16).toString("hex")
  readonly #mode: AuthMode
  readonly #accounts = new Set<string>()

  constructor(mode: AuthMode) {
    this.#mode = mode
  }

  /** Takes a verified event of kind 22242; returns why not, or undefined. */
  accept(
    event: NostrEvent,
    { relayUrl, now }: { relayUrl: string; now: number },
  ): string | undefined {
    if (event.kind !== AUTH_KIND) return "invalid: not an event of kind 22242"
    if (Math.abs(now - event.created_at) > MAX_AGE_SECONDS) return "invalid: too old or too new"
    if (firstTag(event, "challenge") !== this.challenge) return "invalid: another challenge"
    if (!isSameRelay(firstTag(event, "relay") ?? "", relayUrl)) return "invalid: another relay"
    this.#accounts.add(event.pubkey)
    return undefined
  }

  /** Why this connection may not publish `event`, or undefined. */
  refusesEvent(event: NostrEvent): string | undefined {
    const known = this.#accounts.size > 0
    if (this.#mode === "everything" && !known) return "auth-required: authenticate to publish"
    if (!isProtected(event) || this.#accounts.has(event.pubkey)) return undefined
    return known
      ? "restricted: a protected event is published by its author only"
      : "auth-required: this event is protected"
  }

  /** Why this connection may not ask for `filters`, or undefined. */
  refusesFilters(filters: readonly Filter[]): string | undefined {
    const known = this.#accounts.size > 0
    if (this.#mode === "everything" && !known) return "auth-required: authenticate to read"
    if (this.#mode !== "gift-wraps") return undefined
    const forWraps = filters.filter((filter) => filter.kinds?.includes(GIFT_WRAP_KIND))
    if (forWraps.length === 0) return undefined
    if (!known) return "auth-required: gift wraps are served to their recipients only"
    const own = forWraps.every(({ "#p": accounts }) =>
      accounts?.every((account) => this.#accounts.has(account)),
    )
    return own ? undefined : "restricted: gift wraps are served to their recipients only"
  }

  /** Whether this connection may see `event` among the answers to filters that were not refused. */
  maySee(event: NostrEvent): boolean {
    if (this.#mode !== "gift-wraps" || event.kind !== GIFT_WRAP_KIND) return true
    return tagValues(event, "p").some((account) => this.#accounts.has(account))
  }
}

/** Scheme, host and port; the path may be written with or without a slash at its end. */
function isSameRelay(claimed: string, own: string): boolean {
  try {
    const [a, b] = [new URL(claimed), new URL(own)]
    const path = ({ pathname }: URL) => pathname.replace(/\/$/, "")
    return a.host === b.host && path(a) === path(b)
  } catch {
    return false
  }
}
