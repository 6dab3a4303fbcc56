// The group's addresses change (marmot-wire §6.5): other relays, another routing id; nobody gets lost on the way.

import { afterEach, expect, test } from "vitest"
import { startRelay } from "../../dev/relay/server.ts"
import type { RunningRelay } from "../../dev/relay/server.ts"
import { marmotEngine } from "../../src/client/engine.ts"
import type { Engine } from "../../src/client/engine.ts"
import { NodeWebSocket } from "../../src/nostr/node-socket.ts"
import { RelayPool } from "../../src/nostr/pool.ts"
import { Memory, openMemoryStore } from "../../src/store/index.ts"
import { acceptOnly, contents, rows, startClient, startPerson, syncAll } from "./client.fixture.ts"
import type { Person } from "./client.fixture.ts"

const HOUR_MS = 3_600_000
const relays: RunningRelay[] = []
const people: Person[] = []

afterEach(async () => {
  await Promise.all(people.splice(0).map(({ client }) => client.close()))
  await Promise.all(relays.splice(0).map((relay) => relay.close()))
})

async function relay(): Promise<RunningRelay> {
  const started = await startRelay()
  relays.push(started)
  return started
}

/** Alice, the admin, and Bob; `clock.ms` moves both their clocks. */
async function pair(url: string, clock = { ms: 0 }) {
  const memory = new Memory()
  const now = () => Date.now() + clock.ms
  const bobs = { openStore: () => openMemoryStore(memory), now }
  const alice = await startPerson([url], "Alice", { now })
  const bob = await startPerson([url], "Bob", bobs)
  people.push(alice)
  const { groupId } = await alice.client.createGroup({ name: "Us", members: [bob.npub] })
  await alice.client.sync()
  await acceptOnly(bob)
  await syncAll(alice, bob)
  const reborn = async (): Promise<Person> => {
    const again = { ...bob, client: await startClient([url], bobs) }
    people.push(again)
    return again
  }
  return { alice, bob, groupId, reborn }
}

test("relays that nobody listened on before carry the group from then on", async () => {
  const [first, second] = [await relay(), await relay()]
  const { alice, bob, groupId } = await pair(first.url)
  people.push(bob)
  await alice.client.sendMessage(groupId, { content: "here" })
  await alice.client.updateGroup(groupId, { relays: [second.url] })
  await syncAll(alice, bob)
  for (const { client } of [alice, bob]) {
    expect(await client.group(groupId)).toMatchObject({ relays: [second.url] })
    expect(await rows(client, groupId)).toContain("routing_changed")
  }
  await first.close()
  await bob.client.sendMessage(groupId, { content: "there" })
  await expect.poll(async () => (await contents(alice.client, groupId)).join()).toBe("here,there")
  await alice.client.updateGroup(groupId, { name: "Moved" })
  await expect.poll(async () => (await bob.client.group(groupId)).name).toBe("Moved")
})

test("whoever was away for days finds the way to another id and other relays, and loses nothing", async () => {
  const [first, second] = [await relay(), await relay()]
  const clock = { ms: -100 * HOUR_MS }
  const { alice, bob, groupId, reborn } = await pair(first.url, clock)
  await bob.client.close()
  clock.ms = -80 * HOUR_MS
  await alice.client.sendMessage(groupId, { content: "at the old address" })
  await alice.client.updateGroup(groupId, { newAddress: true })
  await alice.client.sendMessage(groupId, { content: "under the new id" })
  await alice.client.updateGroup(groupId, { relays: [first.url, second.url] })
  await alice.client.updateGroup(groupId, { newAddress: true, relays: [second.url] })
  await alice.client.sendMessage(groupId, { content: "elsewhere" })
  await alice.client.sync()
  clock.ms = 0
  const again = await reborn()
  await syncAll(again, alice)
  expect(await contents(again.client, groupId)).toEqual([
    "at the old address",
    "under the new id",
    "elsewhere",
  ])
  expect(await again.client.fingerprint(groupId)).toEqual(await alice.client.fingerprint(groupId))
  await again.client.sendMessage(groupId, { content: "found you" })
  await syncAll(again, alice)
  expect((await contents(alice.client, groupId)).at(-1)).toBe("found you")
})

test("what is no relay is refused with words, and only admins move the group", async () => {
  const { url } = await relay()
  const { alice, bob, groupId } = await pair(url)
  people.push(bob)
  for (const relaysGiven of [[], ["https://example.org"], [url, "not a relay"]]) {
    await expect(alice.client.updateGroup(groupId, { relays: relaysGiven })).rejects.toMatchObject({
      code: "invalid_input",
    })
  }
  const many = Array.from({ length: 17 }, (_, i) => `wss://relay${i}.example`)
  await expect(alice.client.updateGroup(groupId, { relays: many })).rejects.toMatchObject({
    code: "invalid_input",
  })
  for (const change of [{ relays: ["wss://a.example"] }, { newAddress: true }]) {
    await expect(bob.client.updateGroup(groupId, change)).rejects.toMatchObject({
      code: "not_admin",
    })
  }
})

test("an admin who gives a group another one's address takes no event away from the other", async () => {
  const { url } = await relay()
  const { alice, bob, groupId } = await pair(url)
  people.push(bob)
  await alice.client.sendMessage(groupId, { content: "hello" })
  await syncAll(alice, bob)
  const pool = new RelayPool({ WebSocket: NodeWebSocket })
  const stored = await pool.query([url], [{ kinds: [445] }])
  const address = stored.events[0]?.tags.find(([name]) => name === "h")?.[1] ?? ""
  let wished: Uint8Array | undefined
  const engine: Engine = {
    ...marmotEngine,
    apply: (group, input, env) => {
      const random = (length: number) => {
        const chosen = length === 32 ? wished : undefined
        wished = chosen === undefined ? wished : undefined
        return chosen ?? env.random(length)
      }
      return marmotEngine.apply(group, input, { ...env, random })
    },
  }
  const mallory = await startPerson([url], "Mallory", { engine })
  people.push(mallory)
  const other = await mallory.client.createGroup({ name: "Other", members: [bob.npub] })
  await mallory.client.sync()
  await acceptOnly(bob)
  wished = Buffer.from(address, "hex")
  await mallory.client.updateGroup(other.groupId, { newAddress: true })
  await syncAll(mallory, bob)
  await mallory.client.sendMessage(other.groupId, { content: "at a strange address" })
  await alice.client.sendMessage(groupId, { content: "at home" })
  await syncAll(alice, mallory, bob)
  const there = await pool.query([url], [{ kinds: [445], "#h": [address] }])
  pool.close()
  expect(there.events.length).toBe(stored.events.length + 2)
  expect(await contents(bob.client, groupId)).toEqual(["hello", "at home"])
  expect(await contents(bob.client, other.groupId)).toEqual(["at a strange address"])
  expect(await bob.client.group(groupId)).toMatchObject({ mayBeStranded: false })
})
