// Marmot convergence §8.8: which lost changes are told to the user who made them.

import { expect, test } from "vitest"
import { worldOf } from "./engine.fixture.ts"

test("a renewed leaf and a departure that others committed, too, are no loss", async () => {
  const { world, people } = await worldOf(["ada", "bo", "cy", "di"])
  const [ada, bo, , di] = people
  await ada.want({ type: "selfUpdate" })
  await bo.want({ type: "selfUpdate" })
  await world.settle()
  await di.want({ type: "leave" })
  await world.acceptAll()
  for (const member of world.members) await member.receiveAll()
  // Everyone commits the departure before anyone hears of another's Commit.
  await world.pass(1_500)
  expect(world.unanswered.length).toBeGreaterThan(1)
  await world.settle()
  for (const member of [ada, bo, people[2]]) {
    expect(member.fingerprint).toEqual(ada.fingerprint)
    expect(member.notified.filter((type) => type === "member_left")).toHaveLength(1)
    expect(member.effects.filter((effect) => effect.type === "changeLost")).toEqual([])
  }
})
