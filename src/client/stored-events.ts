// Marmot transport §7.8: what a relay has stored, read page by page and handed on oldest first. Relays answer newest
// first and cut long answers short; a group has to be read from its oldest Commit on.

import type { NostrEvent } from "../nostr/event.ts"
import type { Filter } from "../nostr/filter.ts"
import type { Timer, World } from "./ports.ts"

/** No relay in use cuts an answer shorter than this. */
export const SHORTEST_CUT = 100
/** So many are held at once: a longer range is read in parts, the oldest first, each once its size is known. */
const MAX_EVENTS = 20_000
/** About so many are read and handed on at once, so that they can be processed while the next ones are read. */
const PART = 1_000
/** The first part is smaller, so that there is something to process soon, and the next ones grow by so much. */
const FIRST_PART = 250
const GROWTH = 1.4
/** A part that held fewer or more than thought changes the next one by so much at most. */
const MAX_CORRECTION = 8
/** One that held nothing says little of what follows. */
const AFTER_SILENCE = 2
/** What is so young may have come in while we read (seconds). */
const NEWS = 60
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
  /** Resolves when what was found has been processed, but for a little. */
  readonly drained: () => Promise<void>
  /** Events that are held at once; tests have smaller ones. */
  readonly limit?: number
}

interface Reading {
  readonly events: Map<string, NostrEvent>
  /** How many there were when patience was last looked at, and how often that was. */
  before: number
  looks: number
  timer: Timer | undefined
  /** About so many are still to be asked for. */
  expected: number
}

export class StoredEvents {
  readonly #options: StoredEventsOptions
  readonly #readings = new Map<string, Reading>()
  readonly #givenUp = new Set<string>()
  readonly #limit: number

  constructor(options: StoredEventsOptions) {
    this.#options = options
    this.#limit = options.limit ?? MAX_EVENTS
  }

  /** Events that wait for the rest of their range. */
  get size(): number {
    return [...this.#readings.values()].reduce((sum, { events }) => sum + events.size, 0)
  }

  /** About so many more are to come, where that can be told. */
  get expected(): number {
    return [...this.#readings.values()].reduce((sum, { expected }) => sum + expected, 0)
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
    this.#readings.set(url, { events, before: events.size, looks: 0, timer, expected: 0 })
  }

  /** Whether the event is kept here for now; otherwise it is news. */
  take(event: NostrEvent, url: string): boolean {
    const reading = this.#readings.get(url)
    if (reading === undefined || reading.events.size >= 2 * this.#limit) return false
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

  async #readRest(url: string, reading: Reading): Promise<boolean> {
    if (reading.events.size < SHORTEST_CUT) return true
    const { found, drained, filters, world } = this.#options
    /** Where parts end (Unix seconds), the oldest last: each was too long together with what is below it. */
    const ends: number[] = []
    const start = await this.#readParts(url, reading)
    if (start === undefined) return false
    let floor = start
    let events = reading.events
    for (;;) {
      const end = ends.at(-1)
      const part = filters(url).map((filter) => within(filter, floor, end))
      // What lies between two cuts was measured, to a page more.
      const most = floor > start ? 2 * this.#limit : this.#limit
      const cut = await this.#readPart(url, part, { events, most })
      // Asked anew meanwhile, or cut off.
      if (cut === undefined || this.#readings.get(url) !== reading) return false
      if (cut === "whole" && end === undefined) return true
      if (cut === "whole") {
        found(oldestFirst(events), url)
        await drained()
        floor = end ?? floor
        ends.pop()
      } else {
        // A second that holds more than we can is taken as far as it was read.
        if (cut === end || cut <= floor) {
          world.log("a relay holds more events of one second than can be read", url)
          found(oldestFirst(events), url)
          return false
        }
        ends.push(cut)
      }
      // The newest part is collected where news come in meanwhile.
      events = ends.length === 0 ? reading.events : new Map<string, NostrEvent>()
      if (cut !== "whole") forget(reading.events, ends[0] ?? cut, this.#newsSince())
    }
  }

  /**
   * Reads what is older than the first answer in parts, the oldest first, each handed on while the next one is read. The
   * first answer tells how many there are in a while. Until when (Unix seconds) that was done: not at all if one more
   * part is all that there seems to be. `undefined`: asked anew, or cut off.
   */
  async #readParts(url: string, reading: Reading): Promise<number | undefined> {
    const { found, drained, filters } = this.#options
    const largest = Math.min(PART, this.#limit / 2)
    let size = Math.min(FIRST_PART, largest)
    const { oldest, newest } = spanOf(reading.events.values())
    const perEvent = (newest - oldest) / reading.events.size
    let floor = Math.min(...filters(url).map(({ since = 0 }) => since))
    if (floor + Math.max(1, perEvent * largest) >= oldest) return 0
    let width = Math.max(1, Math.ceil(perEvent * size))
    while (floor + width < oldest) {
      reading.expected = Math.round(((oldest - floor) / width) * size)
      const part = filters(url).map((filter) => within(filter, floor, floor + width))
      const events = new Map<string, NostrEvent>()
      const cut = await this.#readPart(url, part, { events, most: this.#limit })
      if (cut === undefined || this.#readings.get(url) !== reading) return undefined
      if (cut === "whole") {
        found(oldestFirst(events), url)
        await drained()
        floor += width
        if (events.size > 0) size = Math.min(GROWTH * size, largest)
      } else if (width === 1) break
      width = Math.max(1, Math.ceil(width * correction(events.size, size)))
    }
    reading.expected = 0
    return floor
  }

  /** Reads `filters` from above into `events`. The date that was reached when they became too many, or `whole`. */
  async #readPart(
    url: string,
    filters: readonly Filter[],
    { events, most }: { readonly events: Map<string, NostrEvent>; readonly most: number },
  ): Promise<"whole" | number | undefined> {
    const { world } = this.#options
    // Pages share their border second. Where it alone fills a page, the next one begins below it.
    let below = 0
    let isFirst = events.size === 0
    while (below < 2) {
      if (events.size > most) {
        return Math.max(...filters.map((filter) => before(filter, events.values(), 0).until ?? 0))
      }
      const known = events.size
      const older = isFirst ? filters : filters.map((each) => before(each, events.values(), below))
      const page = await world.pool.query([url], older, { timeoutMs: PATIENCE_MS })
      if (page.failed.length > 0) return undefined
      for (const event of page.events) events.set(event.id, event)
      if (isFirst && page.events.length < SHORTEST_CUT) return "whole"
      isFirst = false
      below = events.size === known ? below + 1 : 0
    }
    return "whole"
  }

  #newsSince(): number {
    return Math.floor(this.#options.world.now() / 1000) - NEWS
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
    const found = oldestFirst(this.#end(url)?.events ?? new Map<string, NostrEvent>())
    if (found.length > 0) this.#options.found(found, url)
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

/** How much wider the next part should be, to hold `wanted` events. */
function correction(found: number, wanted: number): number {
  if (found === 0) return AFTER_SILENCE
  return Math.min(MAX_CORRECTION, Math.max(1 / MAX_CORRECTION, wanted / found))
}

function oldestFirst(events: ReadonlyMap<string, NostrEvent>): NostrEvent[] {
  return [...events.values()].sort((a, b) => a.created_at - b.created_at)
}

/** Dates, Unix seconds. */
function spanOf(events: Iterable<NostrEvent>): {
  readonly oldest: number
  readonly newest: number
} {
  let [oldest, newest] = [Infinity, 0]
  for (const { created_at } of events) {
    oldest = Math.min(oldest, created_at)
    newest = Math.max(newest, created_at)
  }
  return { oldest, newest }
}

/** `filter` between two dates, both included. */
function within(filter: Filter, floor: number, end: number | undefined): Filter {
  const since = Math.max(filter.since ?? 0, floor)
  return { ...filter, since, ...(end !== undefined && { until: end }) }
}

/** What will be read again makes room; what may have come in only just now stays. */
function forget(events: Map<string, NostrEvent>, from: number, newsSince: number): void {
  for (const [id, { created_at }] of events) {
    if (created_at >= from && created_at >= newsSince) continue
    events.delete(id)
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
