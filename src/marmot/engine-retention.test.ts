// Marmot message retention (marmot-wire §6.6, §7.4) in the engine: who sets it, what it pins, what is forgotten.

import { describe, expect, test } from "vitest"
import { type Member, stateOf, worldOf } from "./engine.fixture.ts"
import { encodeMessageRetention } from "./components/message-retention.ts"
import { factsOf } from "./group-facts.ts"
import { summary } from "./group-view.ts"
import { componentIds } from "./registry.ts"
import { craftCommit } from "./crafted.fixture.ts"
import { replaceComponent } from "./local-commit.ts"
import type { World } from "./engine.fixture.ts"

const HOUR = 3600

const expirations = (world: World) =>
  world.relay.map(({ tags }) => tags.find(([name]) => name === "expiration")?.[1])

const delivered = (member: Member) =>
  member.effects.flatMap((effect) =>
    effect.type === "deliver" ? [[effect.event.content, effect.expiresAt] as const] : [],
  )

/** Everything is taken and delivered, and passes end; no more time goes by. */
async function flow(world: World): Promise<void> {
  for (let round = 0; round < 4; round++) {
    await world.acceptAll()
    for (const member of world.members) await member.receiveAll()
    await world.pass(1000)
  }
}

async function withTimer(seconds: number, options: Parameters<typeof worldOf>[1] = {}) {
  const { world, people } = await worldOf(["ada", "bo"], options)
  const [ada, bo] = people
  await ada.want({ type: "update", retention: seconds })
  await flow(world)
  return { world, ada, bo }
}

const words = ({ group }: Member) =>
  [...group.apps.values()].flatMap(({ event }) => event?.content ?? [])

describe("the setting", () => {
  test("is an admin's, one row tells of it, and no Commit expires", async () => {
    const { world, ada, bo } = await withTimer(HOUR)
    expect(summary(bo.group).retention).toBe(HOUR)
    expect([...bo.notices.values()].flat().at(-1)).toEqual({
      type: "disappearing_timer_changed",
      actor: ada.pubkey,
      before: 0,
      after: HOUR,
    })
    expect(expirations(world)).toEqual([undefined])
    const refused = await bo.want({ type: "update", retention: 0 })
    expect(bo.outcomes().at(-1)).toBe(`${refused}: not_admin`)
    const same = await ada.want({ type: "update", retention: HOUR })
    expect(ada.outcomes().at(-1)).toBe(`${same}: ok`)
    expect(world.unanswered).toEqual([])
    await ada.want({ type: "update", retention: 0 })
    await flow(world)
    expect(summary(bo.group).retention).toBe(0)
  })

  test.each([-1, 0.5, 2 ** 53])("%s is no number of seconds", async (retention) => {
    const { people } = await worldOf(["ada"])
    const refused = await people[0].want({ type: "update", retention })
    expect(people[0].outcomes()).toEqual([`${refused}: invalid_change`])
  })

  test("of a member who is no admin it is no Commit", async () => {
    const { world, ada, bo } = await withTimer(HOUR)
    const proposal = replaceComponent(componentIds.messageRetention, encodeMessageRetention(0n))
    world.relay.push(await craftCommit(bo, { proposals: [proposal] }))
    await flow(world)
    expect(factsOf(stateOf(ada)).retention).toBe(BigInt(HOUR))
  })
})

describe("a message", () => {
  test("bears the exact end on its outer event, and the same here", async () => {
    const { world, ada, bo } = await withTimer(HOUR)
    const end = world.seconds + HOUR
    await bo.say("soon gone")
    await flow(world)
    expect(expirations(world).at(-1)).toBe(String(end))
    expect([delivered(ada), delivered(bo)]).toEqual([[["soon gone", end]], [["soon gone", end]]])
  })

  test("has the time of its own epoch, not of the one in which it is read", async () => {
    const { world, ada, bo } = await withTimer(HOUR)
    const end = world.seconds + HOUR
    await bo.say("before")
    await ada.want({ type: "update", retention: 0 })
    await flow(world)
    await bo.say("after")
    await flow(world)
    expect(delivered(ada)).toEqual([
      ["before", end],
      ["after", undefined],
    ])
  })
})

describe("what is over is forgotten", () => {
  test.each([{ restarts: false }, { restarts: true }])(
    "our own that could have been sent again (%o)",
    async (options) => {
      const { world, bo } = await withTimer(HOUR, options)
      await bo.say("said by us")
      await flow(world)
      expect(words(bo)).toEqual(["said by us"])
      await world.pass(HOUR * 1000)
      expect(words(bo)).toEqual([])
      // It still counts as a witness.
      expect([...bo.group.apps.values()].map(({ account }) => account)).toEqual([bo.pubkey])
    },
  )

  test("without an answer of any relay, too", async () => {
    const { world, ada, bo } = await withTimer(HOUR)
    await bo.say("stuck")
    await ada.want({ type: "selfUpdate" })
    expect(ada.group.lifecycle).toBe("pendingPublish")
    await ada.receive(bo.publication.event)
    await world.pass(HOUR * 1000)
    expect([...words(ada), ...words(bo)]).toEqual([])
    expect(ada.wake).toBeUndefined()
  })

  test("what waits to be sent fails, and goes nowhere", async () => {
    const { world, ada } = await withTimer(HOUR)
    await ada.rename("never answered")
    const before = world.unanswered.length
    await ada.say("waits")
    expect(ada.group.intents).toHaveLength(1)
    await world.pass(HOUR * 1000)
    expect(ada.group.intents).toEqual([])
    expect(ada.outcomes().at(-1)).toMatch(/: expired$/)
    expect(world.unanswered).toHaveLength(before)
  })

  test("what was held back while branches were weighed is not shown late", async () => {
    const { world, ada, bo } = await withTimer(2)
    await ada.rename("one")
    const [commit] = world.unanswered
    if (commit === undefined) throw new Error("nothing was published")
    await world.accept(commit)
    // Bo opens it in a pass: what Ada says in the new epoch is not shown before its end.
    await ada.say("too short a time")
    await bo.receive(commit.event)
    await bo.receive(ada.publication.event)
    expect(delivered(bo)).toEqual([])
    world.now += 5000
    await bo.tick()
    expect(words(bo)).toEqual([])
    expect(delivered(bo)).toEqual([])
    expect(summary(bo.group).name).toBe("one")
  })
})

test("a clock that is behind does not take away what has just been published", async () => {
  const { world, ada, bo } = await withTimer(HOUR)
  const now = world.now
  world.now = now - 5 * HOUR * 1000
  await bo.say("from the past")
  world.now = now
  const { event } = bo.publication
  await ada.step({ type: "events", events: [event], areStored: false })
  expect(delivered(ada)).toEqual([["from the past", world.seconds + HOUR]])
})
