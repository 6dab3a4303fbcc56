// NIP-01: one event comes from several relays; its signature need not be computed for each of them.

import { eventId } from "./event.ts"
import type { NostrEvent } from "./event.ts"

/** About half a megabyte. */
const MAX_REMEMBERED = 2_048

/**
 * Remembers which signatures belong to which ids. The id is computed afresh for every copy, so that a changed copy
 * never profits: a signature depends on nothing but the id and the author, and the id on all the rest.
 */
export class SignatureCache {
  readonly #verify: (event: NostrEvent) => boolean
  readonly #known = new Set<string>()

  constructor(verify: (event: NostrEvent) => boolean) {
    this.#verify = verify
  }

  verify(event: NostrEvent): boolean {
    const key = event.id + event.sig
    if (this.#known.has(key)) return eventId(event) === event.id
    if (!this.#verify(event)) return false
    const [oldest] = this.#known
    if (this.#known.size >= MAX_REMEMBERED && oldest !== undefined) this.#known.delete(oldest)
    this.#known.add(key)
    return true
  }
}
