// Marmot convergence §8.4–8.8 on real members: rival Commits, in all orders of delivery.

import { describe, expect, test } from "vitest"
import type { NostrEvent } from "../nostr/event.ts"
import { sealed } from "./crafted.fixture.ts"
import { type Member, stateOf, type World, type WorldOptions, worldOf } from "./engine.fixture.ts"
import { eventKey } from "./event-key.ts"
import { openGroupEvent, parseGroupEvent } from "./group-event.ts"

/** Ada and Bo are both admins, Cy is not; all at epoch 2. */
async function rivals(options: WorldOptions = {}) {
  const { world, people } = await worldOf(["ada", "bo", "cy"], options)
  const [ada, bo] = people
  await ada.want({ type: "update", admins: [ada.pubkey, bo.pubkey] })
  await world.settle()
  return { world, people }
}

function expectAgreement(people: readonly Member[]): void {
  const [first, ...others] = people
  for (const member of others) {
    expect(member.fingerprint).toEqual(first?.fingerprint)
    expect([...member.messages].sort()).toEqual([...(first?.messages ?? [])].sort())
  }
}

/** Both publish before either hears of the other; gives the events in that order. */
async function publishBoth(world: World, first: Member, second: Member): Promise<NostrEvent[]> {
  const publications = [first.publication, second.publication]
  for (const publication of publications) await world.accept(publication)
  return publications.map((publication) => publication.event)
}

/** The relay acknowledges the message, and keeps it to itself. */
async function sayUnheard(member: Member, content: string): Promise<NostrEvent> {
  await member.say(content)
  const { publication, world } = member
  await world.accept(publication)
  world.relay.splice(world.relay.indexOf(publication.event), 1)
  return publication.event
}

/** What two members want at the same time. */
const clashes: Record<string, (world: World, a: Member, b: Member) => Promise<void>> = {
  "two renames": async (_world, ada, bo) => {
    await ada.rename("Warren")
    await bo.rename("Sett")
  },
  "two invitations": async (world, ada, bo) => {
    await ada.invite(await world.member("di"))
    await bo.invite(await world.member("ed"))
  },
  "two self-updates": async (_world, ada, bo) => {
    await ada.want({ type: "selfUpdate" })
    await bo.want({ type: "selfUpdate" })
  },
  "a rename and a self-update": async (_world, ada, bo) => {
    await ada.want({ type: "selfUpdate" })
    await bo.rename("Sett")
  },
}

describe.each(Object.entries(clashes))("%s at once", (_name, clash) => {
  test.each([
    ["one after the other", 0],
    ["in the other order", 1],
  ] as const)("converge when they arrive %s", async (_order, reverse) => {
    const { world, people } = await rivals()
    const [ada, bo, cy] = people
    await clash(world, ada, bo)
    const events = await publishBoth(world, ada, bo)
    if (reverse) events.reverse()
    for (const event of events) {
      for (const member of [cy, ada, bo]) await member.receive(event)
    }
    expect(cy.group.lifecycle).toBe("recovering")
    expect(cy.epoch).toBe(2)
    await world.settle()
    expectAgreement(people)
    expect(cy.epoch).toBe(3)
    for (const member of people) expect(member.group.lifecycle).toBe("stable")
  })

  test("converge when one arrives after the other was applied", async () => {
    const winners = new Set<string | undefined>()
    for (const first of [0, 1] as const) {
      const { world, people } = await rivals({ seed: "late" })
      const [ada, bo, cy] = people
      await clash(world, ada, bo)
      const events = await publishBoth(world, ada, bo)
      await cy.receive(events[first] as NostrEvent)
      await world.pass(1000)
      expect(cy.epoch).toBe(3)
      await world.settle()
      expectAgreement(people)
      const committer = cy.group.states.get(cy.group.tip)?.edge?.committer
      winners.add(people.find((member) => member.pubkey === committer)?.name)
    }
    // The order of arrival never decides.
    expect(winners.size).toBe(1)
    expect(winners).not.toContain(undefined)
  })
})

describe("a change that lost", () => {
  /** Two renames; who wins is decided by the lower account key. */
  async function lost() {
    const { world, people } = await rivals()
    const [ada, bo, cy] = people
    const [winner, loser] = ada.pubkey < bo.pubkey ? [ada, bo] : [bo, ada]
    await winner.rename("kept")
    await loser.rename("lost")
    await publishBoth(world, winner, loser)
    return { world, people, cy, winner, loser }
  }

  test("is withdrawn with its notices, once, and its author hears of it", async () => {
    const { world, people, winner, loser } = await lost()
    expect(loser.title).toBe("lost")
    const digest = loser.group.tip
    await world.settle()
    expect(people.map((member) => member.title)).toEqual(["kept", "kept", "kept"])
    const told = (type: string) => loser.effects.filter((effect) => effect.type === type)
    expect(told("withdrawNotices")).toEqual([{ type: "withdrawNotices", commitDigest: digest }])
    expect(told("changeLost")).toEqual([
      {
        type: "changeLost",
        commitDigest: digest,
        changes: [{ type: "group_renamed", actor: loser.pubkey, name: "lost", oldName: "Burrow" }],
      },
    ])
    expect(winner.effects.filter((effect) => effect.type === "changeLost")).toEqual([])
    for (const member of people) {
      const renames = [...member.notices.values()].flat().filter((row) => "name" in row)
      expect(renames).toEqual([
        { type: "group_renamed", actor: winner.pubkey, name: "kept", oldName: "Burrow" },
      ])
    }
  })

  test("takes messages with it, and its author's are said again, shown once", async () => {
    const { world, people, cy, winner, loser } = await lost()
    await loser.say("on the losing branch")
    await winner.say("on the other")
    await world.settle()
    expectAgreement(people)
    expect(winner.title).toBe("kept")
    for (const member of people) {
      expect([...member.messages].sort()).toEqual(["on the losing branch", "on the other"])
      expect(member.shown.size).toBe(2)
    }
    const withdrawn = loser.effects.filter((effect) => effect.type === "withdraw")
    expect(withdrawn.map((effect) => effect.own)).toEqual([true])
    // Cy never settled on the losing branch, so nothing was withdrawn there.
    expect(cy.effects.filter((effect) => effect.type === "withdraw")).toEqual([])
  })

  test("can be made anew", async () => {
    const { world, people, loser } = await lost()
    await world.settle()
    await loser.rename("lost")
    await world.settle()
    expectAgreement(people)
    expect(people.map((member) => member.title)).toEqual(["lost", "lost", "lost"])
  })

  test("wins later if its branch grows longer", async () => {
    const { world, people, cy, winner, loser } = await lost()
    const [, second] = world.relay.slice(-2)
    // Cy hears of the winner only, and settles on it; the loser goes on by itself.
    await cy.receive(world.relay.at(-2) as NostrEvent)
    await world.pass(1000)
    expect(cy.title).toBe("kept")
    await cy.say("hello")
    await world.acceptAll()
    await loser.want({ type: "selfUpdate" })
    await world.acceptAll()
    expect(second).toBeDefined()
    await world.settle()
    expectAgreement(people)
    expect(people.map((member) => member.title)).toEqual(["lost", "lost", "lost"])
    expect(cy.messages).toEqual(["hello"])
    expect(winner.effects.some((effect) => effect.type === "changeLost")).toBe(true)
  })

  test("takes no message with it that was sent before, too", async () => {
    const { world, people } = await rivals()
    const [ada, bo, cy] = people
    const [low, high] = ada.pubkey < bo.pubkey ? [ada, bo] : [bo, ada]
    await cy.say("twice")
    world.acceptSilently(cy.publication)
    for (const name of ["one", "two"]) {
      await high.rename(name)
      await world.settle()
    }
    await low.rename("kept")
    const kept = low.publication
    await high.rename("lost")
    await world.accept(high.publication)
    await cy.receiveAll()
    await world.pass(1000)
    // Without an acknowledgement, Cy has said it again by now.
    await world.accept(cy.publication)
    await high.receiveAll()
    expect(high.messages).toEqual(["twice"])
    await world.accept(kept)
    await low.say("on the other branch")
    await world.settle()
    expectAgreement(people)
    expect(cy.title).toBe("kept")
    for (const member of people) {
      expect([...member.messages].sort()).toEqual(["on the other branch", "twice"])
      expect(member.effects.filter((effect) => effect.type === "withdraw")).toEqual([])
    }
  })

  test("does not send its Welcome", async () => {
    const { world, people } = await rivals()
    const [ada, bo] = people
    const [winner, loser] = ada.pubkey < bo.pubkey ? [ada, bo] : [bo, ada]
    const di = await world.member("di")
    await winner.rename("kept")
    await loser.invite(di)
    const before = loser.welcomes.length
    await publishBoth(world, winner, loser)
    await world.settle()
    expect(loser.welcomes).toHaveLength(before)
    await loser.invite(di)
    await world.settle()
    expect(loser.welcomes).toHaveLength(before + 1)
    await di.join(loser)
    await world.settle()
    expectAgreement([...people, di])
  })
})

describe("witnesses", () => {
  test("two people's messages outweigh one Commit more", async () => {
    const { world, people } = await worldOf(["ada", "bo", "cy", "di"])
    const [ada, bo, cy, di] = people
    await ada.want({ type: "update", admins: [ada.pubkey, bo.pubkey] })
    await world.settle()
    await ada.rename("talkative")
    await bo.rename("busy")
    const [talkative] = await publishBoth(world, ada, bo)
    // Ada and Cy talk on one branch, Bo goes on alone on the other.
    await cy.receive(talkative as NostrEvent)
    await world.pass(1000)
    await ada.say("one")
    await cy.say("two")
    await bo.want({ type: "selfUpdate" })
    await world.acceptAll()
    await world.settle()
    expectAgreement(people)
    expect(di.title).toBe("talkative")
    expect(di.epoch).toBe(3)
    expect([...di.messages].sort()).toEqual(["one", "two"])
  })

  test("who has settled on the other branch already changes over when they come", async () => {
    const { world, people } = await worldOf(["ada", "bo", "cy", "di"])
    const [ada, bo, cy, di] = people
    await ada.want({ type: "update", admins: [ada.pubkey, bo.pubkey] })
    await world.settle()
    const [low, high] = ada.pubkey < bo.pubkey ? [ada, bo] : [bo, ada]
    await low.rename("low")
    await high.rename("high")
    const [, event] = await publishBoth(world, low, high)
    await cy.receive(event as NostrEvent)
    await world.pass(1000)
    await high.say("one")
    await cy.say("two")
    const messages = world.unanswered.map((publication) => publication.event)
    // Di weighs the Commits alone first.
    for (const commit of world.relay) await di.receive(commit)
    await world.pass(1000)
    expect(di.title).toBe("low")
    await world.acceptAll()
    for (const message of messages) await di.receive(message)
    expect(di.messages).toEqual([])
    await world.pass(1000)
    expect(di.title).toBe("high")
    expect(di.messages.sort()).toEqual(["one", "two"])
    await world.settle()
    expectAgreement(people)
    expect(low.title).toBe("high")
  })
})

describe("order of arrival", () => {
  test("a message before the Commit that made its epoch", async () => {
    const { world, people } = await rivals()
    const [ada, , cy] = people
    await ada.rename("Warren")
    await world.acceptAll()
    await ada.say("early")
    await world.acceptAll()
    const [commit, message] = cy.missing
    expect(await cy.receive(message as NostrEvent)).toBe("transport_deferred")
    expect(await cy.receive(message as NostrEvent)).toBe("duplicate")
    expect(await cy.receive(commit as NostrEvent)).toBe("deferred")
    expect(cy.messages).toEqual([])
    await world.pass(1000)
    expect(cy.messages).toEqual(["early"])
    expect(cy.group.unopened.size).toBe(0)
    await world.settle()
    expectAgreement(people)
  })

  test("a long history backwards", async () => {
    const { world, people } = await rivals()
    const [ada, , cy] = people
    for (let i = 0; i < 4; i++) {
      await ada.rename(`name ${i}`)
      await world.acceptAll()
      await ada.say(`message ${i}`)
      await world.acceptAll()
    }
    for (const event of cy.missing.reverse()) await cy.receive(event)
    await world.settle()
    expectAgreement(people)
    expect(cy.title).toBe("name 3")
    expect(cy.messages).toHaveLength(4)
  })

  test("a Commit before the proposal that it names", async () => {
    const { world, people } = await rivals()
    const [ada, bo, cy] = people
    await cy.want({ type: "leave" })
    const proposal = cy.publication
    await world.accept(proposal)
    await ada.receive(proposal.event)
    await world.pass(1500)
    const commit = ada.publication
    await world.accept(commit)
    expect(await bo.receive(commit.event)).toBe("deferred")
    expect(await bo.receive(commit.event)).toBe("duplicate")
    expect(bo.wake).toBeUndefined()
    expect(await bo.receive(proposal.event)).toBe("deferred")
    expect(bo.group.deferred.size).toBe(0)
    await world.settle()
    expect(bo.fingerprint).toEqual(ada.fingerprint)
    expect(bo.notified).toContain("member_left")
  })

  test("the same MLS bytes in another event are a duplicate", async () => {
    const { world, people } = await rivals()
    const [ada, bo, cy] = people
    const states = [stateOf(bo)]
    await ada.rename("Warren")
    await ada.say("once")
    await world.settle()
    states.push(stateOf(bo))
    let rewrapped = 0
    for (const event of world.relay.slice(1)) {
      for (const state of states) {
        const message = openGroupEvent(eventKey(world.crypto, state), parseGroupEvent(event))
        if (message === undefined) continue
        const before = cy.group
        expect(await cy.receive(sealed(bo, message, state))).toBe("duplicate")
        expect(cy.group).toEqual(before)
        rewrapped++
      }
    }
    expect(rewrapped).toBe(2)
    expect(cy.messages).toEqual(["once"])
  })

  test("bytes under the wrong epoch's key are refused, and taken when they come under the right one", async () => {
    const { world, people } = await rivals()
    const [ada, bo, cy] = people
    const old = stateOf(bo)
    await ada.rename("first")
    await world.settle()
    await ada.rename("second")
    const { event } = ada.publication
    const message = openGroupEvent(eventKey(world.crypto, stateOf(bo)), parseGroupEvent(event))
    if (message === undefined) throw new Error("the commit does not open")
    expect(await cy.receive(sealed(bo, message, old))).toBe("invalid_encoding")
    await world.accept(ada.publication)
    expect(await cy.receive(event)).toBe("deferred")
    await world.settle()
    expectAgreement(people)
    expect(cy.title).toBe("second")
  })
})

describe("the horizon", () => {
  test("a fork of six epochs ago changes nothing", async () => {
    const { world, people } = await rivals()
    const [ada, bo, cy] = people
    await bo.rename("stale")
    const late = bo.publication
    world.unanswered.splice(0)
    for (let i = 0; i < 6; i++) {
      await ada.rename(`name ${i}`)
      await world.acceptAll()
      await cy.receiveAll()
      await world.pass(1000)
    }
    const before = cy.fingerprint
    expect(await cy.receive(late.event)).toBe("transport_deferred")
    await world.pass(5000)
    expect(cy.fingerprint).toEqual(before)
    expect(cy.group.states.size).toBe(6)
  })

  test("a fork of five epochs ago still counts", async () => {
    const { world, people } = await rivals()
    const [ada, bo, cy] = people
    await bo.rename("parked")
    const late = bo.publication
    world.unanswered.splice(0)
    for (let i = 0; i < 5; i++) {
      await ada.rename(`name ${i}`)
      await world.acceptAll()
      await cy.receiveAll()
      await world.pass(1000)
    }
    expect(await cy.receive(late.event)).toBe("deferred")
    expect(cy.group.lifecycle).toBe("recovering")
    await world.pass(1000)
    expect(cy.title).toBe("name 4")
    expect(cy.group.states.size).toBe(7)
  })

  test("messages of five epochs ago are shown, older ones are gone", async () => {
    const { world, people } = await rivals()
    const [ada, bo, cy] = people
    const old = await sayUnheard(bo, "old")
    // Long enough ago that the sender has no reason to say it again.
    await world.pass(30_000)
    await ada.rename("next")
    await world.settle()
    const young = await sayUnheard(bo, "young")
    for (let i = 0; i < 5; i++) {
      await ada.rename(`name ${i}`)
      await world.settle()
    }
    expect(await cy.receive(young)).toBe("accepted")
    expect(await cy.receive(old)).toBe("transport_deferred")
    expect(cy.messages).toEqual(["young"])
  })
})
