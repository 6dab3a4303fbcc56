// A second thread for the signatures of events. It may end at any time, with the page that it belongs to, and then
// everything goes on without it.

import type { FrameCheck } from "../nostr/verify-frame.ts"
import type { Timer, Timers } from "./ports.ts"
import type { Channel } from "./rpc.ts"
import { hasType } from "./rpc-server.ts"

/** To the helper. */
export interface Frames {
  readonly type: "frames"
  readonly id: number
  readonly frames: readonly string[]
}

/** What a helper says: first that it can work, then whether each frame holds a good event. */
export type HelperMessage =
  | { readonly type: "ready" }
  | { readonly type: "verdicts"; readonly id: number; readonly verdicts: readonly boolean[] }

/** Frames in one message, and their length in UTF-16 units; one alone may be longer. */
const BATCH = 64
const BATCH_LENGTH = 1024 * 1024
/** Messages on their way: while one is worked on, the next one is there. */
const IN_FLIGHT = 2
/** Of full ones there may be more: our own thread may be busy for long, and the helper shall not wait for it. */
const FULL_IN_FLIGHT = 16
/** More frames than this are not kept waiting: the caller's own work slows the relay down. */
const MAX_WAITING = 1_024
/** Silence after which the helper is asleep, as in a page that the browser has frozen. */
const ANSWER_MS = 2_000

interface Question {
  readonly frame: string
  readonly resolve: (isConfirmed: boolean) => void
}

export class FrameHelper implements FrameCheck {
  readonly #timers: Timers
  #channel: Channel | undefined
  #isAwake = false
  #nextId = 1
  #queue: Question[] = []
  readonly #flying = new Map<number, readonly Question[]>()
  #timer: Timer | undefined

  constructor(timers: Timers) {
    this.#timers = timers
  }

  /** Nobody is there to help. */
  get isMissing(): boolean {
    return this.#channel === undefined
  }

  /** Takes the place of the one before, if there is one. */
  attach(channel: Channel): void {
    this.detach()
    this.#channel = channel
    channel.listen((message) => {
      if (this.#channel === channel) this.#receive(message)
    })
  }

  detach(): void {
    this.#channel?.close()
    this.#channel = undefined
    this.#fallAsleep()
  }

  confirm(frame: string): Promise<boolean> | undefined {
    if (!this.#isAwake || this.#waiting >= MAX_WAITING) return undefined
    return new Promise((resolve) => {
      this.#queue.push({ frame, resolve })
      this.#send()
    })
  }

  get #waiting(): number {
    return [...this.#flying.values()].reduce((sum, { length }) => sum + length, this.#queue.length)
  }

  #send(): void {
    while (this.#queue.length > 0 && this.#flying.size < this.#room) {
      const batch = this.#nextBatch()
      const id = this.#nextId++
      this.#flying.set(id, batch)
      const frames = batch.map(({ frame }) => frame)
      this.#channel?.send({ type: "frames", id, frames } satisfies Frames)
      this.#timer ??= this.#timers.setTimeout(() => this.#late(), ANSWER_MS)
    }
  }

  get #room(): number {
    return this.#queue.length < BATCH ? IN_FLIGHT : FULL_IN_FLIGHT
  }

  #nextBatch(): readonly Question[] {
    let [count, length] = [0, 0]
    for (const { frame } of this.#queue) {
      length += frame.length
      if (count === BATCH || (count > 0 && length > BATCH_LENGTH)) break
      count++
    }
    return this.#queue.splice(0, count)
  }

  #receive(message: unknown): void {
    // Whoever was asleep and speaks is awake again.
    if (hasType(message, "ready")) this.#isAwake = true
    if (!hasType(message, "verdicts")) return
    this.#isAwake = true
    this.#stopTimer()
    const { id, verdicts } = message as HelperMessage & { readonly type: "verdicts" }
    const batch = this.#flying.get(id) ?? []
    this.#flying.delete(id)
    batch.forEach(({ resolve }, i) => resolve(verdicts[i] === true))
    if (this.#flying.size > 0) {
      this.#timer = this.#timers.setTimeout(() => this.#late(), ANSWER_MS)
    }
    this.#send()
  }

  /** Once more around the event loop: after long work of our own the answer may be waiting behind this timer. */
  #late(): void {
    this.#timer = this.#timers.setTimeout(() => this.#fallAsleep(), 0)
  }

  /** What it was asked is left to those who asked. */
  #fallAsleep(): void {
    this.#isAwake = false
    this.#stopTimer()
    const unanswered = [...[...this.#flying.values()].flat(), ...this.#queue]
    this.#flying.clear()
    this.#queue = []
    for (const { resolve } of unanswered) resolve(false)
  }

  #stopTimer(): void {
    if (this.#timer !== undefined) this.#timers.clearTimeout(this.#timer)
    this.#timer = undefined
  }
}
