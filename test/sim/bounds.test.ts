// Junk that no state opens, more of it than there is room for; and what is more than its bound is found, table by table.

import { expect, test } from "vitest"
import { marmotEngine } from "../../src/client/engine.ts"
import type { Engine } from "../../src/client/engine.ts"
import { MAX_UNOPENED } from "../../src/marmot/limits.ts"
import { tableNames } from "../../src/store/types.ts"
import type { Item, Plan } from "./plan.ts"
import { simulate } from "./simulate.ts"

const planOfThree = (...items: readonly Item[]): Plan => ({
  seed: 1,
  accounts: [0, 1, 2],
  skews: [0, 0, 0],
  relays: 1,
  founders: [1, 2],
  admins: [1],
  malicious: [2],
  phases: [items],
})

/** 360 events of a member's making, while others are cut off from each other; what they say lies before, in and after it. */
const flood = planOfThree(
  { at: 500, type: "partition", devices: [1], relays: [0], how: "closed", lasts: 30_000 },
  { at: 1_000, type: "send", by: 0, times: 2 },
  { at: 1_500, type: "rename", by: 0 },
  ...[2_000, 3_000, 4_000].map((at): Item => ({ at, type: "hostile", by: 2, what: "junk" })),
  { at: 4_500, type: "selfUpdate", by: 0 },
  ...[7_000, 8_000, 9_000].map((at): Item => ({ at, type: "hostile", by: 2, what: "junk" })),
  { at: 9_500, type: "send", by: 0, times: 2 },
  { at: 10_000, type: "send", by: 1, times: 2 },
  { at: 16_000, type: "rename", by: 0 },
  { at: 45_000, type: "send", by: 1, times: 2 },
)

test("junk fills the room that it has and no more, and nothing is lost for it", async () => {
  const most: unknown[] = []
  const { failures, counts } = await simulate(flood, {
    atEnd: ({ devices }) => {
      for (const { watched, isHonest } of devices) {
        if (isHonest) most.push(watched.most.get("unopened"))
      }
    },
  })
  expect(failures).toEqual([])
  expect(counts["hostile events: junk"]).toBe(360)
  expect(counts["messages owed to all"]).toBe(8)
  expect(most).toEqual([MAX_UNOPENED, MAX_UNOPENED])
})

test("an engine that keeps what does not open is found", async () => {
  const hoarder: Engine = {
    ...marmotEngine,
    apply: async (group, input, env) => {
      const { group: next, effects } = await marmotEngine.apply(group, input, env)
      const kept = input.type === "event" ? [[input.event.id, input.event] as const] : []
      const more = (input.type === "events" ? input.events : []).map((e) => [e.id, e] as const)
      const unopened = new Map(next.unopened)
      for (const [id, event] of [...kept, ...more]) {
        unopened.set(id, { event, receivedAt: env.now })
      }
      return { group: { ...next, unopened }, effects }
    },
  }
  const { failures } = await simulate(flood, {
    engineOf: (index) => (index === 1 ? hoarder : marmotEngine),
  })
  expect(failures).toContainEqual({
    property: "unbounded",
    text: expect.stringMatching(/^d1: \d+ unopened at once, 256 at most$/) as unknown,
  })
})

test("more records than there can be are found in each table", async () => {
  const { failures } = await simulate(planOfThree({ at: 1_000, type: "send", by: 0, times: 1 }), {
    atEnd: ({ devices: [, device] }) => {
      const value = new Uint8Array(1)
      const sorts = Array.from({ length: 1_000 }, (_, index) => `junk ${index}`)
      device?.disk.records.apply(
        tableNames.flatMap((table) => sorts.map((sort) => ({ table, token: "junk", sort, value }))),
      )
    },
  })
  const tables = failures.map(({ text }) => /^d1: \d+ records in (\w+),/.exec(text)?.[1])
  expect(tables.sort()).toEqual([...tableNames].sort())
})
