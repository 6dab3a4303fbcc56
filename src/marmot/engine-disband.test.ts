// Marmot group lifecycle (behaviour §1.3, §5.3): ending a group, against everything that can come in between.

import { describe, expect, test } from "vitest"
import type { Member, World } from "./engine.fixture.ts"
import { worldOf } from "./engine.fixture.ts"
import { fingerprint, summary } from "./group-view.ts"

const standing = (member: Member) => summary(member.group).standing
const endings = (member: Member) => member.effects.filter((effect) => effect.type === "ended")
const commits = (world: World) => world.unanswered.filter(({ purpose }) => purpose === "commit")

/** Ada and Bo are admins, Cy is none. */
async function three(options: Parameters<typeof worldOf>[1] = {}) {
  const { world, people } = await worldOf(["ada", "bo", "cy"], options)
  const [ada, bo, cy] = people
  await ada.want({ type: "update", admins: [ada.pubkey, bo.pubkey] })
  await world.settle()
  const [low, high] = ada.pubkey < bo.pubkey ? [ada, bo] : [bo, ada]
  return { world, ada, bo, cy, low, high }
}

describe("disbanding", () => {
  test.each([{ restarts: false }, { restarts: true }])(
    "ends the group for everyone, with one notice and no key left (%o)",
    async (options) => {
      const { world, ada, bo, cy } = await three(options)
      await cy.say("before the end")
      await world.settle()
      const noticed = cy.notified.length
      const intent = await ada.want({ type: "disband" })
      expect(standing(ada)).toBe("disbanding")
      await world.settle()
      expect(ada.outcomes().at(-1)).toBe(`${intent}: ok`)
      for (const member of [ada, bo, cy]) {
        expect(standing(member)).toBe("disbanded")
        expect(endings(member)).toEqual([{ type: "ended", how: "disbanded", actor: ada.pubkey }])
        expect(member.wake).toBeUndefined()
        expect(member.messages).toContain("before the end")
        expect(summary(member.group)).toMatchObject({
          name: "Burrow",
          members: [ada.pubkey, bo.pubkey, cy.pubkey],
          routes: [],
          settled: true,
        })
        expect([...member.group.states.values()].map(({ mls }) => mls)).toEqual([undefined])
        expect(() => fingerprint(member.group)).toThrow("ended")
        member.restart()
        expect(summary(member.group).members).toHaveLength(3)
      }
      expect(cy.notified.slice(noticed)).toEqual(["group_disbanded"])
    },
  )

  test("always takes a pass through Recovering, ours too", async () => {
    const { world, ada } = await three()
    await ada.want({ type: "disband" })
    expect(ada.group.lifecycle).toBe("pendingPublish")
    await world.accept(ada.publication)
    expect(ada.group.lifecycle).toBe("recovering")
    expect(standing(ada)).toBe("disbanding")
    expect(ada.outcomes()).toHaveLength(1)
    await world.pass(1000)
    expect(standing(ada)).toBe("disbanded")
  })

  test("waits until what was said before is heard", async () => {
    const { world, ada, bo } = await three()
    await ada.say("last words")
    const said = ada.publication
    await ada.want({ type: "disband" })
    expect(commits(world)).toEqual([])
    await world.accept(said)
    expect(commits(world)).toHaveLength(1)
    await world.settle()
    expect(standing(bo)).toBe("disbanded")
    expect(bo.messages).toContain("last words")
  })

  test("alone, too", async () => {
    const { world, people } = await worldOf(["ada"])
    const [ada] = people
    await ada.want({ type: "disband" })
    await world.settle()
    expect(standing(ada)).toBe("disbanded")
    expect(ada.outcomes()).toEqual(["ada-0: ok"])
  })

  test("is not for those who are no admins, nor twice", async () => {
    const { world, ada, cy } = await three()
    const refused = await cy.want({ type: "disband" })
    expect(cy.outcomes()).toEqual([`${refused}: not_admin`])
    expect(standing(cy)).toBe("active")
    await ada.want({ type: "disband" })
    const again = await ada.want({ type: "disband" })
    expect(ada.outcomes().at(-1)).toBe(`${again}: not_active`)
    expect(commits(world)).toHaveLength(1)
  })

  test("closes the gate for all that is new, and sends what was said before", async () => {
    const { world, ada, bo, cy } = await three()
    await bo.rename("Warren")
    await world.acceptAll()
    await ada.receiveAll()
    // A pass is open: all of this waits.
    await ada.say("a last word")
    const change = await ada.rename("Burrow again")
    await ada.want({ type: "disband" })
    expect(ada.outcomes().at(-1)).toBe(`${change}: not_active`)
    const before = ada.outcomes().length
    await ada.say("too late")
    await ada.want({ type: "selfUpdate" })
    await ada.want({ type: "leave" })
    expect(ada.outcomes().slice(before).join()).toMatch(/^(ada-\d: not_active,?){3}$/)
    await world.settle()
    expect(cy.messages).toEqual(["a last word"])
    expect(standing(cy)).toBe("disbanded")
  })

  test("commits no departure meanwhile", async () => {
    const { world, ada, cy } = await three()
    await cy.want({ type: "leave" })
    const proposal = cy.publication
    await ada.want({ type: "disband" })
    const disband = ada.publication
    await world.accept(proposal)
    await ada.receiveAll()
    await world.pass(60_000)
    expect(commits(world)).toEqual([disband])
    await world.settle()
    expect(standing(cy)).toBe("disbanded")
  })
})

describe("the request", () => {
  test("is tried again when every relay refuses, with growing pauses, over restarts", async () => {
    const { world, ada, cy } = await three({ restarts: true })
    await ada.want({ type: "disband" })
    const pauses: number[] = []
    for (let round = 0; round < 3; round++) {
      await world.reject(ada.publication)
      expect(standing(ada)).toBe("disbanding")
      expect(commits(world)).toEqual([])
      const before = world.now
      await world.pass((ada.wake ?? 0) - world.now)
      pauses.push(world.now - before)
      expect(commits(world)).toHaveLength(1)
    }
    expect(pauses).toEqual([10_000, 20_000, 40_000])
    await world.settle()
    expect([standing(ada), standing(cy)]).toEqual(["disbanded", "disbanded"])
  })

  test("that a relay had stored after all ends the group", async () => {
    const { world, ada, cy } = await three()
    await ada.want({ type: "disband" })
    const { event } = ada.publication
    await world.reject(ada.publication)
    world.relay.push(event)
    await world.settle()
    expect([standing(ada), standing(cy)]).toEqual(["disbanded", "disbanded"])
    expect(endings(ada)).toHaveLength(1)
  })

  test("survives a lost branch: the Commit is made anew against the winner", async () => {
    const { world, ada, bo, cy, low, high } = await three({ restarts: true })
    await high.want({ type: "disband" })
    await low.rename("kept a while")
    const disband = high.publication
    await world.accept(low.publication)
    await world.accept(disband)
    for (const member of [ada, bo, cy]) await member.receiveAll()
    await world.pass(1000)
    expect(standing(high)).toBe("disbanding")
    expect(summary(high.group).name).toBe("kept a while")
    expect(standing(cy)).toBe("active")
    const again = high.publication
    expect(again.event.id).not.toBe(disband.event.id)
    await world.settle()
    for (const member of [ada, bo, cy]) {
      expect(standing(member)).toBe("disbanded")
      expect(summary(member.group).name).toBe("kept a while")
    }
    expect(high.effects.filter(({ type }) => type === "changeLost")).toEqual([])
  })

  test("is fulfilled by another admin's disband", async () => {
    const { world, cy, low, high } = await three()
    const first = await high.want({ type: "disband" })
    await low.want({ type: "disband" })
    await world.settle()
    expect(high.outcomes().at(-1)).toBe(`${first}: ok`)
    for (const member of [low, high, cy]) {
      expect(endings(member)).toEqual([{ type: "ended", how: "disbanded", actor: low.pubkey }])
    }
  })

  test("ends with words when we cease to be an admin", async () => {
    const { world, low, high, cy } = await three({ restarts: true })
    const intent = await high.want({ type: "disband" })
    const refused = high.publication
    await world.reject(refused)
    await low.want({ type: "update", admins: [low.pubkey] })
    await world.settle()
    expect(high.outcomes().at(-1)).toBe(`${intent}: not_admin`)
    expect(standing(high)).toBe("active")
    await high.say("so I stay")
    await world.settle()
    expect(cy.messages).toEqual(["so I stay"])
  })

  test("ends with words when we are removed", async () => {
    const { world, low, high } = await three()
    const intent = await high.want({ type: "disband" })
    await world.reject(high.publication)
    await low.want({ type: "remove", members: [high.pubkey] })
    await world.settle()
    expect(high.outcomes().at(-1)).toBe(`${intent}: not_active`)
    expect(standing(high)).toBe("removed")
  })

  test("a disband that loses does not hold later passes in Recovering", async () => {
    const { world, low, high, cy } = await three()
    await low.rename("one")
    await high.want({ type: "disband" })
    const lost = high.publication
    await world.accept(low.publication)
    world.acceptSilently(lost)
    await cy.receiveAll()
    await world.pass(1000)
    expect(summary(cy.group).name).toBe("one")
    await low.rename("two")
    await world.accept(low.publication)
    await cy.receiveAll()
    expect(cy.group.pass).toBeDefined()
    expect(cy.group.lifecycle).toBe("stable")
  })
})
