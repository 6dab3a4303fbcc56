// Marmot convergence §8.4–§8.9 at the edges of its windows: one more or one less, and another branch is the group.

import { describe, expect, test } from "vitest"
import type { Member } from "../../src/marmot/engine.fixture.ts"
import { PlainGroup } from "./branch-order.ts"
import { type Action, type History, historyOf, rewound, tell } from "./history.fixture.ts"

const LONG_ENOUGH = 6000
const rename = (at: number, by = 0): Action => ({ at, by, kind: "rename" })
const renew = (at: number, by = 0): Action => ({ at, by, kind: "selfUpdate" })
const say = (at: number, by: number): Action => ({ at, by, kind: "say" })
/** So many Commits one after the other, from the place `from`; the first one makes the place `to`. */
const chain = (from: number, to: number, length: number): Action[] =>
  Array.from({ length }, (_, i) => renew(i === 0 ? from : to + i - 1))

interface Told {
  readonly history: History
  readonly observer: Member
  readonly oracle: PlainGroup
  /** What the Commit of this place, from 1 on, is called. */
  readonly place: (number: number) => string
  /** Deeds by their number reach the observer within one pass. */
  readonly hear: (...deeds: number[]) => Promise<void>
}

async function told(story: readonly Action[]): Promise<Told> {
  const history = await historyOf(story, 9)
  const observer = rewound(history)
  const oracle = new PlainGroup(history.origin)
  const commits = history.deeds.flatMap(({ commit }) => commit?.id ?? [])
  return {
    history,
    observer,
    oracle,
    place: (number) => commits[number - 1] ?? "",
    hear: async (...numbers) => {
      const deeds = history.deeds.filter((_, i) => numbers.includes(i))
      for (const { event } of deeds) await observer.receive(event)
      await history.world.pass(LONG_ENOUGH)
      tell(oracle, deeds)
      oracle.pass()
      expect(observer.group.tip).toBe(oracle.tip)
    },
  }
}

const range = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => from + i)

describe("a pass", () => {
  test("is open to the last millisecond of its quiet second, and closed at its end", async () => {
    const { history, observer, place } = await told([rename(0)])
    const { world, deeds } = history
    for (const { event } of deeds) await observer.receive(event)
    for (const [wait, tip] of [
      [0, history.origin.id],
      [999, history.origin.id],
      [1, place(1)],
    ] as const) {
      world.now += wait
      await observer.tick()
      expect(observer.group.tip).toBe(tip)
    }
  })

  test("waits a second more for each new rival, and five seconds in all", async () => {
    const { history, observer } = await told(range(0, 8).map((by) => renew(0, by)))
    const { world, deeds, origin } = history
    for (const { event } of deeds.slice(0, 6)) {
      await observer.receive(event)
      expect(observer.group.tip).toBe(origin.id)
      world.now += 900
    }
    // 5,400 ms after the first one.
    await observer.tick()
    expect(observer.group.tip).not.toBe(origin.id)
  })

  test("weighs forks by the epoch at which it began", async () => {
    const { observer, hear, place } = await told([...chain(0, 1, 7), rename(0)])
    await hear(...range(0, 8))
    expect(observer.group.tip).toBe(place(7))
  })
})

describe("witnesses", () => {
  test("of five epochs before a branch's tip count", async () => {
    const { observer, hear, place } = await told([
      ...chain(0, 1, 6),
      say(1, 2),
      say(1, 3),
      ...chain(0, 7, 7),
    ])
    await hear(...range(0, 15))
    expect(observer.group.tip).toBe(place(6))
  })

  test("of six epochs before do not", async () => {
    const { observer, hear, place } = await told([
      ...chain(0, 1, 7),
      say(1, 2),
      say(1, 3),
      ...chain(0, 8, 8),
    ])
    await hear(...range(0, 17))
    expect(observer.group.tip).toBe(place(15))
  })

  test("count when they are shown already", async () => {
    const { observer, hear, place } = await told([
      renew(0),
      say(1, 2),
      say(1, 3),
      ...chain(0, 2, 2),
    ])
    await hear(0, 1, 2)
    expect(observer.messages).toHaveLength(2)
    await hear(3, 4)
    expect(observer.group.tip).toBe(place(1))
  })

  test("are events of their senders, and nothing else", async () => {
    const mumble = (by: number): Action => ({ at: 1, by, kind: "mumble" })
    const { observer, hear, place } = await told([
      renew(0),
      mumble(2),
      mumble(3),
      ...chain(0, 2, 2),
    ])
    await hear(...range(0, 5))
    expect(observer.group.tip).toBe(place(3))
  })

  test("that come late move the selection", async () => {
    const { observer, hear, place } = await told([rename(0), renew(0), say(2, 2), say(2, 3)])
    await hear(0, 1)
    expect(observer.group.tip).toBe(place(1))
    await hear(2, 3)
    expect(observer.group.tip).toBe(place(2))
    expect(observer.messages).toHaveLength(2)
  })
})

describe("the horizon", () => {
  test("a loser of five epochs ago may win, once its branch is longer", async () => {
    const { observer, hear, place } = await told([
      rename(0),
      renew(0),
      ...chain(1, 3, 4),
      ...chain(2, 7, 6),
    ])
    await hear(0, 1)
    expect(observer.group.tip).toBe(place(1))
    await hear(...range(2, 6))
    expect(observer.group.tip).toBe(place(6))
    await hear(...range(6, 12))
    expect(observer.group.tip).toBe(place(12))
  })

  test("a message of five epochs ago is shown, one of six is not", async () => {
    const { observer, hear } = await told([say(0, 0), ...chain(0, 1, 5), say(0, 1), renew(5)])
    await hear(...range(1, 6))
    await hear(0)
    expect(observer.messages).toEqual(["0"])
    await hear(7)
    await hear(6)
    expect(observer.messages).toEqual(["0"])
  })

  test("a parked loser keeps the root of all candidates where it left the group", async () => {
    const { observer, hear, place } = await told([
      rename(0),
      renew(0),
      say(1, 2),
      say(1, 3),
      renew(1),
      say(3, 2),
      say(3, 3),
      ...chain(1, 4, 2),
    ])
    await hear(0, 1, 2, 3)
    expect(observer.group.tip).toBe(place(1))
    // Everybody spoke before they parted, so the quorum of one side outweighs nothing.
    await hear(4, 5, 6, 7, 8)
    expect(observer.group.tip).toBe(place(5))
  })
})

test("a message is withdrawn with its branch, and restored with it, delivered once", async () => {
  const { observer, hear, place } = await told([
    renew(0),
    say(1, 2),
    ...chain(0, 2, 2),
    ...chain(1, 4, 2),
  ])
  await hear(0, 1)
  expect(observer.messages).toEqual(["1"])
  await hear(2, 3)
  expect(observer.group.tip).toBe(place(3))
  expect(observer.messages).toEqual([])
  await hear(4, 5)
  expect(observer.group.tip).toBe(place(5))
  expect(observer.messages).toEqual(["1"])
  expect(observer.effects.filter(({ type }) => type === "deliver")).toHaveLength(1)
})
