// Marmot inbound processing: what nobody can open takes a bounded place, by number and by size.

import { expect, test } from "vitest"
import { worldOf } from "./engine.fixture.ts"
import { sealGroupEvent } from "./group-event.ts"
import { summary } from "./group-view.ts"
import { MAX_UNOPENED, MAX_UNOPENED_SIZE } from "./limits.ts"

test("large events that nothing opens are refused when they are too much together", async () => {
  const { world, people } = await worldOf(["ada", "bo"])
  const [ada, bo] = people
  const [route] = summary(bo.group).routes
  const large = new Uint8Array(MAX_UNOPENED_SIZE / 4)
  const junk = () =>
    sealGroupEvent({
      key: world.random(32),
      message: large,
      nostrGroupId: route?.nostrGroupId ?? "",
      createdAt: world.seconds,
      random: world.random,
    })
  const dispositions: string[] = []
  for (let i = 0; i < 4; i++) dispositions.push(await bo.receive(junk()))
  // A third more in base64: two find room, not three.
  expect(dispositions).toEqual([
    "transport_deferred",
    "transport_deferred",
    "resource_refused",
    "resource_refused",
  ])
  expect(bo.group.unopened.size).toBe(2)

  await ada.say("as if nothing had happened")
  await world.settle()
  expect(bo.messages).toEqual(["as if nothing had happened"])
})

test("what was said before we joined leaves room for a Commit that overtakes another one", async () => {
  const { world, people } = await worldOf(["ada"])
  const [ada] = people
  for (let i = 0; i < MAX_UNOPENED; i++) {
    if (i % 8 === 0) await world.pass(1_000)
    await ada.say(`before ${i}`)
    await world.acceptAll()
  }
  await world.pass(1_000)
  const cy = await world.member("cy")
  await ada.invite(cy)
  await world.settle()
  await cy.join(ada)
  await cy.receiveAll()
  expect(cy.group.unopened.size).toBe(MAX_UNOPENED / 2)
  // Nor is it a sign that something is missing.
  expect(cy.group.backfill?.arms ?? 0).toBe(0)
  const commits = []
  for (const name of ["one", "two"]) {
    await ada.rename(name)
    commits.push(ada.publication.event)
    await world.acceptAll()
  }
  const overtaken: string[] = []
  for (const event of commits.reverse()) overtaken.push(await cy.receive(event))
  expect(overtaken[0]).toBe("transport_deferred")
  await world.pass(6_000)
  expect(cy.title).toBe("two")
  expect(cy.fingerprint).toEqual(ada.fingerprint)
})
