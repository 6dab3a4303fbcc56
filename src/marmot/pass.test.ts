// Marmot convergence §8.4: what opens a pass, and which rule is named as the one that decided.

import { expect, test } from "vitest"
import { explainSelection } from "./convergence.ts"
import { createMarmotGroup } from "./create-group.ts"
import { type Member, type World, worldOf } from "./engine.fixture.ts"
import { summary } from "./group-view.ts"
import { candidatesOf } from "./pass.ts"

/** Both have renamed the group at once and everyone has settled on one name. */
async function afterAFork(): Promise<{ world: World; people: readonly [Member, Member, Member] }> {
  const { world, people } = await worldOf(["ada", "bo", "cy"])
  const [ada, bo] = people
  await ada.want({ type: "update", admins: [ada.pubkey, bo.pubkey] })
  await world.settle()
  await ada.rename("one")
  await bo.rename("two")
  await world.settle()
  return { world, people }
}

test("messages that only confirm the selected branch open no pass", async () => {
  const { world, people } = await afterAFork()
  const [ada, bo, cy] = people
  expect([ada.epoch, bo.epoch, cy.epoch]).toEqual([3, 3, 3])
  for (const member of people) await member.say(`by ${member.name}`)
  await world.acceptAll()
  for (const member of people) await member.receiveAll()
  expect(people.map((member) => member.group.pass)).toEqual([undefined, undefined, undefined])
  expect(people.map((member) => new Set(member.messages))).toEqual(
    people.map(() => new Set(["by ada", "by bo", "by cy"])),
  )
})

test("the committer decides between equals, and that is said", async () => {
  const { people } = await afterAFork()
  const [ada, bo, cy] = people
  const { decisiveRule, winner } = explainSelection(candidatesOf(cy.group) ?? [], cy.epoch)
  expect(decisiveRule).toBe("tip_committer")
  expect(winner?.path.at(-1)?.id).toBe(cy.group.tip)
  expect(cy.title).toBe(ada.pubkey < bo.pubkey ? "one" : "two")
})

test("without a rival no rule decides", () => {
  expect(explainSelection([], 0)).toEqual({
    winner: undefined,
    score: undefined,
    decisiveRule: undefined,
  })
})

test("invitees can be admins from the beginning, others can't", async () => {
  const { world, people } = await worldOf(["ada", "bo", "cy"])
  const [ada, bo, cy] = people
  const params = { device: ada.device, name: "n", description: "", relays: ["wss://relay.example"] }
  const invitees = [await bo.invitee()]
  const { group } = await createMarmotGroup(world.env, { ...params, invitees, admins: [bo.pubkey] })
  expect(summary(group).admins).toEqual([ada.pubkey, bo.pubkey].sort())
  expect(summary(group).epoch).toBe(1)
  for (const wrong of [invitees, []]) {
    const founding = createMarmotGroup(world.env, {
      ...params,
      invitees: wrong,
      admins: [cy.pubkey],
    })
    await expect(founding).rejects.toMatchObject({ code: "misuse" })
  }
})
