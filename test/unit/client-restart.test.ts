import { afterAll, beforeAll, expect, test } from "vitest"
import { startRelay } from "../../dev/relay/server.ts"
import type { RunningRelay } from "../../dev/relay/server.ts"
import { parseRecord, writeRecord } from "../../src/marmot/record-json.ts"
import { StoreError } from "../../src/store/error.ts"
import { Memory, openMemoryStore } from "../../src/store/index.ts"
import type { Store } from "../../src/store/types.ts"
import { acceptOnly, contents, startClient, startPerson, syncAll } from "./client.fixture.ts"
import type { Person } from "./client.fixture.ts"

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

test("a restart keeps account, groups, messages and reading, and catches up", async () => {
  const [aliceMemory, bobMemory] = [new Memory(), new Memory()]
  const { alice, bob, groupId } = await pairOf(aliceMemory, bobMemory)
  await alice.client.sendMessage(groupId, { content: "one" })
  await syncAll(alice, bob)
  await bob.client.markRead(groupId)
  await bob.client.close()
  await alice.client.sendMessage(groupId, { content: "two" })
  await alice.client.updateGroup(groupId, { name: "We" })
  await alice.client.sendMessage(groupId, { content: "three" })
  await alice.client.sync()

  const again = await reborn(bob, bobMemory)
  expect(await again.client.session()).toMatchObject({ status: "ready", self: { name: "Bob" } })
  await again.client.sync()
  expect(await contents(again.client, groupId)).toEqual(["one", "two", "three"])
  expect((await again.client.chats())[0]).toMatchObject({ name: "We", unread: 2 })
  expect(await again.client.fingerprint(groupId)).toEqual(await alice.client.fingerprint(groupId))
  await again.client.sendMessage(groupId, { content: "four" })
  await syncAll(alice, again)
  expect((await contents(alice.client, groupId)).at(-1)).toBe("four")
  await alice.client.close()
  await again.client.close()
})

test("a group whose messages each have a record, as earlier versions wrote them, goes on", async () => {
  const [aliceMemory, bobMemory] = [new Memory(), new Memory()]
  const { alice, bob, groupId } = await pairOf(aliceMemory, bobMemory)
  for (const content of ["one", "two"]) await alice.client.sendMessage(groupId, { content })
  await syncAll(alice, bob)
  await bob.client.close()
  const namesOf = async (store: Store) =>
    (await store.range("groups", groupId)).map(({ sort }) => sort.replace(/\/.*/, ""))
  const store = await openMemoryStore(bobMemory)
  for (const { sort, value } of await store.range("groups", groupId)) {
    if (!sort.startsWith("apps/")) continue
    const apps = parseRecord(value) as { readonly messageId: string }[]
    await store.batch([
      { table: "groups", key: { scope: groupId, sort }, value: undefined },
      ...apps.map((app) => ({
        table: "groups" as const,
        key: { scope: groupId, sort: `app/${app.messageId}` },
        value: writeRecord(app),
      })),
    ])
  }
  expect((await namesOf(store)).filter((name) => name === "app").length).toBe(2)
  await store.close()

  const again = await reborn(bob, bobMemory)
  await alice.client.sendMessage(groupId, { content: "three" })
  await syncAll(alice, again)
  expect(await contents(again.client, groupId)).toEqual(["one", "two", "three"])
  await again.client.close()
  const after = await openMemoryStore(bobMemory)
  expect(await namesOf(after)).toContain("apps")
  expect(await namesOf(after)).not.toContain("app")
  await alice.client.close()
})

test("an account that is reachable already signs and publishes nothing anew", async () => {
  const memory = new Memory()
  const alice = await mortal("Alice", memory)
  const { keyPackageEventId } = await alice.client.ensureReachable()
  await alice.client.close()
  const again = await reborn(alice, memory)
  expect(await again.client.ensureReachable()).toEqual({ keyPackageEventId })
  expect(await again.client.session()).toMatchObject({
    reachable: { relayLists: true, keyPackage: true, problem: undefined },
  })
  await again.client.close()
})

test("logging out leaves nothing; another account can follow", async () => {
  const memory = new Memory()
  const alice = await mortal("Alice", memory)
  const nsec = await alice.client.revealSecretKey()
  await alice.client.createGroup({ name: "Gone", members: [] })
  await alice.client.logout()
  expect(await alice.client.session()).toEqual({ status: "none" })
  await expect(alice.client.chats()).rejects.toMatchObject({ code: "no_account" })
  const { pubkey } = await alice.client.importAccount({ nsec })
  expect(pubkey).toBe(alice.pubkey)
  expect(await alice.client.chats()).toEqual([])
  await alice.client.ensureReachable()
  await alice.client.close()
})

test("logging out in two tabs at once happens once", async () => {
  const memory = new Memory()
  let opened = 0
  const openStore = () => {
    opened++
    return openMemoryStore(memory)
  }
  const { client } = await startPerson([relay.url], "Alice", { openStore })
  await Promise.all([client.logout(), client.logout()])
  expect(opened).toBe(2)
  expect(await client.session()).toEqual({ status: "none" })
  await client.close()
})

test("an account that can't be deleted stays in use", async () => {
  const memory = new Memory()
  const openStore = async () => {
    const store = await openMemoryStore(memory)
    const destroy = async () => {
      await store.close()
      throw new StoreError("unavailable", "another tab does not let go")
    }
    return new Proxy(store, {
      get: (target, name) => {
        if (name === "destroy") return destroy
        const value: unknown = Reflect.get(target, name)
        return typeof value === "function" ? (value.bind(target) as unknown) : value
      },
    })
  }
  const { client, pubkey } = await startPerson([relay.url], "Alice", { openStore })
  const { groupId } = await client.createGroup({ name: "Kept", members: [] })
  await expect(client.logout()).rejects.toMatchObject({ code: "storage_failed" })
  expect(await client.session()).toMatchObject({ status: "ready", self: { pubkey } })
  expect(await client.group(groupId)).toMatchObject({ name: "Kept" })
  await client.close()
})

test("a clock that was days ahead for a while makes nobody deaf", async () => {
  const [aliceMemory, bobMemory] = [new Memory(), new Memory()]
  const { alice, bob, groupId } = await pairOf(aliceMemory, bobMemory)
  await bob.client.close()
  const ahead = await startClient([relay.url], {
    openStore: () => openMemoryStore(bobMemory),
    now: () => Date.now() + 5 * 86_400_000,
  })
  await ahead.sync()
  await ahead.close()

  await alice.client.sendMessage(groupId, { content: "are you there?" })
  await alice.client.createGroup({ name: "Another", members: [bob.npub] })
  await alice.client.sync()
  const again = await reborn(bob, bobMemory)
  await again.client.sync()
  expect(await contents(again.client, groupId)).toEqual(["are you there?"])
  expect((await again.client.invites()).map(({ groupName }) => groupName)).toEqual(["Another"])
  await alice.client.close()
  await again.client.close()
})
