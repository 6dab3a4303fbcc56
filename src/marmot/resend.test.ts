// Marmot group messaging: what was said while nobody could hear it arrives, and arrives once.

import { expect, test } from "vitest"
import { type Member, type Publication, type World, worldOf } from "./engine.fixture.ts"

/** Bo has said something that reached no relay, and Ada has moved the group on by so many epochs. */
async function unheard(epochs: number) {
  const { world, people } = await worldOf(["ada", "bo", "cy"])
  const [ada, bo, cy] = people
  await bo.say("hello")
  const said = bo.publication
  world.unanswered.splice(world.unanswered.indexOf(said), 1)
  for (let i = 0; i < epochs; i++) {
    await ada.rename(`name ${i}`)
    await world.acceptAll()
    await settleWithout(world, bo)
  }
  return { world, ada, bo, cy, said }
}

/** Everyone but `absent` hears what the relay has. */
async function settleWithout(world: World, absent: Member): Promise<void> {
  for (const member of world.members) if (member !== absent) await member.receiveAll()
  await world.pass(6_000)
}

/** The relay takes it at last. */
async function hand(world: World, publication: Publication): Promise<void> {
  world.unanswered.push(publication)
  await world.accept(publication)
}

test("a message that only reaches a relay when the group is far ahead is encrypted anew", async () => {
  const { world, ada, bo, cy, said } = await unheard(8)
  await bo.receiveAll()
  await hand(world, said)
  await world.settle()
  expect(ada.messages).toEqual(["hello"])
  expect(cy.messages).toEqual(["hello"])
  expect(bo.messages).toEqual(["hello"])
  expect(cy.fingerprint).toEqual(bo.fingerprint)
})

test("it is, too, when the relay takes it before we hear how far the group is", async () => {
  const { world, ada, bo, cy, said } = await unheard(8)
  await hand(world, said)
  await bo.receiveAll()
  await world.settle()
  expect(ada.messages).toEqual(["hello"])
  expect(cy.messages).toEqual(["hello"])
  expect(bo.messages).toEqual(["hello"])
})

test("it is, too, without any word from a relay, and after a restart", async () => {
  const { world, ada, bo } = await unheard(8)
  bo.restart()
  await world.settle()
  expect(ada.messages).toEqual(["hello"])
  expect(bo.messages).toEqual(["hello"])
})

test("its older event is owed to nobody any more", async () => {
  const { world, ada, bo, said } = await unheard(8)
  world.unanswered.push(said)
  await bo.receiveAll()
  expect(world.unanswered).toContain(said)
  await world.pass(6_000)
  expect(world.unanswered.filter(({ by }) => by === bo)).toHaveLength(1)
  expect(world.unanswered).not.toContain(said)
  await world.settle()
  expect(ada.messages).toEqual(["hello"])
})

test("who leaves is heard before", async () => {
  const { world, people } = await worldOf(["ada", "bo", "cy"])
  const [ada, , cy] = people
  await cy.say("bye")
  const wish = await cy.want({ type: "leave" })
  expect(world.unanswered.map(({ purpose }) => purpose)).toEqual(["application"])
  expect(cy.outcomes()).not.toContain(`${wish}: ok`)
  await world.accept(cy.publication)
  expect(world.unanswered.map(({ purpose }) => purpose)).toEqual(["proposal"])
  await world.settle()
  expect(cy.outcomes()).toContain(`${wish}: ok`)
  expect(cy.group.standing).toBe("left")
  expect(ada.messages).toEqual(["bye"])
})

test("who leaves while the group is far ahead is heard before", async () => {
  const { world, ada, bo, said } = await unheard(8)
  world.unanswered.push(said)
  await bo.receiveAll()
  const wish = await bo.want({ type: "leave" })
  await world.settle()
  expect(bo.outcomes()).toContain(`${wish}: ok`)
  expect(bo.group.standing).toBe("left")
  expect(ada.messages).toEqual(["hello"])
  expect(bo.messages).toEqual(["hello"])
})

test("who leaves need not wait because a branch that has lost was far ahead when the relay answered", async () => {
  const { world, people } = await worldOf(["ada", "bo", "cy", "dee"])
  const [ada, bo, cy, dee] = people
  await ada.want({ type: "update", admins: [ada.pubkey, bo.pubkey] })
  await world.settle()
  await cy.say("bye")
  const said = cy.publication
  world.unanswered.splice(world.unanswered.indexOf(said), 1)
  await ada.rename("Lodge")
  await world.acceptAll()
  await settleWithout(world, bo)
  await ada.say("here")
  await dee.say("me too")
  await world.acceptAll()
  await ada.rename("Den")
  await world.acceptAll()
  await settleWithout(world, bo)
  for (const name of ["Sett", "Warren", "Holt"]) {
    await bo.rename(name)
    await world.acceptAll()
  }
  await cy.receiveAll()
  await hand(world, said)
  await world.pass(6_000)
  expect(cy.title).toBe("Den")
  const wish = await cy.want({ type: "leave" })
  await world.settle()
  expect(cy.outcomes()).toContain(`${wish}: ok`)
  expect(cy.group.standing).toBe("left")
  expect(ada.messages).toContain("bye")
})

test("a message that others can still open is not sent twice", async () => {
  const { world, ada, bo, said } = await unheard(2)
  await bo.receiveAll()
  await hand(world, said)
  await world.settle()
  expect(world.relay.length).toBe(3)
  expect(ada.messages).toEqual(["hello"])
})

test("one that was acknowledged in time stays as it is, however far the group moves on", async () => {
  const { world, people } = await worldOf(["ada", "bo"])
  const [ada, bo] = people
  await bo.say("hello")
  await world.settle()
  await world.pass(30_000)
  for (let i = 0; i < 8; i++) {
    await ada.rename(`name ${i}`)
    await world.settle()
  }
  expect(world.relay.length).toBe(9)
  expect(ada.messages).toEqual(["hello"])
})

test("what was acknowledged a moment ago is said again if the group goes on at once, but not for ever", async () => {
  const { world, people } = await worldOf(["ada", "bo"])
  const [ada, bo] = people
  await bo.say("hello")
  for (let i = 0; i < 40; i++) {
    await ada.rename(`name ${i}`)
    await world.acceptAll()
    await world.pass(100)
    for (const member of people) await member.receiveAll()
    await world.pass(1_100)
  }
  await world.settle()
  const messages = world.relay.length - 40
  expect(messages).toBe(3)
  expect(ada.messages).toEqual(["hello"])
  expect(bo.messages).toEqual(["hello"])
})

/** Bo's message was taken by a relay that nobody else reads, and he was gone until the group was eight epochs on. */
async function halfPublished(awayMs: number) {
  const { world, people } = await worldOf(["ada", "bo"])
  const [ada, bo] = people
  await bo.say("hello")
  const said = bo.publication
  await world.accept(said)
  world.relay.splice(world.relay.indexOf(said.event), 1)
  await world.pass(awayMs)
  for (let i = 0; i < 8; i++) {
    await ada.rename(`name ${i}`)
    await world.acceptAll()
    await settleWithout(world, bo)
  }
  const innerIds = said.innerId === undefined ? [] : [said.innerId]
  bo.restart()
  return { world, ada, bo, innerIds }
}

test("one that only one relay had when its author went away is encrypted anew on the return", async () => {
  const { world, ada, bo, innerIds } = await halfPublished(180_000)
  await bo.step({ type: "halfPublished", innerIds })
  await world.settle()
  expect(ada.messages).toEqual(["hello"])
  expect(bo.messages).toEqual(["hello"])
})

test("not so after a week: a dead relay must not have everything said again at each return", async () => {
  const { world, ada, bo, innerIds } = await halfPublished(8 * 86_400_000)
  await bo.step({ type: "halfPublished", innerIds })
  await world.settle()
  expect(ada.messages).toEqual([])
})

test("one that no relay wants is left to the user", async () => {
  const { world, bo, said } = await unheard(8)
  world.unanswered.push(said)
  await world.reject(said)
  await world.settle()
  expect(world.relay.length).toBe(8)
  expect(bo.messages).toEqual(["hello"])
})

test("a branch that wins after all brings no message that nobody has", async () => {
  const { world, people } = await worldOf(["ada", "bo", "cy"])
  const [ada, bo, cy] = people
  await ada.want({ type: "update", admins: [ada.pubkey, bo.pubkey] })
  await world.settle()
  await ada.rename("Lodge")
  await world.accept(ada.publication)
  await cy.receiveAll()
  await world.pass(6_000)
  await cy.say("hello")
  // Bo knows nothing of it, and his branch is longer for a while.
  for (const name of ["Sett", "Warren"]) {
    await bo.rename(name)
    await world.accept(bo.publication)
  }
  await cy.receiveAll()
  await world.pass(6_000)
  expect(cy.title).toBe("Warren")
  await world.accept(cy.publication)
  for (const name of ["Den", "Holt", "Earth"]) {
    await ada.rename(name)
    await world.accept(ada.publication)
  }
  await world.settle()
  for (const member of people) {
    expect(member.title).toBe("Earth")
    expect(member.messages).toEqual(["hello"])
  }
})
