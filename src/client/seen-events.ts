// Marmot transport §7.3: ids of relay events whose processing has ended, so that a redelivery costs nothing.

import type { Store } from "../store/types.ts"
import type { Draft } from "./draft.ts"
import { decodeRecord, encodeRecord } from "./record-map.ts"

/** One event; `createdAt` in Unix seconds, as the event says: relays filter by it. */
type Seen = readonly [id: string, createdAt: number]

/**
 * An id enters in the step that ends its processing; one that was refused for lack of room never does. What one step
 * has processed is one record, under its first id.
 */
export class SeenEvents {
  readonly #store: Store
  readonly #ids = new Map<string, Set<string>>()

  constructor(store: Store) {
    this.#store = store
  }

  /** Reads what is known of `owner`; forgets events that are too old to be asked for again (`since`, Unix seconds). */
  async load(draft: Draft, owner: string, since: number): Promise<void> {
    for (const { sort, value } of await this.#store.range("inputs", scopeOf(owner))) {
      const record = seenIn(sort, decodeRecord(value))
      if (record.some(([, createdAt]) => createdAt >= since)) this.#take(owner, record)
      else draft.put("inputs", { scope: scopeOf(owner), sort }, undefined)
    }
  }

  has(owner: string, eventId: string): boolean {
    return this.#ids.get(owner)?.has(eventId) ?? false
  }

  remember(
    draft: Draft,
    owner: string,
    event: { readonly id: string; readonly created_at: number },
  ): void {
    const seen: Seen = { createdAt: event.created_at }
    draft.put("inputs", { scope: scopeOf(owner), sort: event.id }, encodeRecord(seen))
    draft.swap(() => this.#of(owner).add(event.id))
  }

  /** The event was not dealt with after all. */
  release(draft: Draft, owner: string, eventId: string): void {
    if (!this.has(owner, eventId)) return
    draft.put("inputs", { scope: scopeOf(owner), sort: eventId }, undefined)
    draft.swap(() => this.#ids.get(owner)?.delete(eventId))
  }

  async forget(draft: Draft, owner: string): Promise<void> {
    for (const { sort } of await this.#store.range("inputs", scopeOf(owner))) {
      draft.put("inputs", { scope: scopeOf(owner), sort }, undefined)
    }
    draft.swap(() => this.#ids.delete(owner))
  }

  #take(owner: string, record: readonly Seen[]): void {
    const ids = this.#ids.get(owner) ?? new Set()
    this.#ids.set(owner, ids)
    for (const [id] of record) ids.add(id)
  }
}

const scopeOf = (owner: string) => `events:${owner}`

/** Earlier versions wrote a record for each event, under its id. */
function seenIn(sort: string, stored: unknown): readonly Seen[] {
  if (Array.isArray(stored)) return stored as readonly Seen[]
  return [[sort, (stored as { readonly createdAt: number }).createdAt]]
}
