// Behaviour §9.5: the boundaries of the crash matrix. A member's steps around each are interrupted, once before
// they are stored and once after, and what follows is compared with an uninterrupted twin. What is missing or damaged is in salvage.test.ts.

import { describe, expect, test } from "vitest"
import { apply } from "../../src/marmot/engine.ts"
import { Member, seededRandom, World } from "../../src/marmot/engine.fixture.ts"
import type { GroupInput } from "../../src/marmot/engine-types.ts"
import { groupRecords, restoreGroup } from "../../src/marmot/group-records.ts"
import { summary } from "../../src/marmot/group-view.ts"
import { wipe } from "../../src/marmot/wipe.ts"
import { cipherSuite, createCrypto } from "../../src/mls/index.ts"
import { canonicalSnapshot } from "../conformance/snapshot.ts"

interface Crash {
  /** The step of the subject, counted from 0. */
  readonly at: number
  /** `before`: nothing of it was stored. `after`: all of it was, and what led to it comes again. */
  readonly when: "before" | "after"
}

class Stage {
  readonly world: World
  /** Names of the boundaries, by the subject's step at which each is reached. */
  readonly boundaries: { readonly name: string; readonly step: number }[] = []
  readonly snapshots: unknown[] = []
  steps = 0
  readonly #crash: Crash | undefined
  readonly #use: (seed: string) => void

  constructor(world: World, use: (seed: string) => void, crash: Crash | undefined) {
    this.world = world
    this.#use = use
    this.#crash = crash
  }

  /** From here on `member` is the one who crashes. Every step draws the same randomness, also the second time. */
  watch(members: readonly Member[], subject: Member): void {
    for (const member of members) {
      let count = 0
      member.step = async (input: GroupInput) => {
        const at = count++
        if (member !== subject) return this.#take(member, input, `${member.name}/${at}`)
        this.steps = count
        const crash = this.#crash?.at === at ? this.#crash.when : undefined
        if (crash === "before") {
          this.#use(`${member.name}/${at}`)
          await apply(member.group, input, this.world.env)
          member.restart()
        }
        const effects = await this.#take(member, input, `${member.name}/${at}`)
        if (crash === "after") {
          member.restart()
          // A wish that was answered is not repeated; relays and timers are.
          if (input.type !== "intent") await this.#take(member, input, `${member.name}/${at}/again`)
        }
        return effects
      }
    }
  }

  boundary(name: string, subject: Member): void {
    this.boundaries.push({ name, step: this.steps })
    const { group } = subject
    const { pending, pass, leaving, disbanding, tombstone } = group
    this.snapshots.push({
      name,
      canonical: tombstone ?? canonicalSnapshot(this.world.crypto, group),
      summary: summary(group, this.world.now),
      gates: [leaving, disbanding?.intentId],
      publication: pending && [pending.event.id, pending.relays, pending.node.id, pending.intent],
      pass: pass !== undefined,
      inputs: [...group.unopened.keys(), ...group.deferred.keys()].sort(),
      outputs: outputs(subject),
    })
  }

  async #take(member: Member, input: GroupInput, seed: string) {
    this.#use(seed)
    const step = await apply(member.group, input, this.world.env)
    member.take(step)
    wipe(step.released ?? [], member.group)
    return step.effects
  }
}

/** What the application was told, each thing once. */
function outputs(member: Member) {
  const delivered = member.effects.flatMap((effect) =>
    effect.type === "deliver" ? [effect.event.id] : [],
  )
  return {
    messages: member.messages,
    notices: [...member.notices],
    outcomes: member.outcomes(),
    ended: member.effects.filter(({ type }) => type === "ended"),
    welcomes: member.welcomes.map(({ recipient }) => recipient),
    delivered: [...new Set(delivered)],
  }
}

/** The founding, once for all: keys and proofs are not the same twice. */
async function founding() {
  const crypto = await createCrypto({ suite: cipherSuite(1), backend: "noble" })
  const world = new World(crypto, seededRandom("founding"), {})
  const people: Member[] = []
  for (const name of ["ada", "bo", "cy", "di"]) people.push(await world.member(name))
  const [ada, bo, cy] = people as [Member, Member, Member]
  await ada.create([bo, cy])
  await ada.want({ type: "update", admins: [ada.pubkey, bo.pubkey] })
  await world.settle()
  return { now: world.now, people }
}

async function play(
  { now, people: founders }: Awaited<ReturnType<typeof founding>>,
  crash?: Crash,
): Promise<Stage> {
  let current = seededRandom("beginning")
  const random = (length: number) => current(length)
  const crypto = await createCrypto({ suite: cipherSuite(1), random, backend: "noble" })
  const world = new World(crypto, random, {})
  world.now = now
  const use = (seed: string) => (current = seededRandom(seed))
  const people = founders.map((founder) => {
    const member = new Member(world, founder.name, founder.device, founder.secret)
    if (founder.isMember) {
      // From the records: what one play wipes, no other shares.
      const records = new Map([...groupRecords(founder.group)].map(([k, r]) => [k, r.encode()]))
      member.take({ group: restoreGroup(records, founder.device), effects: [] })
    }
    world.members.push(member)
    return member
  })
  const [ada, bo, cy, di] = people as [Member, Member, Member, Member]
  const stage = new Stage(world, use, crash)
  stage.watch(people, bo)

  await bo.rename("bo's")
  stage.boundary("prepared, not published", bo)
  await bo.say("queued behind it")
  await ada.rename("ada's")
  await cy.say("meanwhile")
  const own = bo.publication
  world.acceptSilently(own)
  stage.boundary("acknowledgement uncertain", bo)
  // Its copy comes back from the relay, twice.
  await bo.receive(own.event)
  await bo.receive(own.event)
  stage.boundary("confirmed and applied", bo)
  await world.acceptAll()
  await bo.receiveAll()
  stage.boundary("collecting", bo)
  await world.pass(999)
  stage.boundary("collecting, near the cutoff", bo)
  await world.pass(1)
  stage.boundary("selected and applied, with withdrawals", bo)
  await world.settle()

  use("invitation")
  await bo.invite(di)
  const invitation = bo.publication
  await world.accept(invitation)
  stage.boundary("applied, derived work incomplete", bo)
  await world.pass(1000)
  await di.join(bo)
  await cy.want({ type: "leave" })
  await world.acceptAll()
  await bo.receiveAll()
  stage.boundary("a departure to commit", bo)
  await world.settle()

  await ada.rename("as it ends")
  await bo.want({ type: "disband" })
  stage.boundary("the gate of ending the group", bo)
  await world.settle()
  stage.boundary("ended", bo)
  return stage
}

describe("the crash matrix", async () => {
  const start = await founding()
  const twin = await play(start)

  test("passes every boundary", () => {
    expect(twin.boundaries).toHaveLength(10)
    expect(twin.snapshots.at(-1)).toMatchObject({
      summary: { standing: "disbanded" },
      outputs: { ended: [{ how: "disbanded" }] },
    })
  })

  // The step that led to a boundary, and the first one after it.
  const steps = new Set(twin.boundaries.flatMap(({ step }) => [step - 1, step]))
  const crashes = [...steps]
    .filter((at) => at >= 0 && at < twin.steps)
    .flatMap((at) => (["before", "after"] as const).map((when) => ({ at, when })))

  test.each(crashes)("step $at, $when it is stored", async (crash) => {
    const interrupted = await play(start, crash)
    expect(interrupted.snapshots).toEqual(twin.snapshots)
  })
})
