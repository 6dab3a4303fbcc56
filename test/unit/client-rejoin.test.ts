import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest"
import { startRelay } from "../../dev/relay/server.ts"
import type { RunningRelay } from "../../dev/relay/server.ts"
import type { ClientOptions } from "../../src/client/client.ts"
import { keyPackageOptions } from "../../src/marmot/capabilities.ts"
import { identityProofFrom, identityProofTemplate } from "../../src/marmot/identity-proof.ts"
import { keyPackageTemplate } from "../../src/marmot/key-package-event.ts"
import {
  appDataExtension,
  cipherSuite,
  createCrypto,
  encodeComponentsList,
  generateKeyPackage,
} from "../../src/mls/index.ts"
import { npubOf, parseNsec } from "../../src/nostr/address.ts"
import { finalizeEvent, generateSecretKey, publicKeyOf } from "../../src/nostr/event.ts"
import { unwrap, wrap } from "../../src/nostr/gift-wrap.ts"
import { LocalSigner } from "../../src/nostr/local-signer.ts"
import { acceptOnly, contents, messages, rows, startPerson, syncAll } from "./client.fixture.ts"
import type { Person } from "./client.fixture.ts"
import { openDesk } from "./relay-desk.fixture.ts"
import type { RelayDesk } from "./relay-desk.fixture.ts"
import { Wire } from "./wire.fixture.ts"

let relay: RunningRelay
let desk: RelayDesk
const people: Person[] = []

beforeAll(async () => {
  relay = await startRelay()
})
afterAll(() => relay.close())
beforeEach(() => {
  desk = openDesk()
})
afterEach(async () => {
  await Promise.all(people.splice(0).map(({ client }) => client.close()))
  desk.close()
})

async function person(options: Partial<ClientOptions> = {}): Promise<Person> {
  const started = await startPerson([relay.url], "Somebody", options)
  people.push(started)
  return started
}

async function pair(options: Partial<ClientOptions> = {}) {
  const alice = await person()
  const bob = await person(options)
  const { groupId } = await alice.client.createGroup({ name: "Us", members: [bob.npub] })
  await alice.client.sync()
  await acceptOnly(bob)
  await syncAll(alice, bob)
  return { alice, bob, groupId }
}

test("what an earlier membership left does not go on in the new one; its history stays", async () => {
  const wire = new Wire()
  const { alice, bob, groupId } = await pair({ WebSocket: wire.WebSocket })
  await bob.client.sendMessage(groupId, { content: "before" })
  await syncAll(bob, alice)
  wire.block(relay.url)
  await expect.poll(async () => (await bob.client.connection()).online).toBe(false)
  await bob.client.sendMessage(groupId, { content: "perhaps said" })
  // A change of Bob's own waits for a relay, and a message waits for that.
  const renewal = bob.client.selfUpdate(groupId).catch(() => undefined)
  await expect.poll(async () => (await bob.client.group(groupId)).busy).toBe(true)
  await bob.client.sendMessage(groupId, { content: "surely not said" })
  await alice.client.removeMembers(groupId, [bob.pubkey])
  await alice.client.invite(groupId, [bob.npub])
  await alice.client.sendMessage(groupId, { content: "welcome back" })
  await alice.client.sync()

  wire.block(undefined)
  bob.client.setOnline(false)
  bob.client.setOnline(true)
  await expect.poll(() => bob.client.invites(), { timeout: 20_000 }).toHaveLength(1)
  await acceptOnly(bob)
  await syncAll(bob, alice)
  await renewal
  expect(await bob.client.fingerprint(groupId)).toEqual(await alice.client.fingerprint(groupId))
  const own = await messages(bob.client, groupId)
  expect(own.map(({ content }) => content).sort()).toEqual(
    ["before", "perhaps said", "surely not said", "welcome back"].sort(),
  )
  // What has not gone out is said to have failed, and nobody has it.
  const statusOf = (content: string) =>
    own.find((each) => each.content === content)?.delivery.status
  const heard = await contents(alice.client, groupId)
  expect(statusOf("perhaps said")).toBe(heard.includes("perhaps said") ? "sent" : "failed")
  expect(statusOf("surely not said")).toBe("failed")
  expect(heard).not.toContain("surely not said")
  expect((await rows(bob.client, groupId)).filter((row) => row === "joined")).toHaveLength(2)
  await bob.client.sendMessage(groupId, { content: "here I am" })
  await syncAll(bob, alice)
  expect((await contents(alice.client, groupId)).at(-1)).toBe("here I am")
}, 90_000)

test("the same Welcome again is the same invitation: open, accepted, or of a membership that has ended", async () => {
  const alice = await person()
  const bob = await person()
  const { groupId } = await alice.client.createGroup({ name: "Us", members: [bob.npub] })
  await alice.client.sync()
  const [bobs, alices] = await Promise.all(
    [bob, alice].map(
      async ({ client }) => new LocalSigner(parseNsec(await client.revealSecretKey())),
    ),
  )
  if (bobs === undefined || alices === undefined) throw new Error("nobody signs")
  const [event] = await desk.read(relay.url, { kinds: [1059], "#p": [bob.pubkey] })
  if (event === undefined) throw new Error("there is no Welcome")
  const { rumor } = await unwrap({ signer: bobs, event })
  const again = async () => {
    const random = (length: number) => crypto.getRandomValues(new Uint8Array(length))
    const recipient = bob.pubkey
    const copy = await wrap({ signer: alices, rumor, recipient, now: Date.now(), random })
    await desk.put(relay.url, copy)
    await bob.client.sync()
  }
  await again()
  expect(await bob.client.invites()).toHaveLength(1)
  await acceptOnly(bob)
  await again()
  expect(await bob.client.invites()).toEqual([])
  await alice.client.removeMembers(groupId, [bob.pubkey])
  await syncAll(alice, bob)
  expect((await bob.client.group(groupId)).standing).toBe("removed")
  await again()
  expect(await bob.client.invites()).toEqual([])
})

test("whose app lacks what the group requires is refused, with what it lacks, and nothing is consumed", async () => {
  const { alice, bob, groupId } = await pair()
  await alice.client.upgradeGroup(groupId, ["disappearing"])
  await syncAll(alice, bob)
  const secretKey = generateSecretKey()
  const pubkey = publicKeyOf(secretKey)
  const mls = await createCrypto({ suite: cipherSuite(1) })
  const signatureKeyPair = await mls.generateSignatureKeyPair()
  const seconds = Math.floor(Date.now() / 1000)
  const proven = { ciphersuite: 1, signaturePublicKey: signatureKeyPair.publicKey }
  const template = identityProofTemplate(proven, seconds)
  const identityProof = identityProofFrom(template, finalizeEvent(template, secretKey), pubkey)
  const list = encodeComponentsList([0x0001, 0x8001, 0x8003, 0x8004, 0x8009, 0x800c])
  const own = await generateKeyPackage(mls, {
    ...keyPackageOptions({ pubkey, signatureKeyPair, identityProof }, seconds),
    leafExtensions: [
      appDataExtension(
        new Map([
          [0x0001, list],
          [0x0002, new Uint8Array([0])],
          [0x8009, identityProof],
        ]),
      ),
    ],
  })
  const published = keyPackageTemplate(mls, own, { slot: "ab".repeat(32), createdAt: seconds })
  const lists = [
    { kind: 10002, created_at: seconds, content: "", tags: [["r", relay.url]] },
    { kind: 10050, created_at: seconds, content: "", tags: [["relay", relay.url]] },
  ]
  for (const each of [...lists, published]) {
    await desk.put(relay.url, finalizeEvent(each, secretKey))
  }
  const old = npubOf(pubkey)
  const [check] = await alice.client.checkInvitees([old], groupId)
  expect(check).toMatchObject({
    status: "incompatible",
    reason: expect.stringContaining("disappearing messages") as string,
    lacking: {
      required: { components: expect.arrayContaining([0x8005]) as number[] },
      had: { components: [0x0001, 0x8001, 0x8003, 0x8004, 0x8009, 0x800c] },
    },
  })
  const { epoch } = await alice.client.group(groupId)
  await expect(alice.client.invite(groupId, [old])).rejects.toMatchObject({
    code: "not_invitable",
    message: expect.stringContaining("disappearing messages") as string,
  })
  expect((await alice.client.group(groupId)).epoch).toBe(epoch)
  // A new group asks for what all can do, and this one for no more than that.
  const made = await alice.client.createGroup({ name: "Old and new", members: [old, bob.npub] })
  const { members, features } = await alice.client.group(made.groupId)
  expect(members).toHaveLength(3)
  expect(features.find(({ feature }) => feature === "disappearing")).toEqual({
    feature: "disappearing",
    status: "unavailable",
    lacking: [pubkey],
  })
})
