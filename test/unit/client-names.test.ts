// What stands in the clear in the store does not tell whom the user knows.

import { afterAll, beforeAll, expect, test } from "vitest"
import { startRelay } from "../../dev/relay/server.ts"
import type { RunningRelay } from "../../dev/relay/server.ts"
import { Memory, openMemoryStore } from "../../src/store/index.ts"
import { startClient, startPerson } from "./client.fixture.ts"

let relay: RunningRelay

beforeAll(async () => {
  relay = await startRelay()
})
afterAll(() => relay.close())

/** Names of records, which are stored as they are. */
async function names(memory: Memory): Promise<string[]> {
  const store = await openMemoryStore(memory)
  const rows = [
    ...(await store.range("contacts", "self")),
    ...(await store.range("keyPackages", "used")),
  ]
  await store.close()
  return rows.map(({ sort }) => sort)
}

test("no record bears the key of a contact, not even one of an earlier version", async () => {
  const memory = new Memory()
  const openStore = () => openMemoryStore(memory)
  const alice = await startPerson([relay.url], "Alice", { openStore })
  const bob = await startPerson([relay.url], "Bob")
  const { groupId } = await alice.client.createGroup({ name: "Us", members: [bob.npub] })
  await alice.client.sync()
  const bobsName = async (client: typeof alice.client) =>
    (await client.group(groupId)).members.find(({ pubkey }) => pubkey === bob.pubkey)?.name
  await expect.poll(() => bobsName(alice.client)).toBe("Bob")
  await alice.client.close()
  const before = await names(memory)
  expect(before.length).toBeGreaterThan(0)
  for (const { pubkey } of [alice, bob]) expect(before).not.toContain(pubkey)

  const store = await openStore()
  const contacts = await store.range("contacts", "self")
  const record = contacts.find(({ value }) => new TextDecoder().decode(value).includes(bob.pubkey))
  if (record === undefined) throw new Error("Bob is no contact")
  const at = (sort: string) => ({ table: "contacts", key: { scope: "self", sort } }) as const
  await store.batch([
    { ...at(record.sort), value: undefined },
    { ...at(bob.pubkey), value: record.value },
  ])
  await store.close()
  const again = await startClient([relay.url], { openStore })
  expect(await bobsName(again)).toBe("Bob")
  await again.close()
  expect(await names(memory)).toEqual(before)
  await bob.client.close()
})
