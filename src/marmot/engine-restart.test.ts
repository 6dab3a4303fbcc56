// Marmot durability (behaviour §9): a group that comes back from its records goes on as if nothing had happened.

import { describe, expect, test } from "vitest"
import type { Effect } from "./engine-types.ts"
import { type Member, type World, worldOf } from "./engine.fixture.ts"
import { groupRecords } from "./group-records.ts"
import { summary } from "./group-view.ts"

type Chapter = (world: World, ada: Member, bo: Member, cy: Member) => Promise<void>

/** Everything that can wait inside of a group, waits at some point of this story. */
const chapters: readonly Chapter[] = [
  async (_world, ada, bo) => {
    await ada.want({ type: "update", admins: [ada.pubkey, bo.pubkey] })
  },
  (world) => world.settle(),
  // Staged Commits, and wishes behind them.
  async (_world, ada, bo) => {
    await ada.rename("ada's")
    await ada.say("after the rename")
    await bo.rename("bo's")
    await bo.want({ type: "selfUpdate" })
  },
  async (world, ada, bo, cy) => {
    await cy.say("meanwhile")
    await world.accept(cy.publication)
    await world.accept(ada.publication)
    await world.accept(bo.publication)
  },
  // Unopened events: the newest first.
  async (_world, _ada, _bo, cy) => {
    for (const event of cy.missing.reverse()) await cy.receive(event)
  },
  // A pass that is open.
  async (world) => {
    for (const member of world.members) await member.receiveAll()
  },
  (world) => world.pass(400),
  (world) => world.pass(700),
  (world) => world.settle(),
  // A Welcome that waits.
  async (world, ada) => {
    await ada.invite(await world.member("di"))
    await world.acceptAll()
  },
  (world) => world.pass(900),
  (world) => world.settle(),
  // A Commit that waits for its proposal.
  async (world, ada, _bo, cy) => {
    await cy.want({ type: "leave" })
    await world.accept(cy.publication)
    await ada.receiveAll()
    await world.pass(1500)
    await world.acceptAll()
  },
  async (_world, _ada, bo) => {
    for (const event of bo.missing.reverse()) await bo.receive(event)
  },
  (world) => world.settle(),
]

/** What a member's application was told, without the bytes that differ from run to run. */
function told(member: Member): string[] {
  return member.effects.map((effect) => [effect.type, detail(effect)].join(" "))
}

function detail(effect: Effect): string {
  switch (effect.type) {
    case "publish":
      return effect.purpose
    case "deliver":
      return effect.event.content
    case "notify":
    case "changeLost":
      return effect.changes.map((change) => change.type).join()
    case "intentDone":
      return `${effect.intentId} ${effect.result.ok}`
    case "disposition":
      return effect.category ?? effect.disposition ?? ""
    default:
      return ""
  }
}

/** The story, with everybody restarted after the chapters that `restarts` says. */
async function play(restarts: (chapter: number) => boolean, everyStep = false) {
  const { world, people } = await worldOf(["ada", "bo", "cy"], { restarts: everyStep })
  const [ada, bo, cy] = people
  for (const [i, chapter] of chapters.entries()) {
    await chapter(world, ada, bo, cy)
    if (!restarts(i)) continue
    for (const member of people) member.restart()
  }
  return { people, story: people.map(told), ends: people.map((member) => summary(member.group)) }
}

const stable = ({ ends }: Awaited<ReturnType<typeof play>>) =>
  // Ids of the group are random.
  ends.map(({ groupId: _, routes: __, ...end }) => end)

describe("restarts", () => {
  test("at any point, and after every step, change nothing of what people see", async () => {
    const plain = await play(() => false)
    expect(plain.ends.map((end) => end.standing)).toEqual(["active", "active", "left"])
    expect(plain.people[0].fingerprint).toEqual(plain.people[1].fingerprint)
    const types = new Set(plain.story.flat().map((line) => line.split(" ")[0]))
    for (const type of ["withdrawNotices", "changeLost", "welcome", "ended", "deliver"]) {
      expect(types).toContain(type)
    }
    const always = await play(() => true, true)
    expect(always.story).toEqual(plain.story)
    expect(stable(always)).toEqual(stable(plain))
    for (const chapter of chapters.keys()) {
      const once = await play((i) => i === chapter)
      expect(once.story).toEqual(plain.story)
      expect(stable(once)).toEqual(stable(plain))
    }
  })

  test("a staged Commit is still there to be published, and acknowledged", async () => {
    const { world, people } = await worldOf(["ada", "bo"])
    const [ada, bo] = people
    await ada.rename("Warren")
    const { event, relays } = ada.group.pending ?? {}
    ada.restart()
    expect(ada.group.pending?.event).toEqual(event)
    expect(ada.group.pending?.relays).toEqual(relays)
    await world.settle()
    expect([ada, bo].map((member) => summary(member.group).name)).toEqual(["Warren", "Warren"])
    expect(ada.fingerprint).toEqual(bo.fingerprint)
  })

  test("our own Commit can still win or lose after one", async () => {
    const { world, people } = await worldOf(["ada", "bo", "cy"])
    const [ada, bo, cy] = people
    await ada.want({ type: "update", admins: [ada.pubkey, bo.pubkey] })
    await world.settle()
    const [low, high] = ada.pubkey < bo.pubkey ? [ada, bo] : [bo, ada]
    await low.rename("kept")
    await high.rename("lost")
    await world.acceptAll()
    for (const member of people) member.restart()
    await world.settle()
    expect(people.map((member) => summary(member.group).name)).toEqual(["kept", "kept", "kept"])
    expect(cy.fingerprint).toEqual(high.fingerprint)
    expect(low.fingerprint).toEqual(high.fingerprint)
  })
})

describe("records", () => {
  test("a step rewrites only what it changed", async () => {
    const { world, people } = await worldOf(["ada", "bo"])
    const [ada, bo] = people
    await ada.say("one")
    await world.settle()
    const changed = async (run: () => Promise<unknown>) => {
      const before = groupRecords(bo.group)
      await run()
      return [...groupRecords(bo.group)]
        .filter(([name, record]) => before.get(name)?.identity !== record.identity)
        .map(([name]) => name.replace(/\/.*/, ""))
        .sort()
    }
    expect(await changed(() => bo.tick())).toEqual([])
    await ada.say("two")
    const { event } = ada.publication
    // A message costs the newest list of its state's messages and the message keys, never the tree.
    expect(await changed(() => bo.receive(event))).toEqual(["apps", "state-keys"])
    expect(await changed(() => bo.receive(event))).toEqual([])
    await ada.rename("Warren")
    const commit = ada.publication.event
    expect(await changed(() => bo.receive(commit))).toEqual([
      "head",
      "state",
      "state-epoch",
      "state-keys",
    ])
  })

  test("the store holds the same as a full copy would, after every step", async () => {
    const { people } = await play(() => false)
    for (const member of people) {
      const full = [...groupRecords(member.group)].map(
        ([name, record]) => [name, record.encode()] as const,
      )
      expect(member.stored).toEqual(new Map(full))
    }
  })
})
