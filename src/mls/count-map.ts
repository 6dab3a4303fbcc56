// RFC 9420 §7.3: how often a value occurs among all members, kept up to date without looking at all of them.

/** Changes to gather before the shared part is rebuilt, as a multiple of the square root of its size. */
const REBUILD_FACTOR = 6
const REBUILD_MINIMUM = 64

/**
 * Counts by string. A value: successors share the large part and carry their differences from it in a small
 * one, so that a change costs about the square root of the size.
 */
export class CountMap {
  static readonly empty = new CountMap(new Map(), new Map(), 0)

  /** Number of keys that are counted more than once. */
  readonly repeated: number
  readonly #shared: ReadonlyMap<string, number>
  readonly #changes: ReadonlyMap<string, number>

  private constructor(
    shared: ReadonlyMap<string, number>,
    changes: ReadonlyMap<string, number>,
    repeated: number,
  ) {
    this.#shared = shared
    this.#changes = changes
    this.repeated = repeated
  }

  count(key: string): number {
    return this.#changes.get(key) ?? this.#shared.get(key) ?? 0
  }

  /** Keys with a count above zero. */
  *keys(): Iterable<string> {
    for (const key of this.#shared.keys()) if (!this.#changes.has(key)) yield key
    for (const [key, count] of this.#changes) if (count > 0) yield key
  }

  /** The successor in which each key's count differs by its value in `differences`, which must not change any more. */
  plus(differences: ReadonlyMap<string, number>): CountMap {
    // All of a large group's members at once: not copied.
    if (this === CountMap.empty && differences.size > REBUILD_MINIMUM) {
      const counts = [...differences.values()]
      const repeated = counts.filter((count) => count > 1).length
      if (counts.every((count) => count > 0)) return new CountMap(differences, new Map(), repeated)
    }
    const changes = new Map(this.#changes)
    let repeated = this.repeated
    for (const [key, difference] of differences) {
      if (difference === 0) continue
      const before = this.count(key)
      const after = before + difference
      if (before > 1) repeated--
      if (after > 1) repeated++
      changes.set(key, after)
    }
    const limit = REBUILD_MINIMUM + REBUILD_FACTOR * Math.sqrt(this.#shared.size)
    if (changes.size <= limit) return new CountMap(this.#shared, changes, repeated)
    const shared = new Map(this.#shared)
    for (const [key, count] of changes) {
      if (count > 0) shared.set(key, count)
      else shared.delete(key)
    }
    return new CountMap(shared, new Map(), repeated)
  }
}
