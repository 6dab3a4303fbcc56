// Messages that disappear, in whole clients: here, at the others, over restarts and while nobody is there.

import { afterAll, beforeAll, expect, test } from "vitest"
import { startRelay } from "../../dev/relay/server.ts"
import type { RunningRelay } from "../../dev/relay/server.ts"
import { Memory, openMemoryStore } from "../../src/store/index.ts"
import { until } from "../../src/client/world.fixture.ts"
import {
  acceptOnly,
  contents,
  messages,
  startClient,
  startPerson,
  syncAll,
} from "./client.fixture.ts"
import type { Person } from "./client.fixture.ts"

let relay: RunningRelay

beforeAll(async () => {
  relay = await startRelay()
})
afterAll(() => relay.close())

/** Alice and Bob in a group; Bob's store outlives him, and their clocks can be set. */
async function pair() {
  const memory = new Memory()
  const clocks = { alice: 0, bob: 0 }
  const openStore = () => openMemoryStore(memory)
  const alice = await startPerson([relay.url], "Alice", {
    now: () => Date.now() + clocks.alice,
  })
  const bob = await startPerson([relay.url], "Bob", {
    openStore,
    now: () => Date.now() + clocks.bob,
  })
  const { groupId } = await alice.client.createGroup({ name: "Us", members: [bob.npub] })
  await alice.client.sync()
  await acceptOnly(bob)
  await syncAll(alice, bob)
  const reborn = async (): Promise<Person> => ({
    ...bob,
    client: await startClient([relay.url], { openStore, now: () => Date.now() + clocks.bob }),
  })
  return { alice, bob, groupId, clocks, reborn, memory }
}

test("are deleted everywhere by themselves, the group's row of it stays", async () => {
  const { alice, bob, groupId } = await pair()
  await alice.client.sendMessage(groupId, { content: "stays" })
  await alice.client.updateGroup(groupId, { retentionSeconds: 2 })
  await syncAll(alice, bob)
  expect(await bob.client.group(groupId)).toMatchObject({ retentionSeconds: 2 })
  await bob.client.sendMessage(groupId, { content: "gone soon" })
  await until(async () => (await contents(alice.client, groupId)).includes("gone soon"))
  for (const { client } of [alice, bob]) {
    await until(async () => (await contents(client, groupId)).join() === "stays")
    const [chat] = await client.chats()
    expect(chat?.preview?.text).toMatch(/disappearing messages/)
  }
  // Hidden at its time, by the clock; off the count as soon as it is deleted.
  await until(async () => (await alice.client.chats())[0]?.unread === 0)
  const { items } = await alice.client.timeline(groupId)
  expect(
    items.flatMap((item) => (item.type === "system" && item.row ? [item.row.kind] : [])),
  ).toEqual([1210, 1210])
  await syncAll(alice, bob)
  await alice.client.close()
  await bob.client.close()
})

test("that end while nobody is there are gone at the next start, on a relay that forgot them, too", async () => {
  const { alice, bob, groupId, clocks, reborn } = await pair()
  await alice.client.updateGroup(groupId, { retentionSeconds: 3600 })
  await syncAll(alice, bob)
  await alice.client.sendMessage(groupId, { content: "seen" })
  await syncAll(alice, bob)
  expect((await messages(bob.client, groupId))[0]?.expiresAt).toBeGreaterThan(Date.now() / 1000)
  await bob.client.close()
  await alice.client.sendMessage(groupId, { content: "never seen" })
  await alice.client.sync()
  clocks.bob = 3_700_000
  const again = await reborn()
  expect(await contents(again.client, groupId)).toEqual([])
  await again.client.sync()
  expect(await contents(again.client, groupId)).toEqual([])
  expect((await again.client.chats())[0]?.unread).toBe(0)
  // Nothing of it lies in the store either.
  await again.client.close()
  clocks.bob = 0
  const back = await reborn()
  expect(await contents(back.client, groupId)).toEqual([])
  await alice.client.close()
  await back.client.close()
})

test("of a clock that is ahead last no longer than the others, and of one behind no shorter", async () => {
  const { alice, bob, groupId, clocks } = await pair()
  await alice.client.updateGroup(groupId, { retentionSeconds: 600 })
  await syncAll(alice, bob)
  clocks.alice = 500_000
  await alice.client.sendMessage(groupId, { content: "from the future" })
  await until(async () => (await contents(bob.client, groupId)).length === 1)
  const [early] = await messages(bob.client, groupId)
  expect(early?.expiresAt).toBeLessThanOrEqual(Date.now() / 1000 + 600)
  clocks.alice = -300_000
  await alice.client.sendMessage(groupId, { content: "from the past" })
  await until(async () => (await contents(bob.client, groupId)).length === 2)
  await alice.client.close()
  await bob.client.close()
})

test("only an admin sets it, and only to a time", async () => {
  const { alice, bob, groupId } = await pair()
  await expect(bob.client.updateGroup(groupId, { retentionSeconds: 60 })).rejects.toMatchObject({
    code: "not_admin",
  })
  for (const retentionSeconds of [-1, 1.5, Number.NaN]) {
    await expect(alice.client.updateGroup(groupId, { retentionSeconds })).rejects.toMatchObject({
      code: "invalid_input",
    })
  }
  await alice.client.close()
  await bob.client.close()
})

test("that were over before they could be sent say so for an hour, and are gone", async () => {
  const { alice, bob, groupId, clocks } = await pair()
  await alice.client.updateGroup(groupId, { retentionSeconds: 60 })
  await syncAll(alice, bob)
  bob.client.setOnline(false)
  const change = bob.client.selfUpdate(groupId).catch(() => undefined)
  await bob.client.sendMessage(groupId, { content: "too late" })
  clocks.bob += 61_000
  bob.client.setOnline(true)
  await change
  await until(async () => (await messages(bob.client, groupId))[0]?.delivery.status === "failed")
  clocks.bob += 3_601_000
  expect(await contents(bob.client, groupId)).toEqual([])
  expect(await contents(alice.client, groupId)).toEqual([])
  await alice.client.close()
  await bob.client.close()
})
