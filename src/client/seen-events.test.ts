import { describe, expect, test } from "vitest"
import { openMemoryStore, type Store } from "../store/index.ts"
import { Draft } from "./draft.ts"
import { encodeRecord } from "./record-map.ts"
import { SeenEvents } from "./seen-events.ts"

const OWNER = "group"

const event = (id: string, created_at = 100) => ({ id, created_at })

async function step(store: Store, work: (draft: Draft) => Promise<void> | void): Promise<Draft> {
  const draft = new Draft(0)
  await work(draft)
  if (draft.ops.length > 0) await store.batch(draft.ops)
  draft.settle()
  return draft
}

/** As it is after a restart. */
async function reopened(store: Store, since = 0): Promise<SeenEvents> {
  const seen = new SeenEvents(store)
  await step(store, (draft) => seen.load(draft, OWNER, since))
  return seen
}

const known = (seen: SeenEvents, ids: readonly string[]) => ids.filter((id) => seen.has(OWNER, id))

describe("events that were processed", () => {
  test("one record for one step, known once it is durable, and after a restart", async () => {
    const store = await openMemoryStore()
    const seen = await reopened(store)
    const draft = await step(store, (each) => {
      seen.remember(each, OWNER, [event("a"), event("b")])
      expect(seen.has(OWNER, "a")).toBe(false)
    })
    expect(draft.ops).toHaveLength(1)
    expect(known(seen, ["a", "b", "c"])).toEqual(["a", "b"])
    expect(known(await reopened(store), ["a", "b", "c"])).toEqual(["a", "b"])
    expect(seen.has("another", "a")).toBe(false)
  })

  test("only so many are kept: the ones that came first go, in the store as well", async () => {
    const store = await openMemoryStore()
    const seen = new SeenEvents(store, 3)
    for (const ids of [["a", "b"], ["c"], ["d", "e"], ["f"]]) {
      await step(store, (draft) =>
        seen.remember(
          draft,
          OWNER,
          ids.map((id) => event(id)),
        ),
      )
    }
    expect(known(seen, ["a", "b", "c", "d", "e", "f"])).toEqual(["c", "d", "e", "f"])
    expect(await store.range("inputs", `events:${OWNER}`)).toHaveLength(3)
  })

  test("nothing to remember writes nothing", async () => {
    const store = await openMemoryStore()
    const seen = new SeenEvents(store)
    expect((await step(store, (draft) => seen.remember(draft, OWNER, []))).ops).toEqual([])
  })

  test("what is released is news again, alone", async () => {
    const store = await openMemoryStore()
    const seen = await reopened(store)
    await step(store, (draft) => {
      seen.remember(draft, OWNER, [event("a"), event("b"), event("c"), event("d")])
    })
    await step(store, (draft) => {
      for (const id of ["a", "c", "x"]) seen.release(draft, OWNER, id)
      expect(seen.has(OWNER, "a")).toBe(true)
    })
    for (const each of [seen, await reopened(store)]) {
      expect(known(each, ["a", "b", "c", "d"])).toEqual(["b", "d"])
    }
    // The record is still called after its first event.
    await step(store, (draft) => seen.remember(draft, OWNER, [event("a")]))
    expect(known(await reopened(store), ["a", "b", "c", "d"])).toEqual(["a", "b", "d"])
    await step(store, (draft) => {
      for (const id of ["a", "b", "d"]) seen.release(draft, OWNER, id)
    })
    expect(await store.range("inputs", `events:${OWNER}`)).toEqual([])
  })

  test("a record goes when all its events are too old, and not before", async () => {
    const store = await openMemoryStore()
    const seen = await reopened(store)
    await step(store, (draft) => {
      seen.remember(draft, OWNER, [event("a", 10), event("b", 20)])
      seen.remember(draft, OWNER, [event("c", 10)])
    })
    expect(known(await reopened(store, 15), ["a", "b", "c"])).toEqual(["a", "b"])
    expect(await store.range("inputs", `events:${OWNER}`)).toHaveLength(1)
  })

  test("records of earlier versions hold one event each", async () => {
    const store = await openMemoryStore()
    const key = { scope: `events:${OWNER}`, sort: "old" }
    await store.batch([{ table: "inputs", key, value: encodeRecord({ createdAt: 50 }) }])
    const seen = await reopened(store, 40)
    expect(seen.has(OWNER, "old")).toBe(true)
    await step(store, (draft) => seen.release(draft, OWNER, "old"))
    expect((await reopened(store)).has(OWNER, "old")).toBe(false)
  })

  test("forgetting a group forgets all of it", async () => {
    const store = await openMemoryStore()
    const seen = await reopened(store)
    await step(store, (draft) => seen.remember(draft, OWNER, [event("a"), event("b")]))
    await step(store, (draft) => seen.forget(draft, OWNER))
    expect(known(seen, ["a", "b"])).toEqual([])
    expect(await store.range("inputs", `events:${OWNER}`)).toEqual([])
  })
})
