import { afterEach, beforeEach, describe, expect, test } from "vitest"
import { startRelay } from "../../dev/relay/server.ts"
import type { RunningRelay } from "../../dev/relay/server.ts"
import type { Client, ClientOptions } from "../../src/client/client.ts"
import { KeyPackages } from "../../src/client/key-packages.ts"
import { generateOwnKeyPackage, keyPackageTemplate } from "../../src/marmot/key-package-event.ts"
import { identityProofFrom, identityProofTemplate } from "../../src/marmot/identity-proof.ts"
import { cipherSuite, createCrypto } from "../../src/mls/index.ts"
import { parseNsec } from "../../src/nostr/address.ts"
import { finalizeEvent, publicKeyOf } from "../../src/nostr/event.ts"
import type { NostrEvent } from "../../src/nostr/event.ts"
import { unsafeWithCrashPoints } from "../../src/store/crash-points.ts"
import { Memory, openMemoryStore } from "../../src/store/index.ts"
import { acceptOnly, startClient, startPerson, syncAll } from "./client.fixture.ts"
import type { Person } from "./client.fixture.ts"
import { openDesk } from "./relay-desk.fixture.ts"
import type { RelayDesk } from "./relay-desk.fixture.ts"

const DAY = 86_400_000

let desk: RelayDesk
const relays: RunningRelay[] = []
const clients: Client[] = []

beforeEach(() => {
  desk = openDesk()
})
afterEach(async () => {
  await Promise.all(clients.splice(0).map((client) => client.close()))
  desk.close()
  await Promise.all(relays.splice(0).map((relay) => relay.close()))
})

async function relay(options: Parameters<typeof startRelay>[0] = {}): Promise<string> {
  const started = await startRelay(options)
  relays.push(started)
  return started.url
}

async function person(urls: readonly string[], options: Partial<ClientOptions> = {}) {
  const started = await startPerson(urls, "Somebody", options)
  clients.push(started.client)
  return started
}

async function client(urls: readonly string[], options: Partial<ClientOptions> = {}) {
  const started = await startClient(urls, options)
  clients.push(started)
  return started
}

const packagesOf = async (url: string, pubkey: string): Promise<readonly NostrEvent[]> =>
  (await desk.read(url, { kinds: [30443], authors: [pubkey] })).filter(({ kind }) => kind === 30443)

const tagOf = (event: NostrEvent | undefined, name: string) =>
  event?.tags.find((tag) => tag[0] === name)?.[1] ?? ""

/** A package of the account from a device whose keys are gone. */
async function foreignPackage(
  secretKey: Uint8Array,
  { slot, createdAt, now = Date.now() }: { slot: string; createdAt: number; now?: number },
): Promise<NostrEvent> {
  const crypto = await createCrypto({ suite: cipherSuite(1) })
  const signatureKeyPair = await crypto.generateSignatureKeyPair()
  const pubkey = publicKeyOf(secretKey)
  const proven = { ciphersuite: 1, signaturePublicKey: signatureKeyPair.publicKey }
  const template = identityProofTemplate(proven, Math.floor(now / 1000))
  const proof = identityProofFrom(template, finalizeEvent(template, secretKey), pubkey)
  const device = { pubkey, signatureKeyPair, identityProof: proof }
  const own = await generateOwnKeyPackage(crypto, { device, now })
  return finalizeEvent(keyPackageTemplate(crypto, own, { slot, createdAt }), secretKey)
}

/** Somebody new invites `to`, who accepts; the proof that what the relay holds can be used. */
async function joins(urls: readonly string[], to: Person): Promise<string> {
  const inviter = await person(urls)
  const { groupId } = await inviter.client.createGroup({ name: "Us", members: [to.npub] })
  await inviter.client.sync()
  expect(await acceptOnly(to)).toBe(groupId)
  return groupId
}

describe("what relays hold is what we have the private parts of (§5)", () => {
  test("a relay that has lost it gets the same one again; so does one that never had it", async () => {
    const [one, two] = [await relay(), await relay()]
    const memory = new Memory()
    const openStore = () => openMemoryStore(memory)
    const bob = await person([one, two], { openStore })
    const { keyPackageEventId } = await bob.client.ensureReachable()
    const before = await packagesOf(one, bob.pubkey)
    expect(before.map(({ id }) => id)).toEqual([keyPackageEventId])
    await bob.client.close()
    const [lost] = relays.splice(0, 1)
    await lost?.close()
    const empty = await startRelay({ port: lost?.port ?? 0 })
    relays.push(empty)
    desk.close()
    desk = openDesk()
    expect(await packagesOf(one, bob.pubkey)).toEqual([])

    const again = await client([one, two], { openStore })
    expect(await again.ensureReachable()).toEqual({ keyPackageEventId })
    await expect.poll(() => packagesOf(one, bob.pubkey)).toEqual(before)
    expect(await packagesOf(two, bob.pubkey)).toEqual(before)
  })

  test("one in our slot that we have no private part of is replaced", async () => {
    const url = await relay()
    const bob = await person([url])
    const secretKey = parseNsec(await bob.client.revealSecretKey())
    const [ours] = await packagesOf(url, bob.pubkey)
    const createdAt = (ours?.created_at ?? 0) + 5
    const foreign = await foreignPackage(secretKey, { slot: tagOf(ours, "d"), createdAt })
    await desk.put(url, foreign)
    expect(await packagesOf(url, bob.pubkey)).toEqual([foreign])

    const { keyPackageEventId } = await bob.client.ensureReachable()
    const after = await packagesOf(url, bob.pubkey)
    expect(after.map(({ id }) => id)).toEqual([keyPackageEventId])
    expect(after[0]?.created_at).toBeGreaterThan(foreign.created_at)
    await joins([url], bob)
  })

  test("what nobody can use any more is taken back, and another device's package is not", async () => {
    const url = await relay()
    const bob = await person([url])
    const secretKey = parseNsec(await bob.client.revealSecretKey())
    const now = Math.floor(Date.now() / 1000)
    const slots = ["a1", "a2", "a3"].map((byte) => byte.repeat(32))
    const old = { slot: slots[0] ?? "", createdAt: now - 100 * 86_400, now: Date.now() - 100 * DAY }
    const expired = await foreignPackage(secretKey, old)
    const broken = finalizeEvent(
      { kind: 30443, created_at: now - 50, tags: [["d", slots[1] ?? ""]], content: "?" },
      secretKey,
    )
    const other = await foreignPackage(secretKey, { slot: slots[2] ?? "", createdAt: now - 9 })
    for (const event of [expired, broken, other]) await desk.put(url, event)
    await bob.client.ensureReachable()
    await expect
      .poll(
        async () => new Set((await packagesOf(url, bob.pubkey)).map((event) => tagOf(event, "d"))),
      )
      .toEqual(new Set([slots[2], tagOf((await packagesOf(url, bob.pubkey))[0], "d")]))
    expect((await packagesOf(url, bob.pubkey)).map(({ id }) => id)).toContain(other.id)
  })

  test("one that was made by a clock that was ahead is taken back, and another takes its place", async () => {
    const url = await relay({ now: () => Math.floor(Date.now() / 1000) + 7_200 })
    const memory = new Memory()
    const openStore = () => openMemoryStore(memory)
    const ahead = { openStore, now: () => Date.now() + 2 * 3_600_000 }
    const bob = await person([url], ahead)
    const before = await bob.client.ensureReachable()
    await bob.client.close()
    const again = { ...bob, client: await client([url], { openStore }) }
    const after = await again.client.ensureReachable()
    expect(after).not.toEqual(before)
    await expect
      .poll(async () => (await packagesOf(url, bob.pubkey)).map(({ id }) => id))
      .toEqual([after.keyPackageEventId])
    await joins([url], again)
  })

  test("a relay that refuses it does not have it replaced", async () => {
    const one = await relay()
    // Its clock is behind: what is dated ahead of it, it refuses.
    const two = await relay({ now: () => Math.floor(Date.now() / 1000) - 3_600 })
    const bob = await person([one, two])
    const { keyPackageEventId } = await bob.client.ensureReachable()
    for (let round = 0; round < 3; round++) {
      expect(await bob.client.ensureReachable()).toEqual({ keyPackageEventId })
      await bob.client.sync()
    }
    expect(await packagesOf(one, bob.pubkey)).toHaveLength(1)
    expect(await packagesOf(two, bob.pubkey)).toHaveLength(0)
  })

  test("one that relays were asked to delete is followed by another", async () => {
    const url = await relay()
    const bob = await person([url])
    const secretKey = parseNsec(await bob.client.revealSecretKey())
    const { keyPackageEventId } = await bob.client.ensureReachable()
    const template = { kind: 5, created_at: Math.floor(Date.now() / 1000), content: "" }
    const tags = [["e", keyPackageEventId]]
    await desk.put(url, finalizeEvent({ ...template, tags }, secretKey))
    await expect(bob.client.ensureReachable()).rejects.toMatchObject({ code: "publish_failed" })
    const after = await bob.client.ensureReachable()
    expect(after.keyPackageEventId).not.toBe(keyPackageEventId)
    await joins([url], bob)
  })
})

describe("slots", () => {
  test("two devices of one account keep to their own; the freshest is invited", async () => {
    const url = await relay()
    const first = await person([url])
    const nsec = await first.client.revealSecretKey()
    // In one second neither package would be the fresher one.
    const second = await client([url], { now: () => Date.now() + 2_000 })
    await second.importAccount({ nsec })
    await second.ensureReachable()
    const before = await packagesOf(url, first.pubkey)
    expect(new Set(before.map((event) => tagOf(event, "d"))).size).toBe(2)
    await first.client.ensureReachable()
    await second.ensureReachable()
    expect(await packagesOf(url, first.pubkey)).toEqual(before)
    await joins([url], { ...first, client: second })
    expect(await first.client.chats()).toEqual([])
  })

  test("a device that forgets its account takes its packages back; the other one is invited", async () => {
    const url = await relay()
    const first = await person([url])
    const nsec = await first.client.revealSecretKey()
    const second = await client([url])
    await second.importAccount({ nsec })
    await second.ensureReachable()
    await second.logout()
    expect(await packagesOf(url, first.pubkey)).toHaveLength(1)
    await joins([url], first)
  })

  test("a used package goes a day later, and never before its successor is there", async () => {
    let ahead = 0
    const url = await relay({ now: () => Math.floor((Date.now() + ahead) / 1000) })
    const memory = new Memory()
    const options = { openStore: () => openMemoryStore(memory), now: () => Date.now() + ahead }
    const bob = await person([url], options)
    const [first] = await packagesOf(url, bob.pubkey)
    await joins([url], bob)
    await bob.client.ensureReachable()
    const two = await packagesOf(url, bob.pubkey)
    expect(two).toHaveLength(2)
    expect(two.map(({ id }) => id)).toContain(first?.id)
    await bob.client.close()
    ahead = DAY + 60_000
    const again = await client([url], options)
    await again.ensureReachable()
    const then = await packagesOf(url, bob.pubkey)
    expect(new Set(then.map((event) => tagOf(event, "d")))).toEqual(
      new Set(two.map((event) => tagOf(event, "d"))),
    )
    expect(then.map(({ id }) => id)).not.toContain(first?.id)
  })
})

describe("after a crash at any write there is a package that can be joined with", () => {
  /** More batches than the two stories below write, which the last test of this group counts. */
  const [PUBLISHING, REPLACING] = [15, 8]
  const written = { publishing: 0, replacing: 0 }
  const pointsTo = (last: number) =>
    Array.from({ length: last }, (_, index) => index + 1).flatMap((failAt) =>
      (["before", "after"] as const).map((when) => ({ failAt, when })),
    )
  /** Nothing stands on the relay that the device holds no private part of. */
  async function isWhole(url: string, bob: Person, memory: Memory): Promise<void> {
    const again = {
      ...bob,
      client: await client([url], { openStore: () => openMemoryStore(memory) }),
    }
    const { keyPackageEventId } = await again.client.ensureReachable()
    const standing = await packagesOf(url, bob.pubkey)
    expect(standing.map(({ id }) => id)).toContain(keyPackageEventId)
    const known = new KeyPackages()
    await known.load(await openMemoryStore(memory))
    for (const { id } of standing) expect(known.has(id)).toBe(true)
    await joins([url], again)
  }

  test.each(pointsTo(PUBLISHING))(
    "when it is first published: batch $failAt, $when",
    async (point) => {
      const url = await relay()
      const memory = new Memory()
      const store = unsafeWithCrashPoints(await openMemoryStore(memory), point)
      const doomed = await startClient([url], { openStore: () => Promise.resolve(store) })
      const work = async () => {
        await doomed.createAccount({ name: "Bob" })
        await doomed.ensureReachable()
      }
      await Promise.race([work(), store.crashed])
      written.publishing = Math.max(written.publishing, store.batches)
      doomed.setOnline(false)
      const again = await client([url], { openStore: () => openMemoryStore(memory) })
      const session = await again.session()
      // Without an account, nothing was answered and nothing published.
      if (session.status !== "ready") {
        expect(point.failAt).toBe(1)
        return
      }
      await again.close()
      await isWhole(url, { client: again, ...session.self }, memory)
    },
  )

  test.each(pointsTo(REPLACING))(
    "when it is used up and replaced: batch $failAt, $when",
    async (point) => {
      const url = await relay()
      const memory = new Memory()
      const bob = await person([url], { openStore: () => openMemoryStore(memory) })
      const alice = await person([url])
      const { groupId } = await alice.client.createGroup({ name: "Us", members: [bob.npub] })
      await alice.client.sync()
      await bob.client.sync()
      const [invite] = await bob.client.invites()
      await bob.client.close()
      const store = unsafeWithCrashPoints(await openMemoryStore(memory), point)
      let doomed: Client | undefined
      const work = async () => {
        doomed = await startClient([url], { openStore: () => Promise.resolve(store) })
        await doomed.acceptInvite(invite?.inviteId ?? "")
        await doomed.ensureReachable()
        await doomed.ensureReachable()
      }
      await Promise.race([work(), store.crashed])
      written.replacing = Math.max(written.replacing, store.batches)
      doomed?.setOnline(false)
      const again = await client([url], { openStore: () => openMemoryStore(memory) })
      await again.sync()
      // Accepted or still open: never lost.
      const [still] = await again.invites()
      if (still !== undefined) await again.acceptInvite(still.inviteId)
      expect((await again.chats()).map((chat) => chat.groupId)).toEqual([groupId])
      await syncAll({ ...bob, client: again }, alice)
      await again.close()
      await isWhole(url, bob, memory)
    },
  )

  test("and those were all the writes that there are", () => {
    for (const batches of Object.values(written)) expect(batches).toBeGreaterThan(0)
    expect(written.publishing).toBeLessThan(PUBLISHING)
    expect(written.replacing).toBeLessThan(REPLACING)
  })
})
