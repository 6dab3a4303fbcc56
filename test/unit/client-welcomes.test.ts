import { afterEach, beforeEach, expect, test } from "vitest"
import { startRelay } from "../../dev/relay/server.ts"
import type { RunningRelay } from "../../dev/relay/server.ts"
import type { Client, ClientOptions } from "../../src/client/client.ts"
import { ROUND_MS } from "../../src/client/maintenance.ts"
import { parseNsec } from "../../src/nostr/address.ts"
import { finalizeEvent } from "../../src/nostr/event.ts"
import { unsafeWithCrashPoints } from "../../src/store/crash-points.ts"
import { Memory, openMemoryStore } from "../../src/store/index.ts"
import { acceptOnly, contents, rows, startClient, startPerson, syncAll } from "./client.fixture.ts"
import type { Person } from "./client.fixture.ts"
import { openDesk } from "./relay-desk.fixture.ts"
import type { RelayDesk } from "./relay-desk.fixture.ts"
import { Wire } from "./wire.fixture.ts"

let relays: readonly RunningRelay[]
let desk: RelayDesk
const people: Person[] = []

beforeEach(async () => {
  relays = await Promise.all([startRelay(), startRelay(), startRelay()])
  desk = openDesk()
})
afterEach(async () => {
  await Promise.all(people.splice(0).map(({ client }) => client.close()))
  desk.close()
  await Promise.all(relays.map((relay) => relay.close()))
})

const url = (index: number) => relays[index]?.url ?? ""

async function person(urls: readonly string[], options: Partial<ClientOptions> = {}) {
  const started = await startPerson(urls, "Somebody", options)
  people.push(started)
  return started
}

/** The relay list for invitations, as another client of the person might change it. */
async function setInbox(
  { client }: Person,
  list: readonly string[],
  { later, at = 0 }: { readonly later: number; readonly at?: number },
): Promise<void> {
  const secretKey = parseNsec(await client.revealSecretKey())
  const created_at = Math.floor(Date.now() / 1000) + later
  const tags = list.map((each) => ["relay", each])
  await desk.put(url(at), finalizeEvent({ kind: 10050, created_at, tags, content: "" }, secretKey))
}

const wraps = async (at: number, { pubkey }: Person) =>
  (await desk.read(url(at), { kinds: [1059], "#p": [pubkey] })).length

test("whoever says nowhere where invitations should go is named to the inviter, and gets theirs later", async () => {
  const bob = await person([url(0)])
  const alice = await person([url(0)])
  const { groupId } = await alice.client.createGroup({ name: "Us", members: [bob.npub] })
  alice.client.setOnline(false)
  await setInbox(bob, [], { later: 1 })
  alice.client.setOnline(true)
  await expect
    .poll(async () => (await alice.client.group(groupId)).undelivered)
    .toEqual([
      { pubkey: bob.pubkey, reason: expect.stringContaining("where invitations") as string },
    ])
  // It is for Bob to do something: nothing of ours is left to do.
  await alice.client.sync()
  expect(await wraps(0, bob)).toBe(0)

  await setInbox(bob, [url(0)], { later: 2 })
  await expect
    .poll(async () => (await alice.client.group(groupId)).undelivered, { timeout: 20_000 })
    .toEqual([])
  expect(await acceptOnly(bob)).toBe(groupId)
}, 60_000)

test("a Welcome follows its recipient to other relays, across a restart", async () => {
  const memory = new Memory()
  const openStore = () => openMemoryStore(memory)
  const bob = await person([url(0)])
  // Nobody listens there.
  await setInbox(bob, ["ws://127.0.0.1:9"], { later: 1 })
  const alice = await startPerson([url(0)], "Alice", { openStore })
  const { groupId } = await alice.client.createGroup({ name: "Us", members: [bob.npub] })
  await expect
    .poll(async () => (await alice.client.group(groupId)).undelivered)
    .toMatchObject([{ reason: expect.stringContaining("no relay of this person") as string }])
  await alice.client.close()
  await setInbox(bob, [url(0)], { later: 2 })
  // The next look is an hour later.
  const timers = {
    setTimeout: (run: () => void, ms: number) => setTimeout(run, ms === 3_600_000 ? 100 : ms),
    clearTimeout: (timer: ReturnType<typeof setTimeout>) => clearTimeout(timer),
  }
  const again = { ...alice, client: await startClient([url(0)], { openStore, timers }) }
  people.push(again)
  await expect
    .poll(async () => (await again.client.group(groupId)).undelivered, { timeout: 20_000 })
    .toEqual([])
  expect(await wraps(0, bob)).toBe(1)
  expect(await acceptOnly(bob)).toBe(groupId)
}, 60_000)

/** Maintenance comes round quickly, and time can be let pass. */
function hurried() {
  let ahead = 0
  return {
    pass: (milliseconds: number) => {
      ahead += milliseconds
    },
    options: {
      now: () => Date.now() + ahead,
      timers: {
        setTimeout: (run: () => void, ms: number) => setTimeout(run, ms === ROUND_MS ? 200 : ms),
        clearTimeout: (timer: ReturnType<typeof setTimeout>) => clearTimeout(timer),
      },
    },
  }
}

/** Alice and Bob are admins; Bob invites Carol while he is cut off, and loses. */
async function lostInvitation(carols: readonly string[]) {
  const homes = [url(0), url(1)]
  const wires = [new Wire(), new Wire(), new Wire()]
  const hurry = hurried()
  const optionsOf = (i: number) => {
    const wire = wires[i]
    return wire === undefined ? {} : { WebSocket: wire.WebSocket }
  }
  const alice = await person(homes, optionsOf(0))
  const store = await openMemoryStore()
  const openStore = () => Promise.resolve(store)
  const bob = await person(homes, { ...optionsOf(1), ...hurry.options, openStore })
  const carol = await person(carols, optionsOf(2))
  const { groupId } = await alice.client.createGroup({ name: "Us", members: [bob.npub] })
  await alice.client.sync()
  await acceptOnly(bob)
  await alice.client.updateGroup(groupId, { admins: [alice.pubkey, bob.pubkey] })
  await syncAll(alice, bob)
  /** Welcomes that Bob has in his store. */
  const kept = async () => (await store.range("outbox", "welcomes")).length
  return { alice, bob, carol, groupId, wires, hurry, kept }
}

test("an invitation that lost against another change is made again by itself, also to one who joined", async () => {
  const { alice, bob, carol, groupId, wires, hurry } = await lostInvitation([url(0), url(1)])
  wires.forEach((wire, i) => wire.block(url(i === 0 ? 1 : 0)))
  await bob.client.invite(groupId, [carol.npub])
  await bob.client.sync()
  await acceptOnly(carol)
  for (let i = 0; i < 4; i++) await alice.client.updateGroup(groupId, { name: `name ${i}` })
  for (const wire of wires) wire.block(undefined)
  for (const { client } of [alice, bob, carol]) client.setOnline(true)
  await syncAll(alice, bob, carol)
  expect((await alice.client.group(groupId)).members).toHaveLength(2)
  expect(await rows(bob.client, groupId)).toContain("change_lost")

  hurry.pass(20_000)
  await expect
    .poll(async () => (await alice.client.group(groupId)).members.length, { timeout: 20_000 })
    .toBe(3)
  await syncAll(bob, alice, carol)
  await acceptOnly(carol)
  await syncAll(alice, bob, carol)
  const print = await alice.client.fingerprint(groupId)
  expect(await carol.client.fingerprint(groupId)).toEqual(print)
  await carol.client.sendMessage(groupId, { content: "here I am" })
  await syncAll(carol, alice, bob)
  expect(await contents(alice.client, groupId)).toEqual(["here I am"])
}, 90_000)

test("a Welcome that no relay has taken when its Commit loses is never delivered, and goes with its branch", async () => {
  const { alice, bob, carol, groupId, wires, hurry, kept } = await lostInvitation([
    url(0),
    url(1),
    url(2),
  ])
  // Carol's invitations go where nobody is, for now.
  await setInbox(carol, ["ws://127.0.0.1:9"], { later: 1 })
  await bob.client.checkInvitees([carol.npub])
  const [aliceWire, bobWire] = wires
  aliceWire?.block(url(1))
  bobWire?.block(url(0))
  await setInbox(carol, ["ws://127.0.0.1:9"], { later: 1, at: 1 })
  await bob.client.invite(groupId, [carol.npub])
  await expect
    .poll(async () => (await bob.client.group(groupId)).undelivered)
    .toMatchObject([{ pubkey: carol.pubkey }])
  for (let i = 0; i < 4; i++) await alice.client.updateGroup(groupId, { name: `name ${i}` })
  for (const wire of wires) wire.block(undefined)
  for (const { client } of [alice, bob]) client.setOnline(true)
  await expect
    .poll(() => bob.client.fingerprint(groupId), { timeout: 20_000 })
    .toEqual(await alice.client.fingerprint(groupId))
  expect((await bob.client.group(groupId)).undelivered).toEqual([])
  // Its branch could still win.
  expect(await kept()).toBe(1)

  for (const at of [0, 1]) await setInbox(carol, [url(0)], { later: 2, at: at })
  hurry.pass(20_000)
  await expect.poll(() => wraps(0, carol), { timeout: 20_000 }).toBe(1)
  await syncAll(alice, bob)
  await acceptOnly(carol)
  await syncAll(alice, bob, carol)
  expect(await carol.client.fingerprint(groupId)).toEqual(await alice.client.fingerprint(groupId))
  expect(await wraps(0, carol)).toBe(1)
  for (let i = 0; i < 2; i++) await alice.client.updateGroup(groupId, { name: `later ${i}` })
  await syncAll(alice, bob)
  await expect.poll(kept, { timeout: 20_000 }).toBe(0)
}, 90_000)

const points = Array.from({ length: 8 }, (_, index) => index + 1).flatMap((failAt) =>
  (["before", "after"] as const).map((when) => ({ failAt, when })),
)

test.each(points)(
  "an inviter who dies at a write has invited once, or not at all: batch $failAt, $when",
  async (point) => {
    const memory = new Memory()
    const openStore = () => openMemoryStore(memory)
    const bob = await person([url(0)])
    const alice = await startPerson([url(0)], "Alice", { openStore })
    await alice.client.sync()
    await alice.client.close()
    const store = unsafeWithCrashPoints(await openMemoryStore(memory), point)
    const answered: string[] = []
    let doomed: Client | undefined
    const work = async () => {
      doomed = await startClient([url(0)], { openStore: () => Promise.resolve(store) })
      const { groupId } = await doomed.createGroup({ name: "Us", members: [bob.npub] })
      answered.push(groupId)
      await doomed.sync()
      // Whatever else it writes comes to an end.
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
    await Promise.race([work(), store.crashed])
    doomed?.setOnline(false)
    const again = { ...alice, client: await startClient([url(0)], { openStore }) }
    people.push(again)
    await syncAll(again, bob)
    const groups = (await again.client.chats()).map(({ groupId }) => groupId)
    expect(groups).toEqual(expect.arrayContaining(answered))
    const invited = await bob.client.invites()
    expect(invited.map(({ groupId }) => groupId)).toEqual(groups)
    for (const { inviteId, groupId } of invited) {
      await bob.client.acceptInvite(inviteId)
      await syncAll(bob, again)
      const print = await again.client.fingerprint(groupId)
      expect(await bob.client.fingerprint(groupId)).toEqual(print)
      expect((await again.client.group(groupId)).undelivered).toEqual([])
    }
  },
)
