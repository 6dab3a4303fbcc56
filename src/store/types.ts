// Storage: the contract that every store keeps, and the names of its tables.

/** One IndexedDB object store each; the order is that of the file store's wire numbers: append, never reorder. */
export const tableNames = [
  "meta",
  "account",
  "keyPackages",
  "groups",
  "epochs",
  "inputs",
  "outbox",
  "timeline",
  "invites",
  "contacts",
  "cursors",
  "media",
] as const

export type TableName = (typeof tableNames)[number]

/**
 * `scope` is what a record belongs to (a group id, an account); it is stored as a keyed token only. `sort` orders the
 * records of a scope by UTF-16 code units and **stands in the clear**. Neither may hold lone surrogates.
 */
export interface StoreKey {
  readonly scope: string
  readonly sort: string
}

/** `value: undefined` deletes; deleting what is not there is fine. An empty value is a value. */
export interface StoreOp {
  readonly table: TableName
  readonly key: StoreKey
  readonly value: Uint8Array | undefined
}

/** `after` and `before` are exclusive. `limit` counts from the end where `reverse` is set. */
export interface RangeOptions {
  readonly after?: string
  readonly before?: string
  readonly limit?: number
  readonly reverse?: boolean
  /** Told of each record that is not what was written under its key (its `sort`); the others are given all the same. */
  readonly damaged?: (sort: string) => void
}

export interface StoredRecord {
  readonly sort: string
  readonly value: Uint8Array
}

/**
 * Sealed records in tables. Everything that a store throws is a `StoreError`: `tampered` for a record that is not what
 * was written under its key, `closed` after `close` or `destroy`. Values that come back are the caller's own copies.
 */
export interface Store {
  /** The value under a key, as of the last batch that was acknowledged when this was called, or a later one. */
  get(table: TableName, key: StoreKey): Promise<Uint8Array | undefined>
  /** The records of a scope in the order of `sort`; in descending order with `reverse`. */
  range(table: TableName, scope: string, options?: RangeOptions): Promise<readonly StoredRecord[]>
  /**
   * Applies all operations or none; of several on one key the last counts. Once it resolves, the batch survives a
   * crash. Values are read before this returns its promise, so a caller may wipe them at once. Batches are applied in
   * the order of the calls, each after its predecessor has ended; one that fails does not stop the next.
   */
  batch(ops: readonly StoreOp[]): Promise<void>
  /** Removes from the medium what was deleted or replaced before, where that is in our hands; absent where it is not. Never fails. */
  readonly purge?: (() => Promise<void>) | undefined
  /** Lets the batches that were called end, then lets go of everything. Again: nothing happens. */
  close(): Promise<void>
  /** Closes, and deletes all records and the data key. */
  destroy(): Promise<void>
}
