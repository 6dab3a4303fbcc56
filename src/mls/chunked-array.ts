// RFC 9420 Appendix C: the array that holds a tree's nodes, as chunks that successive versions share.

import { MlsError } from "./error.ts"

/** Elements in a chunk. Small enough to copy at every change, large enough that there are few chunks. */
export const CHUNK_SIZE = 512

/** Never changes. Two versions have the same chunk object wherever nothing in it differs. */
export interface ChunkedArray<T> {
  readonly length: number
  readonly chunks: readonly (readonly T[])[]
}

/** Throws `MlsError` `internal` outside the array. */
export function elementAt<T>(array: ChunkedArray<T>, index: number): T {
  const element = array.chunks[Math.floor(index / CHUNK_SIZE)]?.[index % CHUNK_SIZE]
  if (element === undefined) throw new MlsError("internal", `no element ${index}`)
  return element
}

/** A successor in the making. A chunk is copied at its first change. */
export class ChunkedArrayDraft<T> {
  #length: number
  readonly #chunks: (readonly T[])[]
  /** The chunks that this draft made, by number: only these are written to. */
  readonly #own = new Map<number, T[]>()

  constructor(base: ChunkedArray<T> = { length: 0, chunks: [] }) {
    this.#length = base.length
    this.#chunks = [...base.chunks]
  }

  get length(): number {
    return this.#length
  }

  get(index: number): T {
    return elementAt({ length: this.#length, chunks: this.#chunks }, index)
  }

  set(index: number, element: T): void {
    if (index >= this.#length) throw new MlsError("internal", `no element ${index}`)
    this.#chunk(Math.floor(index / CHUNK_SIZE))[index % CHUNK_SIZE] = element
  }

  push(element: T): void {
    this.#chunk(Math.floor(this.#length / CHUNK_SIZE)).push(element)
    this.#length++
  }

  /** Drops everything from `length` on. */
  truncate(length: number): void {
    const whole = Math.ceil(length / CHUNK_SIZE)
    for (let number = whole; number < this.#chunks.length; number++) this.#own.delete(number)
    this.#chunks.length = whole
    this.#length = length
    const rest = length % CHUNK_SIZE
    if (rest > 0) this.#chunk(whole - 1).length = rest
  }

  /** The successor. The draft must not be used afterwards. */
  finish(): ChunkedArray<T> {
    this.#own.clear()
    return { length: this.#length, chunks: this.#chunks }
  }

  #chunk(number: number): T[] {
    const own = this.#own.get(number)
    if (own !== undefined) return own
    const copy = [...(this.#chunks[number] ?? [])]
    this.#own.set(number, copy)
    this.#chunks[number] = copy
    return copy
  }
}
