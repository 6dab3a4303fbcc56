// Storage in browsers: IndexedDB. One transaction a batch, with strict durability; no crypto inside of one.

import { unwrap, type IDBPObjectStore } from "idb"
import { createHeader, unwrapDataKey } from "./data-key.ts"
import { asStoreError, deleteDatabase, openDatabase } from "./database.ts"
import type { Driver, SealedOp } from "./driver.ts"
import { StoreError } from "./error.ts"
import { headerKey } from "./schema.ts"
import type { Database, Schema, SealedRow } from "./schema.ts"
import { SealedStore } from "./sealed-store.ts"
import { tableNames } from "./types.ts"
import type { RangeOptions, Store, StoredRecord, TableName } from "./types.ts"

export interface IndexedDbOptions {
  /**
   * The store ended without `close`: a newer version of the app, or a deletion, in another tab asked for it, or the
   * browser took the database away. From here on everything fails with `closed`.
   */
  readonly onLost?: () => void
  /** How long to wait for other tabs to let go, in milliseconds. Tabs of this program do so at once. */
  readonly timeout?: number
}

/**
 * Opens the store of this name, and makes it if there is none. Throws `StoreError`: `unavailable` where there is no
 * IndexedDB or another tab does not let go, `version` for a database of a later version, `corrupt` if its data key is
 * gone, `quota`, `io`.
 */
export async function openIndexedDbStore(
  name: string,
  options: IndexedDbOptions = {},
): Promise<Store> {
  return SealedStore.open(await IndexedDbDriver.open(name, options))
}

type TableStore = IDBPObjectStore<Schema, TableName[], TableName>

export class IndexedDbDriver implements Driver {
  readonly #name: string
  readonly #database: Database
  readonly #timeout: number
  /** Transactions that still take requests. */
  readonly #shared = new Map<TableName, TableStore>()

  private constructor(name: string, database: Database, timeout: number) {
    this.#name = name
    this.#database = database
    this.#timeout = timeout
  }

  /** Throws `StoreError`. */
  static async open(name: string, options: IndexedDbOptions): Promise<IndexedDbDriver> {
    const { onLost, timeout = 15_000 } = options
    const database = await openDatabase(name, {
      timeout,
      onLost() {
        // Transactions that are under way still end; new ones fail.
        database.close()
        onLost?.()
      },
    })
    return new IndexedDbDriver(name, database, timeout)
  }

  async dataKey(): Promise<CryptoKey> {
    const found = await typed(() => this.#database.get("unsealed", headerKey))
    if (found !== undefined) return unwrapDataKey(found)
    const made = await createHeader()
    return unwrapDataKey(await typed(() => this.#addHeader(made)))
  }

  async get(table: TableName, token: string, sort: string): Promise<Uint8Array | undefined> {
    const row = await typed(() => this.#reading(table).get([token, sort]))
    return row === undefined ? undefined : recordOf(row).value
  }

  async range(
    table: TableName,
    token: string,
    options: RangeOptions,
  ): Promise<readonly StoredRecord[]> {
    const rows = await typed(() => this.#rows(table, token, options))
    return rows.map(recordOf)
  }

  write(ops: readonly SealedOp[]): Promise<void> {
    return typed(async () => {
      const names = [...new Set(ops.map((op) => op.table))]
      const transaction = this.#database.transaction(names, "readwrite", { durability: "strict" })
      try {
        // A request that fails aborts the transaction, whose end is what counts: nobody listens to each of them.
        const raw = unwrap(transaction)
        for (const { table, token, sort, value } of ops) {
          const rows = raw.objectStore(table)
          if (value === undefined) rows.delete([token, sort])
          else rows.put({ k: [token, sort], v: value })
        }
      } catch (error) {
        transaction.abort()
        await transaction.done.catch(() => undefined)
        throw error
      }
      await transaction.done
    })
  }

  close(): Promise<void> {
    this.#database.close()
    return Promise.resolve()
  }

  destroy(): Promise<void> {
    return deleteDatabase(this.#name, this.#timeout)
  }

  async #rows(
    table: TableName,
    token: string,
    { after, before, limit, reverse = false }: RangeOptions,
  ): Promise<SealedRow[]> {
    const upper = before === undefined ? afterAll(token) : at(token, before)
    let keys = IDBKeyRange.bound(at(token, after ?? ""), upper, after !== undefined, true)
    // `getAll` counts from the start only.
    const rows = this.#database.transaction(table).store
    const count = limit === undefined ? undefined : Math.min(limit, maxCount)
    if (reverse && count !== undefined) {
      let cursor = await rows.openKeyCursor(keys, "prev")
      if (count > 1) cursor = (await cursor?.advance(count - 1)) ?? null
      if (cursor !== null) keys = IDBKeyRange.bound(cursor.key, upper, false, true)
    }
    const found = await rows.getAll(keys, count)
    return reverse ? found.reverse() : found
  }

  /** Looks that are asked for at once share a transaction, which costs more than they do. */
  #reading(table: TableName) {
    const shared = this.#shared.get(table) ?? this.#database.transaction(table).store
    if (!this.#shared.has(table)) {
      this.#shared.set(table, shared)
      // It lasts for as long as its requests do, but takes no more once the event loop has its turn.
      queueMicrotask(() => this.#shared.delete(table))
    }
    return shared
  }

  /** Another tab may have been first: then its header is the answer. */
  async #addHeader(made: unknown): Promise<unknown> {
    const transaction = this.#database.transaction([...tableNames, "unsealed"], "readwrite", {
      durability: "strict",
    })
    const add = async () => {
      const header = transaction.objectStore("unsealed")
      const found = await header.get(headerKey)
      if (found !== undefined) return found
      const counts = tableNames.map((table) => transaction.objectStore(table).count())
      if ((await Promise.all(counts)).some((count) => count > 0)) {
        throw new StoreError("corrupt", "there are records, but their data key is gone")
      }
      await header.put(made, headerKey)
      return made
    }
    const [header] = await Promise.all([add(), transaction.done])
    return header
  }
}

const maxCount = 0xffffffff

const at = (token: string, sort: string): [string, string] => [token, sort]

/** In the order of IndexedDB keys an array comes after every string. */
const afterAll = (token: string): [string, []] => [token, []]

/** Rows come from the database as they are: nothing is assumed of them. */
function recordOf(row: unknown): StoredRecord {
  const { k, v } = row as Partial<Record<"k" | "v", unknown>>
  const sort: unknown = Array.isArray(k) ? k[1] : undefined
  if (typeof sort !== "string" || !(v instanceof Uint8Array)) {
    throw new StoreError("corrupt", "a row that this program did not write")
  }
  return { sort, value: v }
}

async function typed<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    throw asStoreError(error)
  }
}
