// Virtual time: it stands still while anything is runnable, and then jumps to the next timer.

import type { Timer, Timers } from "../../src/nostr/timers.ts"

interface Entry {
  readonly at: number
  /** Of several at one time the first set runs first. */
  readonly order: number
  readonly owner: Owner | undefined
  run: (() => void) | undefined
}

/** What timers belong to: when it dies, they do. */
export interface Owner {
  readonly isAlive: boolean
}

/** A simulation that does so much has run into a loop. */
const MAX_STEPS = 3_000_000

export class Clock {
  /** Milliseconds since 1970. */
  now: number
  steps = 0
  readonly #heap: Entry[] = []
  #order = 0

  constructor(start: number) {
    this.now = start
  }

  /** Runs `run` after `delay` milliseconds; returns the way to stop it. */
  after(delay: number, run: () => void, owner?: Owner): () => void {
    const at = this.now + Math.max(0, Number.isFinite(delay) ? delay : 0)
    const entry: Entry = { at, order: this.#order++, owner, run }
    this.#push(entry)
    return () => {
      entry.run = undefined
    }
  }

  sleep(delay: number): Promise<void> {
    return new Promise((resolve) => this.after(delay, resolve))
  }

  /** Timers that die with their owner. */
  timersOf(owner: Owner): Timers {
    const stops = new Map<number, () => void>()
    let last = 0
    return {
      setTimeout: (run, milliseconds) => {
        const id = ++last
        const stop = this.after(
          Math.max(1, milliseconds),
          () => {
            stops.delete(id)
            run()
          },
          owner,
        )
        stops.set(id, stop)
        // The clients take it for what it is given back as, and look at nothing of it.
        return id as unknown as Timer
      },
      clearTimeout: (timer) => {
        const id = timer as unknown as number
        stops.get(id)?.()
        stops.delete(id)
      },
    }
  }

  /** Lets time pass until `work` has ended. Rejects if it never will: nothing is left to run, or far too much was. */
  async run<T>(work: Promise<T>): Promise<T> {
    let ended = false
    const end = () => {
      ended = true
    }
    work.then(end, end)
    await drain()
    const hasEnded = () => ended
    while (!hasEnded()) {
      const entry = this.#pop()
      if (entry === undefined) throw new Error("nothing is left to run, and the work has not ended")
      if (entry.run === undefined || entry.owner?.isAlive === false) continue
      if (++this.steps > MAX_STEPS) throw new Error("the simulation does not come to an end")
      this.now = Math.max(this.now, entry.at)
      entry.run()
      await drain()
    }
    return work
  }

  #push(entry: Entry): void {
    const heap = this.#heap
    heap.push(entry)
    let at = heap.length - 1
    while (at > 0) {
      const up = (at - 1) >>> 1
      const parent = heap[up]
      if (parent === undefined || !before(entry, parent)) break
      heap[at] = parent
      at = up
    }
    heap[at] = entry
  }

  #pop(): Entry | undefined {
    const heap = this.#heap
    const [first] = heap
    const last = heap.pop()
    if (first === undefined || last === undefined || heap.length === 0) return first
    let at = 0
    for (;;) {
      let child = 2 * at + 1
      const left = heap[child]
      const right = heap[child + 1]
      if (left === undefined) break
      if (right !== undefined && before(right, left)) child++
      const smaller = heap[child]
      if (smaller === undefined || !before(smaller, last)) break
      heap[at] = smaller
      at = child
    }
    heap[at] = last
    return first
  }
}

const before = (a: Entry, b: Entry) => a.at < b.at || (a.at === b.at && a.order < b.order)

/**
 * All promises that can go on have gone on: nothing in a simulation waits for anything but promises and this clock. Node
 * comes to the next tick when no promise is left to go on, and need not look for events of the system, which are none.
 */
function drain(): Promise<void> {
  return new Promise((resolve) => process.nextTick(resolve))
}
