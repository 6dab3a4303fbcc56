// Marmot convergence §8.4–§8.9 (behaviour §14.4): the engine's choice on real histories against the oracle's.

import fc from "fast-check"
import { describe, expect, test } from "vitest"
import type { Member } from "../../src/marmot/engine.fixture.ts"
import { groupRecords } from "../../src/marmot/group-records.ts"
import { PlainGroup } from "./branch-order.ts"
import {
  type Action,
  type Deed,
  type History,
  historyOf,
  rewound,
  tell,
} from "./history.fixture.ts"

const action: fc.Arbitrary<Action> = fc.record({
  at: fc.nat(20),
  by: fc.nat(20),
  kind: fc.oneof(
    { weight: 4, arbitrary: fc.constant("rename" as const) },
    { weight: 4, arbitrary: fc.constant("selfUpdate" as const) },
    { weight: 1, arbitrary: fc.constant("remove" as const) },
    { weight: 1, arbitrary: fc.constant("forbidden" as const) },
    { weight: 8, arbitrary: fc.constant("say" as const) },
  ),
})
const actions = fc.array(action, { minLength: 4, maxLength: 18 })
/** Sorting keys: where each deed comes in the order of delivery. */
const order = fc.array(fc.nat(1000), { minLength: 18, maxLength: 18 })
const RUNS = Number(process.env["ORACLE_RUNS"] ?? 10)
const LONG_ENOUGH = 6000

const arranged = (deeds: readonly Deed[], keys: readonly number[]): Deed[] =>
  deeds
    .map((deed, i) => ({ deed, key: keys[i] ?? 0 }))
    .sort((a, b) => a.key - b.key)
    .map(({ deed }) => deed)

async function deliver(observer: Member, deeds: readonly Deed[], restarts = false) {
  const outcomes: string[] = []
  for (const { event } of deeds) {
    outcomes.push(await observer.receive(event))
    if (restarts) observer.restart()
  }
  return outcomes
}

/** What an application sees of the group. */
function seen(observer: Member) {
  return {
    tip: observer.group.tip,
    title: observer.title,
    messages: [...observer.messages].sort(),
    notices: [...observer.notices.keys()].sort(),
    lifecycle: observer.group.lifecycle,
  }
}

/** The dispositions that behaviour §8.7 demands once everything is known and nothing is too old. */
function due(history: History, group: PlainGroup) {
  const canonical = new Set([history.origin.id, ...group.pathTo(group.tip).map(({ id }) => id)])
  const said = history.deeds.flatMap((deed) => deed.said ?? [])
  return said
    .filter(({ state }) => canonical.has(state))
    .map(({ content }) => content)
    .sort()
}

describe("the engine's tip is the oracle's", () => {
  test("when all arrives within one pass, in any order", async () => {
    const property = fc.asyncProperty(actions, order, order, async (story, one, other) => {
      const history = await historyOf(story)
      const group = new PlainGroup(history.origin)
      expect(tell(group, history.deeds)).toEqual([])
      group.pass()
      const views = []
      for (const deeds of [arranged(history.deeds, one), arranged(history.deeds, other)]) {
        const observer = rewound(history)
        await deliver(observer, deeds)
        await history.world.pass(LONG_ENOUGH)
        views.push(seen(observer))
        expect(observer.group.tip).toBe(group.tip)
        expect([...observer.messages].sort()).toEqual(due(history, group))
      }
      // What is shown depends on the set alone.
      expect(views[1]).toEqual(views[0])
    })
    await fc.assert(property, { numRuns: RUNS })
  }, 300_000)

  test("after each of several passes, however the input is cut", async () => {
    const cuts = fc.array(fc.nat(17), { minLength: 1, maxLength: 3 })
    const property = fc.asyncProperty(actions, order, cuts, async (story, keys, at) => {
      const history = await historyOf(story)
      const deeds = arranged(history.deeds, keys)
      const observer = rewound(history)
      const group = new PlainGroup(history.origin)
      const ends = [...new Set([...at, deeds.length])].sort((a, b) => a - b)
      let begin = 0
      let early: readonly Deed[] = []
      for (const end of ends) {
        await deliver(observer, deeds.slice(begin, end))
        await history.world.pass(LONG_ENOUGH)
        early = tell(group, [...early, ...deeds.slice(begin, end)])
        group.pass()
        expect(observer.group.tip).toBe(group.tip)
        begin = end
      }
      expect([...observer.messages].sort()).toEqual(due(history, group))
    })
    await fc.assert(property, { numRuns: RUNS })
  }, 300_000)

  test("when the observer restarts after every input", async () => {
    const property = fc.asyncProperty(actions, order, async (story, keys) => {
      const history = await historyOf(story)
      const group = new PlainGroup(history.origin)
      tell(group, history.deeds)
      group.pass()
      const observer = rewound(history)
      await deliver(observer, arranged(history.deeds, keys), true)
      await history.world.pass(LONG_ENOUGH)
      expect(observer.group.tip).toBe(group.tip)
      expect([...observer.messages].sort()).toEqual(due(history, group))
    })
    await fc.assert(property, { numRuns: Math.ceil(RUNS / 4) })
  }, 300_000)
})

describe("replay", () => {
  test("what was taken is a duplicate, changes nothing and shows nothing", async () => {
    const property = fc.asyncProperty(actions, order, order, async (story, one, other) => {
      const history = await historyOf(story)
      const observer = rewound(history)
      await deliver(observer, arranged(history.deeds, one))
      await history.world.pass(LONG_ENOUGH)
      const before = stored(observer)
      observer.effects.length = 0
      const valid = arranged(history.deeds, other).filter(({ commit, said }) => commit ?? said)
      const outcomes = await deliver(observer, valid)
      expect(outcomes.filter((outcome) => !["duplicate", "stale_epoch"].includes(outcome))).toEqual(
        [],
      )
      expect(observer.effects.filter(({ type }) => type !== "disposition")).toEqual([])
      expect(stored(observer)).toEqual(before)
    })
    await fc.assert(property, { numRuns: Math.ceil(RUNS / 2) })
  }, 300_000)
})

function stored(member: Member): Map<string, string> {
  return new Map(
    [...groupRecords(member.group)].map(([name, record]) => [
      name,
      Buffer.from(record.encode()).toString("hex"),
    ]),
  )
}

describe("the quiescence gate", () => {
  test("holds tip and messages before the window ends, and opens at its end", async () => {
    const early = fc.integer({ min: 0, max: 999 })
    const property = fc.asyncProperty(early, fc.boolean(), async (wait, rival) => {
      const story: Action[] = [{ at: 0, by: 0, kind: "rename" }]
      if (rival) story.push({ at: 0, by: 2, kind: "selfUpdate" })
      const history = await historyOf(story)
      const { world } = history
      const observer = rewound(history)
      await deliver(observer, history.deeds)
      const queued = world.unanswered.length
      await observer.say("held")
      await world.pass(wait)
      expect(observer.group.tip).toBe(history.origin.id)
      expect(observer.group.pass).toBeDefined()
      expect(world.unanswered).toHaveLength(queued)
      await world.pass(1000 - wait)
      expect(observer.group.tip).not.toBe(history.origin.id)
      expect(observer.group.pass).toBeUndefined()
      expect(world.unanswered).toHaveLength(queued + 1)
      expect(observer.messages).toEqual(["held"])
    })
    await fc.assert(property, { numRuns: Math.ceil(RUNS / 4) })
  }, 300_000)

  test("ends five seconds after it began, however much comes", async () => {
    const history = await historyOf(
      Array.from({ length: 8 }, (_, i) => ({ at: 0, by: i, kind: "selfUpdate" as const })),
    )
    const observer = rewound(history)
    for (const { event } of history.deeds.slice(0, 7)) {
      await observer.receive(event)
      await history.world.pass(700)
    }
    expect(observer.group.tip).toBe(history.origin.id)
    await history.world.pass(99)
    expect(observer.group.tip).toBe(history.origin.id)
    await history.world.pass(1)
    expect(observer.group.tip).not.toBe(history.origin.id)
  })
})

describe("publishing a change", () => {
  test("a refused one that a relay had stored all the same competes once it comes back", async () => {
    const { world } = await historyOf([])
    const ada = world.members[0] as Member
    await ada.rename("kept")
    const { publication, title } = ada
    await world.reject(publication)
    expect(await ada.receive(publication.event)).toBe("own_echo")
    await world.pass(LONG_ENOUGH)
    expect([title, ada.title]).toEqual(["Burrow", "kept"])
  })

  test("an acknowledgement keeps it; a refusal restores the group and allows another try", async () => {
    const names = fc.string({ minLength: 1, maxLength: 20 }).filter((name) => name.trim() === name)
    const property = fc.asyncProperty(names, fc.boolean(), async (name, confirm) => {
      const history = await historyOf([])
      const { world, observer } = history
      const ada = world.members[0] as Member
      const { epoch, title } = ada
      await ada.rename(name)
      if (name === title) return
      // Not applied before it is acknowledged.
      expect([ada.epoch, ada.title]).toEqual([epoch, title])
      if (!confirm) {
        await world.reject(ada.publication)
        expect([ada.epoch, ada.title, ada.group.lifecycle]).toEqual([epoch, title, "stable"])
        await ada.rename(name)
      }
      await world.accept(ada.publication)
      expect([ada.epoch, ada.title]).toEqual([epoch + 1, name])
      await world.settle()
      expect([observer.epoch, observer.title]).toEqual([epoch + 1, name])
    })
    await fc.assert(property, { numRuns: Math.ceil(RUNS / 4) })
  }, 300_000)
})
