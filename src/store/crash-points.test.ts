import { describe, expect, test } from "vitest"
import { unsafeWithCrashPoints } from "./crash-points.ts"
import { Memory, openMemoryStore } from "./memory.ts"
import type { StoreOp } from "./types.ts"

const put = (sort: string): readonly StoreOp[] => [
  { table: "meta", key: { scope: "s", sort }, value: Uint8Array.of(1) },
]

/** Three batches and what a new process finds. */
async function run(points: Parameters<typeof unsafeWithCrashPoints>[1]) {
  const memory = new Memory()
  const store = unsafeWithCrashPoints(await openMemoryStore(memory), points)
  const answers: string[] = []
  for (const sort of ["1", "2", "3"]) {
    void store.batch(put(sort)).then(
      () => answers.push(`${sort} done`),
      () => answers.push(`${sort} failed`),
    )
  }
  await store.crashed
  void store.get("meta", { scope: "s", sort: "1" }).then(() => answers.push("read"))
  await store.close()
  const again = await openMemoryStore(memory)
  const found = (await again.range("meta", "s")).map(({ sort }) => sort)
  return { answers: answers.sort(), found, batches: store.batches }
}

describe("crash points", () => {
  test("freezing before a batch: it and all later ones never were", async () => {
    const { answers, found } = await run({ failAt: 2 })
    expect(answers).toEqual([])
    expect(found).toEqual(["1"])
  })

  test("freezing after a batch: it is there, and nobody is told", async () => {
    const { answers, found } = await run({ failAt: 3, when: "after" })
    expect(answers).not.toContain("3 done")
    expect(found).toEqual(["1", "2", "3"])
    expect((await run({ failAt: 2, when: "after" })).found).toEqual(["1", "2"])
  })

  test("throwing before a batch: the store goes on without it", async () => {
    const { found, answers, batches } = await run({ failAt: 2, how: "throw" })
    expect(found).toEqual(["1", "3"])
    expect(answers).toContain("2 failed")
    expect(batches).toBe(3)
  })

  test("throwing after a batch: it is there, though its caller was told that it failed", async () => {
    const { found, answers } = await run({ failAt: 2, how: "throw", when: "after" })
    expect(found).toEqual(["1", "2", "3"])
    expect(answers).toContain("2 failed")
  })
})
