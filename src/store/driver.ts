// Storage: where sealed records lie. A driver keeps bytes in order and atomically, and knows nothing of their meaning.

import type { RangeOptions, StoredRecord, TableName } from "./types.ts"

/** `token` and `sort` are the key; `value` is sealed, or `undefined` to delete. */
export interface SealedOp {
  readonly table: TableName
  readonly token: string
  readonly sort: string
  readonly value: Uint8Array | undefined
}

/** Throws `StoreError` and nothing else. The caller never has two writes under way, and none after `close`. */
export interface Driver {
  /** The store's data key, made now if the store is new. */
  dataKey(): Promise<CryptoKey>
  get(table: TableName, token: string, sort: string): Promise<Uint8Array | undefined>
  /** `before` is above `after` (or above "" without it), and `limit` above 0, where they are given. */
  range(table: TableName, token: string, options: RangeOptions): Promise<readonly StoredRecord[]>
  /** All or nothing; durable when it resolves. */
  write(ops: readonly SealedOp[]): Promise<void>
  /** Removes what was deleted or replaced from the medium; absent where that can't be told to. Never fails. */
  purge?(): Promise<void>
  close(): Promise<void>
  /** Deletes everything, after `close`. */
  destroy(): Promise<void>
}
