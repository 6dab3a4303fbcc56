import { describe, expect, test } from "vitest"
import { encryptApplication } from "../mls/index.ts"
import { chatEvent, encodeAppEvent } from "./app-event.ts"
import { sealed } from "./crafted.fixture.ts"
import { apply } from "./engine.ts"
import { type Member, stateOf, worldOf, type World } from "./engine.fixture.ts"
import type { Effect } from "./engine-types.ts"
import { isOutrun } from "./group-view.ts"
import { CATCH_UP_WINDOW } from "./limits.ts"
import { mlsContext } from "./transition.ts"

interface Month {
  readonly world: World
  readonly writers: readonly [Member, Member]
  /** Was there at the beginning and has received nothing since. */
  readonly absent: Member
  /** Another one, who takes the events one by one as they were live. */
  readonly present: Member
  readonly contents: readonly string[]
}

/** `commits` epochs with messages in each; now and then both admins change the group at once. */
async function month(seed: string, commits: number): Promise<Month> {
  const names = ["alice", "bob", "carol", "dan"] as const
  const { world, people } = await worldOf(names, { seed })
  const [alice, bob, carol, dan] = people
  await alice.want({ type: "update", admins: [alice.pubkey, bob.pubkey] })
  await world.settle()
  const contents: string[] = []
  const exchange = async () => {
    await world.acceptAll()
    for (const member of [alice, bob]) await member.receiveAll()
    await world.pass(1_100)
    for (const member of [alice, bob]) await member.receiveAll()
  }
  for (let i = 0; i < commits; i++) {
    const [one, two] = i % 2 === 0 ? [alice, bob] : [bob, alice]
    await one.rename(`name ${i}`)
    if (i % 4 === 1) await two.rename(`rival ${i}`)
    await exchange()
    for (const member of [alice, bob]) {
      const content = `${member.name} ${i}`
      await member.say(content)
      contents.push(content)
    }
    await world.acceptAll()
    for (const member of [alice, bob]) await member.receiveAll()
    world.now += 60_000
  }
  return { world, writers: [alice, bob], absent: carol, present: dan, contents }
}

async function takeStored(member: Member, sizes: readonly number[]): Promise<readonly Effect[]> {
  const events = member.missing
  const effects: Effect[] = []
  for (let at = 0, turn = 0; at < events.length; turn++) {
    const size = sizes[turn % sizes.length] ?? 1
    const chunk = events.slice(at, at + size)
    effects.push(...(await member.step({ type: "events", events: chunk, areStored: true })))
    for (const event of chunk) member.taken.add(event.id)
    at += size
  }
  return effects
}

test("in a long step others have their turn, and it ends as it would without", async () => {
  const { world, absent, present } = await month("turns", 40)
  const events = absent.missing
  const untilNow = { type: "events", events, areStored: true } as const
  let turns = 0
  const othersTurn = async () => {
    turns++
    await new Promise((resolve) => setTimeout(resolve, 0))
  }
  const step = await apply(absent.group, untilNow, { ...world.env, othersTurn })
  expect(events.length).toBeGreaterThan(128)
  expect(turns).toBe(Math.floor(events.length / 64))
  const { group } = await apply(present.group, untilNow, world.env)
  expect(step.group.tip).toBe(group.tip)
  expect([...step.group.apps.keys()]).toEqual([...group.apps.keys()])
})

const sorted = (lines: readonly string[]) => [...lines].sort()

describe("catching up with what relays have stored", () => {
  test.each([[[1]], [[7, 1, 3]], [[1_000]]])(
    "in steps of %j events: the group and the messages of those who were there",
    async (sizes) => {
      const { world, writers, absent, contents } = await month("stored", 24)
      const [alice, bob] = writers
      expect(alice.fingerprint).toEqual(bob.fingerprint)
      const events = absent.missing
      const effects = await takeStored(absent, sizes)
      const told = effects.flatMap((each) => (each.type === "disposition" ? [each.eventId] : []))
      expect(new Set(told)).toEqual(new Set(events.map(({ id }) => id)))
      // Not hundreds of states: those behind the tip, those of the open pass, and the rivals among them.
      expect(absent.group.states.size).toBeLessThan(4 * CATCH_UP_WINDOW)
      expect(absent.epoch).toBeGreaterThan(alice.epoch - CATCH_UP_WINDOW - 2)
      await world.pass(1_100)
      expect(absent.fingerprint).toEqual(alice.fingerprint)
      expect(absent.title).toBe(alice.title)
      expect(sorted(absent.messages)).toEqual(sorted(contents))
      const delivered = effects.filter((each) => each.type === "deliver").length
      expect(delivered).toBeGreaterThan(0)
    },
  )

  test("several events in one step are the events one after the other", async () => {
    const { world, absent, present } = await month("together", 4)
    const events = absent.missing
    await absent.step({ type: "events", events, areStored: false })
    for (const event of events) await present.receive(event)
    const gist = (member: Member) =>
      member.effects.flatMap((each) => {
        if (each.type === "deliver") return [`deliver ${each.event.content}`]
        if (each.type === "disposition")
          return [`${each.eventId} ${each.disposition ?? each.category ?? ""}`]
        return [each.type]
      })
    expect(gist(absent).slice(-events.length)).toEqual(gist(present).slice(-events.length))
    await world.pass(6_000)
    expect(absent.fingerprint).toEqual(present.fingerprint)
    expect(absent.messages).toEqual(present.messages)
  })

  test("copies, garbage and what cannot be opened between them change nothing", async () => {
    const { world, writers, absent, present } = await month("mixed", 6)
    const [alice] = writers
    const text = (content: string) => {
      const { pubkey } = alice
      return encodeAppEvent(chatEvent({ pubkey, createdAt: world.seconds, content }))
    }
    const sayAs = async (content: string) => {
      const state = stateOf(alice)
      return (await encryptApplication(mlsContext(world.env), state, text(content))).message
    }
    for (let i = 0; i < 5; i++) {
      await alice.say(`tail ${i}`)
      await world.acceptAll()
    }
    const damaged = sealed(alice, (await sayAs("damaged")).with(-1, 1))
    const reused = sealed(alice, await sayAs("used twice"))
    const events = absent.missing.flatMap((event, i) => (i % 3 === 0 ? [event, event] : [event]))
    const hostile = [...events.slice(0, -3), damaged, ...events.slice(-3), reused, damaged]
    await absent.step({ type: "events", events: hostile, areStored: false })
    for (const event of hostile) await present.receive(event)
    const told = (member: Member) =>
      member.effects.flatMap((each) =>
        each.type === "disposition"
          ? [`${each.eventId} ${each.disposition ?? each.category ?? ""}`]
          : each.type === "deliver"
            ? [each.event.content]
            : [],
      )
    expect(told(absent).slice(-hostile.length)).toEqual(told(present).slice(-hostile.length))
    await world.pass(6_000)
    expect(absent.fingerprint).toEqual(alice.fingerprint)
    expect(absent.messages).toEqual(present.messages)
    expect(absent.messages).toContain("tail 4")
  })

  test("live, a pass waits for its time however many Commits come at once", async () => {
    const { world, writers, absent } = await month("live", 12)
    const before = absent.epoch
    await absent.step({ type: "events", events: absent.missing, areStored: false })
    expect(absent.epoch).toBe(before)
    await world.pass(1_100)
    expect(absent.fingerprint).toEqual(writers[0].fingerprint)
  })

  test("a rival that comes five Commits late still wins", async () => {
    const names = ["alice", "bob", "carol", "dan"] as const
    const { world, people } = await worldOf(names, { seed: "late" })
    const [alice, bob, carol, dan] = people
    await alice.want({ type: "update", admins: [alice.pubkey, bob.pubkey] })
    await world.settle()
    const chain = async (member: Member, length: number) => {
      const events = []
      for (let i = 0; i < length; i++) {
        await member.rename(`${member.name} ${i}`)
        events.push(member.publication.event)
        await world.accept(member.publication)
      }
      return events
    }
    const short = await chain(alice, CATCH_UP_WINDOW)
    const long = await chain(bob, CATCH_UP_WINDOW + 1)
    await carol.step({ type: "events", events: [...short, ...long], areStored: true })
    for (const event of [...long, ...short]) await dan.receive(event)
    await world.pass(6_000)
    expect(carol.fingerprint).toEqual(dan.fingerprint)
    expect(carol.fingerprint).toEqual(bob.fingerprint)
  })

  test("a Commit of ours that still waits for its answer is found to be outrun, and the group goes on", async () => {
    const { world, writers, absent } = await month("outrun", 12)
    await absent.want({ type: "selfUpdate" })
    const { event } = absent.publication
    const [few, many] = [absent.missing.slice(0, 6), absent.missing.slice(6)]
    await absent.step({ type: "events", events: few, areStored: true })
    expect(isOutrun(absent.group)).toBe(false)
    await absent.step({ type: "events", events: many, areStored: true })
    expect(isOutrun(absent.group)).toBe(true)
    await absent.step({ type: "published", eventId: event.id, outcome: "accepted" })
    expect(isOutrun(absent.group)).toBe(false)
    await world.pass(6_000)
    expect(absent.fingerprint).toEqual(writers[0].fingerprint)
  })

  test("whoever is removed on the way takes nothing more", async () => {
    const { world, people } = await worldOf(["alice", "bob", "carol"], { seed: "gone" })
    const [alice, bob, carol] = people
    for (let i = 0; i < 3; i++) {
      await alice.rename(`before ${i}`)
      await world.acceptAll()
    }
    await alice.want({ type: "remove", members: [carol.pubkey] })
    await world.acceptAll()
    for (let i = 0; i < 8; i++) {
      await alice.rename(`after ${i}`)
      await world.acceptAll()
    }
    await carol.step({ type: "events", events: carol.missing, areStored: true })
    await bob.step({ type: "events", events: bob.missing, areStored: true })
    await world.pass(6_000)
    expect(carol.group.standing).toBe("removed")
    expect(carol.title).toBe("before 2")
    expect(bob.fingerprint).toEqual(alice.fingerprint)
  })
})
