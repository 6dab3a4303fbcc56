// Marmot convergence §8.2: whatever people want, in whatever order things arrive, all members end up with the same.

import { describe, expect, test } from "vitest"
import { type Member, seededRandom, type World, worldOf } from "./engine.fixture.ts"
import { canonicalIds } from "./graph.ts"
import { summary } from "./group-view.ts"

const NAMES = ["ada", "bo", "cy", "di", "ed"] as const

/** A number generator that a seed fixes. */
function dice(seed: string): (sides: number) => number {
  const random = seededRandom(seed)
  return (sides) => new DataView(random(4).buffer).getUint32(0) % sides
}

interface Story {
  readonly seed: string
  readonly members: number
  readonly steps: number
  /** People are invited. */
  readonly invitations?: boolean
  /** Departures and removals happen. */
  readonly departures: boolean
  readonly restarts: boolean
}

/** A story in which each step is one wish, one delivery, one answer, or some time. */
async function tell(story: Story): Promise<{ world: World; people: readonly Member[] }> {
  const roll = dice(story.seed)
  const names = NAMES.slice(0, story.members)
  const { world, people } = await worldOf(names, { seed: story.seed, restarts: story.restarts })
  const [ada] = people
  if (ada === undefined) throw new Error("nobody is there")
  // More than one admin, so that changes clash.
  const admins = people.slice(0, 2 + roll(story.members - 1)).map((member) => member.pubkey)
  await ada.want({ type: "update", admins })
  await world.settle()
  const anyone = (): Member => {
    const present = world.members.filter((member) => member.isMember)
    return present[roll(present.length)] ?? ada
  }
  let changes = 0
  for (let step = 0; step < story.steps; step++) {
    const member = anyone()
    switch (roll(10)) {
      case 0:
      case 1:
        await member.say(`${member.name} says ${step}`)
        break
      case 2:
        // Within the horizon: what is more than five epochs late can't be reconciled.
        if (changes++ < 4) await member.rename(`name ${step}`)
        break
      case 3:
        if (changes++ < 4) await member.want({ type: "selfUpdate" })
        break
      case 4:
        await takeAnswer(world, roll)
        break
      case 5:
        await world.pass(roll(2500))
        break
      case 6:
        if (story.invitations && changes++ < 4) await member.invite(await world.member(`n${step}`))
        if (story.departures && changes++ < 4) await depart(member, anyone(), roll)
        break
      default: {
        await enter(world)
        const event = member.missing[roll(Math.max(1, member.missing.length))]
        if (event !== undefined) await member.receive(event)
      }
    }
  }
  await world.settle()
  await enter(world)
  await world.settle()
  return { world, people }
}

/** Who has a Welcome joins. */
async function enter(world: World): Promise<void> {
  for (const { pubkey } of world.members.filter((member) => !member.isMember)) {
    const inviter = world.members.find((other) =>
      other.welcomes.some(({ recipient }) => recipient === pubkey),
    )
    const invited = world.members.find((member) => member.pubkey === pubkey)
    if (inviter !== undefined) await invited?.join(inviter)
  }
}

async function takeAnswer(world: World, roll: (sides: number) => number): Promise<void> {
  const publication = world.unanswered[roll(Math.max(1, world.unanswered.length))]
  if (publication === undefined) return
  // A commit that a relay refuses is not published; messages would be lost for good.
  const kind = publication.purpose === "commit" ? roll(4) : 0
  if (kind === 3) await world.reject(publication)
  else if (kind === 2) world.acceptSilently(publication)
  else await world.accept(publication)
}

async function depart(member: Member, other: Member, roll: (sides: number) => number) {
  if (roll(2) === 0) await member.want({ type: "leave" })
  else if (member !== other) await member.want({ type: "remove", members: [other.pubkey] })
}

/**
 * Those whom nobody else has removed. Whoever was removed can't read what is said without them, so they may go on
 * believing in a branch of their own.
 */
function company(people: readonly Member[]): readonly Member[] {
  const active = people.filter((member) => member.isMember && member.group.standing === "active")
  return active.filter((member) => {
    const closed = [...member.group.states.values()].filter((node) => node.mls === undefined)
    return !closed.some((node) => active.some((other) => canonicalIds(other.group).has(node.id)))
  })
}

function expectAgreement(people: readonly Member[]): void {
  const active = company(people)
  const [first, ...others] = active
  for (const member of others) {
    expect(member.fingerprint).toEqual(first?.fingerprint)
    expect([...member.messages].sort()).toEqual([...(first?.messages ?? [])].sort())
    expect(noticesOf(member)).toEqual(noticesOf(first))
  }
  for (const member of active) {
    expect(summary(member.group).standing).toBe("active")
    expect(summary(member.group).settled).toBe(true)
    expect(member.group.lifecycle).toBe("stable")
    expect(new Set(member.messages).size).toBe(member.messages.length)
  }
}

/** Visible notices; the founding is the founder's alone. */
function noticesOf(member: Member | undefined): string[] {
  const changes = [...(member?.notices.values() ?? [])].flat()
  return changes
    .filter(({ type }) => type !== "member_added")
    .map((row) => JSON.stringify(row))
    .sort()
}

const seeds = Array.from({ length: Number(process.env["STORIES"] ?? 8) }, (_, i) => i)

describe("random stories", () => {
  test.each(seeds)("changes and messages, seed %i", async (seed) => {
    const members = 3 + (seed % 3)
    const story = { seed: `changes ${seed}`, members, steps: 70 }
    const { people } = await tell({ ...story, departures: false, restarts: false })
    expectAgreement(people)
    const said = people.flatMap((member) => [...member.shown.values()])
    expect(said.every((row) => row.visible)).toBe(true)
  })

  test.each(seeds)("with invitations, seed %i", async (seed) => {
    const members = 2 + (seed % 3)
    const story = { seed: `invitations ${seed}`, members, steps: 70, invitations: true }
    const { world, people } = await tell({ ...story, departures: false, restarts: false })
    // Newcomers have not seen what was said before.
    expectAgreement(people)
    const [ada] = people
    const { members: accounts } = summary((ada as Member).group)
    for (const member of company(world.members)) {
      // A Welcome into a branch that loses more than a second later leads nowhere: its sender must invite again.
      if (!accounts.includes(member.pubkey)) continue
      expect(member.fingerprint).toEqual(ada?.fingerprint)
    }
  })

  test.each(seeds)("with departures, seed %i", async (seed) => {
    const members = 3 + (seed % 3)
    const story = { seed: `departures ${seed}`, members, steps: 70 }
    const { people } = await tell({ ...story, departures: true, restarts: false })
    expectAgreement(people)
  })

  test.each(seeds.slice(0, 4))("with a restart after every step, seed %i", async (seed) => {
    const story = { seed: `restarts ${seed}`, members: 3, steps: 60 }
    const { people } = await tell({ ...story, departures: seed % 2 === 0, restarts: true })
    expectAgreement(people)
  })
})
