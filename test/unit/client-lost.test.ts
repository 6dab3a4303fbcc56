import { afterAll, beforeAll, expect, test } from "vitest"
import { startRelay } from "../../dev/relay/server.ts"
import type { RunningRelay } from "../../dev/relay/server.ts"
import { Memory, openMemoryStore, type Store } from "../../src/store/index.ts"
import { acceptOnly, contents, startClient, startPerson, syncAll } from "./client.fixture.ts"

let relay: RunningRelay

beforeAll(async () => {
  relay = await startRelay()
})
afterAll(() => relay.close())

/** Alice and Bob in a group, with a message; Bob's client is closed. */
async function scene() {
  const memory = new Memory()
  const alice = await startPerson([relay.url], "Alice")
  const bob = await startPerson([relay.url], "Bob", { openStore: () => openMemoryStore(memory) })
  const { groupId } = await alice.client.createGroup({ name: "Warren", members: [bob.npub] })
  await alice.client.sync()
  await acceptOnly(bob)
  await alice.client.sendMessage(groupId, { content: "before" })
  await syncAll(alice, bob)
  await bob.client.close()
  const reborn = async () => ({
    ...bob,
    client: await startClient([relay.url], { openStore: () => openMemoryStore(memory) }),
  })
  const damage = async (change: (store: Store, names: readonly string[]) => Promise<void>) => {
    const store = await openMemoryStore(memory)
    const rows = await store.range("groups", groupId)
    await change(
      store,
      rows.map(({ sort }) => sort),
    )
    await store.close()
  }
  return { alice, bob, groupId, reborn, damage }
}

test("a group whose records are lost says so, keeps what was received, and is joined anew", async () => {
  const { alice, groupId, reborn, damage } = await scene()
  await damage(async (store, names) => {
    const sort = names.find((name) => name.startsWith("state-epoch/")) ?? ""
    await store.batch([{ table: "groups", key: { scope: groupId, sort }, value: undefined }])
  })
  await alice.client.sendMessage(groupId, { content: "while you were gone" })

  const bob = await reborn()
  const lost = await bob.client.group(groupId)
  expect(lost).toMatchObject({ name: "Warren", standing: "unrecoverable", canManage: false })
  expect(lost.members.map(({ pubkey }) => pubkey)).toContain(alice.pubkey)
  expect((await bob.client.chats())[0]).toMatchObject({ groupId, standing: "unrecoverable" })
  expect(await contents(bob.client, groupId)).toEqual(["before"])
  await expect(bob.client.sendMessage(groupId, { content: "no" })).rejects.toMatchObject({
    code: "not_active",
  })
  await bob.client.sync()

  // Bob has asked; Alice invites him again.
  await alice.client.reinvite(groupId, bob.npub)
  await alice.client.sync()
  expect((await alice.client.group(groupId)).members).toHaveLength(2)
  await acceptOnly(bob)
  await syncAll(alice, bob)
  expect(await bob.client.group(groupId)).toMatchObject({ standing: "active" })
  expect(await bob.client.fingerprint(groupId)).toEqual(await alice.client.fingerprint(groupId))
  await bob.client.sendMessage(groupId, { content: "here again" })
  await syncAll(alice, bob)
  expect(await contents(bob.client, groupId)).toEqual(["before", "here again"])
  expect((await contents(alice.client, groupId)).at(-1)).toBe("here again")
  await bob.client.close()
  await alice.client.close()
})

test("a record that can be read again finds the group as it was", async () => {
  const { alice, groupId, reborn, damage } = await scene()
  let kept: Uint8Array | undefined
  const key = { scope: groupId, sort: "head" }
  await damage(async (store) => {
    kept = await store.get("groups", key)
    await store.batch([{ table: "groups", key, value: new Uint8Array(3) }])
  })
  const broken = await reborn()
  expect(await broken.client.group(groupId)).toMatchObject({ standing: "unrecoverable" })
  await broken.client.sync()
  await broken.client.close()
  await damage((store) => store.batch([{ table: "groups", key, value: kept }]))
  await alice.client.sendMessage(groupId, { content: "after" })
  await alice.client.sync()
  const bob = await reborn()
  await bob.client.sync()
  expect(await bob.client.group(groupId)).toMatchObject({ standing: "active" })
  expect(await contents(bob.client, groupId)).toEqual(["before", "after"])
  await bob.client.close()
  await alice.client.close()
})

test("a copy that is lost can be deleted, and nothing of it stays", async () => {
  const { alice, groupId, reborn, damage } = await scene()
  await damage(async (store) => {
    await store.batch([
      { table: "groups", key: { scope: groupId, sort: "head" }, value: undefined },
    ])
  })
  const bob = await reborn()
  await bob.client.forget(groupId)
  expect(await bob.client.chats()).toEqual([])
  await bob.client.close()
  await damage((_store, names) => {
    expect(names).toEqual([])
    return Promise.resolve()
  })
  await alice.client.close()
})
