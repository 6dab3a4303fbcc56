// Marmot durability §9.2: a stored group is read back whole, or refused as a whole.

import { describe, expect, test } from "vitest"
import { worldOf } from "./engine.fixture.ts"
import { groupRecords, restoreGroup } from "./group-records.ts"
import { writeRecord } from "./record-json.ts"

/** A group with a message, and a Commit that no relay has answered yet. */
async function pendingGroup() {
  const { people } = await worldOf(["ada", "bo"])
  const [ada] = people
  await ada.say("hello")
  await ada.rename("Warren")
  return { ada, stored: ada.stored }
}

test("a group with a staged Commit is read back as it was", async () => {
  const { ada, stored } = await pendingGroup()
  const restored = restoreGroup(stored, ada.group.device)
  const again = new Map([...groupRecords(restored)].map(([name, it]) => [name, it.encode()]))
  expect(again).toEqual(stored)
  expect(restored.lifecycle).toBe("pendingPublish")
  expect(restored.pending?.event).toEqual(ada.group.pending?.event)
})

/** Forty messages in one state, and one in the next. */
async function talkative() {
  const { world, people } = await worldOf(["ada", "bo"])
  const [ada, bo] = people
  for (let i = 0; i < 40; i++) await ada.say(`${i}`)
  await ada.rename("Warren")
  await ada.say("after")
  await world.settle()
  return { ada, bo }
}

const written = (records: ReturnType<typeof groupRecords>) =>
  new Map([...records].map(([name, record]) => [name, record.encode()]))

test("a state that has become unreadable is stored as that", async () => {
  const { ada } = await pendingGroup()
  const { group } = ada
  const { tip } = group
  const node = group.states.get(tip)
  if (node === undefined) throw new Error("no tip")
  // As of a group that has ended: nothing but the last state is kept, and no key of it.
  const bare = { ...node, parent: undefined, mls: undefined }
  const ended = { ...group, pending: undefined, apps: new Map(), states: new Map([[tip, bare]]) }
  const [before, after] = [groupRecords(group), groupRecords(ended)]
  const stored = new Map<string, Uint8Array>()
  for (const [name, record] of after) {
    const known = before.get(name)
    const kept = known !== undefined && known.identity === record.identity
    stored.set(name, (kept ? known : record).encode())
  }
  expect(restoreGroup(stored, group.device).states.get(tip)).toEqual(bare)
})

describe("messages", () => {
  test("share records by state, of which one more changes only the last", async () => {
    const { ada, bo } = await talkative()
    const before = groupRecords(bo.group)
    const lists = [...before.keys()].filter((name) => name.startsWith("apps/"))
    expect(lists.length).toBe(4)
    await ada.say("more")
    await bo.receive(ada.publication.event)
    const after = groupRecords(bo.group)
    const [changed, ...others] = [...after].filter(
      ([name, { identity }]) => name.startsWith("apps/") && identity !== before.get(name)?.identity,
    )
    expect(others).toEqual([])
    expect(changed?.[0]).toContain(bo.group.tip)
  })

  test("come back in their order, whatever the order of the records", async () => {
    const { bo } = await talkative()
    const stored = written(groupRecords(bo.group))
    const restored = restoreGroup(new Map([...stored].reverse()), bo.group.device)
    expect(restored.apps).toEqual(bo.group.apps)
    const lists = (records: ReadonlyMap<string, Uint8Array>) =>
      new Map([...records].filter(([name]) => name.startsWith("apps/")))
    expect(lists(written(groupRecords(restored)))).toEqual(lists(stored))
  })

  test("are read where each has a record of its own, as earlier versions wrote them", async () => {
    const { bo } = await talkative()
    const earlier = written(groupRecords(bo.group))
    for (const name of earlier.keys()) if (name.startsWith("apps/")) earlier.delete(name)
    for (const app of bo.group.apps.values()) earlier.set(`app/${app.messageId}`, writeRecord(app))
    expect(restoreGroup(earlier, bo.group.device).apps).toEqual(bo.group.apps)
  })
})

describe("corrupt_state", () => {
  test("nothing may be missing but what can be absent", async () => {
    const { ada, stored } = await pendingGroup()
    // The messages of a state can be absent, and the card, which is for when others are.
    const optional = [...stored.keys()].filter((name) => /^(apps\/|card$)/.test(name))
    expect(optional.length).toBeGreaterThan(1)
    for (const name of stored.keys()) {
      const rest = new Map(stored)
      rest.delete(name)
      const restore = () => restoreGroup(rest, ada.group.device)
      if (optional.includes(name)) expect(restore).not.toThrow()
      else expect(restore, name).toThrow(expect.objectContaining({ code: "corrupt_state" }))
    }
  })

  test.each(["head", "intents", "seen", "pending", "state", "state-epoch", "state-keys"])(
    "a damaged record of kind %s",
    async (kind) => {
      const { ada, stored } = await pendingGroup()
      const name = [...stored.keys()].find((each) => each.split("/")[0] === kind)
      const bytes = name === undefined ? undefined : stored.get(name)
      if (name === undefined || bytes === undefined) throw new Error(`no record ${kind}`)
      const damaged = new Map(stored).set(name, bytes.slice(0, -1))
      expect(() => restoreGroup(damaged, ada.group.device)).toThrow(
        expect.objectContaining({ code: "corrupt_state" }),
      )
    },
  )

  test("a later version", async () => {
    const { ada, stored } = await pendingGroup()
    const head = new TextDecoder().decode(stored.get("head"))
    const later = new TextEncoder().encode(head.replace('"version":1', '"version":2'))
    expect(() => restoreGroup(new Map(stored).set("head", later), ada.group.device)).toThrow(
      expect.objectContaining({ code: "corrupt_state" }),
    )
  })
})
