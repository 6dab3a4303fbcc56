import { randomBytes } from "node:crypto"
import { afterAll, beforeAll, expect, test } from "vitest"
import { startRelay } from "../../dev/relay/server.ts"
import type { RunningRelay } from "../../dev/relay/server.ts"
import { marmotEngine } from "../../src/client/engine.ts"
import type { Engine } from "../../src/client/engine.ts"
import type { MarmotGroup } from "../../src/marmot/engine-types.ts"
import { finalizeEvent, generateSecretKey, toRumor } from "../../src/nostr/event.ts"
import type { EventTemplate, NostrEvent } from "../../src/nostr/event.ts"
import { wrap } from "../../src/nostr/gift-wrap.ts"
import { LocalSigner } from "../../src/nostr/local-signer.ts"
import { NodeWebSocket } from "../../src/nostr/node-socket.ts"
import { RelayPool } from "../../src/nostr/pool.ts"
import { Memory, openMemoryStore } from "../../src/store/index.ts"
import { acceptOnly, contents, startClient, startPerson, syncAll } from "./client.fixture.ts"

let relay: RunningRelay
let pool: RelayPool

beforeAll(async () => {
  relay = await startRelay()
  pool = new RelayPool({ WebSocket: NodeWebSocket })
})
afterAll(async () => {
  pool.close()
  await relay.close()
})

async function publish(event: NostrEvent): Promise<void> {
  expect(await pool.publish(relay.url, event)).toMatchObject({ accepted: true })
}

const now = () => Math.floor(Date.now() / 1000)
const junk = (length: number) => randomBytes(length).toString("base64")

const sign = (template: Omit<EventTemplate, "created_at">) =>
  finalizeEvent({ created_at: now(), ...template }, generateSecretKey())

test("junk in the inbox is looked at once and leaves no trace", async () => {
  const memory = new Memory()
  const openStore = () => openMemoryStore(memory)
  const bob = await startPerson([relay.url], "Bob", { openStore })
  const p = ["p", bob.pubkey]
  const stranger = generateSecretKey()
  const signer = new LocalSigner(stranger)
  const pubkey = await signer.publicKey()
  const wrapped = (kind: number, tags: string[][], content: string) =>
    wrap({
      signer,
      rumor: toRumor({ pubkey, created_at: now(), kind, tags, content }),
      recipient: bob.pubkey,
      now: Date.now(),
      random: (length) => new Uint8Array(randomBytes(length)),
    })
  const e = ["e", "ab".repeat(32)]
  const relays = ["relays", relay.url]
  for (const event of [
    sign({ kind: 1059, tags: [p], content: junk(200) }),
    sign({ kind: 1059, tags: [p, p], content: junk(200) }),
    sign({ kind: 1059, tags: [p], content: "" }),
    await wrapped(14, [], "an ordinary private message"),
    await wrapped(444, [e, relays], junk(300)),
    await wrapped(444, [e], "AAEAAw=="),
    await wrapped(444, [], ""),
  ]) {
    await publish(event)
  }
  await bob.client.sync()
  expect(await bob.client.invites()).toEqual([])
  expect(await bob.client.connection()).toMatchObject({ pendingInbound: 0, pendingOutbound: 0 })
  const { keyPackageEventId } = await bob.client.ensureReachable()

  const alice = await startPerson([relay.url], "Alice")
  await alice.client.createGroup({ name: "real", members: [bob.npub] })
  await alice.client.sync()
  await bob.client.sync()
  expect(await bob.client.invites()).toMatchObject([{ groupName: "real" }])
  expect(await bob.client.ensureReachable()).toEqual({ keyPackageEventId })
  await bob.client.close()
  const again = await startClient([relay.url], { openStore })
  await again.sync()
  expect(await again.invites()).toHaveLength(1)
  await again.close()
  await alice.client.close()
})

test("junk at a group's address disturbs nobody", async () => {
  const alice = await startPerson([relay.url], "Alice")
  const bob = await startPerson([relay.url], "Bob")
  const { groupId } = await alice.client.createGroup({ name: "x", members: [bob.npub] })
  await alice.client.sync()
  await acceptOnly(bob)
  await alice.client.sendMessage(groupId, { content: "one" })
  await syncAll(alice, bob)
  // The address is what an observer of the relay sees.
  const { events } = await pool.query([relay.url], [{ kinds: [445] }])
  const address = events[0]?.tags.find(([name]) => name === "h") ?? []
  for (let i = 0; i < 300; i++) {
    await publish(sign({ kind: 445, tags: [[...address]], content: junk(20 + i) }))
  }
  for (const event of events) {
    // Someone else's signature over words that were sent before.
    await publish(sign({ kind: 445, tags: [[...address]], content: event.content }))
  }
  await publish(sign({ kind: 445, tags: [[...address], ["x", "y"]], content: junk(64) }))
  await publish(sign({ kind: 445, tags: [[...address]], content: "not base64!" }))
  await alice.client.sendMessage(groupId, { content: "two" })
  await alice.client.updateGroup(groupId, { name: "y" })
  await syncAll(alice, bob)
  expect(await contents(bob.client, groupId)).toEqual(["one", "two"])
  expect(await bob.client.fingerprint(groupId)).toEqual(await alice.client.fingerprint(groupId))
  await alice.client.close()
  await bob.client.close()
})

test("a forged KeyPackage of someone else invites nobody", async () => {
  const alice = await startPerson([relay.url], "Alice")
  const victim = await startPerson([relay.url], "Victim")
  const { events } = await pool.query([relay.url], [{ kinds: [30443], authors: [victim.pubkey] }])
  const stolen = events[0]
  if (stolen === undefined) throw new Error("the victim is not reachable")
  const thief = generateSecretKey()
  const asThief = (template: EventTemplate) => publish(finalizeEvent(template, thief))
  await asThief({ ...stolen, created_at: now() })
  await asThief({ created_at: now(), kind: 10002, tags: [["r", relay.url]], content: "" })
  await asThief({ created_at: now(), kind: 10050, tags: [["relay", relay.url]], content: "" })
  const { pubkey } = finalizeEvent(stolen, thief)
  const [check] = await alice.client.checkInvitees([pubkey])
  expect(check).toMatchObject({ status: "incompatible" })
  expect(check?.reason).not.toBe("")
  await alice.client.close()
  await victim.client.close()
})

test("a stranger's group of the same id can't take the place of a live one", async () => {
  let live: string | undefined
  const forged = new WeakSet<MarmotGroup>()
  /** Sees each Welcome as one into the live group, at a much later epoch. */
  const engine: Engine = {
    ...marmotEngine,
    joinMarmotGroup: async (env, params) => {
      const joined = await marmotEngine.joinMarmotGroup(env, params)
      if (live === undefined) return joined
      const group = { ...joined.group, groupId: live }
      forged.add(group)
      return { ...joined, group, preview: { ...joined.preview, groupId: live } }
    },
    summary: (group) => ({
      ...marmotEngine.summary(group),
      ...(forged.has(group) ? { epoch: 99 } : {}),
    }),
  }
  const alice = await startPerson([relay.url], "Alice")
  const mallory = await startPerson([relay.url], "Mallory")
  const bob = await startPerson([relay.url], "Bob", { engine })
  // Both invitations wait; the forged one comes to be one for the live group only when that is joined.
  const ours = await alice.client.createGroup({ name: "Us", members: [bob.npub] })
  await alice.client.sync()
  await bob.client.sync()
  const [invite] = await bob.client.invites()
  live = ours.groupId
  await mallory.client.createGroup({ name: "Us", members: [bob.npub] })
  await mallory.client.sync()
  await bob.client.sync()
  const early = (await bob.client.invites()).find(
    ({ inviter }) => inviter.pubkey === mallory.pubkey,
  )
  live = undefined
  await bob.client.acceptInvite(invite?.inviteId ?? "")
  live = ours.groupId
  expect(early).toBeDefined()
  expect(await bob.client.invites()).toEqual([])
  await expect(bob.client.acceptInvite(early?.inviteId ?? "")).rejects.toMatchObject({
    code: "invalid_input",
  })

  await mallory.client.createGroup({ name: "Us again", members: [bob.npub] })
  await mallory.client.sync()
  await bob.client.sync()
  expect(await bob.client.invites()).toEqual([])
  await bob.client.sendMessage(ours.groupId, { content: "still here" })
  await bob.client.sync()
  await alice.client.sync()
  expect(await contents(alice.client, ours.groupId)).toEqual(["still here"])
  await Promise.all([alice, mallory, bob].map(({ client }) => client.close()))
})
