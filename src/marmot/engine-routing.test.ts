// Marmot routing rotation (marmot-wire §6.5) in the engine: the old address leads to the new one.

import { expect, test } from "vitest"
import { stateOf, worldOf } from "./engine.fixture.ts"
import { routeOf } from "./group-facts.ts"
import { summary } from "./group-view.ts"

const idOf = (event: { readonly tags: readonly (readonly string[])[] }) =>
  event.tags.find(([name]) => name === "h")?.[1]

test("a new id is made at the old address; both are heard as long as the old one is needed", async () => {
  const { world, people } = await worldOf(["ada", "bo"], { restarts: true })
  const [ada, bo] = people
  const before = routeOf(stateOf(ada)).nostrGroupId
  // Bo writes before the change has reached him.
  await bo.say("at the old address")
  const early = bo.publication.event
  await ada.want({ type: "update", newAddress: true })
  expect(idOf(ada.publication.event)).toBe(before)
  await world.settle()
  const after = routeOf(stateOf(bo)).nostrGroupId
  expect(after).not.toBe(before)
  expect(after).toMatch(/^[0-9a-f]{64}$/)
  expect(idOf(early)).toBe(before)
  expect(ada.messages).toEqual(["at the old address"])
  await bo.say("at the new one")
  expect(idOf(bo.publication.event)).toBe(after)
  await world.settle()
  expect(ada.messages).toHaveLength(2)
  for (const member of [ada, bo]) {
    const routes = summary(member.group).routes.map(({ nostrGroupId }) => nostrGroupId)
    expect(routes).toEqual([after, before])
    expect(member.notified).toContain("routing_changed")
  }
  for (let epoch = 0; epoch < 6; epoch++) {
    await ada.want({ type: "selfUpdate" })
    await world.settle()
  }
  expect(summary(bo.group).routes.map(({ nostrGroupId }) => nostrGroupId)).toEqual([after])
})

test("who was removed does not know the address that is made afterwards", async () => {
  const { world, people } = await worldOf(["ada", "bo", "cy"])
  const [ada, bo, cy] = people
  await ada.want({ type: "remove", members: [cy.pubkey] })
  await world.settle()
  await ada.want({ type: "update", newAddress: true })
  await world.settle()
  const address = routeOf(stateOf(bo)).nostrGroupId
  expect(routeOf(stateOf(ada)).nostrGroupId).toBe(address)
  expect(JSON.stringify(summary(cy.group).routes)).not.toContain(address)
})

test("the address of a branch that may yet be selected is heard, too", async () => {
  const { world, people } = await worldOf(["ada", "bo", "cy"], { restarts: true })
  const [ada, bo, cy] = people
  await ada.want({ type: "update", admins: [ada.pubkey, bo.pubkey] })
  await world.settle()
  const before = routeOf(stateOf(cy)).nostrGroupId
  await ada.want({ type: "update", newAddress: true })
  await world.accept(ada.publication)
  const rival = routeOf(stateOf(ada)).nostrGroupId
  for (const name of ["Sett", "Warren"]) {
    await bo.rename(name)
    await world.accept(bo.publication)
  }
  for (const member of [bo, cy]) {
    await member.receiveAll()
    await world.pass(6_000)
    expect(member.title).toBe("Warren")
    expect(summary(member.group).routes.map(({ nostrGroupId }) => nostrGroupId)).toEqual([
      before,
      rival,
    ])
  }
})
