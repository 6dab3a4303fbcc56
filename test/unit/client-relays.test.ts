import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterEach, beforeEach, expect, test } from "vitest"
import { startRelay } from "../../dev/relay/server.ts"
import type { RunningRelay } from "../../dev/relay/server.ts"
import type { DeliveryView } from "../../src/client/api.ts"
import { Memory, openMemoryStore } from "../../src/store/index.ts"
import { systemTimers } from "../../src/nostr/timers.ts"
import {
  acceptOnly,
  contents,
  messages,
  startClient,
  startPerson,
  syncAll,
} from "./client.fixture.ts"
import { malicious } from "./pool-kit.ts"
import type { Person } from "./client.fixture.ts"

let folder: string
const relays: RunningRelay[] = []
const people: Person[] = []

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "burrow-relays-"))
})
afterEach(async () => {
  await Promise.all(people.splice(0).map(({ client }) => client.close()))
  await Promise.all(relays.splice(0).map((relay) => relay.close()))
  rmSync(folder, { recursive: true })
})

async function relay(options: Parameters<typeof startRelay>[0] = {}): Promise<RunningRelay> {
  const started = await startRelay(options)
  relays.push(started)
  return started
}

async function person(urls: readonly string[], name: string): Promise<Person> {
  const started = await startPerson(urls, name)
  people.push(started)
  return started
}

const lastDelivery = async (
  { client }: Person,
  groupId: string,
): Promise<DeliveryView | undefined> => (await messages(client, groupId)).at(-1)?.delivery

test("a message that no relay can take waits, and goes out when one comes back", async () => {
  const dataDir = join(folder, "relay")
  const first = await startRelay({ dataDir })
  const { port, url } = first
  const alice = await person([url], "Alice")
  const bob = await person([url], "Bob")
  const { groupId } = await alice.client.createGroup({ name: "Us", members: [bob.npub] })
  await alice.client.sync()
  await acceptOnly(bob)
  await syncAll(alice, bob)
  await first.close()
  await expect.poll(async () => (await alice.client.connection()).online).toBe(false)
  await alice.client.sendMessage(groupId, { content: "are you there?" })
  expect(await lastDelivery(alice, groupId)).toEqual({ status: "pending" })
  await expect(alice.client.sync({ timeoutMs: 300 })).rejects.toMatchObject({ code: "timeout" })
  expect((await alice.client.connection()).pendingOutbound).toBe(1)

  await relay({ dataDir, port })
  await syncAll(alice, bob)
  expect(await contents(bob.client, groupId)).toEqual(["are you there?"])
  expect(await lastDelivery(alice, groupId)).toMatchObject({ status: "sent" })
  expect((await alice.client.connection()).pendingOutbound).toBe(0)
})

test("with two relays, either one is enough; the other gets what it missed", async () => {
  const [one, two] = [await startRelay({ dataDir: join(folder, "1") }), await relay()]
  const urls = [one.url, two.url]
  const alice = await person(urls, "Alice")
  const bob = await person(urls, "Bob")
  const { groupId } = await alice.client.createGroup({ name: "Us", members: [bob.npub] })
  await alice.client.sync()
  await acceptOnly(bob)
  await syncAll(alice, bob)
  await one.close()
  await expect
    .poll(async () => (await alice.client.connection()).relays.map(({ status }) => status))
    .toContain("disconnected")
  await alice.client.sendMessage(groupId, { content: "over the second" })
  await alice.client.updateGroup(groupId, { name: "We" })
  await expect
    .poll(() => contents(bob.client, groupId), { timeout: 20_000 })
    .toEqual(["over the second"])
  await relay({ dataDir: join(folder, "1"), port: one.port })
  await syncAll(alice, bob)
  expect(await lastDelivery(alice, groupId)).toMatchObject({
    status: "sent",
    // In the order of their answers.
    relays: expect.arrayContaining([
      expect.objectContaining({ url: one.url, accepted: true }),
      expect.objectContaining({ url: two.url, accepted: true }),
    ]) as unknown,
  })
  expect(await bob.client.fingerprint(groupId)).toEqual(await alice.client.fingerprint(groupId))
})

test("a relay that demands authentication gets it", async () => {
  const { url } = await relay({ auth: "gift-wraps" })
  const alice = await person([url], "Alice")
  const bob = await person([url], "Bob")
  const { groupId } = await alice.client.createGroup({ name: "Us", members: [bob.npub] })
  await alice.client.sync()
  expect(await acceptOnly(bob)).toBe(groupId)
})

test("an invitation uses up the package: it is replaced in its slot, and the next one works", async () => {
  const { url } = await relay()
  const bob = await person([url], "Bob")
  const before = await bob.client.ensureReachable()
  for (const name of ["Alice", "Carol"]) {
    const inviter = await person([url], name)
    await inviter.client.createGroup({ name, members: [bob.npub] })
    await inviter.client.sync()
    await acceptOnly(bob)
    await bob.client.sync()
  }
  expect(await bob.client.chats()).toHaveLength(2)
  await expect.poll(() => bob.client.ensureReachable()).not.toEqual(before)
})

test("two invitations to the same package can both be accepted", async () => {
  const { url } = await relay()
  const bob = await person([url], "Bob")
  const inviters = await Promise.all(["Alice", "Carol"].map((name) => person([url], name)))
  for (const { client } of inviters) {
    await client.createGroup({ name: "x", members: [bob.npub] })
    await client.sync()
  }
  await bob.client.sync()
  const invites = await bob.client.invites()
  expect(invites).toHaveLength(2)
  for (const { inviteId } of invites) {
    await bob.client.acceptInvite(inviteId)
    await bob.client.ensureReachable()
  }
  expect(await bob.client.chats()).toHaveLength(2)
})

test("a declined invitation stays declined, also after a restart", async () => {
  const { url } = await relay()
  const memory = new Memory()
  const openStore = () => openMemoryStore(memory)
  const bob = await startPerson([url], "Bob", { openStore })
  const alice = await person([url], "Alice")
  await alice.client.createGroup({ name: "x", members: [bob.npub] })
  await alice.client.sync()
  await bob.client.sync()
  const [invite] = await bob.client.invites()
  expect(invite).toMatchObject({ groupName: "x", inviter: { pubkey: alice.pubkey } })
  await bob.client.declineInvite(invite?.inviteId ?? "")
  await bob.client.close()
  const again = await startClient([url], { openStore })
  await again.sync()
  expect(await again.invites()).toEqual([])
  expect(await again.chats()).toEqual([])
  await again.close()
})

test("a relay that lets everybody in and hangs up at once is tried ever more rarely", async () => {
  const { url } = await relay()
  // It hangs up at the first word, which is what it is owed or asked.
  const bad = await malicious((_, socket) => socket.terminate())
  const pauses: number[] = []
  const timers = {
    ...systemTimers,
    setTimeout: (run: () => void, milliseconds: number) => {
      pauses.push(milliseconds)
      return systemTimers.setTimeout(run, milliseconds)
    },
  }
  people.push(await startPerson([url, bad.url], "Alice", { timers }))
  // What it is owed waits a second after the first attempt, then two, then four.
  await expect.poll(() => pauses.includes(4_000), { timeout: 20_000 }).toBe(true)
  expect(bad.connections()).toBeGreaterThan(2)
})
