// What one relay is owed, in order: a few at a time, with growing pauses while it cannot be reached.

import type { NostrEvent } from "../nostr/event.ts"
import type { Timer, World } from "./ports.ts"

const IN_FLIGHT = 8
const ANSWER_MS = 15_000
const FIRST_PAUSE_MS = 1_000
const LONGEST_PAUSE_MS = 60_000
/** Refusals for the moment (NIP-01 prefixes): tried again before they count. */
const PASSING = /^(rate-limited|error|auth-required):/
const PASSING_ATTEMPTS = 4

interface Answer {
  readonly accepted: boolean
  readonly message: string
}

export interface LaneOptions {
  readonly url: string
  readonly world: World
  /** Stores a relay's answer; a rejection means that it is not stored and the event is tried again. */
  readonly answered: (eventId: string, answer: Answer) => Promise<void>
  /** Asked before each attempt. What is not wanted any more is forgotten. */
  readonly wanted: (eventId: string) => boolean
  /** Asked before each attempt. What is not due yet waits for `look`. */
  readonly due: (eventId: string) => boolean
}

export class RelayLane {
  readonly #options: LaneOptions
  readonly #queue = new Map<string, NostrEvent>()
  readonly #flying = new Set<string>()
  readonly #passing = new Map<string, number>()
  #pause = 0
  #timer: Timer | undefined
  #closed = false

  constructor(options: LaneOptions) {
    this.#options = options
  }

  enqueue(event: NostrEvent): void {
    if (this.#flying.has(event.id)) return
    this.#queue.set(event.id, event)
    this.#pump()
  }

  /** Tries what has become due, unless the relay needs a rest. */
  look(): void {
    this.#pump()
  }

  /** Tries now, and takes the relay for one that answers. */
  wake(): void {
    this.#pause = 0
    this.connected()
  }

  /** Tries now. That a relay can be reached says nothing yet: some hang up at once, and pauses go on growing. */
  connected(): void {
    this.#clearTimer()
    this.#pump()
  }

  close(): void {
    this.#closed = true
    this.#clearTimer()
  }

  #pump(): void {
    if (this.#closed || this.#timer !== undefined) return
    for (const [id, event] of this.#queue) {
      if (this.#flying.size >= IN_FLIGHT) return
      const isWanted = this.#options.wanted(id)
      if (isWanted && !this.#options.due(id)) continue
      this.#queue.delete(id)
      if (!isWanted) continue
      this.#flying.add(id)
      void this.#attempt(event)
    }
  }

  async #attempt(event: NostrEvent): Promise<void> {
    const done = await this.#deliver(event)
    this.#flying.delete(event.id)
    if (this.#closed) return
    if (!done && this.#options.wanted(event.id)) this.#queue.set(event.id, event)
    if (done) this.#pause = 0
    else this.#rest()
    this.#pump()
  }

  /** Whether the relay has said its last word on the event, and that is stored. */
  async #deliver(event: NostrEvent): Promise<boolean> {
    const { url, world, answered } = this.#options
    try {
      const result = await world.pool.publish(url, event, { timeoutMs: ANSWER_MS })
      if (this.#closed || !result.answered) return false
      if (!result.accepted && this.#mayPass(event.id, result.message)) return false
      this.#passing.delete(event.id)
      await answered(event.id, { accepted: result.accepted, message: result.message })
      return true
    } catch (error) {
      if (!this.#closed) world.log("an answer of a relay was not stored", error)
      return false
    }
  }

  #mayPass(eventId: string, message: string): boolean {
    if (!PASSING.test(message)) return false
    const attempts = (this.#passing.get(eventId) ?? 0) + 1
    this.#passing.set(eventId, attempts)
    return attempts < PASSING_ATTEMPTS
  }

  #rest(): void {
    if (this.#timer !== undefined) return
    this.#pause = Math.min(LONGEST_PAUSE_MS, Math.max(FIRST_PAUSE_MS, this.#pause * 2))
    this.#timer = this.#options.world.timers.setTimeout(() => {
      this.#timer = undefined
      this.#pump()
    }, this.#pause)
  }

  #clearTimer(): void {
    if (this.#timer !== undefined) this.#options.world.timers.clearTimeout(this.#timer)
    this.#timer = undefined
  }
}
