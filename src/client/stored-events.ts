// Marmot transport §7.8: what a relay has stored, read page by page and handed on oldest first. Relays answer newest
// first and cut long answers short; a group has to be read from its oldest Commit on.

import type { NostrEvent } from "../nostr/event.ts"
import type { Filter } from "../nostr/filter.ts"
import type { Timer, World } from "./ports.ts"

/** No relay in use cuts an answer shorter than this. */
const SHORTEST_CUT = 100
/** Beyond it we process what we have and leave the cursor where it was. */
const MAX_EVENTS = 20_000
/** A relay that has sent nothing for so long, and not said either that it has sent everything, is not waited for. */
const PATIENCE_MS = 10_000
/** Nor is one that sends and sends: what came is taken after this many times as long. */
const MAX_LOOKS = 30

export interface StoredEventsOptions {
  readonly world: World
  /** What the relay was asked for. */
  readonly filters: (url: string) => readonly Filter[]
  /** Oldest first. */
  readonly found: (events: readonly NostrEvent[], url: string) => void
  /** Everything that the relay held at `at` (Unix seconds) was found; undefined if not everything could be read. */
  readonly complete: (url: string, at: number | undefined) => void
  /** The relay takes its time; what is to be published does not wait for it any longer. */
  readonly gaveUp: (url: string) => void
}

interface Reading {
  readonly events: Map<string, NostrEvent>
  /** How many there were when patience was last looked at, and how often that was. */
  before: number
  looks: number
  timer: Timer | undefined
}

export class StoredEvents {
  readonly #options: StoredEventsOptions
  readonly #readings = new Map<string, Reading>()
  readonly #givenUp = new Set<string>()

  constructor(options: StoredEventsOptions) {
    this.#options = options
  }

  /** Events that wait for the rest of their range. */
  get size(): number {
    return [...this.#readings.values()].reduce((sum, { events }) => sum + events.size, 0)
  }

  close(): void {
    for (const url of [...this.#readings.keys()]) this.#end(url)
  }

  hasGivenUp(url: string): boolean {
    return this.#givenUp.has(url)
  }

  /** The relay is asked (again), or will be once it is connected: then this is called again. */
  begin(url: string, isConnected: boolean): void {
    const events = this.#end(url)?.events ?? new Map<string, NostrEvent>()
    const { timers } = this.#options.world
    const timer = isConnected ? timers.setTimeout(() => this.#look(url), PATIENCE_MS) : undefined
    this.#givenUp.delete(url)
    this.#readings.set(url, { events, before: events.size, looks: 0, timer })
  }

  /** Whether the event is kept here for now; otherwise it is news. */
  take(event: NostrEvent, url: string): boolean {
    const reading = this.#readings.get(url)
    if (reading === undefined) return false
    reading.events.set(event.id, event)
    return true
  }

  /** The connection is gone: what came is handed on, the next connection asks again. */
  interrupted(url: string): void {
    this.#handOn(url)
    this.begin(url, false)
  }

  /** The relay says that it has sent what it held at `at`, or as much of it as it gives at once. */
  async ended(url: string, at: number): Promise<void> {
    const reading = this.#readings.get(url)
    if (reading === undefined) {
      // It was not waited for, so what it cut off was not asked for.
      this.#options.complete(url, undefined)
      return
    }
    this.#stopTimer(reading)
    const isWhole = await this.#readRest(url, reading)
    // Asked anew meanwhile, or cut off: another end follows.
    if (this.#readings.get(url) !== reading) return
    this.#handOn(url)
    this.#options.complete(url, isWhole ? at : undefined)
  }

  async #readRest(url: string, { events }: Reading): Promise<boolean> {
    if (events.size < SHORTEST_CUT) return true
    const { world, filters } = this.#options
    // Pages share their border second. Where it alone fills a page, the next one begins below it.
    let below = 0
    while (below < 2) {
      if (events.size > MAX_EVENTS) return false
      const known = events.size
      const older = filters(url).map((filter) => before(filter, events.values(), below))
      const page = await world.pool.query([url], older, { timeoutMs: PATIENCE_MS })
      if (page.failed.length > 0) return false
      for (const event of page.events) events.set(event.id, event)
      below = events.size === known ? below + 1 : 0
    }
    return true
  }

  #look(url: string): void {
    const reading = this.#readings.get(url)
    if (reading === undefined) return
    const isAlive = reading.events.size > reading.before && ++reading.looks < MAX_LOOKS
    if (isAlive) {
      reading.before = reading.events.size
      reading.timer = this.#options.world.timers.setTimeout(() => this.#look(url), PATIENCE_MS)
    } else this.#handOn(url)
    if (this.#givenUp.has(url)) return
    this.#givenUp.add(url)
    this.#options.gaveUp(url)
  }

  #handOn(url: string): void {
    const found = [...(this.#end(url)?.events.values() ?? [])]
    if (found.length === 0) return
    this.#options.found(
      found.sort((a, b) => a.created_at - b.created_at),
      url,
    )
  }

  #end(url: string): Reading | undefined {
    const reading = this.#readings.get(url)
    this.#readings.delete(url)
    if (reading !== undefined) this.#stopTimer(reading)
    return reading
  }

  #stopTimer(reading: Reading): void {
    if (reading.timer !== undefined) this.#options.world.timers.clearTimeout(reading.timer)
    reading.timer = undefined
  }
}

/** The part of `filter` that reaches further back than what is there, by `below` seconds at least. */
function before(filter: Filter, events: Iterable<NostrEvent>, below: number): Filter {
  const ids = new Set(filter["#h"])
  let until = filter.until
  for (const { tags, created_at } of events) {
    if (created_at >= (until ?? Infinity)) continue
    if (tags.some(([name, value]) => name === "h" && ids.has(value ?? ""))) until = created_at
  }
  return until === undefined ? filter : { ...filter, until: until - below }
}
