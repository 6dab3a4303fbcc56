// A store that remembers its records in the clear, so that the same state can be put into a store of another kind.

import type { Store, StoreOp, TableName } from "../../src/store/index.ts"
import { openMemoryStore } from "../../src/store/index.ts"

/** A record as JSON can hold it. */
export interface PlainRecord {
  readonly table: TableName
  readonly scope: string
  readonly sort: string
  /** Base64. */
  readonly value: string
}

export class RecordingStore implements Store {
  readonly #records = new Map<string, StoreOp & { readonly value: Uint8Array }>()
  readonly #store: Store

  private constructor(store: Store) {
    this.#store = store
  }

  static async open(): Promise<RecordingStore> {
    return new RecordingStore(await openMemoryStore())
  }

  get records(): readonly PlainRecord[] {
    return [...this.#records.values()].map(({ table, key, value }) => ({
      table,
      ...key,
      value: Buffer.from(value).toString("base64"),
    }))
  }

  get: Store["get"] = (...args) => this.#store.get(...args)
  range: Store["range"] = (...args) => this.#store.range(...args)
  purge = async () => {
    await this.#store.purge?.()
  }
  close: Store["close"] = () => this.#store.close()
  destroy: Store["destroy"] = () => this.#store.destroy()

  async batch(ops: readonly StoreOp[]): Promise<void> {
    for (const { table, key, value } of ops) {
      const name = JSON.stringify([table, key.scope, key.sort])
      if (value === undefined) this.#records.delete(name)
      else this.#records.set(name, { table, key, value: value.slice() })
    }
    await this.#store.batch(ops)
  }
}

/** Writes `records` into an empty store. */
export async function fill(store: Store, records: readonly PlainRecord[]): Promise<void> {
  await store.batch(
    records.map(({ table, scope, sort, value }) => ({
      table,
      key: { scope, sort },
      value: Uint8Array.from(atob(value), (character) => character.charCodeAt(0)),
    })),
  )
}
