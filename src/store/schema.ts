// Storage in browsers: the IndexedDB schema and its migrations.

import type { DBSchema, IDBPDatabase, IDBPTransaction, StoreNames } from "idb"
import { tableNames } from "./types.ts"
import type { TableName } from "./types.ts"

/** A row: `k` is [scope token, sort], `v` the sealed value. */
export interface SealedRow {
  readonly k: readonly [token: string, sort: string]
  readonly v: Uint8Array
}

type Tables = Record<TableName, { key: [string, string] | [string, []]; value: SealedRow }>

/** `unsealed` holds one record, under `headerKey`; its shape is checked when it is read. */
export interface Schema extends DBSchema, Tables {
  unsealed: { key: string; value: unknown }
}

export const headerKey = "header"

export type Database = IDBPDatabase<Schema>
export type Upgrade = IDBPTransaction<Schema, StoreNames<Schema>[], "versionchange">

/**
 * `migrations[n]` takes a database from schema n to n + 1. Released ones never change; a new table is one more
 * `createMissingTables`. Rows can be moved and deleted here but not opened: sealing waits on WebCrypto, and an upgrade
 * ends when something else is awaited. What must be sealed anew is read and rewritten after opening.
 */
const migrations: readonly ((database: Database, upgrade: Upgrade) => void)[] = [
  (database) => {
    database.createObjectStore("unsealed")
    createMissingTables(database)
  },
  createMissingTables,
]

export const schemaVersion = migrations.length

/** Brings a database of schema `from` (0: a new one) to `schemaVersion`. */
export function migrate(database: Database, from: number, upgrade: Upgrade): void {
  for (const step of migrations.slice(from)) step(database, upgrade)
}

function createMissingTables(database: Database): void {
  for (const table of tableNames) {
    if (!database.objectStoreNames.contains(table)) {
      database.createObjectStore(table, { keyPath: "k" })
    }
  }
}
