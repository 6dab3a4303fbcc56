import { describe, expect, test } from "vitest"
import { conformanceCases } from "./conformance.fixture.ts"
import { Memory, MemoryDriver, openMemoryStore } from "./memory.ts"

describe("memory store", () => {
  test.each(conformanceCases)("$name", async (each) => {
    const memory = new Memory()
    await expect(each.run(() => Promise.resolve(new MemoryDriver(memory)))).resolves.toBeUndefined()
  })

  test("each memory is a store of its own, and outlives it", async () => {
    const key = { scope: "s", sort: "1" }
    const memory = new Memory()
    const store = await openMemoryStore(memory)
    await store.batch([{ table: "meta", key, value: Uint8Array.of(1) }])
    const other = await openMemoryStore()
    expect(await other.get("meta", key)).toBeUndefined()
    await store.close()
    const again = await openMemoryStore(memory)
    expect(await again.get("meta", key)).toEqual(Uint8Array.of(1))
  })
})
