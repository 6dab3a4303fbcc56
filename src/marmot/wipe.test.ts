// Behaviour §9.1, design "Secrets": what is no longer retained is overwritten in memory and gone from the records, and
// nothing else is touched.

import { describe, expect, test } from "vitest"
import { bytesToHex } from "../nostr/event.ts"
import { type Member, worldOf } from "./engine.fixture.ts"
import type { GroupInput } from "./engine-types.ts"
import { apply } from "./engine.ts"
import { groupRecords } from "./group-records.ts"
import { summary } from "./group-view.ts"
import { secretsOf, statesOf, wipe } from "./wipe.ts"

/** Every byte string that can be reached from `root`. */
function reachable(root: unknown): Set<Uint8Array> {
  const found = new Set<Uint8Array>()
  const met = new Set<unknown>()
  const open = [root]
  for (let next = open.pop(); open.length > 0 || next !== undefined; next = open.pop()) {
    if (typeof next !== "object" || next === null || met.has(next)) continue
    met.add(next)
    if (next instanceof Uint8Array) found.add(next)
    else if (next instanceof Map)
      open.push(...(next.keys() as Iterable<unknown>), ...(next.values() as Iterable<unknown>))
    else if (next instanceof Set) open.push(...(next as Set<unknown>))
    else open.push(...(Object.values(next) as unknown[]))
  }
  return found
}

const hexes = (secrets: readonly Uint8Array[]) =>
  new Set(secrets.map(bytesToHex).filter((hex) => hex.length >= 32))

const storedText = (member: Member) =>
  [...groupRecords(member.group).values()].map((record) => bytesToHex(record.encode())).join(" ")

/** Takes a step as the client does: the old states are wiped once the new ones are stored. */
function wiping(member: Member): void {
  member.step = async (input: GroupInput) => {
    const step = await apply(member.group, input, member.world.env)
    member.take(step)
    wipe(step.released ?? [], step.group)
    return step.effects
  }
}

/** Secrets that `member` has now. */
const secretsNow = (member: Member) => statesOf(member.group).flatMap(secretsOf)

function expectGone(member: Member, before: readonly Uint8Array[], values: ReadonlySet<string>) {
  const live = reachable(member.group)
  const still = new Set([...live].map(bytesToHex))
  const stored = storedText(member)
  const kept = hexes(secretsNow(member))
  let wiped = 0
  for (const secret of before) {
    if (live.has(secret)) continue
    expect(secret.every((byte) => byte === 0)).toBe(true)
    wiped++
  }
  for (const value of values) {
    if (kept.has(value)) continue
    expect(still.has(value)).toBe(false)
    expect(stored.includes(value)).toBe(false)
  }
  return wiped
}

test("an epoch that leaves the window takes its secrets along, and everyone goes on", async () => {
  const { world, people } = await worldOf(["ada", "bo", "cy"])
  const [ada, bo, cy] = people
  people.forEach(wiping)
  await bo.say("hello")
  await world.settle()
  const before = secretsNow(cy)
  const values = hexes(before)
  for (let i = 0; i < 7; i++) {
    await ada.rename(`name ${i}`)
    await world.settle()
    await cy.say(`message ${i}`)
    await bo.want({ type: "selfUpdate" })
    await world.settle()
  }
  expect(expectGone(cy, before, values)).toBeGreaterThan(10)
  expect(summary(cy.group).name).toBe("name 6")
  for (const member of people) {
    expect(member.fingerprint).toEqual(ada.fingerprint)
    expect(member.messages).toHaveLength(8)
    member.restart()
    await member.say(`${member.name} is still here`)
  }
  await world.settle()
  expect(new Set(people.map((member) => member.messages.length))).toEqual(new Set([11]))
})

test("nothing is wiped while a pass may still need it", async () => {
  const { world, people } = await worldOf(["ada", "bo"])
  const [ada, bo] = people
  people.forEach(wiping)
  await ada.rename("Warren")
  await world.acceptAll()
  const before = secretsNow(bo)
  const values = before.map(bytesToHex)
  await bo.receiveAll()
  expect(summary(bo.group).status).toBe("syncing")
  expect(before.map(bytesToHex)).toEqual(values)
  await bo.want({ type: "selfUpdate" })
  await world.settle()
  expect(bo.fingerprint).toEqual(ada.fingerprint)
})

describe("of a group that has ended no secret stays", () => {
  test.each(["removed", "left", "disbanded", "alone"])("%s", async (how) => {
    const { world, people } = await worldOf(["ada", "bo"])
    const [ada, bo] = people
    people.forEach(wiping)
    await ada.say("hello")
    await world.settle()
    if (how === "alone") {
      await bo.want({ type: "leave" })
      await world.settle()
    }
    const one = how === "alone" ? ada : bo
    const before = secretsNow(one)
    const values = hexes(before)
    if (how === "removed") await ada.want({ type: "remove", members: [bo.pubkey] })
    if (how === "left") await bo.want({ type: "leave" })
    if (how === "disbanded") await ada.want({ type: "disband" })
    if (how === "alone") await ada.want({ type: "leave" })
    await world.settle()
    const { standing, name } = summary(one.group)
    expect([standing, name]).toEqual([how === "alone" ? "left" : how, "Burrow"])
    expect(expectGone(one, before, values)).toBeGreaterThan(5)
    expect(secretsNow(one).filter((secret) => secret.length > 0)).toHaveLength(
      statesOf(one.group).length,
    )
    one.restart()
    expect(summary(one.group).name).toBe("Burrow")
  })
})

test("of a branch that lost, once it leaves the horizon", async () => {
  const { world, people } = await worldOf(["ada", "bo", "cy"])
  const [ada, bo, cy] = people
  people.forEach(wiping)
  await bo.want({ type: "selfUpdate" })
  await ada.rename("wins")
  await world.acceptAll()
  await cy.receiveAll()
  await world.pass(1000)
  const loser = [...cy.group.states.values()].find((node) => node.edge?.committer === bo.pubkey)
  if (loser?.mls === undefined) throw new Error("no rival")
  const before = secretsOf(loser.mls)
  const values = hexes(before)
  await world.settle()
  for (let i = 0; i < 6; i++) {
    await ada.rename(`name ${i}`)
    await world.settle()
  }
  expect(cy.group.states.has(loser.id)).toBe(false)
  expect(expectGone(cy, before, values)).toBeGreaterThan(5)
  expect(cy.fingerprint).toEqual(ada.fingerprint)
})
