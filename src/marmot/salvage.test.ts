// Behaviour §8.10, §9.2: whatever required record is missing or damaged, the copy is unrecoverable, says what it was, and
// changes nothing any more.

import { craftCommit } from "./crafted.fixture.ts"
import { describe, expect, test } from "vitest"
import { apply, nextWake } from "./engine.ts"
import { type Member, worldOf } from "./engine.fixture.ts"
import { restoreGroup } from "./group-records.ts"
import { featuresOf, summary } from "./group-view.ts"
import { salvageGroup } from "./salvage.ts"

async function scene() {
  const { world, people } = await worldOf(["ada", "bo", "cy"])
  const [ada, bo] = people
  await bo.say("hello")
  await world.settle()
  await ada.rename("Warren")
  await world.settle()
  // A rival, a message, and a Commit of our own whose fate is unknown.
  await bo.want({ type: "selfUpdate" })
  await world.acceptAll()
  await ada.receiveAll()
  await world.pass(1000)
  await ada.rename("pending")
  return { world, ada }
}

const without = (member: Member, name: string) => {
  const records = new Map(member.stored)
  if (!records.delete(name)) throw new Error("there is no such record")
  return records
}

describe("a record", () => {
  test("that is missing is noticed, but for copies of what can be had again", async () => {
    const { ada } = await scene()
    const forgivable = /^(apps|card|unopened)(\/|$)/
    const names = [...ada.stored.keys()]
    expect(new Set(names.map((name) => name.replace(/\/.*/, "")))).toEqual(
      new Set([
        ...["head", "card", "intents", "welcomes", "seen", "apps", "pending"],
        ...["state", "state-epoch", "state-keys", "staged", "staged-epoch", "staged-keys"],
      ]),
    )
    for (const name of names) {
      const restore = () => restoreGroup(without(ada, name), ada.device)
      if (forgivable.test(name)) expect(restore().lifecycle).toBe("pendingPublish")
      else expect(restore, name).toThrow(expect.objectContaining({ code: "corrupt_state" }))
    }
  })

  test("that is damaged is noticed", async () => {
    const { ada } = await scene()
    for (const [name, bytes] of ada.stored) {
      if (name === "card") continue
      const records = new Map(ada.stored).set(name, bytes.subarray(0, bytes.length - 3))
      expect(() => restoreGroup(records, ada.device), name).toThrow(
        expect.objectContaining({ code: "corrupt_state" }),
      )
    }
  })
})

describe("what is left", () => {
  test("says what the group was, with or without its card", async () => {
    const { ada } = await scene()
    const expected = {
      groupId: ada.group.groupId,
      name: "Warren",
      standing: "unrecoverable",
      lifecycle: "unrecoverable",
      status: "blocked",
      members: summary(ada.group).members,
      admins: [ada.pubkey],
      epoch: ada.epoch,
      routes: [],
    }
    for (const name of ["head", "card"]) {
      const group = salvageGroup(ada.group.groupId, without(ada, name), ada.device)
      expect(summary(group)).toMatchObject(expected)
    }
    const bare = salvageGroup(ada.group.groupId, new Map(), ada.device)
    expect(summary(bare)).toMatchObject({ name: "", members: [], standing: "unrecoverable" })
  })

  test("takes no step, and remembers nothing as dealt with", async () => {
    const { world, ada } = await scene()
    const group = salvageGroup(ada.group.groupId, without(ada, "head"), ada.device)
    const { event } = ada.publication
    const intent = { type: "selfUpdate", intentId: "renew" } as const
    const steps = [
      await apply(group, { type: "event", event }, world.env),
      await apply(group, { type: "intent", intent }, world.env),
      await apply(group, { type: "published", eventId: event.id, outcome: "accepted" }, world.env),
      await apply(group, { type: "tick" }, world.env),
    ]
    for (const step of steps) expect(step.group).toBe(group)
    expect(steps.map(({ effects }) => effects)).toEqual([
      [{ type: "disposition", eventId: event.id, category: "resource_refused" }],
      [
        {
          type: "intentDone",
          intentId: "renew",
          result: { ok: false, code: "not_active", message: expect.any(String) as string },
        },
      ],
      [],
      [],
    ])
    expect(nextWake(group)).toBeUndefined()
    expect(featuresOf(group).size).toBe(0)
  })
})

describe("required state that is lost while we run", () => {
  test("makes the group unrecoverable; what comes is kept within bounds, and nothing is sent", async () => {
    const { world, people } = await worldOf(["ada", "bo", "cy"])
    const [ada, bo, cy] = people
    await ada.want({ type: "update", admins: [ada.pubkey, bo.pubkey] })
    await world.settle()
    await ada.rename("one")
    await bo.rename("two")
    await world.acceptAll()
    for (const event of cy.missing) await cy.receive(event)
    await cy.say("waits for the end of the pass")
    expect(summary(cy.group)).toMatchObject({ lifecycle: "recovering", status: "syncing" })
    expect(summary(cy.group, world.now + 1000).status).toBe("resolving")
    // The state at which both rivals begin is gone.
    const states = new Map(cy.group.states)
    states.delete(cy.group.tip)
    const orphan = [...states.values()].find(({ parent }) => parent === cy.group.tip)
    if (orphan === undefined) throw new Error("no rival")
    cy.take({ group: { ...cy.group, states, tip: orphan.id }, effects: [] })
    await world.pass(1000)
    expect(summary(cy.group)).toMatchObject({ standing: "unrecoverable", status: "blocked" })
    expect(cy.effects).toContainEqual({ type: "ended", how: "unrecoverable", actor: undefined })
    expect(cy.outcomes().at(-1)).toMatch("not_active")
    const before = cy.group
    await ada.say("what happened?")
    expect(await cy.receive(ada.publication.event)).toBe("missing_history")
    expect(cy.group.states).toBe(before.states)
    await cy.say("not sent")
    expect(cy.outcomes().at(-1)).toMatch("not_active")
    cy.restart()
    expect(summary(cy.group).standing).toBe("unrecoverable")
    expect(world.unanswered.filter(({ by }) => by === cy)).toEqual([])
  })

  test("is never concluded from what others send", async () => {
    const { world, people } = await worldOf(["ada", "bo"])
    const [ada, bo] = people
    for (let i = 0; i < 8; i++) {
      await ada.rename(`name ${i}`)
      await world.settle()
    }
    for (let i = 0; i < 30; i++) {
      const event = await craftCommit(ada, { forcePath: true })
      const content = event.content.replace(/.{8}$/, "AAAAAAA=")
      await bo.receive(i % 2 === 0 ? event : { ...event, id: "ab".repeat(32), content })
    }
    await world.pass(10_000)
    expect(summary(bo.group).standing).toBe("active")
  })
})
