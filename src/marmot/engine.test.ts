// Marmot engine: founding, joining, chatting, and the publish lifecycle of a Commit (behaviour §2, §3, §6).

import { describe, expect, test } from "vitest"
import { RELAY, worldOf } from "./engine.fixture.ts"
import { nextWake } from "./engine.ts"
import { summary } from "./group-view.ts"

describe("founding and joining", () => {
  test("a group of one is at epoch 0 and has published nothing", async () => {
    const { world, people } = await worldOf(["ada"])
    const [ada] = people
    expect(summary(ada.group)).toMatchObject({
      name: "Burrow",
      epoch: 0,
      members: [ada.pubkey],
      admins: [ada.pubkey],
      standing: "active",
      settled: true,
    })
    expect(world.unanswered).toEqual([])
  })

  test("the founding Commit is not published; each Welcome goes out at once", async () => {
    const { world, people } = await worldOf(["ada", "bo", "cy"])
    const [ada, bo, cy] = people
    expect(world.unanswered).toEqual([])
    expect(ada.welcomes.map((welcome) => welcome.recipient)).toEqual([bo.pubkey, cy.pubkey])
    expect(ada.welcomes.every((welcome) => welcome.relays.join() === RELAY)).toBe(true)
    for (const member of people) {
      expect(summary(member.group)).toMatchObject({
        epoch: 1,
        members: [ada.pubkey, bo.pubkey, cy.pubkey],
        admins: [ada.pubkey],
      })
      expect(member.fingerprint).toEqual(ada.fingerprint)
    }
    expect(ada.notified).toEqual(["member_added", "member_added"])
  })

  test("what anyone says, everyone sees once", async () => {
    const { world, people } = await worldOf(["ada", "bo", "cy"])
    for (const member of people) await member.say(`hello from ${member.name}`)
    await world.settle()
    await world.settle()
    for (const member of people) {
      expect(member.messages.sort()).toEqual(["hello from ada", "hello from bo", "hello from cy"])
      const delivered = member.effects.filter((effect) => effect.type === "deliver")
      expect(delivered).toHaveLength(3)
      expect(delivered.filter((effect) => effect.own)).toHaveLength(1)
    }
  })

  test("a later invitation: the Welcome waits for the acknowledgement and a second more", async () => {
    const { world, people } = await worldOf(["ada", "bo"])
    const [ada, bo] = people
    const cy = await world.member("cy")
    await ada.invite(cy)
    expect(ada.welcomes).toHaveLength(1)
    await world.acceptAll()
    expect(ada.welcomes).toHaveLength(1)
    expect(ada.wake).toBe(world.now + 1000)
    await world.pass(1000)
    expect(ada.welcomes.map((welcome) => welcome.recipient)).toEqual([bo.pubkey, cy.pubkey])
    await cy.join(ada)
    await world.settle()
    await cy.say("late but here")
    await world.settle()
    for (const member of [ada, bo, cy]) {
      expect(member.fingerprint).toEqual(cy.fingerprint)
      expect(member.messages).toEqual(["late but here"])
    }
    expect(bo.notified).toEqual(["member_added"])
  })

  test("a group that goes on too fast for that second does not forget the Welcome", async () => {
    const { world, people } = await worldOf(["ada", "bo"])
    const [ada] = people
    const cy = await world.member("cy")
    await ada.invite(cy)
    await world.acceptAll()
    for (let i = 0; i < 7; i++) {
      await ada.rename(`name ${i}`)
      await world.acceptAll()
    }
    expect(ada.welcomes.map(({ recipient }) => recipient)).toContain(cy.pubkey)
    await cy.join(ada)
    await world.settle()
    expect(cy.fingerprint).toEqual(ada.fingerprint)
  })

  test("nor does an inviter who has a change waiting whenever a pass ends", async () => {
    const { world, people } = await worldOf(["ada", "bo"])
    const [ada, bo] = people
    const cy = await world.member("cy")
    await ada.invite(cy)
    const { event } = ada.publication
    world.acceptSilently(ada.publication)
    await bo.receiveAll()
    await world.pass(1_000)
    await ada.step({ type: "published", eventId: event.id, outcome: "accepted" })
    await bo.want({ type: "selfUpdate" })
    await world.acceptAll()
    await ada.receiveAll()
    await ada.rename("name")
    const before = ada.welcomes.length
    await world.pass(1_100)
    expect(ada.group.pending).toBeDefined()
    expect(ada.welcomes).toHaveLength(before + 1)
  })

  test("messages from before joining stay closed to the newcomer", async () => {
    const { world, people } = await worldOf(["ada", "bo"])
    const [ada] = people
    await ada.say("before")
    await world.settle()
    const cy = await world.member("cy")
    await ada.invite(cy)
    await world.settle()
    await cy.join(ada)
    await ada.say("after")
    await world.settle()
    expect(cy.messages).toEqual(["after"])
  })
})

describe("a Commit of ours", () => {
  test("is staged until a relay acknowledges it, then applied at once", async () => {
    const { world, people } = await worldOf(["ada", "bo"])
    const [ada] = people
    const intent = await ada.rename("Warren")
    expect(ada.group.lifecycle).toBe("pendingPublish")
    expect([ada.title, ada.epoch]).toEqual(["Burrow", 1])
    expect(ada.outcomes()).toEqual([])
    expect(ada.wake).toBeUndefined()
    await world.accept(ada.publication)
    expect([ada.title, ada.epoch]).toEqual(["Warren", 2])
    expect(ada.outcomes()).toEqual([`${intent}: ok`])
    expect(ada.notified).toEqual(["member_added", "group_renamed"])
  })

  test("is dropped if every relay refuses it; the next one works", async () => {
    const { world, people } = await worldOf(["ada", "bo"])
    const [ada, bo] = people
    const intent = await ada.rename("Warren")
    await world.reject(ada.publication)
    expect([ada.title, ada.epoch, ada.group.lifecycle]).toEqual(["Burrow", 1, "stable"])
    expect(ada.outcomes()).toEqual([`${intent}: publish_rejected`])
    await ada.rename("Sett")
    await world.settle()
    expect([ada.title, bo.title]).toEqual(["Sett", "Sett"])
    expect(ada.fingerprint).toEqual(bo.fingerprint)
  })

  test.each([false, true])(
    "is adopted if a relay that refused it had stored it all the same (restarts: %s)",
    async (restarts) => {
      const { world, people } = await worldOf(["ada", "bo"], { restarts })
      const [ada, bo] = people
      await ada.rename("Warren")
      const { publication } = ada
      await world.reject(publication)
      expect(ada.title).toBe("Burrow")
      // Everyone else sees it, and goes on from there before it comes back to its author.
      await bo.receive(publication.event)
      await world.pass(2000)
      expect(bo.title).toBe("Warren")
      await bo.say("in the warren")
      await world.settle()
      expect(ada.title).toBe("Warren")
      expect(ada.messages).toEqual(["in the warren"])
      expect(await ada.receive(publication.event)).toBe("own_echo")
      await world.settle()
      expect(ada.fingerprint).toEqual(bo.fingerprint)
      expect(ada.group.abandoned.size).toBe(0)
    },
  )

  test("counts as published once it comes back, even if the relay's answer is lost", async () => {
    const { world, people } = await worldOf(["ada", "bo"])
    const [ada, bo] = people
    await ada.rename("Warren")
    const { event } = ada.publication
    world.acceptSilently(ada.publication)
    expect(await ada.receive(event)).toBe("own_echo")
    expect([ada.title, ada.epoch]).toEqual(["Warren", 2])
    await world.settle()
    expect(bo.fingerprint).toEqual(ada.fingerprint)
  })

  test("counts as published when someone writes in the epoch that it made", async () => {
    const { world, people } = await worldOf(["ada", "bo"])
    const [ada, bo] = people
    await ada.rename("Warren")
    world.acceptSilently(ada.publication)
    await bo.receiveAll()
    await world.pass(1000)
    expect(bo.title).toBe("Warren")
    await bo.say("nice name")
    const { event } = bo.publication
    await world.accept(bo.publication)
    expect(await ada.receive(event)).toBe("accepted")
    expect(ada.messages).toEqual(["nice name"])
    expect(ada.fingerprint).toEqual(bo.fingerprint)
  })

  test("answers that come late, twice, or for unknown events change nothing", async () => {
    const { world, people } = await worldOf(["ada", "bo"])
    const [ada] = people
    await ada.rename("Warren")
    const { event } = ada.publication
    await world.accept(ada.publication)
    const before = ada.group
    for (const outcome of ["accepted", "rejected"] as const) {
      await ada.step({ type: "published", eventId: event.id, outcome })
      await ada.step({ type: "published", eventId: "00".repeat(32), outcome })
    }
    expect(ada.group).toEqual(before)
  })

  test("holds back messages, which are encrypted once it has settled", async () => {
    const { world, people } = await worldOf(["ada", "bo"])
    const [ada, bo] = people
    await ada.rename("Warren")
    await ada.say("in the new epoch")
    expect(world.unanswered.map((publication) => publication.purpose)).toEqual(["commit"])
    expect(ada.messages).toEqual([])
    await world.settle()
    expect([ada.messages, bo.messages]).toEqual([["in the new epoch"], ["in the new epoch"]])
    const [delivered] = bo.effects.filter((effect) => effect.type === "deliver")
    expect(delivered?.epoch).toBe(2)
  })

  test("several wishes are met one after the other", async () => {
    const { world, people } = await worldOf(["ada", "bo"])
    const [ada, bo] = people
    await ada.rename("one")
    await ada.rename("two")
    await ada.want({ type: "selfUpdate" })
    await ada.rename("two")
    await world.settle()
    expect(ada.outcomes().every((line) => line.endsWith(": ok"))).toBe(true)
    // The last wish was met already.
    expect([bo.title, bo.epoch]).toEqual(["two", 4])
    expect(bo.fingerprint).toEqual(ada.fingerprint)
  })

  test("a change of relays is published where the members still listen", async () => {
    const { world, people } = await worldOf(["ada", "bo"])
    const [ada, bo] = people
    await ada.want({ type: "update", relays: ["wss://b.example", "wss://a.example"] })
    const published = ada.effects.findLast((effect) => effect.type === "publish")
    expect(published?.relays).toEqual([RELAY])
    await world.settle()
    for (const member of [ada, bo]) {
      expect(summary(member.group).routes.map((route) => route.relays)).toEqual([
        ["wss://a.example", "wss://b.example"],
        [RELAY],
      ])
    }
    for (let i = 0; i < 6; i++) {
      await ada.rename(`name ${i}`)
      await world.settle()
    }
    expect(summary(ada.group).routes).toHaveLength(1)
  })
})

describe("what can't be done", () => {
  test("is refused with a reason, and nothing is published", async () => {
    const { world, people } = await worldOf(["ada", "bo"])
    const [ada, bo] = people
    const stranger = await world.member("cy")
    const refused = async (member: typeof ada, wish: Promise<string>) => {
      const intentId = await wish
      const found = member.effects.findLast((effect) => effect.type === "intentDone")
      expect(found?.intentId).toBe(intentId)
      return found?.result.ok === false ? found.result.code : "met"
    }
    expect(await refused(bo, bo.rename("mine"))).toBe("not_admin")
    expect(await refused(bo, bo.invite(stranger))).toBe("not_admin")
    expect(await refused(bo, bo.want({ type: "remove", members: [ada.pubkey] }))).toBe("not_admin")
    expect(await refused(bo, bo.want({ type: "update", admins: [bo.pubkey] }))).toBe("not_admin")
    const remove = (members: string[]) => ada.want({ type: "remove", members })
    expect(await refused(ada, remove([stranger.pubkey]))).toBe("not_a_member")
    expect(await refused(ada, remove([ada.pubkey]))).toBe("invalid_change")
    expect(await refused(ada, remove([]))).toBe("invalid_change")
    expect(await refused(ada, ada.invite(bo))).toBe("already_member")
    const update = (change: { admins?: string[]; name?: string; relays?: string[] }) =>
      ada.want({ type: "update", ...change })
    expect(await refused(ada, update({ admins: [] }))).toBe("last_admin")
    expect(await refused(ada, update({ admins: [stranger.pubkey] }))).toBe("not_a_member")
    expect(await refused(ada, update({ name: "x".repeat(257) }))).toBe("invalid_change")
    expect(await refused(ada, update({ relays: [] }))).toBe("invalid_change")
    expect(await refused(ada, update({ relays: ["https://a.example"] }))).toBe("invalid_change")
    expect(await refused(ada, ada.want({ type: "leave" }))).toBe("last_admin")
    expect(world.unanswered).toEqual([])
    expect(summary(ada.group).settled).toBe(true)
  })

  test("no more than 256 wishes wait", async () => {
    const { people } = await worldOf(["ada", "bo"])
    const [ada] = people
    await ada.rename("staged")
    for (let i = 0; i < 256; i++) await ada.say(`message ${i}`)
    expect(ada.outcomes()).toEqual([])
    await ada.say("one too many")
    expect(ada.outcomes()).toEqual(["ada-257: queue_full"])
  })
})

describe("time", () => {
  test("a tick with nothing to do changes nothing", async () => {
    const { people } = await worldOf(["ada", "bo"])
    const [ada] = people
    const before = ada.group
    expect(await ada.tick()).toEqual([])
    expect(ada.group).toEqual(before)
    expect(nextWake(ada.group)).toBeUndefined()
  })

  test("a linear Commit waits for a quiet second", async () => {
    const { world, people } = await worldOf(["ada", "bo"])
    const [ada, bo] = people
    await ada.rename("Warren")
    await world.acceptAll()
    await bo.receiveAll()
    expect([bo.title, bo.epoch]).toEqual(["Burrow", 1])
    expect(bo.group.lifecycle).toBe("stable")
    expect(bo.wake).toBe(world.now + 1000)
    await world.pass(999)
    await bo.tick()
    expect(bo.title).toBe("Burrow")
    await world.pass(1)
    expect([bo.title, bo.epoch]).toEqual(["Warren", 2])
    expect(bo.notified).toEqual(["group_renamed"])
  })

  test("a stream of Commits can't put the cutoff off for more than five seconds", async () => {
    const { world, people } = await worldOf(["ada", "bo"])
    const [ada, bo] = people
    const begin = world.now
    for (let i = 0; world.now < begin + 6300; i++) {
      await ada.rename(`name ${i}`)
      await world.acceptAll()
      await bo.receiveAll()
      if (bo.epoch > 1) break
      await world.pass(700)
    }
    expect(world.now - begin).toBeGreaterThanOrEqual(5000)
    expect(world.now - begin).toBeLessThanOrEqual(5700)
    expect(bo.epoch).toBe(9)
  })

  test("a clock that was set back ends the pass", async () => {
    const { world, people } = await worldOf(["ada", "bo"])
    const [ada, bo] = people
    await ada.rename("Warren")
    await world.acceptAll()
    await bo.receiveAll()
    world.now -= 3_600_000
    await bo.tick()
    expect(bo.title).toBe("Warren")
  })

  test("after a pass a waiting change has its turn before the next pass", async () => {
    const { world, people } = await worldOf(["ada", "bo"])
    const [ada, bo] = people
    await ada.want({ type: "update", admins: [ada.pubkey, bo.pubkey] })
    await world.settle()
    await ada.rename("first")
    await world.acceptAll()
    await bo.receiveAll()
    await bo.rename("second")
    await ada.rename("third")
    await world.accept(ada.publication)
    world.now += 1000
    const [next] = bo.missing
    if (next === undefined) throw new Error("nothing to receive")
    await bo.receive(next)
    expect(bo.group.lifecycle).toBe("pendingPublish")
    await world.settle()
    expect(bo.fingerprint).toEqual(ada.fingerprint)
  })
})
