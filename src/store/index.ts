// Storage for browsers and for memory. Node's file store is imported by its own name, so that no bundle holds it.

export { StoreError } from "./error.ts"
export type { StoreErrorCode } from "./error.ts"
export { openIndexedDbStore } from "./indexeddb.ts"
export type { IndexedDbOptions } from "./indexeddb.ts"
export { Memory, openMemoryStore } from "./memory.ts"
export { tableNames } from "./types.ts"
export type { RangeOptions, Store, StoredRecord, StoreKey, StoreOp, TableName } from "./types.ts"
