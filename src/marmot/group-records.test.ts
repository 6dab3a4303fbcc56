// Marmot durability §9.2: a stored group is read back whole, or refused as a whole.

import { describe, expect, test } from "vitest"
import { worldOf } from "./engine.fixture.ts"
import { groupRecords, restoreGroup } from "./group-records.ts"

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

describe("corrupt_state", () => {
  test("nothing may be missing but what can be absent", async () => {
    const { ada, stored } = await pendingGroup()
    // A message's record can be absent, and the card, which is for when others are.
    const optional = [...stored.keys()].filter((name) => /^(app\/|card$)/.test(name))
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
