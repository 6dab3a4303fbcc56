// Forks that remove a device: what it can't know is told, and an admin's invitation brings it back.

import { describe, expect, test } from "vitest"
import { marmotEngine } from "../../src/client/engine.ts"
import type { Engine } from "../../src/client/engine.ts"
import { factsOf } from "../../src/marmot/group-facts.ts"
import type { Item, Plan } from "./plan.ts"
import { simulate } from "./simulate.ts"

/** Four devices; the first two are admins. `side` can't hear the others for half a minute. */
function forkOf(side: readonly number[], ...items: readonly Item[]): Plan {
  return {
    seed: 1,
    accounts: [0, 1, 2, 3],
    skews: [0, 0, 0, 0],
    relays: 2,
    founders: [1, 2, 3],
    admins: [1],
    malicious: [],
    phases: [[{ at: 500, type: "split", side, lasts: 30_000 }, ...items]],
  }
}

/** The others remove device 2 and go on for longer than it can see; its own branch is longer up to there. */
const unseen = forkOf(
  [2],
  { at: 1_000, type: "selfUpdate", by: 2 },
  { at: 1_000, type: "remove", by: 0, subject: 2 },
  { at: 6_000, type: "selfUpdate", by: 2 },
  { at: 6_000, type: "rename", by: 0 },
  { at: 12_000, type: "rename", by: 1 },
  { at: 18_000, type: "send", by: 3, times: 1 },
)

/** Device 0 removes device 2, which applies it; device 1 goes further, and the removal is undone. */
const undone = forkOf(
  [0, 2],
  { at: 1_000, type: "remove", by: 0, subject: 2 },
  { at: 1_000, type: "rename", by: 1 },
  { at: 6_000, type: "rename", by: 1 },
  { at: 18_000, type: "send", by: 3, times: 1 },
)

describe("a device that was removed on one of two branches", () => {
  test("may not be able to see that this branch won; it says so, and comes back", async () => {
    const { failures, counts } = await simulate(unseen)
    expect(failures).toEqual([])
    expect(counts["devices removed without being able to know"]).toBe(1)
    expect(counts["lost devices that came back"]).toBe(1)
  })

  test("and suspects nothing: found", async () => {
    const calm: Engine = {
      ...marmotEngine,
      summary: (...args) => ({ ...marmotEngine.summary(...args), seemsStranded: false }),
    }
    const { failures } = await simulate(unseen, { engineOf: () => calm })
    expect(failures).toEqual([
      { property: "divergent", text: expect.stringContaining("suspects nothing") as unknown },
    ])
  })

  test("keeps to a branch that is shorter than what it can see of the other: found", async () => {
    const longer = forkOf(
      [2],
      { at: 1_000, type: "selfUpdate", by: 2 },
      { at: 1_000, type: "rename", by: 0 },
      { at: 6_000, type: "rename", by: 1 },
      { at: 12_000, type: "remove", by: 0, subject: 2 },
    )
    const stubborn: Engine = {
      ...marmotEngine,
      apply: (group, input, env) =>
        input.type === "event" || input.type === "events"
          ? Promise.resolve({ group, effects: [] })
          : marmotEngine.apply(group, input, env),
    }
    const { failures } = await simulate(longer, {
      engineOf: (index) => (index === 2 ? stubborn : marmotEngine),
    })
    expect(failures.map(({ text }) => text)).toContainEqual(
      expect.stringContaining("does not follow the others to its removal"),
    )
  })

  test("is a member again by a new invitation, when the removal was undone without it", async () => {
    const { failures, counts } = await simulate(undone)
    expect(failures).toEqual([])
    expect(counts["devices removed by a branch that lost"]).toBe(1)
    expect(counts["lost devices that came back"]).toBe(1)
  })

  test("is not taken for removed by who prefers a shorter branch: found", async () => {
    const longer = forkOf(
      [2],
      { at: 1_000, type: "remove", by: 0, subject: 2 },
      ...[1_000, 6_000, 12_000].map((at): Item => ({ at, type: "selfUpdate", by: 2 })),
    )
    // They hear nothing once they have removed it, and are said to have weighed what it has.
    let start = Infinity
    const stubborn: Engine = {
      ...marmotEngine,
      apply: (group, input, env) => {
        start = Math.min(start, env.now)
        const isDeaf = env.now > start + 32_000
        return isDeaf && (input.type === "event" || input.type === "events")
          ? Promise.resolve({ group, effects: [] })
          : marmotEngine.apply(group, input, env)
      },
    }
    const { failures } = await simulate(longer, {
      engineOf: () => stubborn,
      atEnd: ({ devices }) => {
        for (const { watched } of devices.filter(({ index }) => index !== 2)) {
          for (const name of devices[2]?.watched.weighed ?? []) watched.weighed.add(name)
        }
      },
    })
    expect(failures.map(({ text }) => text)).toContainEqual(
      expect.stringContaining("prefers a branch shorter"),
    )
  })

  test("comes back after a Commit that was broken for it alone", async () => {
    const plan = forkOf(
      [],
      { at: 1_000, type: "hostile", by: 3, what: "uneven path" },
      { at: 9_000, type: "send", by: 0, times: 2 },
      { at: 9_000, type: "send", by: 2, times: 2 },
      { at: 12_000, type: "rename", by: 0 },
      { at: 12_000, type: "rename", by: 1 },
    )
    const { failures, counts } = await simulate({ ...plan, malicious: [3] })
    expect(failures).toEqual([])
    expect(counts["devices left behind by a broken Commit"]).toBeGreaterThan(0)
    expect(counts["lost devices that came back"]).toBe(
      counts["devices left behind by a broken Commit"],
    )
  })

  test.each([
    ["loses", 1],
    ["stands for it (seed 8326)", 4],
  ])(
    "and is alone, having removed who removed it, takes the invitation: its removal %s",
    async (_, seed) => {
      const { phases, ...plan } = forkOf([0], { at: 1_000, type: "remove", by: 1, subject: 0 })
      const items: readonly Item[] = [
        ...(phases[0] ?? []),
        { at: 1_100, type: "remove", by: 0, subject: 1 },
        { at: 6_000, type: "invite", by: 1, subject: 0 },
        { at: 12_000, type: "send", by: 1, times: 1 },
      ]
      const members: unknown[] = []
      const { failures } = await simulate(
        { ...plan, seed, accounts: [0, 1], skews: [0, 0], founders: [1], phases: [items] },
        {
          atEnd: ({ devices }) => {
            for (const { watched } of devices) {
              const mls = watched.group?.states.get(watched.group.tip)?.mls
              members.push(mls && factsOf(mls).members.length)
            }
          },
        },
      )
      expect(failures).toEqual([])
      expect(members).toEqual([2, 2])
    },
  )
})
