import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { startRelay } from "../../dev/relay/server.ts"
import type { RunningRelay } from "../../dev/relay/server.ts"
import { unsafeWithCrashPoints } from "../../src/store/crash-points.ts"
import { Memory, openMemoryStore } from "../../src/store/index.ts"
import {
  acceptOnly,
  contents,
  rows,
  startClient,
  startPerson,
  syncAll,
} from "../unit/client.fixture.ts"
import type { Person } from "../unit/client.fixture.ts"

let relay: RunningRelay

beforeAll(async () => {
  relay = await startRelay()
})
afterAll(() => relay.close())

/** A person whose store outlives the client. */
async function mortal(name: string, memory: Memory): Promise<Person> {
  return startPerson([relay.url], name, { openStore: () => openMemoryStore(memory) })
}

async function reborn(person: Person, memory: Memory): Promise<Person> {
  const client = await startClient([relay.url], { openStore: () => openMemoryStore(memory) })
  return { ...person, client }
}

async function pairOf(aliceMemory: Memory, bobMemory: Memory) {
  const alice = await mortal("Alice", aliceMemory)
  const bob = await mortal("Bob", bobMemory)
  const { groupId } = await alice.client.createGroup({ name: "Us", members: [bob.npub] })
  await alice.client.sync()
  await acceptOnly(bob)
  await syncAll(alice, bob)
  return { alice, bob, groupId }
}

// Several at once: each waits for most of its time.
describe.concurrent("a crash at any batch", () => {
  const points = Array.from({ length: 14 }, (_, index) => index + 1).flatMap((failAt) =>
    (["before", "after"] as const).map((when) => ({ failAt, when })),
  )

  test.each(points)(
    "of one who sends and changes: batch $failAt, $when",
    async ({ failAt, when }) => {
      const [aliceMemory, bobMemory] = [new Memory(), new Memory()]
      const { alice, bob, groupId } = await pairOf(aliceMemory, bobMemory)
      await alice.client.close()

      const store = unsafeWithCrashPoints(await openMemoryStore(aliceMemory), { failAt, when })
      const doomed = await Promise.race([
        startClient([relay.url], { openStore: () => Promise.resolve(store) }),
        store.crashed,
      ])
      const answered: string[] = []
      const work = async () => {
        if (doomed === undefined) return
        for (const content of ["a", "b"]) {
          await doomed.sendMessage(groupId, { content })
          answered.push(content)
        }
        await doomed.updateGroup(groupId, { name: "We" })
        answered.push("name")
        await doomed.sendMessage(groupId, { content: "c" })
        answered.push("c")
        await doomed.sync()
      }
      await Promise.race([work(), store.crashed])
      doomed?.setOnline(false)

      const again = await reborn(alice, aliceMemory)
      await syncAll(again, bob)
      const own = await contents(again.client, groupId)
      // Nothing that was answered is lost, nothing is there twice, both have the same.
      for (const content of answered.filter((each) => each !== "name"))
        expect(own).toContain(content)
      expect(new Set(own).size).toBe(own.length)
      expect(await contents(bob.client, groupId)).toEqual(own)
      expect(await bob.client.fingerprint(groupId)).toEqual(await again.client.fingerprint(groupId))
      if (answered.includes("name")) expect((await bob.client.group(groupId)).name).toBe("We")
      const renames = (await rows(bob.client, groupId)).filter((row) => row === "group_renamed")
      expect(renames.length).toBe((await bob.client.group(groupId)).name === "We" ? 1 : 0)
      await again.client.close()
      await bob.client.close()
    },
  )

  test.each(points)("of one who receives: batch $failAt, $when", async ({ failAt, when }) => {
    const [aliceMemory, bobMemory] = [new Memory(), new Memory()]
    const { alice, bob, groupId } = await pairOf(aliceMemory, bobMemory)
    await bob.client.close()
    for (const content of ["a", "b"]) await alice.client.sendMessage(groupId, { content })
    await alice.client.updateGroup(groupId, { name: "We" })
    await alice.client.sendMessage(groupId, { content: "c" })
    await alice.client.sync()

    const store = unsafeWithCrashPoints(await openMemoryStore(bobMemory), { failAt, when })
    const doomed = await Promise.race([
      startClient([relay.url], { openStore: () => Promise.resolve(store) }),
      store.crashed,
    ])
    await Promise.race([doomed?.sync(), store.crashed])
    doomed?.setOnline(false)

    const again = await reborn(bob, bobMemory)
    await syncAll(alice, again)
    expect(await contents(again.client, groupId)).toEqual(["a", "b", "c"])
    const renames = (await rows(again.client, groupId)).filter((row) => row === "group_renamed")
    expect(renames).toHaveLength(1)
    expect((await again.client.chats())[0]?.unread).toBe(3)
    expect(await again.client.fingerprint(groupId)).toEqual(await alice.client.fingerprint(groupId))
    await alice.client.close()
    await again.client.close()
  })
})
