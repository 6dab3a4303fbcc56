import { afterAll, beforeAll, expect, test } from "vitest"
import { startRelay } from "../../dev/relay/server.ts"
import type { RunningRelay } from "../../dev/relay/server.ts"
import type { ClientOptions } from "../../src/client/client.ts"
import { Memory, openMemoryStore } from "../../src/store/index.ts"
import {
  acceptOnly,
  contents,
  messages,
  startClient,
  startPerson,
  syncAll,
} from "./client.fixture.ts"
import type { Person } from "./client.fixture.ts"

/** More epochs than anyone keeps (behaviour §8.1). */
const MANY_EPOCHS = 8

let relay: RunningRelay

beforeAll(async () => {
  relay = await startRelay()
})
afterAll(() => relay.close())

async function pair(
  at = relay,
  bobs: Partial<ClientOptions> = {},
): Promise<{ alice: Person; bob: Person; groupId: string }> {
  const alice = await startPerson([at.url], "Alice")
  const bob = await startPerson([at.url], "Bob", bobs)
  const { groupId } = await alice.client.createGroup({ name: "Us", members: [bob.npub] })
  await alice.client.sync()
  await acceptOnly(bob)
  await syncAll(alice, bob)
  return { alice, bob, groupId }
}

test("what was written offline arrives, however far the group has moved on", async () => {
  const { alice, bob, groupId } = await pair()
  bob.client.setOnline(false)
  for (const content of ["one", "two"]) await bob.client.sendMessage(groupId, { content })
  for (let i = 0; i < MANY_EPOCHS; i++) await alice.client.selfUpdate(groupId)
  await alice.client.sync()
  bob.client.setOnline(true)
  await syncAll(bob, alice)
  expect(await contents(bob.client, groupId)).toEqual(["one", "two"])
  expect(await contents(alice.client, groupId)).toEqual(["one", "two"])
  await alice.client.close()
  await bob.client.close()
})

test("it does so when the client was closed meanwhile", async () => {
  const memory = new Memory()
  const openStore = () => openMemoryStore(memory)
  const { alice, bob, groupId } = await pair(relay, { openStore })
  bob.client.setOnline(false)
  await bob.client.sendMessage(groupId, { content: "one" })
  await bob.client.close()
  for (let i = 0; i < MANY_EPOCHS; i++) await alice.client.selfUpdate(groupId)
  await alice.client.sync()
  const again = { ...bob, client: await startClient([relay.url], { openStore }) }
  await again.client.sendMessage(groupId, { content: "two" })
  await syncAll(again, alice)
  expect(await contents(again.client, groupId)).toEqual(["one", "two"])
  expect(await contents(alice.client, groupId)).toEqual(["one", "two"])
  await alice.client.close()
  await again.client.close()
})

test("what was written offline by someone who is removed meanwhile is not sent", async () => {
  const { alice, bob, groupId } = await pair()
  bob.client.setOnline(false)
  await bob.client.sendMessage(groupId, { content: "one" })
  await alice.client.removeMembers(groupId, [bob.pubkey])
  await alice.client.sync()
  bob.client.setOnline(true)
  await syncAll(bob, alice)
  expect(await messages(bob.client, groupId)).toMatchObject([{ delivery: { status: "failed" } }])
  expect(await contents(alice.client, groupId)).toEqual([])
  await alice.client.close()
  await bob.client.close()
})

test.each([
  ["reads every message of many epochs", {}],
  ["does so, too, from a relay that gives little at once", { limit: 200 }],
])("whoever was away %s", async (_what, limits) => {
  const meagre = await startRelay({ limits })
  const { alice, bob, groupId } = await pair(meagre)
  bob.client.setOnline(false)
  const sent: string[] = []
  for (let epoch = 0; epoch < MANY_EPOCHS; epoch++) {
    for (let i = 0; i < 50; i++) {
      const content = `${epoch}.${i}`
      await alice.client.sendMessage(groupId, { content })
      sent.push(content)
    }
    await alice.client.selfUpdate(groupId)
  }
  await alice.client.sync()
  bob.client.setOnline(true)
  await bob.client.sync()
  expect(await contents(alice.client, groupId)).toEqual(sent)
  expect(await contents(bob.client, groupId)).toEqual(sent)
  expect(await bob.client.fingerprint(groupId)).toEqual(await alice.client.fingerprint(groupId))
  await alice.client.close()
  await bob.client.close()
  await meagre.close()
})

test("a message by a clock that is ahead is read after a long absence, though the relay puts it last", async () => {
  let ahead = 0
  const memory = new Memory()
  const openStore = () => openMemoryStore(memory)
  const alice = await startPerson([relay.url], "Alice")
  const bob = await startPerson([relay.url], "Bob", { openStore })
  const carol = await startPerson([relay.url], "Carol", { now: () => Date.now() + ahead })
  const members = [bob.npub, carol.npub]
  const { groupId } = await alice.client.createGroup({ name: "Us", members })
  await alice.client.sync()
  await acceptOnly(bob)
  await acceptOnly(carol)
  await syncAll(alice, bob, carol)
  await bob.client.close()
  ahead = 600_000
  await carol.client.sendMessage(groupId, { content: "ahead" })
  await syncAll(carol, alice)
  // What was acknowledged this long ago is not said again when the group turns out to have gone on.
  ahead += 31_000
  // A pass over stored history and the window behind it, and more.
  for (let i = 0; i < 2 * MANY_EPOCHS; i++) await alice.client.selfUpdate(groupId)
  await alice.client.sendMessage(groupId, { content: "on time" })
  await syncAll(alice, carol)
  const again = { ...bob, client: await startClient([relay.url], { openStore }) }
  await syncAll(again, alice)
  expect([...(await contents(again.client, groupId))].sort()).toEqual(["ahead", "on time"])
  await Promise.all([alice, carol, again].map(({ client }) => client.close()))
})
