// What a run has been through, so that nobody need believe that it was hard.

export class Counts {
  readonly #counts = new Map<string, number>()

  add(what: string, times = 1): void {
    this.#counts.set(what, (this.#counts.get(what) ?? 0) + times)
  }

  /** The highest of all runs, not the sum. */
  atLeast(what: string, value: number): void {
    const name = `most ${what}`
    this.#counts.set(name, Math.max(this.#counts.get(name) ?? 0, value))
  }

  get(what: string): number {
    return this.#counts.get(what) ?? 0
  }

  merge(other: Readonly<Record<string, number>>): void {
    for (const [name, count] of Object.entries(other)) {
      if (name.startsWith("most ")) this.atLeast(name.slice("most ".length), count)
      else this.add(name, count)
    }
  }

  toJSON(): Readonly<Record<string, number>> {
    return Object.fromEntries([...this.#counts].sort(([a], [b]) => (a < b ? -1 : 1)))
  }
}
