// Storage in browsers: opening and deleting an IndexedDB database among other tabs, and what its failures mean.

import { deleteDB, openDB } from "idb"
import { StoreError } from "./error.ts"
import { migrate, schemaVersion } from "./schema.ts"
import type { Database, Schema } from "./schema.ts"

export interface OpenDatabaseOptions {
  /** The connection has to end, or has ended, without the owner's doing. Called once at most. */
  onLost(): void
  /** How long to wait for other tabs to let go, in milliseconds. */
  readonly timeout: number
}

/** Throws `StoreError`. */
export function openDatabase(name: string, options: OpenDatabaseOptions): Promise<Database> {
  let lost = false
  const lose = () => {
    if (lost) return
    lost = true
    options.onLost()
  }
  return inTime(
    options.timeout,
    (started) =>
      openDB<Schema>(name, schemaVersion, {
        upgrade(database, from, _to, upgrade) {
          started()
          migrate(database, from, upgrade)
        },
        blocking: lose,
        terminated: lose,
      }),
    (database) => database.close(),
  )
}

/** Throws `StoreError`. */
export function deleteDatabase(name: string, timeout: number): Promise<void> {
  return inTime(
    timeout,
    () => deleteDB(name),
    () => undefined,
  )
}

/** What an exception of IndexedDB means. Its text is kept as the cause only: it may name keys. */
export function asStoreError(error: unknown): StoreError {
  if (error instanceof StoreError) return error
  const name = error instanceof Error || error instanceof DOMException ? error.name : ""
  const options = { cause: error }
  switch (name) {
    case "QuotaExceededError":
      return new StoreError("quota", "the browser has no more room for this site", options)
    case "VersionError":
      return new StoreError("version", "the database is of a later version", options)
    case "InvalidStateError":
      return new StoreError("closed", "the database is closed", options)
    case "NotFoundError":
      return new StoreError("corrupt", "the database lacks a table", options)
    case "SecurityError":
    case "DataCloneError":
    case "ReferenceError":
    case "TypeError":
      return new StoreError("unavailable", "there is no usable IndexedDB here", options)
    default:
      return new StoreError("io", "the database failed", options)
  }
}

/**
 * Runs a request that other tabs can hold up, for so long at most, unless its own work has started. There may be no
 * `blocked` event: a request also waits behind another tab's that is blocked. `late` gets a result that came too late.
 */
function inTime<T>(
  timeout: number,
  request: (started: () => void) => Promise<T>,
  late: (result: T) => void,
): Promise<T> {
  return new Promise((resolve, reject) => {
    let gaveUp = false
    const timer = setTimeout(() => {
      gaveUp = true
      reject(new StoreError("unavailable", "another tab does not let go of the database"))
    }, timeout)
    const run = async () => request(() => clearTimeout(timer))
    run()
      .then((result) => (gaveUp ? late(result) : resolve(result)))
      .catch((error: unknown) => reject(asStoreError(error)))
      .finally(() => clearTimeout(timer))
  })
}
