// Marmot message retention (marmot-wire §6.6): messages are deleted when their time has come, also what came meanwhile.

import type { Chats } from "./chats.ts"
import type { Mailbox } from "./mailbox.ts"
import type { Timer, World } from "./ports.ts"
import type { Timeline } from "./timeline.ts"

/** A computer that slept, or whose clock was set, is noticed after this long at the latest. */
const LONGEST_MS = 60_000
const RETRY_MS = 5_000
/** What was deleted is removed from the medium at most this often: that may mean to write everything anew. */
const PURGE_EVERY_MS = 60_000

export interface ExpiryOptions {
  readonly world: World
  readonly mailbox: Mailbox
  readonly chats: Chats
  readonly timeline: Timeline
}

export class Expiry {
  readonly #options: ExpiryOptions
  #timer: Timer | undefined
  /** Unix seconds. */
  #next = Infinity
  /** Milliseconds; since when something that was deleted may still lie on the medium. */
  #purgedAt = -Infinity
  #deleted = false
  #running = false
  #closed = false

  constructor(options: ExpiryOptions) {
    this.#options = options
  }

  close(): void {
    this.#closed = true
    this.#stopTimer()
  }

  /** What became due while nothing ran here goes first. */
  start(): Promise<void> {
    this.#next = 0
    return this.#due()
  }

  /** A message will be over at this time (Unix seconds). */
  expiring(at: number): void {
    if (at >= this.#next) return
    this.#next = at
    if (!this.#running) this.#schedule()
  }

  /** Deletes what is over in all groups. Rejects if that can't be stored; nothing of it is shown all the same. */
  async #sweep(): Promise<void> {
    const { chats, mailbox, timeline } = this.#options
    this.#running = true
    this.#next = Infinity
    try {
      for (const { groupId } of chats.all()) {
        for (let more = true; more && !this.#closed;) {
          const { next, now, wrote } = await mailbox.run(async (draft) => {
            const due = await timeline.expire(draft, groupId)
            return { next: due, now: draft.now / 1000, wrote: !draft.isEmpty }
          })
          this.#deleted ||= wrote
          more = next !== undefined && next <= now
          if (next !== undefined && !more) this.#next = Math.min(this.#next, next)
        }
      }
      await this.#purge()
    } finally {
      this.#running = false
    }
    this.#schedule()
  }

  async #purge(): Promise<void> {
    const { world } = this.#options
    if (!this.#deleted || world.now() - this.#purgedAt < PURGE_EVERY_MS) return
    await world.store.purge?.()
    this.#purgedAt = world.now()
    this.#deleted = false
  }

  #schedule(atLeast = 0): void {
    this.#stopTimer()
    const purgeAt = this.#deleted ? this.#purgedAt + PURGE_EVERY_MS : Infinity
    const at = Math.min(this.#next * 1000, purgeAt)
    if (this.#closed || at === Infinity) return
    const { timers, now } = this.#options.world
    const delay = Math.max(atLeast, Math.min(LONGEST_MS, at - now()))
    this.#timer = timers.setTimeout(() => void this.#due(), delay)
  }

  async #due(): Promise<void> {
    const { world } = this.#options
    this.#timer = undefined
    try {
      if (this.#next * 1000 <= world.now()) await this.#sweep()
      else {
        await this.#purge()
        this.#schedule()
      }
    } catch (error) {
      if (this.#closed) return
      world.log("messages that are over were not deleted", error)
      this.#next = 0
      this.#schedule(RETRY_MS)
    }
  }

  #stopTimer(): void {
    if (this.#timer !== undefined) this.#options.world.timers.clearTimeout(this.#timer)
    this.#timer = undefined
  }
}
