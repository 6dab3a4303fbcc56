// Storage in memory, for Node and for tests: sealed like every other, gone with the process.

import type { Driver, SealedOp } from "./driver.ts"
import { SealedStore } from "./sealed-store.ts"
import { generateDataKey, importDataKey, Sealer } from "./sealing.ts"
import { SortedRecords } from "./sorted-records.ts"
import type { RangeOptions, Store, StoredRecord, TableName } from "./types.ts"

/** What outlives a memory store: hand it to the next `openMemoryStore`, as a disk is handed to the next process. */
export class Memory {
  readonly records = new SortedRecords()
  dataKey: Uint8Array | undefined
}

/** A store in `memory`; in a new one if there is none. */
export async function openMemoryStore(memory: Memory = new Memory()): Promise<Store> {
  memory.dataKey ??= generateDataKey()
  const sealer = await Sealer.create(await importDataKey(memory.dataKey))
  return new SealedStore(new MemoryDriver(memory), sealer)
}

export class MemoryDriver implements Driver {
  readonly #memory: Memory

  constructor(memory: Memory) {
    this.#memory = memory
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
