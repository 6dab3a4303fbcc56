// What seeds have found, as plans that do nothing else.

import { expect, test } from "vitest"
import { factsOf } from "../../src/marmot/group-facts.ts"
import { type Item, type Plan, planOf } from "./plan.ts"
import { simulate } from "./simulate.ts"

const planOfTwo = (...items: readonly Item[]): Plan => ({
  seed: 1,
  accounts: [0, 1],
  skews: [0, 0],
  relays: 1,
  founders: [1],
  admins: [],
  malicious: [],
  phases: [items],
})

test("whoever asked to leave and must stay as the only admin commits another's departure (seed 1043)", async () => {
  const plan = planOfTwo(
    { at: 500, type: "partition", devices: [1], relays: [0], how: "closed", lasts: 40_000 },
    { at: 5_000, type: "leave", by: 1 },
    { at: 9_000, type: "admins", by: 0, admins: [0, 1] },
    { at: 20_000, type: "leave", by: 0 },
  )
  const standings: unknown[] = []
  const { failures } = await simulate(plan, {
    atEnd: ({ devices }) => {
      for (const { watched } of devices) standings.push(watched.group?.standing)
    },
  })
  expect(failures).toEqual([])
  expect(standings).toEqual(["left", "active"])
})

test("an invitation to a group that has ended is refused in words (seeds 1412, 1966)", async () => {
  const plan = planOfTwo(
    { at: 1_000, type: "disband", by: 0 },
    { at: 10_000, type: "invite", by: 0, subject: 1 },
  )
  const { failures, counts } = await simulate(plan)
  expect(failures).toEqual([])
  expect(counts["refused: invite not_active"]).toBe(1)
})

test("an admin of bad faith really adds a second device of their account", async () => {
  const plan: Plan = {
    ...planOfTwo({ at: 1_000, type: "hostile", by: 1, what: "second device" }),
    admins: [1],
    malicious: [1],
  }
  const leaves: unknown[] = []
  const { failures } = await simulate(plan, {
    atEnd: ({ devices: [founder, other] }) => {
      const mls = founder?.watched.group?.states.get(founder.watched.group.tip)?.mls
      const own = mls && factsOf(mls).leaves.filter(({ account }) => account === other?.pubkey)
      leaves.push(own?.length)
    },
  })
  expect(failures).toEqual([])
  expect(leaves).toEqual([2])
})

test("what came beyond its window, of a member removed while writing, is counted (seed 6504)", async () => {
  const { failures, counts } = await simulate(planOf(6504))
  expect(failures).toEqual([])
  expect(counts["messages of a removed author that came beyond their window"]).toBe(1)
})
