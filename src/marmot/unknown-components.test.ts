// Marmot group data: components that this client does not know are other members' data, and stay as they are.

import { expect, test } from "vitest"
import { craftCommit } from "./crafted.fixture.ts"
import { stateOf, worldOf } from "./engine.fixture.ts"
import { factsOf } from "./group-facts.ts"
import { componentUpdate } from "./membership.fixture.ts"

const UNKNOWN = 0x8123
const DATA = Uint8Array.from({ length: 300 }, (_, i) => (i * 7) % 256)

test("an unknown component survives Commits that are about something else, byte for byte", async () => {
  const { world, people } = await worldOf(["ada", "bo", "cy"], { restarts: true })
  const [ada, bo, cy] = people
  await ada.want({ type: "update", admins: [ada.pubkey, bo.pubkey] })
  await world.settle()
  const data = () => [ada, cy].map((member) => factsOf(stateOf(member)).components.get(UNKNOWN))
  // Its maker runs another program, and is not asked any more.
  const event = await craftCommit(bo, { proposals: [componentUpdate(UNKNOWN, DATA)] })
  for (const member of [ada, cy]) await member.receive(event)
  await world.pass(1_500)
  expect(data()).toEqual([DATA, DATA])

  const epoch = ada.epoch
  const dan = await world.member("dan")
  for (const change of [
    () => ada.rename("Warren"),
    () => ada.want({ type: "selfUpdate" }),
    () => ada.want({ type: "update", retention: 60, newAddress: true }),
    () => ada.want({ type: "remove", members: [bo.pubkey] }),
    () => ada.invite(dan),
  ]) {
    await change()
    const { publication } = ada
    await world.accept(publication)
    await cy.receive(publication.event)
    await world.pass(1_500)
    expect(data()).toEqual([DATA, DATA])
  }
  await dan.join(ada)
  expect(factsOf(stateOf(dan)).components.get(UNKNOWN)).toEqual(DATA)
  expect([ada.epoch, cy.epoch, dan.epoch]).toEqual([epoch + 5, epoch + 5, epoch + 5])
  expect(cy.fingerprint).toEqual(ada.fingerprint)
})
