// Marmot transport §7.3: ids of relay events whose processing has ended, so that a redelivery costs nothing.

import type { Store } from "../store/types.ts"
import type { Draft } from "./draft.ts"
import { decodeRecord, encodeRecord } from "./record-map.ts"

/** One event; `createdAt` in Unix seconds, as the event says: relays filter by it. */
type Seen = readonly [id: string, createdAt: number]

interface Known {
  /** The record in which an id stands. */
  readonly places: Map<string, string>
  readonly records: Map<string, readonly Seen[]>
}

/** Ids of one owner that are kept: anyone can post events. An older one that comes again is looked at again. */
const MAX_IDS = 50_000

/**
 * An id enters in the step that ends its processing; one that was refused for lack of room never does. What one step
 * has processed is one record, under its first id.
 */
export class SeenEvents {
  readonly #store: Store
  readonly #owners = new Map<string, Known>()

  readonly #limit: number

  constructor(store: Store, limit = MAX_IDS) {
    this.#store = store
    this.#limit = limit
  }

  /** Reads what is known of `owner`; forgets events that are too old to be asked for again (`since`, Unix seconds). */
  async load(draft: Draft, owner: string, since: number): Promise<void> {
    for (const { sort, value } of await this.#store.range("inputs", scopeOf(owner))) {
      const record = seenIn(sort, decodeRecord(value))
      if (record.some(([, createdAt]) => createdAt >= since)) this.#take(owner, sort, record)
      else draft.put("inputs", { scope: scopeOf(owner), sort }, undefined)
    }
  }

  has(owner: string, eventId: string): boolean {
    return this.#owners.get(owner)?.places.has(eventId) ?? false
  }

  remember(
    draft: Draft,
    owner: string,
    events: readonly { readonly id: string; readonly created_at: number }[],
  ): void {
    const [first] = events
    if (first === undefined) return
    const record = events.map(({ id, created_at }): Seen => [id, created_at])
    const sort = this.#free(draft, owner, first.id)
    draft.put("inputs", { scope: scopeOf(owner), sort }, encodeRecord(record))
    draft.swap(() => this.#take(owner, sort, record))
    this.#makeRoom(draft, owner)
  }

  /** The event was not dealt with after all. */
  release(draft: Draft, owner: string, eventId: string): void {
    const known = this.#owners.get(owner)
    const sort = known?.places.get(eventId)
    if (known === undefined || sort === undefined) return
    const key = { scope: scopeOf(owner), sort }
    const written = draft.written("inputs", key)
    if (written === null) return
    const before =
      written === undefined ? known.records.get(sort) : seenIn(sort, decodeRecord(written))
    const rest = (before ?? []).filter(([id]) => id !== eventId)
    draft.put("inputs", key, rest.length === 0 ? undefined : encodeRecord(rest))
    draft.swap(() => {
      known.places.delete(eventId)
      known.records.set(sort, rest)
    })
  }

  async forget(draft: Draft, owner: string): Promise<void> {
    for (const { sort } of await this.#store.range("inputs", scopeOf(owner))) {
      draft.put("inputs", { scope: scopeOf(owner), sort }, undefined)
    }
    draft.swap(() => this.#owners.delete(owner))
  }

  /** The records that came first go. */
  #makeRoom(draft: Draft, owner: string): void {
    const known = this.#owners.get(owner)
    let excess = (known?.places.size ?? 0) - this.#limit
    for (const [sort, record] of known?.records ?? []) {
      if (excess <= 0) return
      excess -= record.length
      draft.put("inputs", { scope: scopeOf(owner), sort }, undefined)
      draft.swap(() => {
        known?.records.delete(sort)
        for (const [id] of record) if (known?.places.get(id) === sort) known.places.delete(id)
      })
    }
  }

  /** A record that lost its first event still has its name. */
  #free(draft: Draft, owner: string, wanted: string): string {
    const scope = scopeOf(owner)
    let sort = wanted
    while (
      this.#owners.get(owner)?.records.has(sort) === true ||
      draft.written("inputs", { scope, sort }) !== undefined
    ) {
      sort += "+"
    }
    return sort
  }

  #take(owner: string, sort: string, record: readonly Seen[]): void {
    const known: Known = this.#owners.get(owner) ?? { places: new Map(), records: new Map() }
    this.#owners.set(owner, known)
    known.records.set(sort, record)
    for (const [id] of record) known.places.set(id, sort)
  }
}

const scopeOf = (owner: string) => `events:${owner}`

/** Earlier versions wrote a record for each event, under its id. */
function seenIn(sort: string, stored: unknown): readonly Seen[] {
  if (Array.isArray(stored)) return stored as readonly Seen[]
  return [[sort, (stored as { readonly createdAt: number }).createdAt]]
}
