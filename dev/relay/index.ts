// NIP-01, NIP-09, NIP-40: the events that a relay holds, in memory, and the queries on them.

import { compareEvents } from "../../src/nostr/event.ts"
import type { NostrEvent } from "../../src/nostr/event.ts"
import { matchesFilter, tagConditions } from "../../src/nostr/filter.ts"
import type { Filter } from "../../src/nostr/filter.ts"
import { DELETION_KIND, addressOf, isExpired, tagValues } from "./kinds.ts"
import { Postings } from "./postings.ts"

/** `replaced`: a newer version of this address is here. `deleted`: its author asked for its deletion. */
export type Outcome = "stored" | "duplicate" | "replaced" | "deleted" | "expired"

export class EventIndex {
  readonly #byId = new Map<string, NostrEvent>()
  readonly #byAddress = new Map<string, NostrEvent>()
  readonly #all = new Postings()
  /** By author, kind and tag: `a…`, `k…`, `#x…`. */
  readonly #lists = new Map<string, Postings>()
  /** NIP-09: `author:id` of deleted events, and the time up to which an address is deleted. */
  readonly #deletedIds = new Set<string>()
  readonly #deletedAddresses = new Map<string, number>()

  get size(): number {
    return this.#byId.size
  }

  /** Oldest first. */
  events(): Iterable<NostrEvent> {
    return this.#all.ascending()
  }

  has(id: string): boolean {
    return this.#byId.has(id)
  }

  /** What `add` would say, without adding. */
  check(event: NostrEvent, now: number): Outcome {
    if (this.#byId.has(event.id)) return "duplicate"
    if (isExpired(event, now)) return "expired"
    if (this.#isDeleted(event)) return "deleted"
    const address = addressOf(event)
    const current = address === undefined ? undefined : this.#byAddress.get(address)
    return current !== undefined && compareEvents(current, event) < 0 ? "replaced" : "stored"
  }

  /** Adds an event, removing what it replaces or deletes. `now` in Unix seconds. */
  add(event: NostrEvent, now: number): Outcome {
    const outcome = this.check(event, now)
    if (outcome !== "stored") return outcome
    const address = addressOf(event)
    if (address !== undefined) {
      const previous = this.#byAddress.get(address)
      if (previous !== undefined) this.#remove(previous)
      this.#byAddress.set(address, event)
    }
    this.#byId.set(event.id, event)
    this.#all.insert(event)
    for (const key of listKeys(event)) this.#list(key).insert(event)
    if (event.kind === DELETION_KIND) this.#applyDeletion(event)
    return "stored"
  }

  /**
   * Stored events that match any of `filters`, newest first, the lower id first on ties; at most `limit` for each
   * filter, whatever it asks for.
   */
  query(filters: readonly Filter[], { limit, now }: { limit: number; now: number }): NostrEvent[] {
    const found = new Map<string, NostrEvent>()
    for (const filter of filters) {
      const wanted = Math.min(filter.limit ?? limit, limit)
      for (const event of this.#queryOne(filter, wanted, now)) found.set(event.id, event)
    }
    return [...found.values()].sort(compareEvents)
  }

  /** Removes what has expired; returns how many events went. */
  sweep(now: number): number {
    const expired = [...this.#byId.values()].filter((event) => isExpired(event, now))
    for (const event of expired) this.#remove(event)
    return expired.length
  }

  #queryOne(filter: Filter, limit: number, now: number): NostrEvent[] {
    const matches = (event: NostrEvent) => matchesFilter(filter, event) && !isExpired(event, now)
    if (filter.ids !== undefined) {
      const events = filter.ids.flatMap((id) => this.#byId.get(id) ?? [])
      return newest(events.filter(matches), limit)
    }
    const events = this.#cheapest(filter).flatMap((list) =>
      list.newest({ since: filter.since, until: filter.until, limit, matches }),
    )
    return newest(events, limit)
  }

  /** The postings of the condition that leaves the fewest events to look at. */
  #cheapest(filter: Filter): readonly Postings[] {
    const conditions = [
      filter.authors?.map((author) => `a${author}`),
      filter.kinds?.map((kind) => `k${kind}`),
      ...tagConditions(filter).map(([name, values]) => values.map((value) => `#${name}${value}`)),
    ]
    let best: { lists: readonly Postings[]; size: number } = {
      lists: [this.#all],
      size: this.#all.size,
    }
    for (const keys of conditions) {
      if (keys === undefined) continue
      const lists = [...new Set(keys)].flatMap((key) => this.#lists.get(key) ?? [])
      const size = lists.reduce((sum, list) => sum + list.size, 0)
      if (size < best.size) best = { lists, size }
    }
    return best.lists
  }

  #list(key: string): Postings {
    const list = this.#lists.get(key) ?? new Postings()
    this.#lists.set(key, list)
    return list
  }

  #isDeleted(event: NostrEvent): boolean {
    // NIP-09: a deletion of a deletion has no effect.
    if (event.kind === DELETION_KIND) return false
    if (this.#deletedIds.has(`${event.pubkey}:${event.id}`)) return true
    const address = addressOf(event)
    const until = address === undefined ? undefined : this.#deletedAddresses.get(address)
    return until !== undefined && event.created_at <= until
  }

  #applyDeletion(deletion: NostrEvent): void {
    for (const id of tagValues(deletion, "e")) {
      // Remembered for events that come later; the author in the key keeps it to their own.
      this.#deletedIds.add(`${deletion.pubkey}:${id}`)
      const target = this.#byId.get(id)
      if (target !== undefined && this.#isDeleted(target)) this.#remove(target)
    }
    for (const address of tagValues(deletion, "a")) {
      if (address.split(":")[1] !== deletion.pubkey) continue
      const until = Math.max(deletion.created_at, this.#deletedAddresses.get(address) ?? 0)
      this.#deletedAddresses.set(address, until)
      const target = this.#byAddress.get(address)
      if (target !== undefined && this.#isDeleted(target)) this.#remove(target)
    }
  }

  #remove(event: NostrEvent): void {
    this.#byId.delete(event.id)
    this.#all.remove(event)
    const address = addressOf(event)
    if (address !== undefined && this.#byAddress.get(address) === event) {
      this.#byAddress.delete(address)
    }
    for (const key of listKeys(event)) {
      const list = this.#lists.get(key)
      list?.remove(event)
      if (list?.size === 0) this.#lists.delete(key)
    }
  }
}

function newest(events: readonly NostrEvent[], limit: number): NostrEvent[] {
  return [...new Set(events)].sort(compareEvents).slice(0, limit)
}

function listKeys(event: NostrEvent): Set<string> {
  const tags = event.tags.flatMap(([name, value]) =>
    name?.length === 1 && value !== undefined ? [`#${name}${value}`] : [],
  )
  return new Set([`a${event.pubkey}`, `k${event.kind}`, ...tags])
}
