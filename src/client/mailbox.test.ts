import { expect, test } from "vitest"
import { openMemoryStore } from "../store/index.ts"
import { unsafeWithCrashPoints } from "../store/crash-points.ts"
import { Mailbox } from "./mailbox.ts"
import { RecordMap } from "./record-map.ts"

interface Counter {
  readonly name: string
  readonly count: number
}

async function setup(failAt = Infinity) {
  const store = unsafeWithCrashPoints(await openMemoryStore(), { failAt, how: "throw" })
  const changes: unknown[] = []
  const mailbox = new Mailbox({
    batch: (ops) => store.batch(ops),
    now: () => 1,
    onChange: (change) => changes.push(change),
    log: () => undefined,
  })
  const counters = new RecordMap<Counter>({
    table: "meta",
    scope: "counters",
    keyOf: ({ name }) => name,
  })
  const increment = () =>
    mailbox.run(async (draft) => {
      const count = counters.get("a", draft)?.count ?? 0
      await new Promise((resolve) => setTimeout(resolve, 1))
      counters.put(draft, { name: "a", count: count + 1 })
      draft.change({ topic: "chats" })
      return count + 1
    })
  return { store, mailbox, counters, increment, changes }
}

test("steps that await in between lose no update", async () => {
  const { increment, counters } = await setup()
  await Promise.all(Array.from({ length: 20 }, increment))
  expect(counters.get("a")?.count).toBe(20)
})

test("a step whose batch fails changes neither memory nor the world", async () => {
  const { mailbox, increment, counters, changes, store } = await setup(2)
  await increment()
  const effects: string[] = []
  const failing = mailbox.run((draft) => {
    counters.put(draft, { name: "a", count: 99 })
    draft.after(() => effects.push("after"))
    draft.change({ topic: "session" })
  })
  await expect(failing).rejects.toMatchObject({ code: "io" })
  expect(counters.get("a")?.count).toBe(1)
  expect(effects).toEqual([])
  expect(changes).toEqual([{ topic: "chats" }])
  await increment()
  const again = new RecordMap<Counter>({
    table: "meta",
    scope: "counters",
    keyOf: ({ name }) => name,
  })
  await again.load(store)
  expect(again.values()).toEqual([{ name: "a", count: 2 }])
})

test("a step sees its own writes, others see them when they are durable", async () => {
  const { mailbox, counters } = await setup()
  await mailbox.run((draft) => {
    counters.put(draft, { name: "b", count: 1 })
    expect(counters.get("b", draft)?.count).toBe(1)
    expect(counters.values(draft)).toHaveLength(1)
    expect(counters.get("b")).toBeUndefined()
    counters.delete(draft, "b")
    expect(counters.values(draft)).toHaveLength(0)
  })
  expect(counters.values()).toHaveLength(0)
})

test("a closed mailbox refuses, after it has finished what it began", async () => {
  const { mailbox, increment, counters } = await setup()
  const last = increment()
  const closing = mailbox.close()
  await expect(increment()).rejects.toMatchObject({ code: "no_account" })
  await closing
  await last
  expect(counters.get("a")?.count).toBe(1)
})
