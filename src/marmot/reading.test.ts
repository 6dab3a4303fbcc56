// Marmot retained history §9.1 and behaviour §8.2: stored history comes in the order of dates, and a clock that was ahead
// dates a message after Commits that followed it.

import { describe, expect, test } from "vitest"
import { encryptApplication } from "../mls/index.ts"
import type { NostrEvent } from "../nostr/event.ts"
import { chatEvent, encodeAppEvent } from "./app-event.ts"
import { craftCommit, sealed } from "./crafted.fixture.ts"
import { type Member, stateOf, worldOf, type World } from "./engine.fixture.ts"
import type { GroupInput } from "./engine-types.ts"
import { apply } from "./engine.ts"
import { parseGroupEvent, sealGroupEvent } from "./group-event.ts"
import { routeOf } from "./group-facts.ts"
import { groupRecords } from "./group-records.ts"
import { summary } from "./group-view.ts"
import {
  CATCH_UP_WINDOW,
  MAX_PASSED_EFFORT,
  MAX_PASSED_STATES,
  READING_PAUSE_MS,
} from "./limits.ts"
import { openPassed, pass } from "./reading.ts"
import { mlsContext, Transition } from "./transition.ts"
import { secretsOf, statesOf, wipe } from "./wipe.ts"

interface Scene {
  readonly world: World
  readonly alice: Member
  readonly bob: Member
  /** Was there at the beginning and has received nothing since. */
  readonly absent: Member
}

async function scene(): Promise<Scene> {
  const { world, people } = await worldOf(["alice", "bob", "carol"])
  const [alice, bob, absent] = people
  // As the client does it: what was released is overwritten once the step is stored.
  absent.step = async (input: GroupInput) => {
    const step = await apply(absent.group, input, world.env)
    absent.take(step)
    wipe(step.released ?? [], step.group)
    return step.effects
  }
  return { world, alice, bob, absent }
}

async function commits(world: World, by: Member, count: number): Promise<NostrEvent[]> {
  const events: NostrEvent[] = []
  for (let i = 0; i < count; i++) {
    await by.rename(`name ${by.epoch}`)
    events.push(by.publication.event)
    await world.accept(by.publication)
  }
  return events
}

async function said(world: World, by: Member, content: string): Promise<NostrEvent> {
  await by.say(content)
  const { event } = by.publication
  await world.accept(by.publication)
  return event
}

/** Hands `events` over as stored history, in steps of `size`. */
async function read(member: Member, events: readonly NostrEvent[], size = 1_000) {
  const told = new Map<string, string>()
  for (let at = 0; at < events.length; at += size) {
    const chunk = events.slice(at, at + size)
    for (const effect of await member.step({ type: "events", events: chunk, areStored: true })) {
      if (effect.type !== "disposition") continue
      told.set(effect.eventId, effect.category ?? effect.disposition ?? "")
    }
  }
  return (event: NostrEvent) => told.get(event.id)
}

const AHEAD = 3 * CATCH_UP_WINDOW

describe("a message that is dated later than many Commits that followed it", () => {
  test.each([1, 7, 1_000])("is shown once, read in steps of %i events", async (size) => {
    const { world, alice, absent } = await scene()
    const early = await commits(world, alice, 2)
    const first = await said(world, alice, "first")
    const late = await said(world, alice, "ahead")
    const rest = await commits(world, alice, AHEAD)
    const last = await said(world, alice, "last")
    // Of a second relay.
    const copy = { ...late }
    const told = await read(absent, [...early, first, ...rest, late, last, copy], size)
    await world.pass(1_100)
    expect(absent.fingerprint).toEqual(alice.fingerprint)
    expect([...absent.messages].sort()).toEqual(["ahead", "first", "last"])
    const delivered = absent.effects.filter(({ type }) => type === "deliver")
    expect(delivered).toHaveLength(3)
    expect(told(copy)).toBe("stale_epoch")
    expect(absent.group.unopened.size).toBe(0)
  })

  test("is shown whatever pass has left its state behind", async () => {
    const { world, alice, absent } = await scene()
    const late = await said(world, alice, "ahead")
    const rest = await commits(world, alice, AHEAD)
    await read(absent, rest)
    // Its time has come before the next step.
    world.now += 1_100
    await read(absent, [late])
    expect(absent.messages).toEqual(["ahead"])
  })

  test("is shown, too, when it came at an address that the group has left long ago", async () => {
    const { world, alice, absent } = await scene()
    const late = await said(world, alice, "ahead")
    const { nostrGroupId } = routeOf(stateOf(alice))
    await alice.want({ type: "update", newAddress: true })
    const moved = alice.publication.event
    await world.accept(alice.publication)
    const rest = await commits(world, alice, AHEAD)
    const isListening = () =>
      summary(absent.group).routes.some((route) => route.nostrGroupId === nostrGroupId)
    await read(absent, [moved, ...rest])
    expect(isListening()).toBe(true)
    await read(absent, [late])
    expect(absent.messages).toEqual(["ahead"])
    await world.pass(READING_PAUSE_MS + 1)
    expect(absent.fingerprint).toEqual(alice.fingerprint)
    expect(isListening()).toBe(false)
  })

  test("is not shown on a branch that lost", async () => {
    const { world, alice, bob, absent } = await scene()
    await alice.want({ type: "update", admins: [alice.pubkey, bob.pubkey] })
    await world.settle()
    const [losing] = await commits(world, bob, 1)
    const late = await said(world, bob, "on a branch that lost")
    const rest = await commits(world, alice, AHEAD)
    const told = await read(absent, [losing as NostrEvent, ...rest, late])
    await world.pass(1_100)
    expect(absent.fingerprint).toEqual(alice.fingerprint)
    expect(absent.messages).toEqual([])
    expect(told(late)).toBe("transport_deferred")
  })
})

describe("states that stored history has passed", () => {
  test("serve to open messages alone: a Commit on one of them is stale", async () => {
    const { world, alice, bob, absent } = await scene()
    const rival = await craftCommit(bob, {})
    const rest = await commits(world, alice, AHEAD)
    const told = await read(absent, [...rest, rival])
    expect(told(rival)).toBe("stale_epoch")
    await world.pass(1_100)
    expect(absent.fingerprint).toEqual(alice.fingerprint)
  })

  test("open nothing that was damaged, and what was damaged does not harm what follows", async () => {
    const { world, alice, absent } = await scene()
    const state = stateOf(alice)
    const text = encodeAppEvent(
      chatEvent({ pubkey: alice.pubkey, createdAt: world.seconds, content: "whole" }),
    )
    const { message, state: after } = await encryptApplication(mlsContext(world.env), state, text)
    const damaged = sealed(alice, message.with(-1, (message.at(-1) ?? 0) ^ 1))
    const foreign = encodeAppEvent(
      chatEvent({ pubkey: absent.pubkey, createdAt: world.seconds, content: "forged" }),
    )
    const forged = await encryptApplication(mlsContext(world.env), after, foreign)
    const whole = sealed(alice, message)
    const lie = sealed(alice, forged.message)
    const rest = await commits(world, alice, AHEAD)
    const told = await read(absent, [...rest, damaged, whole, lie])
    expect([damaged, whole, lie].map(told)).toEqual([
      "invalid_signature",
      "accepted",
      "invalid_encoding",
    ])
    expect(absent.messages).toEqual(["whole"])
  })

  test("hold nothing that could make or take a Commit, and are never stored", async () => {
    const { world, alice, absent } = await scene()
    await read(absent, await commits(world, alice, AHEAD))
    const passed = [...(absent.group.reading?.passed.values() ?? [])]
    expect(passed.length).toBeGreaterThanOrEqual(AHEAD - 2 * CATCH_UP_WINDOW)
    for (const { mls } of passed) {
      expect(mls?.treePrivate.keys.size).toBe(0)
      expect(mls?.signaturePrivateKey).toHaveLength(0)
      expect(mls?.epochSecrets.membershipKey).toHaveLength(0)
      expect(mls?.epochSecrets.initSecret).toHaveLength(0)
    }
    const stored = [...groupRecords(absent.group).keys()].join()
    for (const { id } of passed) expect(stored).not.toContain(id)
  })

  test("go, overwritten, once no more stored history comes", async () => {
    const { world, alice, absent } = await scene()
    const late = await said(world, alice, "too late")
    await read(absent, await commits(world, alice, AHEAD))
    await world.pass(1_100)
    const passed = [...(absent.group.reading?.passed.values() ?? [])]
    const secrets = passed.flatMap(({ mls }) => (mls === undefined ? [] : secretsOf(mls)))
    const kept = new Set(statesOf(absent.group).flatMap(secretsOf))
    expect(secrets.length).toBeGreaterThan(0)
    expect(secrets.every((secret) => kept.has(secret))).toBe(true)
    expect(absent.wake).toBeLessThanOrEqual(world.now + READING_PAUSE_MS)
    await world.pass(READING_PAUSE_MS)
    expect(absent.group.reading).toBeUndefined()
    expect(absent.wake).toBeUndefined()
    for (const secret of secrets) expect(secret.every((byte) => byte === 0)).toBe(true)
    expect((await read(absent, [late]))(late)).toBe("transport_deferred")
  })

  test("are not kept of what comes live", async () => {
    const { world, alice, absent } = await scene()
    for (const event of await commits(world, alice, AHEAD)) {
      await absent.step({ type: "events", events: [event], areStored: false })
      await world.pass(1_100)
    }
    expect(absent.epoch).toBe(alice.epoch)
    expect(absent.group.reading).toBeUndefined()
  })

  test("are bounded: the oldest go first", async () => {
    const { world, alice, absent } = await scene()
    await read(absent, await commits(world, alice, AHEAD))
    const [node] = absent.group.reading?.passed.values() ?? []
    if (node === undefined) throw new Error("nothing has passed")
    const t = new Transition(absent.group, world.env)
    const ids = Array.from({ length: MAX_PASSED_STATES }, (_, i) => `later ${i}`)
    for (const id of ids) pass(t, [{ ...node, id }])
    expect([...(t.group.reading?.passed.keys() ?? [])]).toEqual(ids)
  })

  test("are tried on so much, and no more, of what one step brings", async () => {
    const { world, alice, absent } = await scene()
    const late = await said(world, alice, "behind much junk")
    await read(absent, await commits(world, alice, AHEAD))
    const address = routeOf(stateOf(absent)).nostrGroupId
    const keys = absent.group.reading?.passed.size ?? 0
    const [size, count] = [60_000, Math.ceil(MAX_PASSED_EFFORT / keys / 80_000)]
    const junk = Array.from({ length: count }, () => {
      const parts = { message: new Uint8Array(size), nostrGroupId: address, random: world.random }
      return sealGroupEvent({ ...parts, key: world.random(32), createdAt: world.seconds })
    })
    const t = new Transition(absent.group, world.env)
    for (const event of junk) {
      expect(openPassed(t, parseGroupEvent(event), event.content.length)).toBeUndefined()
    }
    expect(t.passedEffort).toBeGreaterThanOrEqual(MAX_PASSED_EFFORT)
    expect(t.passedEffort).toBeLessThan(MAX_PASSED_EFFORT + 90_000)
    expect(openPassed(t, parseGroupEvent(late), late.content.length)).toBeUndefined()
    await read(absent, [late])
    expect(absent.messages).toEqual(["behind much junk"])
  })

  test("go with the membership", async () => {
    const { world, alice, absent } = await scene()
    const before = await commits(world, alice, AHEAD)
    await alice.want({ type: "remove", members: [absent.pubkey] })
    const removal = alice.publication.event
    await world.acceptAll()
    await read(absent, [...before, removal])
    await world.pass(1_100)
    expect(absent.group.standing).toBe("removed")
    expect(absent.group.reading).toBeUndefined()
  })
})
