// A list of events in the order of NIP-01, for ranges in time.

import { compareEvents } from "../../src/nostr/event.ts"
import type { NostrEvent } from "../../src/nostr/event.ts"

export interface Range {
  readonly since: number | undefined
  readonly until: number | undefined
  readonly limit: number
  readonly matches: (event: NostrEvent) => boolean
}

export class Postings {
  /** Oldest first, so that what arrives is mostly appended. */
  readonly #events: NostrEvent[] = []

  get size(): number {
    return this.#events.length
  }

  ascending(): Iterable<NostrEvent> {
    return this.#events
  }

  insert(event: NostrEvent): void {
    this.#events.splice(
      this.#firstWhere((other) => compareEvents(other, event) <= 0),
      0,
      event,
    )
  }

  remove(event: NostrEvent): void {
    const at = this.#firstWhere((other) => compareEvents(other, event) <= 0)
    if (this.#events[at]?.id === event.id) this.#events.splice(at, 1)
  }

  /** The newest matching events of a range, newest first. */
  newest({ since = 0, until = Infinity, limit, matches }: Range): NostrEvent[] {
    const found: NostrEvent[] = []
    let at = this.#firstWhere((event) => event.created_at > until) - 1
    for (; at >= 0 && found.length < limit; at--) {
      const event = this.#events[at]
      if (event === undefined || event.created_at < since) break
      if (matches(event)) found.push(event)
    }
    return found
  }

  /** The first position from which on `holds` is true (it is false before, true after). */
  #firstWhere(holds: (event: NostrEvent) => boolean): number {
    let low = 0
    let high = this.#events.length
    while (low < high) {
      const middle = (low + high) >>> 1
      const event = this.#events[middle]
      if (event === undefined || holds(event)) high = middle
      else low = middle + 1
    }
    return low
  }
}
