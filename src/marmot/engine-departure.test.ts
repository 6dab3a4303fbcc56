// Marmot member departure and removal (behaviour §5): leaving, being removed, disbanding.

import { describe, expect, test } from "vitest"
import { sha256 } from "@noble/hashes/sha2.js"
import { createProposal, proposalTypes } from "../mls/index.ts"
import { bytesToHex } from "../nostr/event.ts"
import { encodeGroupLifecycle } from "./components/group-lifecycle.ts"
import { waitingDepartures } from "./departure.ts"
import { craftCommit, sealed } from "./crafted.fixture.ts"
import { type Member, stateOf, worldOf } from "./engine.fixture.ts"
import { factsOf } from "./group-facts.ts"
import { summary } from "./group-view.ts"
import { adminPolicyProposal, replaceComponent } from "./local-commit.ts"
import { componentIds } from "./registry.ts"
import { mlsContext } from "./transition.ts"

function expectAgreement(people: readonly Member[]): void {
  for (const member of people) expect(member.fingerprint).toEqual(people[0]?.fingerprint)
}

const standing = (member: Member) => summary(member.group).standing
const members = (member: Member) => summary(member.group).members
const endings = (member: Member) => member.effects.filter((effect) => effect.type === "ended")

describe("leaving", () => {
  test("is proposed by the leaver and committed by someone else, after a jitter", async () => {
    const { world, people } = await worldOf(["ada", "bo", "cy"])
    const [ada, bo, cy] = people
    const intent = await cy.want({ type: "leave" })
    expect(cy.outcomes()).toEqual([`${intent}: ok`])
    expect(standing(cy)).toBe("leaving")
    expect(world.unanswered.map(({ purpose }) => purpose)).toEqual(["proposal"])
    await world.acceptAll()
    await bo.receiveAll()
    const wait = (bo.wake ?? 0) - world.now
    expect(wait).toBeGreaterThanOrEqual(100)
    expect(wait).toBeLessThan(1500)
    await world.settle()
    expectAgreement([ada, bo])
    expect(members(ada)).toEqual([ada.pubkey, bo.pubkey])
    expect(standing(cy)).toBe("left")
    expect(endings(cy)).toEqual([{ type: "ended", how: "left", actor: undefined }])
    for (const member of [ada, bo]) expect(member.notified).toContain("member_left")
  })

  test("a member who is no admin commits the departure of another", async () => {
    const { world, people } = await worldOf(["ada", "bo", "cy"])
    const [, bo, cy] = people
    await cy.want({ type: "leave" })
    await world.acceptAll()
    await bo.receiveAll()
    await world.pass(1500)
    expect(bo.publication.purpose).toBe("commit")
    await world.settle()
    expect(standing(cy)).toBe("left")
    expectAgreement(people.slice(0, 2))
  })

  test("sends nothing more", async () => {
    const { world, people } = await worldOf(["ada", "bo", "cy"])
    const cy = people[2]
    await cy.want({ type: "leave" })
    world.unanswered.splice(0)
    for (const wish of [
      cy.say("wait"),
      cy.want({ type: "selfUpdate" }),
      cy.want({ type: "leave" }),
    ])
      await wish
    expect(cy.outcomes().slice(1)).toEqual([
      "cy-1: not_active",
      "cy-2: not_active",
      "cy-3: not_active",
    ])
    expect(world.unanswered).toEqual([])
  })

  test("is proposed anew for each state that still has the leaver, and only once", async () => {
    const { world, people } = await worldOf(["ada", "bo", "cy"])
    const [ada, , cy] = people
    await cy.want({ type: "leave" })
    // The proposal is lost, and the group goes on.
    world.unanswered.splice(0)
    await ada.rename("Warren")
    await world.acceptAll()
    await cy.receiveAll()
    await world.pass(1000)
    expect(world.unanswered.map(({ by, purpose }) => [by.name, purpose])).toEqual([
      ["cy", "proposal"],
    ])
    await cy.tick()
    await cy.tick()
    expect(world.unanswered).toHaveLength(1)
    await world.settle()
    expect(standing(cy)).toBe("left")
    expect(members(ada)).toHaveLength(2)
  })

  test("is proposed anew when a rival Commit replaces the state that it was for", async () => {
    const { world, people } = await worldOf(["ada", "bo", "cy"])
    const [ada, bo, cy] = people
    await ada.want({ type: "update", admins: [ada.pubkey, bo.pubkey] })
    await world.settle()
    const [low, high] = ada.pubkey < bo.pubkey ? [ada, bo] : [bo, ada]
    await low.rename("low")
    await high.rename("high")
    const kept = low.publication
    const lost = high.publication
    await world.accept(lost)
    await cy.receive(lost.event)
    await world.pass(1000)
    expect(summary(cy.group).name).toBe("high")
    await cy.want({ type: "leave" })
    await world.accept(kept)
    await cy.receive(kept.event)
    await world.pass(1000)
    expect([summary(cy.group).name, cy.epoch]).toEqual(["low", 3])
    const proposals = world.unanswered.filter(({ purpose }) => purpose === "proposal")
    expect(proposals).toHaveLength(2)
    await world.settle()
    expect(standing(cy)).toBe("left")
    expectAgreement([ada, bo])
    expect(members(ada)).toHaveLength(2)
  })

  test("is offered again, the very same, as long as every relay refuses it", async () => {
    const { world, people } = await worldOf(["ada", "bo", "cy"])
    const [ada, bo, cy] = people
    await cy.want({ type: "leave" })
    const said = cy.publication.event
    for (const minutes of [1, 2, 4]) {
      await world.reject(cy.publication)
      cy.restart()
      await world.pass(minutes * 60_000 - 1)
      expect(world.unanswered).toEqual([])
      await world.pass(1)
      expect(cy.publication.event).toEqual(said)
    }
    await world.settle()
    expectAgreement([ada, bo])
    expect(standing(cy)).toBe("left")
  })

  test("that every relay refused is made anew for the next state, and not offered for the last", async () => {
    const { world, people } = await worldOf(["ada", "bo", "cy"])
    const [ada, , cy] = people
    await cy.want({ type: "leave" })
    const said = cy.publication.event
    await world.reject(cy.publication)
    await ada.rename("Lodge")
    await world.acceptAll()
    await cy.receiveAll()
    await world.pass(6_000)
    expect(cy.publication.event).not.toEqual(said)
    expect(cy.wake).toBeUndefined()
    await world.settle()
    expect(standing(cy)).toBe("left")
  })

  test("an admin steps down first", async () => {
    const { world, people } = await worldOf(["ada", "bo", "cy"])
    const [ada, bo, cy] = people
    await ada.want({ type: "update", admins: [ada.pubkey, bo.pubkey] })
    await world.settle()
    await ada.want({ type: "leave" })
    expect(world.unanswered.map(({ purpose }) => purpose)).toEqual(["commit"])
    await world.settle()
    expect(standing(ada)).toBe("left")
    expectAgreement([bo, cy])
    expect(summary(bo.group)).toMatchObject({
      members: [bo.pubkey, cy.pubkey],
      admins: [bo.pubkey],
    })
    expect(bo.notified).toEqual(["admin_added", "admin_removed", "member_left"])
    expect(ada.outcomes().every((line) => line.endsWith(": ok"))).toBe(true)
  })

  test("an admin whose stepping down loses against a rival steps down again", async () => {
    const { world, people } = await worldOf(["ada", "bo", "cy"])
    const [ada, bo, cy] = people
    await ada.want({ type: "update", admins: [ada.pubkey, bo.pubkey] })
    await world.settle()
    const [low, high] = ada.pubkey < bo.pubkey ? [ada, bo] : [bo, ada]
    await low.rename("kept")
    const rival = low.publication
    await high.want({ type: "leave" })
    await world.accept(high.publication)
    expect(standing(high)).toBe("leaving")
    // What it said on its branch must not make that one stronger; the rival is as long then.
    await world.accept(rival)
    await world.settle()
    expect(standing(high)).toBe("left")
    expectAgreement([low, cy])
    expect(summary(cy.group)).toMatchObject({ name: "kept", admins: [low.pubkey] })
    expect(members(cy)).toHaveLength(2)
  })

  test("an admin whose stepping down no relay takes stays", async () => {
    const { world, people } = await worldOf(["ada", "bo"])
    const [ada, bo] = people
    await ada.want({ type: "update", admins: [ada.pubkey, bo.pubkey] })
    await world.settle()
    const intent = await ada.want({ type: "leave" })
    await world.reject(ada.publication)
    expect(ada.outcomes().at(-1)).toBe(`${intent}: publish_rejected`)
    expect(standing(ada)).toBe("active")
    await ada.say("still here")
    await world.settle()
    expect(bo.messages).toEqual(["still here"])
  })

  test("the last one turns off the light", async () => {
    const { world, people } = await worldOf(["ada"])
    const [ada] = people
    await ada.want({ type: "leave" })
    expect(standing(ada)).toBe("left")
    expect(ada.outcomes()).toEqual(["ada-0: ok"])
    await ada.say("hello?")
    expect(ada.outcomes().at(-1)).toBe("ada-1: not_active")
    expect(world.unanswered).toEqual([])
  })

  test("two leave at once", async () => {
    const { world, people } = await worldOf(["ada", "bo", "cy", "di"])
    const [ada, bo, cy, di] = people
    await cy.want({ type: "leave" })
    await di.want({ type: "leave" })
    await world.settle()
    expect([standing(cy), standing(di)]).toEqual(["left", "left"])
    expectAgreement([ada, bo])
    expect(members(bo)).toEqual([ada.pubkey, bo.pubkey])
  })
})

describe("committing the departure of others", () => {
  test("takes, of several proposals of one leaf, the one whose message has the lowest hash", async () => {
    const { world, people } = await worldOf(["ada", "bo", "cy"], { restarts: true })
    const [ada, bo, cy] = people
    const context = mlsContext(world.env)
    const selfRemove = { proposalType: proposalTypes.selfRemove } as const
    const made: { readonly hash: string; readonly ref: Uint8Array }[] = []
    for (let i = 0; i < 6; i++) {
      const authenticatedData = new Uint8Array([i])
      const { message, ref } = await createProposal(context, stateOf(cy), selfRemove, {
        wireFormat: "public",
        authenticatedData,
      })
      made.push({ hash: bytesToHex(sha256(message)), ref })
      world.relay.push(sealed(cy, message))
    }
    await bo.receiveAll()
    const [lowest] = made.toSorted((a, b) => (a.hash < b.hash ? -1 : 1))
    expect(waitingDepartures(stateOf(bo), bo.group.proposalIds)).toEqual([
      { ref: lowest?.ref, leaf: stateOf(cy).ownLeafIndex },
    ])
    expect(stateOf(bo).proposals.size).toBe(6)
    await world.settle()
    expectAgreement([ada, bo])
    expect(members(ada)).toEqual([ada.pubkey, bo.pubkey])
    expect(bo.group.proposalIds?.size).toBe(6)
  })

  test("is tried again a minute after every relay has refused it", async () => {
    const { world, people } = await worldOf(["ada", "bo"])
    const [ada, bo] = people
    await bo.want({ type: "leave" })
    await world.accept(bo.publication)
    await ada.receiveAll()
    await world.pass(1500)
    await world.reject(ada.publication)
    expect((ada.wake ?? 0) - world.now).toBe(60_000)
    expect(standing(ada)).toBe("active")
    await world.pass(60_000)
    await world.settle()
    expect(standing(bo)).toBe("left")
    expect(members(ada)).toEqual([ada.pubkey])
  })
})

describe("removal", () => {
  test("ends the membership of the one who was removed", async () => {
    const { world, people } = await worldOf(["ada", "bo", "cy"])
    const [ada, bo, cy] = people
    await cy.say("a draft that waits")
    await world.settle()
    await ada.want({ type: "remove", members: [cy.pubkey] })
    await world.settle()
    expectAgreement([ada, bo])
    expect(members(bo)).toEqual([ada.pubkey, bo.pubkey])
    expect(standing(cy)).toBe("removed")
    expect(endings(cy)).toEqual([{ type: "ended", how: "removed", actor: ada.pubkey }])
    expect(cy.notified).toContain("member_removed")
    // What was received stays readable.
    expect(cy.messages).toEqual(["a draft that waits"])
    expect(members(cy)).toHaveLength(3)
    expect(cy.wake).toBeUndefined()
    // No more of the group's keys are kept than it takes to show the last state.
    expect([...cy.group.states.values()].map((node) => node.epoch)).toEqual([1, 2])
    expect(cy.group.apps.size).toBe(0)
    cy.restart()
    expect(members(cy)).toHaveLength(3)
  })

  test("later traffic is not for the removed one", async () => {
    const { world, people } = await worldOf(["ada", "bo", "cy"])
    const [ada, , cy] = people
    await ada.want({ type: "remove", members: [cy.pubkey] })
    await world.settle()
    await ada.say("without cy")
    const { event } = ada.publication
    await world.acceptAll()
    expect(await cy.receive(event)).toBe("unknown_group")
    await cy.say("anyone?")
    expect(cy.outcomes()).toEqual(["cy-0: not_active"])
    expect(cy.messages).toEqual([])
  })

  test("a wish that waited is answered", async () => {
    const { world, people } = await worldOf(["ada", "bo", "cy"])
    const [ada, , cy] = people
    await ada.want({ type: "remove", members: [cy.pubkey] })
    await world.acceptAll()
    await cy.receiveAll()
    await cy.say("waits for the pass")
    expect(cy.outcomes()).toEqual([])
    await world.pass(1000)
    expect(cy.outcomes()).toEqual(["cy-0: not_active"])
    expect(world.unanswered).toEqual([])
  })

  test("an admin is removed together with the place in the policy", async () => {
    const { world, people } = await worldOf(["ada", "bo", "cy"])
    const [ada, bo, cy] = people
    await ada.want({ type: "update", admins: [ada.pubkey, bo.pubkey] })
    await world.settle()
    await bo.want({ type: "remove", members: [ada.pubkey] })
    await world.settle()
    expect(standing(ada)).toBe("removed")
    expectAgreement([bo, cy])
    expect(summary(cy.group)).toMatchObject({
      members: [bo.pubkey, cy.pubkey],
      admins: [bo.pubkey],
    })
  })

  test("the removed one can be invited again", async () => {
    const { world, people } = await worldOf(["ada", "bo", "cy"])
    const [ada, bo, cy] = people
    await ada.want({ type: "remove", members: [cy.pubkey] })
    await world.settle()
    await ada.invite(cy)
    await world.settle()
    await cy.join(ada)
    await cy.say("back")
    await world.settle()
    expectAgreement([ada, bo, cy])
    expect(bo.messages).toEqual(["back"])
  })

  test("an admin's removal of the one who leaves counts as removal", async () => {
    const { world, people } = await worldOf(["ada", "bo", "cy"])
    const [ada, bo, cy] = people
    await cy.want({ type: "leave" })
    const proposal = cy.publication
    await ada.want({ type: "remove", members: [cy.pubkey] })
    await world.accept(ada.publication)
    await world.accept(proposal)
    await world.settle()
    expect(standing(cy)).toBe("removed")
    expectAgreement([ada, bo])
    expect(members(bo)).toHaveLength(2)
  })
})

describe("disbanding", () => {
  async function disbanded() {
    const { world, people } = await worldOf(["ada", "bo", "cy"])
    const [ada, bo, cy] = people
    const { leaves } = factsOf(stateOf(ada))
    const removes = leaves
      .filter((leaf) => leaf.account !== ada.pubkey)
      .map((leaf) => ({ proposalType: proposalTypes.remove, removed: leaf.leafIndex }))
    const event = await craftCommit(ada, {
      proposals: [
        ...removes,
        adminPolicyProposal([ada.pubkey]),
        replaceComponent(componentIds.groupLifecycle, encodeGroupLifecycle("disbanded")),
      ],
    })
    return { world, ada, bo, cy, event }
  }

  test("goes through a pass and ends the group with one notice", async () => {
    const { world, ada, bo, event } = await disbanded()
    expect(await bo.receive(event)).toBe("deferred")
    expect(bo.group.lifecycle).toBe("recovering")
    await bo.say("wait")
    await world.pass(1000)
    expect(standing(bo)).toBe("disbanded")
    expect(bo.notified).toEqual(["group_disbanded"])
    expect(endings(bo)).toEqual([{ type: "ended", how: "disbanded", actor: ada.pubkey }])
    expect(bo.outcomes()).toEqual(["bo-0: not_active"])
    expect(bo.wake).toBeUndefined()
    expect(await bo.receive(event)).toBe("unknown_group")
    bo.restart()
    expect(standing(bo)).toBe("disbanded")
    expect(summary(bo.group).name).toBe("Burrow")
  })

  test("has no priority over a longer branch", async () => {
    const { world, ada, bo, cy, event } = await disbanded()
    await bo.want({ type: "selfUpdate" })
    await world.acceptAll()
    await bo.want({ type: "selfUpdate" })
    await world.acceptAll()
    world.relay.push(event)
    await world.settle()
    for (const member of [ada, bo, cy]) expect(standing(member)).toBe("active")
    expectAgreement([ada, bo, cy])
  })
})
