// Marmot member departure: what others propose can't stop a step in which our own departure is due again.

import { expect, test } from "vitest"
import { craftProposal } from "./crafted.fixture.ts"
import { worldOf } from "./engine.fixture.ts"
import { encodeGroupProfile } from "./components/group-profile.ts"
import { summary } from "./group-view.ts"
import { replaceComponent } from "./local-commit.ts"
import { componentIds } from "./registry.ts"

/** As many as the cache of one state holds. */
const FULL = 1000

test("no room for a renewed SelfRemove: the step goes on, and the next state gets it", async () => {
  const { world, people } = await worldOf(["ada", "bo", "cy"])
  const [ada, , cy] = people
  await cy.want({ type: "leave" })
  // The proposal is lost, and the group goes on.
  world.unanswered.splice(0)
  await ada.rename("Warren")
  await world.acceptAll()
  await cy.receiveAll()

  // Proposals for the new state come before the pass has made it canonical.
  const profile = encodeGroupProfile({ name: "x", description: "" })
  const crafted = await craftProposal(ada, replaceComponent(componentIds.groupProfile, profile))
  const [cached] = crafted.state.proposals.values()
  const fresh = [...cy.group.states.values()].find(({ judged }) => !judged)
  if (cached === undefined || fresh?.mls === undefined) throw new Error("nothing to fill")
  const proposals = new Map(Array.from({ length: FULL }, (_, i) => [String(i), cached]))
  const flooded = { ...fresh, mls: { ...fresh.mls, proposals } }
  const states = new Map(cy.group.states).set(fresh.id, flooded)
  cy.take({ group: { ...cy.group, states }, effects: [] })

  await world.pass(1000)
  expect(cy.title).toBe("Warren")
  expect(world.unanswered).toEqual([])
  expect(summary(cy.group).standing).toBe("leaving")

  await ada.rename("Burrow")
  await world.acceptAll()
  await cy.receiveAll()
  await world.pass(1000)
  expect(world.unanswered.map(({ purpose }) => purpose)).toEqual(["proposal"])
})
