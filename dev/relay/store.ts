// The relay's events on disk: an append-only log of checksummed JSON lines, and the index that it is replayed into.

import { createReadStream } from "node:fs"
import { mkdir, open, rename, stat } from "node:fs/promises"
import type { FileHandle } from "node:fs/promises"
import { join } from "node:path"
import { crc32 } from "node:zlib"
import { parseEvent } from "../../src/nostr/event.ts"
import type { NostrEvent } from "../../src/nostr/event.ts"
import { EventIndex } from "./index.ts"
import type { Outcome } from "./index.ts"

/** How long a written event may wait for its fsync: a crash of the machine, not of the relay, can lose as much. */
const SYNC_DELAY_MS = 100

/** A log is rewritten when more than this many of its lines are dead, and more than half of them. */
const COMPACT_ABOVE = 5_000

export interface StoreOptions {
  /** Without it, everything stays in memory. */
  readonly dataDir?: string | undefined
  /** Unix seconds. */
  readonly now: () => number
  readonly compactAbove?: number
}

interface Waiting {
  readonly event: NostrEvent
  readonly settle: (outcome: Outcome) => void
  readonly fail: (error: unknown) => void
}

export class EventStore {
  readonly index = new EventIndex()
  readonly #options: StoreOptions
  #log: FileHandle | undefined
  #waiting: Waiting[] = []
  #writing: Promise<void> | undefined
  #syncTimer: NodeJS.Timeout | undefined
  #lines = 0
  /** Bytes of the log that hold whole lines. */
  #length = 0

  private constructor(options: StoreOptions) {
    this.#options = options
  }

  /** Replays the log. A torn last line is cut off, a damaged line in the middle is skipped. */
  static async open(options: StoreOptions): Promise<EventStore> {
    const store = new EventStore(options)
    if (options.dataDir !== undefined) await store.#replay(options.dataDir)
    return store
  }

  /**
   * Resolves once the event is written to the log (it survives the death of this process from then on) and indexed;
   * rejects if the disk fails. What the index refuses is not written.
   */
  async add(event: NostrEvent): Promise<Outcome> {
    const outcome = this.index.check(event, this.#options.now())
    if (outcome !== "stored") return outcome
    if (this.#log === undefined) return this.index.add(event, this.#options.now())
    const written = new Promise<Outcome>((settle, fail) => {
      this.#waiting.push({ event, settle, fail })
    })
    this.#writing ??= this.#writeAll().finally(() => {
      this.#writing = undefined
    })
    return written
  }

  async close(): Promise<void> {
    await this.#writing
    clearTimeout(this.#syncTimer)
    await this.#log?.datasync()
    await this.#log?.close()
    this.#log = undefined
  }

  get #path(): string {
    return join(this.#options.dataDir ?? "", "events.log")
  }

  async #replay(dataDir: string): Promise<void> {
    await mkdir(dataDir, { recursive: true })
    this.#log = await open(this.#path, "a")
    const { lines, length } = await readLog(this.#path, (event) =>
      this.index.add(event, this.#options.now()),
    )
    this.#lines = lines
    this.#length = length
    if (length !== (await stat(this.#path)).size) await this.#log.truncate(length)
    await this.#compactIfWorthwhile()
  }

  async #writeAll(): Promise<void> {
    while (this.#waiting.length > 0) {
      const batch = this.#waiting
      this.#waiting = []
      const bytes = Buffer.from(batch.map(({ event }) => lineOf(event)).join(""))
      try {
        await this.#append(bytes)
      } catch (error) {
        for (const { fail } of batch) fail(error)
        continue
      }
      this.#lines += batch.length
      for (const { event, settle } of batch) settle(this.index.add(event, this.#options.now()))
      this.#syncSoon()
      // A failed compaction leaves the log as it was: try again another time.
      await this.#compactIfWorthwhile().catch(() => undefined)
    }
  }

  async #append(bytes: Buffer): Promise<void> {
    try {
      await this.#log?.writeFile(bytes)
      this.#length += bytes.length
    } catch (error) {
      // A line that was half written (a full disk) must not swallow the next one.
      await this.#log?.truncate(this.#length).catch(() => undefined)
      throw error
    }
  }

  #syncSoon(): void {
    this.#syncTimer ??= setTimeout(() => {
      this.#syncTimer = undefined
      this.#log?.datasync().catch(() => undefined)
    }, SYNC_DELAY_MS)
  }

  async #compactIfWorthwhile(): Promise<void> {
    const dead = this.#lines - this.index.size
    if (dead <= (this.#options.compactAbove ?? COMPACT_ABOVE) || dead <= this.index.size) return
    const temporary = `${this.#path}.new`
    const next = await open(temporary, "w")
    let length = 0
    try {
      // Nothing is added meanwhile (only this loop adds); what expires meanwhile goes the next time.
      for (const piece of pieces([...this.index.events()])) {
        await next.writeFile(piece)
        length += piece.length
      }
      await next.datasync()
    } finally {
      await next.close()
    }
    await rename(temporary, this.#path)
    await syncDirectory(this.#options.dataDir ?? "")
    await this.#log?.close()
    this.#log = await open(this.#path, "a")
    this.#lines = this.index.size
    this.#length = length
  }
}

/** Without it, a crash of the machine could bring the old log back, and lose what went into the new one. */
async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, "r")
  try {
    await directory.sync()
  } finally {
    await directory.close()
  }
}

/** `crc32 of the JSON in 8 hex digits, a blank, the JSON, \n`. */
function lineOf(event: NostrEvent): string {
  const json = JSON.stringify(event)
  return `${checksum(Buffer.from(json))} ${json}\n`
}

const checksum = (bytes: Uint8Array) => crc32(bytes).toString(16).padStart(8, "0")

function* pieces(events: Iterable<NostrEvent>): Generator<Buffer> {
  let text = ""
  for (const event of events) {
    text += lineOf(event)
    if (text.length < 1 << 20) continue
    yield Buffer.from(text)
    text = ""
  }
  yield Buffer.from(text)
}

/** Reads whole lines; `length` is where the last undamaged line ends. */
async function readLog(
  path: string,
  each: (event: NostrEvent) => void,
): Promise<{ lines: number; length: number }> {
  let rest: Buffer = Buffer.alloc(0)
  let lines = 0
  let position = 0
  let length = 0
  for await (const chunk of createReadStream(path, { highWaterMark: 1 << 20 })) {
    let buffer = Buffer.concat([rest, chunk as Buffer])
    for (let end = buffer.indexOf(10); end >= 0; end = buffer.indexOf(10)) {
      const event = eventOf(buffer.subarray(0, end))
      position += end + 1
      buffer = buffer.subarray(end + 1)
      if (event === undefined) continue
      each(event)
      lines += 1
      length = position
    }
    rest = buffer
  }
  return { lines, length }
}

function eventOf(line: Buffer): NostrEvent | undefined {
  const json = line.subarray(9)
  if (line.subarray(0, 9).toString("latin1") !== `${checksum(json)} `) return undefined
  try {
    return parseEvent(JSON.parse(json.toString()))
  } catch {
    return undefined
  }
}
