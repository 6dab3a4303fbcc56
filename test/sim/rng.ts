// Numbers that a seed decides. Each purpose draws from a stream of its own, so that leaving out one thing leaves the
// luck of the others as it was.

export class Rng {
  #state: number

  constructor(seed: number) {
    this.#state = seed >>> 0
  }

  /** The stream of a purpose: the same names give the same numbers. */
  static of(seed: number, ...names: readonly (string | number)[]): Rng {
    let hash = (seed ^ 0x9e3779b9) >>> 0
    for (const character of names.join("/")) {
      hash = Math.imul(hash ^ character.charCodeAt(0), 0x01000193) >>> 0
      hash = (hash ^ (hash >>> 15)) >>> 0
    }
    return new Rng(hash)
  }

  /** Mulberry32: 0 to 2^32 - 1. */
  u32(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return (mixed ^ (mixed >>> 14)) >>> 0
  }

  /** 0 to 1. */
  next(): number {
    return this.u32() / 2 ** 32
  }

  chance(probability: number): boolean {
    return this.next() < probability
  }

  /** A whole number from `from` to `to`, both included. */
  int(from: number, to: number): number {
    return from + Math.floor(this.next() * (to - from + 1))
  }

  /** Mostly small ones, sometimes large ones: up to `to`. */
  skewed(from: number, to: number): number {
    return from + Math.floor((to - from) * this.next() ** 4)
  }

  pick<T>(items: readonly T[]): T {
    const item = items[Math.floor(this.next() * items.length)]
    if (item === undefined) throw new Error("nothing to pick from")
    return item
  }

  /** `count` different ones, or all. */
  some<T>(items: readonly T[], count: number): T[] {
    const left = [...items]
    const chosen: T[] = []
    while (chosen.length < count && left.length > 0) {
      chosen.push(...left.splice(Math.floor(this.next() * left.length), 1))
    }
    return chosen
  }

  bytes(length: number): Uint8Array<ArrayBuffer> {
    return this.fill(new Uint8Array(length))
  }

  fill<T extends Uint8Array>(bytes: T): T {
    for (let at = 0; at < bytes.length; at += 4) {
      const word = this.u32()
      for (let byte = 0; byte < 4 && at + byte < bytes.length; byte++) {
        bytes[at + byte] = word >>> (8 * byte)
      }
    }
    return bytes
  }
}
