// Marmot transport §7.3: ids of relay events whose processing has ended, so that a redelivery costs nothing.

import type { Store } from "../store/types.ts"
import type { Draft } from "./draft.ts"
import { decodeRecord, encodeRecord } from "./record-map.ts"

interface Seen {
  /** Unix seconds, as the event says: relays filter by it. */
  readonly createdAt: number
}

/** An id enters in the step that ends its processing; one that was refused for lack of room never does. */
export class SeenEvents {
  readonly #store: Store
  readonly #ids = new Map<string, Set<string>>()

  constructor(store: Store) {
    this.#store = store
  }

  /** Reads what is known of `owner`; forgets events that are too old to be asked for again (`since`, Unix seconds). */
  async load(draft: Draft, owner: string, since: number): Promise<void> {
    for (const { sort, value } of await this.#store.range("inputs", scopeOf(owner))) {
      if ((decodeRecord(value) as Seen).createdAt >= since) this.#of(owner).add(sort)
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

  async forget(draft: Draft, owner: string): Promise<void> {
    for (const { sort } of await this.#store.range("inputs", scopeOf(owner))) {
      draft.put("inputs", { scope: scopeOf(owner), sort }, undefined)
    }
    draft.swap(() => this.#ids.delete(owner))
  }

  #of(owner: string): Set<string> {
    const known = this.#ids.get(owner)
    if (known !== undefined) return known
    const fresh = new Set<string>()
    this.#ids.set(owner, fresh)
    return fresh
  }
}

const scopeOf = (owner: string) => `events:${owner}`
