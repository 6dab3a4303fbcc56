// Storage: the one path by which every store seals, orders and checks, whatever the driver below.

import type { Driver, SealedOp } from "./driver.ts"
import { StoreError } from "./error.ts"
import { Sealer } from "./sealing.ts"
import { tableNames } from "./types.ts"
import type { RangeOptions, Store, StoredRecord, StoreKey, StoreOp, TableName } from "./types.ts"

export class SealedStore implements Store {
  readonly #driver: Driver
  readonly #sealer: Sealer
  /** The last batch that was called; never rejects. */
  #tail: Promise<unknown> = Promise.resolve()
  #closing: Promise<void> | undefined
  #destroying: Promise<void> | undefined

  private constructor(driver: Driver, sealer: Sealer) {
    this.#driver = driver
    this.#sealer = sealer
  }

  /** Takes the driver over: it is closed if this fails, and by `close`. */
  static async open(driver: Driver): Promise<SealedStore> {
    try {
      return new SealedStore(driver, await Sealer.create(await driver.dataKey()))
    } catch (error) {
      await driver.close()
      throw error
    }
  }

  async get(table: TableName, key: StoreKey): Promise<Uint8Array | undefined> {
    this.#requireOpen()
    requireKey(table, key)
    const sealed = await this.#driver.get(table, this.#sealer.token(table, key.scope), key.sort)
    return sealed === undefined ? undefined : this.#sealer.open(table, key, sealed)
  }

  async range(
    table: TableName,
    scope: string,
    options: RangeOptions = {},
  ): Promise<readonly StoredRecord[]> {
    this.#requireOpen()
    requireKey(table, { scope, sort: "" })
    const { after, before, limit } = options
    if (limit !== undefined && !(Number.isSafeInteger(limit) && limit >= 0)) {
      throw new StoreError("misuse", "a limit is an integer of 0 or more")
    }
    if (limit === 0 || (before !== undefined && before <= (after ?? ""))) return []
    const rows = await this.#driver.range(table, this.#sealer.token(table, scope), options)
    const opened = await Promise.all(
      rows.map(async ({ sort, value }): Promise<StoredRecord | undefined> => {
        try {
          return { sort, value: await this.#sealer.open(table, { scope, sort }, value) }
        } catch (error) {
          if (options.damaged === undefined) throw error
          options.damaged(sort)
          return undefined
        }
      }),
    )
    return opened.filter((record) => record !== undefined)
  }

  async batch(ops: readonly StoreOp[]): Promise<void> {
    this.#requireOpen()
    for (const { table, key } of ops) requireKey(table, key)
    if (ops.length === 0) return
    // Sealing begins now, side by side with earlier batches; writing waits for its turn.
    const sealed = Promise.all(ops.map((op) => this.#sealOp(op)))
    const turn = Promise.allSettled([sealed, this.#tail]).then(async () =>
      this.#driver.write(await sealed),
    )
    this.#tail = turn.catch(() => undefined)
    return turn
  }

  purge(): Promise<void> {
    this.#requireOpen()
    const turn = this.#tail.then(() => this.#driver.purge?.())
    this.#tail = turn
    return turn
  }

  close(): Promise<void> {
    this.#closing ??= this.#tail.then(() => this.#driver.close())
    return this.#closing
  }

  destroy(): Promise<void> {
    this.#destroying ??= this.close().then(() => this.#driver.destroy())
    return this.#destroying
  }

  async #sealOp({ table, key, value }: StoreOp): Promise<SealedOp> {
    const token = this.#sealer.token(table, key.scope)
    return {
      table,
      token,
      sort: key.sort,
      value: value === undefined ? undefined : await this.#sealer.seal(table, key, value),
    }
  }

  #requireOpen(): void {
    if (this.#closing !== undefined) throw new StoreError("closed", "the store is closed")
  }
}

const tables: ReadonlySet<string> = new Set(tableNames)

function requireKey(table: TableName, { scope, sort }: StoreKey): void {
  if (!tables.has(table)) throw new StoreError("misuse", "there is no such table")
  // UTF-8 has no lone surrogates: two keys would become one in the AAD.
  if (/\p{Surrogate}/u.test(scope) || /\p{Surrogate}/u.test(sort)) {
    throw new StoreError("misuse", "a key with a lone surrogate")
  }
}
