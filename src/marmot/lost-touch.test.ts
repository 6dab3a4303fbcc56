// Convergence §8.3: whoever was invited into a branch that lost reads that they may have lost touch, and comes back.

import { describe, expect, test } from "vitest"
import { type Member, type World, worldOf } from "./engine.fixture.ts"
import { summary } from "./group-view.ts"

const MINUTE = 60_000

const suspects = (member: Member) => summary(member.group).seemsStranded

/** What Ada and Bo say in turns comes to everybody who is there. */
async function talk(
  world: World,
  [ada, bo]: readonly [Member, Member],
  hearers: readonly Member[],
) {
  for (const [speaker, text] of [ada, bo, ada].map((each, i) => [each, `${i}`] as const)) {
    await speaker.say(text)
    await world.acceptAll()
    for (const member of [ada, bo, ...hearers]) await member.receiveAll()
  }
}

describe("a newcomer", () => {
  test("of a branch that lost suspects it once three later messages don't open", async () => {
    const { world, people } = await worldOf(["ada", "bo"])
    const [ada, bo] = people
    await ada.want({ type: "update", admins: [ada.pubkey, bo.pubkey] })
    await world.settle()
    const cy = await world.member("cy")
    await ada.invite(cy)
    await world.acceptAll()
    await world.pass(2000)
    await cy.join(ada)
    // Bo knows nothing of it, and goes on for longer.
    for (const name of ["Sett", "Warren", "Holt"]) {
      await bo.rename(name)
      await world.acceptAll()
    }
    await ada.receiveAll()
    await world.pass(6000)
    expect(ada.fingerprint).toEqual(bo.fingerprint)
    // About the time of joining, others may not have heard of it yet.
    await cy.receiveAll()
    await talk(world, [ada, bo], [cy])
    expect(suspects(cy)).toBe(false)
    await world.pass(2 * MINUTE)
    await talk(world, [ada, bo], [cy])
    expect(cy.messages).toEqual([])
    expect(suspects(cy)).toBe(true)
    cy.restart()
    expect(suspects(cy)).toBe(true)
  })

  test("who hears somebody suspects nothing", async () => {
    const { world, people } = await worldOf(["ada", "bo"])
    const [ada, bo] = people
    const cy = await world.member("cy")
    await ada.invite(cy)
    await world.settle()
    await cy.join(ada)
    await world.pass(2 * MINUTE)
    await talk(world, [ada, bo], [cy])
    expect(cy.messages).toEqual(["0", "1", "2"])
    expect(suspects(cy)).toBe(false)
  })
})
