import { expect, test } from "vitest"
import { atOnce, inBatches, inTurns, ownStretch } from "./batches.ts"

/** Turns of the event loop while `run` goes on. */
async function turnsDuring(run: () => Promise<unknown>): Promise<number> {
  let turns = 0
  let pending = setImmediate(function count() {
    turns++
    pending = setImmediate(count)
  })
  await run()
  clearImmediate(pending)
  return turns
}

test("batches keep their order, and let others have a turn though every result is there at once", async () => {
  const items = Array.from({ length: 25 }, (_, i) => i)
  const seen: number[][] = []
  const turns = await turnsDuring(async () => {
    const results = await inBatches(items, 4, (batch) => {
      seen.push([...batch])
      return Promise.resolve(batch.map((item) => 2 * item))
    })
    expect(results).toEqual(items.map((item) => 2 * item))
  })
  expect(seen.map((batch) => batch.length)).toEqual([4, 4, 4, 4, 4, 4, 1])
  expect(turns).toBeGreaterThanOrEqual(5)
})

test("what fails first is thrown, and nothing else is heard of", async () => {
  const work = inBatches([1, 2, 3], 1, ([item]) => Promise.reject(new Error(`item ${item ?? ""}`)))
  await expect(work).rejects.toThrow("item 1")
})

test("work in parts gives the same in turns and at once", async () => {
  const parts = function* () {
    yield
    yield
    return "done"
  }
  expect(atOnce(parts())).toBe("done")
  expect(await turnsDuring(() => inTurns(parts()))).toBeGreaterThanOrEqual(2)
  expect(await inTurns(parts())).toBe("done")
})

test("before what is long, and not before what is short, others have a turn", async () => {
  const items = (length: number) => Array.from({ length }, () => undefined)
  for (const long of [new Uint8Array(2 ** 20), items(2 ** 12)]) {
    expect(await turnsDuring(() => ownStretch(long))).toBeGreaterThan(0)
  }
  for (const short of [new Uint8Array(2 ** 19), items(2 ** 11)]) {
    expect(await turnsDuring(() => ownStretch(short))).toBe(0)
  }
})
