// Verdicts that take different times, taken up in the order in which they were asked for.

interface Waiting {
  verdict: boolean | undefined
  readonly done: (verdict: boolean) => void
}

export class InOrder {
  #waiting: Waiting[] = []

  /** Calls `done` once `verdict` is there and all before it are done: at once if nothing is waiting for anything. */
  add(verdict: boolean | Promise<boolean>, done: (verdict: boolean) => void): void {
    if (typeof verdict === "boolean") {
      if (this.#waiting.length === 0) done(verdict)
      else this.#waiting.push({ verdict, done })
      return
    }
    const entry: Waiting = { verdict: undefined, done }
    this.#waiting.push(entry)
    void verdict.then((given) => {
      entry.verdict = given
      this.#take()
    })
  }

  /** What is waiting is not done any more. */
  clear(): void {
    this.#waiting = []
  }

  #take(): void {
    const waiting = this.#waiting
    // `clear` may be called on the way, and more may be asked for.
    while (this.#waiting === waiting && waiting[0]?.verdict !== undefined) {
      const first = waiting.shift()
      first?.done(first.verdict === true)
    }
  }
}
