import { afterAll, beforeAll, expect, test } from "vitest"
import { startRelay } from "../../dev/relay/server.ts"
import type { RunningRelay } from "../../dev/relay/server.ts"
import { finalizeEvent, generateSecretKey } from "../../src/nostr/event.ts"
import { NodeWebSocket } from "../../src/nostr/node-socket.ts"
import { RelayPool } from "../../src/nostr/pool.ts"
import { Memory, openMemoryStore } from "../../src/store/index.ts"
import { acceptOnly, contents, startClient, startPerson, syncAll } from "./client.fixture.ts"

let relay: RunningRelay

beforeAll(async () => {
  relay = await startRelay()
})
afterAll(() => relay.close())

/** Somebody who knows the group's address, and nothing else: relays show it to everyone. */
async function attacker() {
  const pool = new RelayPool({ WebSocket: NodeWebSocket })
  const { events } = await pool.query([relay.url], [{ kinds: [445] }], { timeoutMs: 5_000 })
  const h = events.at(-1)?.tags.find(([name]) => name === "h")
  if (h === undefined) throw new Error("nobody has published in a group")
  const flood = async (count: number, datedBack = 0) => {
    const now = Math.floor(Date.now() / 1000)
    const junk = Array.from({ length: count }, (_, i) =>
      finalizeEvent(
        {
          kind: 445,
          created_at: now - datedBack - (i % 7),
          tags: [h],
          content: Buffer.from(crypto.getRandomValues(new Uint8Array(80))).toString("base64"),
        },
        generateSecretKey(),
      ),
    )
    for (const event of junk) await pool.publish(relay.url, event)
  }
  return { flood, close: () => pool.close() }
}

test("junk under the group's address neither loses nor hides what members write", async () => {
  const memory = new Memory()
  const alice = await startPerson([relay.url], "Alice")
  const bob = await startPerson([relay.url], "Bob", { openStore: () => openMemoryStore(memory) })
  const { groupId } = await alice.client.createGroup({ name: "Us", members: [bob.npub] })
  await alice.client.sync()
  await acceptOnly(bob)
  await alice.client.sendMessage(groupId, { content: "0" })
  await syncAll(alice, bob)

  const { flood, close } = await attacker()
  // More than the queue holds, to members who listen.
  await flood(300)
  await alice.client.updateGroup(groupId, { name: "after the flood" })
  await alice.client.sendMessage(groupId, { content: "1" })
  await syncAll(alice, bob)
  expect(await contents(bob.client, groupId)).toEqual(["0", "1"])
  expect((await bob.client.group(groupId)).name).toBe("after the flood")

  // And to one who comes back, of any date, among Commits and messages.
  await bob.client.close()
  for (let i = 2; i < 5; i++) {
    await flood(150, i * 3_600)
    await alice.client.updateGroup(groupId, { name: `name ${i}` })
    await alice.client.sendMessage(groupId, { content: String(i) })
  }
  await flood(150)
  await alice.client.sync()
  const again = {
    ...bob,
    client: await startClient([relay.url], { openStore: () => openMemoryStore(memory) }),
  }
  await syncAll(alice, again)
  expect(await contents(again.client, groupId)).toEqual(["0", "1", "2", "3", "4"])
  expect((await again.client.group(groupId)).name).toBe("name 4")
  expect(await again.client.fingerprint(groupId)).toEqual(await alice.client.fingerprint(groupId))

  // What is kept of it is bounded.
  await again.client.close()
  const store = await openMemoryStore(memory)
  const rows = await store.range("groups", groupId)
  const unopened = rows.filter(({ sort }) => sort.startsWith("unopened/"))
  expect(unopened.length).toBeLessThanOrEqual(256)
  expect(unopened.length).toBeGreaterThan(0)
  await store.close()
  close()
  await alice.client.close()
})
