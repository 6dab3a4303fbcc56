// Storage in memory, for Node and for tests: sealed like every other, gone with the process.

import type { Driver, SealedOp } from "./driver.ts"
import { SealedStore } from "./sealed-store.ts"
import { generateDataKey, importDataKey } from "./sealing.ts"
import { SortedRecords } from "./sorted-records.ts"
import type { RangeOptions, Store, StoredRecord, TableName } from "./types.ts"

/** What outlives a memory store: hand it to the next `openMemoryStore`, as a disk is handed to the next process. */
export class Memory {
  readonly records = new SortedRecords()
  dataKey: Uint8Array | undefined
}

/** A store in `memory`; in a new one if there is none. */
export function openMemoryStore(memory: Memory = new Memory()): Promise<Store> {
  return SealedStore.open(new MemoryDriver(memory))
}

export class MemoryDriver implements Driver {
  readonly #memory: Memory

  constructor(memory: Memory) {
    this.#memory = memory
  }

  dataKey(): Promise<CryptoKey> {
    this.#memory.dataKey ??= generateDataKey()
    return importDataKey(this.#memory.dataKey)
  }

  get(table: TableName, token: string, sort: string): Promise<Uint8Array | undefined> {
    return Promise.resolve(this.#memory.records.get(table, token, sort))
  }

  range(table: TableName, token: string, options: RangeOptions): Promise<readonly StoredRecord[]> {
    return Promise.resolve(this.#memory.records.range(table, token, options))
  }

  write(ops: readonly SealedOp[]): Promise<void> {
    this.#memory.records.apply(ops)
    return Promise.resolve()
  }

  close(): Promise<void> {
    return Promise.resolve()
  }

  destroy(): Promise<void> {
    this.#memory.records.clear()
    this.#memory.dataKey = undefined
    return Promise.resolve()
  }
}
