// Storage on Node: a log of sealed batches, held in memory for reading. No browser bundle may hold this file.
//
// A state directory holds `key`, `log` and one `lock-…`. A batch is one record at the end of the log, and acknowledged
// once it is synced. What was deleted or replaced stays in the log, sealed, until the log has doubled: then a log of
// the living is written beside it, synced, and renamed over it.

import type { Driver, SealedOp } from "./driver.ts"
import { StoreError } from "./error.ts"
import { asStoreError, draftSuffix, nodeDisk, writeWhole } from "./file-disk.ts"
import type { Disk, DiskFile } from "./file-disk.ts"
import { encodeKeyFile, parseKeyFile } from "./file-key.ts"
import { lockDirectory } from "./file-lock.ts"
import { decodeLog, encodeRecord, logHeader, opLength } from "./file-log.ts"
import { SealedStore } from "./sealed-store.ts"
import { generateDataKey, importDataKey } from "./sealing.ts"
import { SortedRecords } from "./sorted-records.ts"
import type { RangeOptions, Store, StoredRecord, TableName } from "./types.ts"

export interface FileOptions {
  /** A log is never compacted below this many bytes; 1 MiB if absent. */
  readonly compactAbove?: number
  /** A disk for tests. */
  readonly unsafeDisk?: Disk
}

/**
 * Opens the store in a directory, and makes both if they are not there. The data key lies in the directory beside what
 * it seals, in a file of mode 0600: encryption protects a copy of the log, not a copy of the directory. All records are
 * held in memory. Throws `StoreError`: `unavailable` if another process has the directory open or it cannot be written,
 * `corrupt` if acknowledged data are damaged, `version`, `quota`, `io`.
 */
export async function openFileStore(directory: string, options: FileOptions = {}): Promise<Store> {
  return SealedStore.open(await FileDriver.open(directory, options))
}

export class FileDriver implements Driver {
  readonly #directory: string
  readonly #disk: Disk
  readonly #records: SortedRecords
  readonly #compactAbove: number
  readonly #unlock: () => Promise<void>
  #log: DiskFile
  /** Where the next record goes. */
  #end: number
  /** A log of this length is compacted. */
  #compactAt: number
  /** After a failure that leaves open what the disk holds: nothing is written any more. */
  #inDoubt = false

  private constructor(place: Place, opened: OpenedLog, unlock: () => Promise<void>) {
    this.#directory = place.directory
    this.#disk = place.disk
    this.#compactAbove = place.compactAbove
    this.#records = opened.records
    this.#log = opened.file
    this.#end = opened.end
    this.#compactAt = Math.max(place.compactAbove, 2 * opened.live)
    this.#unlock = unlock
  }

  /** Throws `StoreError`. */
  static async open(directory: string, options: FileOptions): Promise<FileDriver> {
    const { unsafeDisk: disk = nodeDisk, compactAbove = 1024 * 1024 } = options
    const place = { directory, disk, compactAbove }
    try {
      await disk.makeDirectory(directory)
      const unlock = await lockDirectory(disk, directory)
      try {
        return new FileDriver(place, await openLog(place), unlock)
      } catch (error) {
        await unlock()
        throw error
      }
    } catch (error) {
      throw asStoreError(error)
    }
  }

  async dataKey(): Promise<CryptoKey> {
    const dataKey = await readKey(this.#disk, this.#directory)
    if (dataKey === undefined) throw new StoreError("corrupt", "the key file is gone")
    const imported = await importDataKey(dataKey)
    dataKey.fill(0)
    return imported
  }

  get(table: TableName, token: string, sort: string): Promise<Uint8Array | undefined> {
    return Promise.resolve(this.#records.get(table, token, sort))
  }

  range(table: TableName, token: string, options: RangeOptions): Promise<readonly StoredRecord[]> {
    return Promise.resolve(this.#records.range(table, token, options))
  }

  async write(ops: readonly SealedOp[]): Promise<void> {
    if (this.#inDoubt)
      throw new StoreError("io", "the log is in doubt after a failure: open it again")
    const record = encodeRecord(ops, this.#end)
    await this.#append(record)
    this.#end += record.length
    this.#records.apply(ops)
    if (this.#end >= this.#compactAt) await this.#compact()
  }

  async purge(): Promise<void> {
    if (!this.#inDoubt) await this.#compact()
  }

  async close(): Promise<void> {
    try {
      await this.#log.close()
      await this.#unlock()
    } catch (error) {
      throw asStoreError(error)
    }
  }

  async destroy(): Promise<void> {
    try {
      const unlock = await lockDirectory(this.#disk, this.#directory)
      // The key first: without it the log says nothing.
      for (const name of [
        keyName,
        logName,
        `${keyName}${draftSuffix}`,
        `${logName}${draftSuffix}`,
      ]) {
        await this.#disk.remove(`${this.#directory}/${name}`)
        await this.#disk.syncDirectory(this.#directory)
      }
      await unlock()
    } catch (error) {
      throw asStoreError(error)
    }
    this.#records.clear()
  }

  async #append(record: Uint8Array): Promise<void> {
    let written = false
    try {
      await this.#log.write(record, this.#end)
      written = true
      await this.#log.sync()
    } catch (error) {
      // After a sync that failed nobody knows what is on the disk, not even if the next one succeeds.
      this.#inDoubt = written
      await this.#log.truncate(this.#end).catch(() => {
        this.#inDoubt = true
      })
      throw asStoreError(error)
    }
  }

  /** Does not fail: what it works on is durable already, and stays so. */
  async #compact(): Promise<void> {
    const path = `${this.#directory}/${logName}`
    let draft: { readonly file: DiskFile; readonly end: number }
    try {
      draft = await writeLog(this.#disk, `${path}${draftSuffix}`, this.#records)
    } catch {
      // No room, most likely. The old log goes on.
      this.#compactAt = 2 * this.#end
      return
    }
    // Until the new name is durable, a crash may bring back either log: both say the same, as long as nothing is added.
    this.#inDoubt = true
    const old = this.#log
    this.#log = draft.file
    this.#end = draft.end
    this.#compactAt = Math.max(this.#compactAbove, 2 * draft.end)
    try {
      await old.close()
      await this.#disk.rename(`${path}${draftSuffix}`, path)
      await this.#disk.syncDirectory(this.#directory)
      this.#inDoubt = false
    } catch {
      // The next batch will say so.
    }
  }
}

const keyName = "key"
const logName = "log"

/** Records are put together to about this size when a log is compacted. */
const chunkLength = 1024 * 1024

interface Place {
  readonly directory: string
  readonly disk: Disk
  readonly compactAbove: number
}

interface OpenedLog {
  readonly records: SortedRecords
  readonly file: DiskFile
  readonly end: number
  /** What the log would be after compaction, about. */
  readonly live: number
}

/** Reads what is there, makes what is not, and cuts off what a crash has left. */
async function openLog({ directory, disk }: Place): Promise<OpenedLog> {
  const path = `${directory}/${logName}`
  let log = await disk.read(path)
  if ((await readKey(disk, directory)) === undefined) {
    if (log !== undefined) throw new StoreError("corrupt", "there is a log, but its key is gone")
    await writeWhole(disk, directory, keyName, encodeKeyFile(generateDataKey()))
  }
  if (log === undefined) {
    log = logHeader
    await writeWhole(disk, directory, logName, log)
  }
  const { batches, length } = decodeLog(log)
  const records = new SortedRecords()
  for (const ops of batches) records.apply(ops)
  let live = logHeader.length
  for (const op of records.all()) live += opLength(op)
  await disk.remove(`${path}${draftSuffix}`)
  const file = await disk.open(path, "existing")
  try {
    if (length < log.length) await file.truncate(length)
    // A crash may have left what was written but not synced: from here on it counts.
    await file.sync()
    await disk.syncDirectory(directory)
  } catch (error) {
    await file.close().catch(() => undefined)
    throw error
  }
  return { records, file, end: length, live }
}

async function readKey(disk: Disk, directory: string): Promise<Uint8Array | undefined> {
  const file = await disk.read(`${directory}/${keyName}`)
  return file === undefined ? undefined : parseKeyFile(file)
}

/** A new log of these records, synced. Leaves no file behind if it fails. */
async function writeLog(
  disk: Disk,
  path: string,
  records: SortedRecords,
): Promise<{ readonly file: DiskFile; readonly end: number }> {
  await disk.remove(path)
  const file = await disk.open(path, "create")
  try {
    await file.write(logHeader, 0)
    let end = logHeader.length
    for (const ops of chunks(records)) {
      const record = encodeRecord(ops, end)
      await file.write(record, end)
      end += record.length
    }
    await file.sync()
    return { file, end }
  } catch (error) {
    await file.close().catch(() => undefined)
    await disk.remove(path).catch(() => undefined)
    throw error
  }
}

function* chunks(records: SortedRecords): Generator<readonly SealedOp[]> {
  let chunk: SealedOp[] = []
  let length = 0
  for (const op of records.all()) {
    chunk.push(op)
    length += opLength(op)
    if (length < chunkLength) continue
    yield chunk
    chunk = []
    length = 0
  }
  if (chunk.length > 0) yield chunk
}
