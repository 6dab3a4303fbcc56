// Records that are few enough to live in memory as well: a map that changes with the store, in the same step.

import type { Store, StoreKey, TableName } from "../store/types.ts"
import type { Draft } from "./draft.ts"

/** A map in memory; a step sees its own writes, everyone else sees them once they are durable. */
export class StagedMap<V> {
  readonly #live = new Map<string, V>()
  readonly #staged = new WeakMap<Draft, Map<string, V | undefined>>()

  get(key: string, draft?: Draft): V | undefined {
    const staged = draft === undefined ? undefined : this.#staged.get(draft)
    return staged?.has(key) === true ? staged.get(key) : this.#live.get(key)
  }

  set(draft: Draft, key: string, value: V | undefined): void {
    let staged = this.#staged.get(draft)
    if (staged === undefined) {
      const own = new Map<string, V | undefined>()
      this.#staged.set(draft, own)
      draft.swap(() => own.forEach((each, name) => this.#take(name, each)))
      staged = own
    }
    staged.set(key, value)
  }

  /** In order of insertion. */
  values(draft?: Draft): readonly V[] {
    const staged = draft === undefined ? undefined : this.#staged.get(draft)
    if (staged === undefined) return [...this.#live.values()]
    const merged = new Map<string, V | undefined>(this.#live)
    staged.forEach((value, key) => merged.set(key, value))
    return [...merged.values()].filter((value) => value !== undefined)
  }

  get size(): number {
    return this.#live.size
  }

  /** For what has just been read from the store. */
  load(key: string, value: V): void {
    this.#live.set(key, value)
  }

  #take(key: string, value: V | undefined): void {
    if (value === undefined) this.#live.delete(key)
    else this.#live.set(key, value)
  }
}

export interface RecordMapOptions<V> {
  readonly table: TableName
  readonly scope: string
  keyOf(value: V): string
  /** What stands in the clear in the store; the key itself if absent. */
  sortOf?(key: string): string
}

const MAX_SORTS = 1_024

/** A `StagedMap` whose values are records of one scope of a table. */
export class RecordMap<V> {
  readonly #options: RecordMapOptions<V>
  readonly #map = new StagedMap<V>()
  /** `sortOf` may have to hash, and some records change with every message. */
  readonly #sorts = new Map<string, string>()
  /** Names under which earlier versions have stored records, by key. */
  readonly #former = new Map<string, string>()

  constructor(options: RecordMapOptions<V>) {
    this.#options = options
  }

  async load(store: Store): Promise<void> {
    for (const { sort, value } of await store.range(this.#options.table, this.#options.scope)) {
      const record = decodeRecord(value) as V
      const key = this.#options.keyOf(record)
      this.#map.load(key, record)
      if (sort !== this.#storeKey(key).sort) this.#former.set(key, sort)
    }
  }

  /** Gives the records of earlier versions the names that they would have now. */
  rename(draft: Draft): void {
    for (const key of this.#former.keys()) {
      const value = this.get(key, draft)
      if (value !== undefined) this.put(draft, value)
    }
  }

  get(key: string, draft?: Draft): V | undefined {
    return this.#map.get(key, draft)
  }

  values(draft?: Draft): readonly V[] {
    return this.#map.values(draft)
  }

  get size(): number {
    return this.#map.size
  }

  put(draft: Draft, value: V): void {
    const key = this.#options.keyOf(value)
    this.#map.set(draft, key, value)
    this.#dropFormer(draft, key)
    draft.putEncoded(this.#options.table, this.#storeKey(key), () => encodeRecord(value))
  }

  delete(draft: Draft, key: string): void {
    this.#map.set(draft, key, undefined)
    this.#dropFormer(draft, key)
    draft.put(this.#options.table, this.#storeKey(key), undefined)
  }

  #dropFormer(draft: Draft, key: string): void {
    const sort = this.#former.get(key)
    if (sort === undefined) return
    draft.put(this.#options.table, { scope: this.#options.scope, sort }, undefined)
    draft.swap(() => this.#former.delete(key))
  }

  #storeKey(key: string): StoreKey {
    const known = this.#sorts.get(key)
    if (known !== undefined) return { scope: this.#options.scope, sort: known }
    const sort = this.#options.sortOf?.(key) ?? key
    if (this.#sorts.size >= MAX_SORTS) this.#sorts.clear()
    this.#sorts.set(key, sort)
    return { scope: this.#options.scope, sort }
  }
}

const encoder = new TextEncoder()
const decoder = new TextDecoder()

/** A record of this folder as bytes: JSON; byte strings inside are hex or base64. */
export function encodeRecord(value: unknown): Uint8Array {
  return encoder.encode(JSON.stringify(value))
}

/** The store has authenticated the bytes: this program wrote them, so callers may trust their shape. */
export function decodeRecord(bytes: Uint8Array): unknown {
  return JSON.parse(decoder.decode(bytes))
}

/** Reads a record, this step's own write included. */
export async function readRecord(
  store: Store,
  draft: Draft,
  table: TableName,
  key: StoreKey,
): Promise<unknown> {
  const written = draft.written(table, key)
  if (written === null) return undefined
  const bytes = written ?? (await store.get(table, key))
  return bytes === undefined ? undefined : decodeRecord(bytes)
}
