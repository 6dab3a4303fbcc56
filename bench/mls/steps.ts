// Operations as they are timed: how long each took, and for how long nothing else could happen meanwhile.

export interface Step {
  readonly name: string
  /** Milliseconds; of several operations alike, the median. */
  readonly ms: number
  /** The longest time in which nothing else could happen in this thread, in milliseconds. */
  readonly stretchMs: number
}

type Timed = <T>(run: () => Promise<T>) => Promise<T>

/** Milliseconds between two looks at the clock. */
const BEAT = 4

export class Steps {
  readonly #report: (step: Step) => Promise<void>

  constructor(report: (step: Step) => Promise<void>) {
    this.#report = report
  }

  note(step: Step): Promise<void> {
    return this.#report(step)
  }

  once<T>(name: string, run: () => Promise<T>): Promise<T> {
    return this.several(name, (timed) => timed(run))
  }

  /** One step of all operations that `body` has timed. */
  async several<T>(name: string, body: (timed: Timed) => Promise<T>): Promise<T> {
    const times: number[] = []
    let stretchMs = 0
    const value = await body(async (run) => {
      const stretches = watchStretches()
      const start = performance.now()
      try {
        return await run()
      } finally {
        times.push(performance.now() - start)
        stretchMs = Math.max(stretchMs, stretches.longest())
      }
    })
    const ms = times.sort((a, b) => a - b)[Math.floor(times.length / 2)] ?? 0
    await this.#report({ name, ms, stretchMs })
    return value
  }
}

/** Looks at the clock whenever it may. */
function watchStretches(): { longest(): number } {
  let longest = 0
  let last = performance.now()
  const look = () => {
    const now = performance.now()
    longest = Math.max(longest, now - last - BEAT)
    last = now
  }
  const timer = setInterval(look, BEAT)
  return {
    longest() {
      clearInterval(timer)
      look()
      return longest
    },
  }
}
