import fc from "fast-check"
import { describe, expect, test } from "vitest"
import { CHUNK_SIZE, type ChunkedArray, ChunkedArrayDraft, elementAt } from "./chunked-array.ts"

function arrayOf(values: readonly number[]): ChunkedArray<number> {
  const draft = new ChunkedArrayDraft<number>()
  for (const value of values) draft.push(value)
  return draft.finish()
}

function listOf(array: ChunkedArray<number>): number[] {
  return array.chunks.flat()
}

const numbers = (length: number) => Array.from({ length }, (_, i) => i)

describe("a chunked array", () => {
  test("shares every chunk that a change does not touch", () => {
    const before = arrayOf(numbers(3 * CHUNK_SIZE))
    const draft = new ChunkedArrayDraft(before)
    draft.set(CHUNK_SIZE + 1, -1)
    const after = draft.finish()
    expect(elementAt(before, CHUNK_SIZE + 1)).toBe(CHUNK_SIZE + 1)
    expect(elementAt(after, CHUNK_SIZE + 1)).toBe(-1)
    expect(after.chunks.map((chunk, i) => chunk === before.chunks[i])).toEqual([true, false, true])
  })

  test("behaves like an array, and leaves its predecessor as it was", () => {
    const operation = fc.oneof(
      fc.record({ kind: fc.constant("set"), at: fc.nat(2000) }),
      fc.record({ kind: fc.constant("push"), at: fc.nat(700) }),
      fc.record({ kind: fc.constant("truncate"), at: fc.nat(2000) }),
    )
    fc.assert(
      fc.property(fc.nat(1200), fc.array(operation, { maxLength: 12 }), (length, operations) => {
        const start = numbers(length)
        const before = arrayOf(start)
        const draft = new ChunkedArrayDraft(before)
        const model = [...start]
        for (const { kind, at } of operations) {
          if (kind === "push") {
            for (let i = 0; i < at; i++) draft.push(-i)
            for (let i = 0; i < at; i++) model.push(-i)
          } else if (at < model.length) {
            if (kind === "set") draft.set(at, (model[at] = -7))
            else {
              draft.truncate(at)
              model.length = at
            }
          }
        }
        const after = draft.finish()
        expect(listOf(after)).toEqual(model)
        expect(after.length).toBe(model.length)
        expect(listOf(before)).toEqual(start)
      }),
      { numRuns: 60 },
    )
  })
})
