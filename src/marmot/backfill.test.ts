// Behaviour §7, §8.10: a group that seems to have gone on without us is asked for; whoever posts junk gains little.

import { describe, expect, test } from "vitest"
import { createCommit, type MlsCrypto } from "../mls/index.ts"
import { type Member, stateOf, type World, worldOf } from "./engine.fixture.ts"
import { eventKey } from "./event-key.ts"
import { sealGroupEvent } from "./group-event.ts"
import { routeOf } from "./group-facts.ts"
import { summary } from "./group-view.ts"
import { mlsContext } from "./transition.ts"

const MINUTE = 60_000
const DAY = 86_400

function junk(world: World, to: Member, createdAt = world.seconds) {
  return sealGroupEvent({
    key: world.random(32),
    message: world.random(40),
    nostrGroupId: summary(to.group).routes[0]?.nostrGroupId ?? "",
    createdAt,
    random: world.random,
  })
}

const flood = async (world: World, to: Member, count: number) => {
  for (let i = 0; i < count; i++) await to.receive(junk(world, to))
}

const asked = (member: Member) =>
  member.effects.flatMap((effect) => (effect.type === "refetch" ? [effect.since] : []))

/** The event of the Commit by which `admin` removes `member`. */
async function removedBy(world: World, admin: Member, member: Member) {
  await admin.want({ type: "remove", members: [member.pubkey] })
  const { publication } = admin
  await world.accept(publication)
  return publication.event
}

describe("events that nothing opens", () => {
  test("eight have the relays asked again, the third time for everything, then no more", async () => {
    const { world, people } = await worldOf(["ada", "bo"])
    const [ada, bo] = people
    await ada.say("hello")
    await world.acceptAll()
    await bo.receiveAll()
    await flood(world, bo, 7)
    expect(asked(bo)).toEqual([])
    // The same one again is no eighth.
    const [known] = [...bo.group.unopened.values()]
    if (known !== undefined) await bo.receive(known.event)
    expect(asked(bo)).toEqual([])
    await flood(world, bo, 1)
    expect(asked(bo)).toEqual([world.seconds - 120])
    const second = world.seconds
    await flood(world, bo, 8)
    expect(asked(bo)).toHaveLength(1)
    await world.pass(MINUTE)
    expect(asked(bo).at(-1)).toBe(second - 120)
    await flood(world, bo, 8)
    await world.pass(2 * MINUTE)
    expect(asked(bo)).toEqual([expect.any(Number), expect.any(Number), 0])
    expect(summary(bo.group).seemsStranded).toBe(false)
    bo.restart()
    await flood(world, bo, 8)
    expect(summary(bo.group).seemsStranded).toBe(true)
    await flood(world, bo, 100)
    await world.pass(30 * DAY * 1000)
    expect(asked(bo)).toHaveLength(3)
    expect(bo.wake).toBeUndefined()
  })

  test("one is enough where a rival branch removes us", async () => {
    const { world, people } = await worldOf(["ada", "bo"])
    const [ada, bo] = people
    const removal = await removedBy(world, ada, bo)
    await bo.want({ type: "selfUpdate" })
    await world.accept(bo.publication)
    await bo.want({ type: "selfUpdate" })
    await world.accept(bo.publication)
    await bo.receive(removal)
    await world.pass(5_000)
    expect(summary(bo.group)).toMatchObject({ standing: "active", seemsStranded: false })
    await bo.receive(junk(world, bo))
    expect(summary(bo.group)).toMatchObject({ standing: "active", seemsStranded: true })
    bo.restart()
    expect(summary(bo.group)).toMatchObject({ standing: "active", seemsStranded: true })
  })

  test("one is enough where a rival branch lets us go as we wished", async () => {
    const { world, people } = await worldOf(["ada", "bo", "cy"])
    const [ada, bo, cy] = people
    await cy.want({ type: "leave" })
    await world.acceptAll()
    await bo.receiveAll()
    await world.pass(1500)
    const departure = bo.publication
    for (let i = 0; i < 2; i++) {
      await ada.want({ type: "selfUpdate" })
      await world.accept(ada.publication)
    }
    await world.accept(departure)
    await cy.receiveAll()
    await world.pass(5_000)
    expect(summary(cy.group)).toMatchObject({ standing: "leaving", seemsStranded: false })
    await cy.receive(junk(world, cy))
    expect(summary(cy.group)).toMatchObject({ standing: "leaving", seemsStranded: true })
  })

  test("one is enough after a Commit whose path is broken for us", async () => {
    const { world, people } = await worldOf(["ada", "bo"])
    const [ada, bo] = people
    const { crypto } = world
    const encryptAllWithLabel: MlsCrypto["encryptAllWithLabel"] = async (...args) => {
      const made = await crypto.encryptAllWithLabel(...args)
      return made.map((each) => ({ ...each, ciphertext: each.ciphertext.map((byte) => byte ^ 1) }))
    }
    const state = stateOf(ada)
    const context = mlsContext({ ...world.env, crypto: { ...crypto, encryptAllWithLabel } })
    const { commit } = await createCommit(context, state, { forcePath: true })
    const key = eventKey(crypto, state)
    const { nostrGroupId } = routeOf(state)
    const { seconds: createdAt, random } = world
    const before = bo.fingerprint
    await bo.receive(sealGroupEvent({ key, message: commit, nostrGroupId, createdAt, random }))
    expect(bo.fingerprint).toEqual(before)
    expect(summary(bo.group).seemsStranded).toBe(false)
    await bo.receive(junk(world, bo))
    expect(summary(bo.group)).toMatchObject({ standing: "active", seemsStranded: true })
    bo.restart()
    expect(summary(bo.group).seemsStranded).toBe(true)
  })

  test("a message dated far ahead does not make us deaf to a stall", async () => {
    const { world, people } = await worldOf(["ada", "bo"])
    const [ada, bo] = people
    const now = world.now
    world.now += 40 * DAY * 1000
    await ada.say("from a clock that is ahead")
    await world.acceptAll()
    world.now = now
    await bo.receiveAll()
    expect(bo.messages).toHaveLength(1)
    await flood(world, bo, 8)
    expect(asked(bo)).toHaveLength(1)
  })

  test("a message of somebody else takes the suspicion away", async () => {
    const { world, people } = await worldOf(["ada", "bo"])
    const [ada, bo] = people
    for (let i = 0; i < 4; i++) {
      await flood(world, bo, 8)
      await world.pass(10 * MINUTE)
    }
    expect(summary(bo.group).seemsStranded).toBe(true)
    await ada.say("I am here")
    await world.acceptAll()
    await bo.receiveAll()
    expect(summary(bo.group).seemsStranded).toBe(false)
    expect(bo.messages).toEqual(["I am here"])
  })

  test("make nobody ask more than once a minute, however often the group changes", async () => {
    const { world, people } = await worldOf(["ada", "bo"])
    const [ada, bo] = people
    const begin = world.now
    for (let i = 0; i < 40; i++) {
      await flood(world, bo, 9)
      await ada.rename(`name ${i}`)
      await world.acceptAll()
      for (const event of bo.missing) await bo.receive(event)
      await world.pass(2_000)
    }
    expect(bo.title).toBe("name 39")
    expect(bo.fingerprint).toEqual(ada.fingerprint)
    expect(asked(bo).length).toBeLessThanOrEqual(1 + (world.now - begin) / MINUTE)
    // What was there for 32 changes has made room, and is not remembered as dealt with.
    expect(bo.group.unopened.size).toBeLessThanOrEqual(33 * 9)
    expect(bo.effects).toContainEqual(
      expect.objectContaining({ type: "disposition", category: "resource_refused" }),
    )
  })

  test("of long before what was read last take no room and are not asked for", async () => {
    const { world, people } = await worldOf(["ada", "bo"])
    const [ada, bo] = people
    await ada.say("recent")
    await world.settle()
    for (let i = 0; i < 20; i++) {
      const old = junk(world, bo, world.seconds - 40 * DAY)
      expect(await bo.receive(old)).toBe("resource_refused")
    }
    expect(bo.group.unopened.size).toBe(0)
    expect([asked(bo), bo.group.refetchSince]).toEqual([[], undefined])
  })

  test("keep an honest message of the next epoch out for no longer than until it comes again", async () => {
    const { world, people } = await worldOf(["ada", "bo"])
    const [ada, bo] = people
    await flood(world, bo, 300)
    await ada.rename("Warren")
    await world.acceptAll()
    await ada.say("too early")
    await world.acceptAll()
    const [commit, message] = bo.missing
    if (commit === undefined || message === undefined) throw new Error("nothing published")
    expect(await bo.receive(message)).toBe("resource_refused")
    await bo.receive(commit)
    await world.pass(1_000)
    // Within a minute the relays are asked from its date on, at the latest.
    await world.pass(2 * MINUTE)
    expect(asked(bo).at(-1)).toBeLessThanOrEqual(message.created_at)
    expect(await bo.receive(message)).toBe("accepted")
    expect(bo.messages).toEqual(["too early"])
  })
})
