// Marmot wire §7: events of every kind that a client asks relays for, malformed in every way, at clients that live.

import fc from "fast-check"
import { randomBytes } from "node:crypto"
import { afterAll, beforeAll, expect, test } from "vitest"
import { startRelay } from "../../dev/relay/server.ts"
import type { RunningRelay } from "../../dev/relay/server.ts"
import {
  type EventTemplate,
  finalizeEvent,
  generateSecretKey,
  nip44Encrypt,
  type NostrEvent,
  publicKeyOf,
  toRumor,
} from "../../src/nostr/event.ts"
import { wrap } from "../../src/nostr/gift-wrap.ts"
import { LocalSigner } from "../../src/nostr/local-signer.ts"
import { NodeWebSocket } from "../../src/nostr/node-socket.ts"
import { RelayPool } from "../../src/nostr/pool.ts"
import { until } from "../../src/client/world.fixture.ts"
import { acceptOnly, contents, startPerson, syncAll } from "../unit/client.fixture.ts"
import { damagedValue, isRefusal } from "./damage.fixture.ts"

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

/** What a client reads: profiles, deletions, reactions, wraps, KeyPackages, lists, group events. */
const KINDS = [0, 3, 5, 7, 13, 443, 444, 445, 446, 450, 1059, 10002, 10050, 10051, 30443]
const now = () => Math.floor(Date.now() / 1000)

/** Templates whose tags and content are anything, and those that are nearly right. */
function templates(address: string, victim: string): EventTemplate[] {
  const tag = fc.array(
    fc.oneof(fc.constantFrom("h", "p", "e", "d", "r", "relay", "i"), fc.string()),
    {
      maxLength: 3,
    },
  )
  const any = fc.record({
    kind: fc.constantFrom(...KINDS),
    tags: fc.array(tag, { maxLength: 4 }),
    content: fc.oneof(fc.string(), fc.json(), fc.base64String({ maxLength: 400 })),
  })
  const created_at = now()
  const loose = fc
    .sample(any, { numRuns: 90, seed: 7 })
    .map(({ kind, tags, content }) => ({ created_at, kind, content, tags: [...tags, aimed(kind)] }))
  const near: EventTemplate[] = [
    { created_at, kind: 445, tags: [["h", address]], content: "AAEC" },
    { created_at, kind: 1059, tags: [["p", victim]], content: "AAEC" },
    { created_at, kind: 10050, tags: [["relay", relay.url]], content: "" },
    { created_at, kind: 0, tags: [], content: '{"name":"x"}' },
  ]
  const damaged = near.flatMap((template) =>
    [...damagedValue(template.tags)].map((tags) => ({ ...template, tags: tags as string[][] })),
  )
  return [...loose, ...damaged.filter((_, i) => i % 3 === 0)]

  function aimed(kind: number): string[] {
    return kind === 445 ? ["h", address] : ["p", victim]
  }
}

function signed(template: EventTemplate): NostrEvent | undefined {
  try {
    const { tags } = template
    const isEvent = Array.isArray(tags) && tags.every((tag) => Array.isArray(tag))
    return isEvent ? finalizeEvent(template, generateSecretKey()) : undefined
  } catch (error) {
    isRefusal(error)
    return undefined
  }
}

/** In good wraps: rumors and seals that are not what they should be. */
async function wrapped(victim: string): Promise<NostrEvent[]> {
  const secret = generateSecretKey()
  const signer = new LocalSigner(secret)
  const pubkey = publicKeyOf(secret)
  const random = (length: number) => new Uint8Array(randomBytes(length))
  const welcome = {
    pubkey,
    created_at: now(),
    kind: 444,
    tags: [
      ["e", "ab".repeat(32)],
      ["relays", relay.url],
    ],
    content: "AAEAAw==",
  }
  const events: NostrEvent[] = []
  for (const value of [...damagedValue(welcome)].filter((_, i) => i % 6 === 0)) {
    try {
      const rumor = toRumor(value as typeof welcome)
      events.push(await wrap({ signer, rumor, recipient: victim, now: Date.now(), random }))
    } catch {
      // No rumor at all: its text alone, in a wrap of its own.
      const text = JSON.stringify(value)
      const content = nip44Encrypt(secret, victim, text === "" ? "x" : text.slice(0, 60_000))
      const tags = [["p", victim]]
      events.push(finalizeEvent({ created_at: now(), kind: 1059, tags, content }, secret))
    }
  }
  return events
}

test("change nothing that a person sees, and the clients go on", async () => {
  const alice = await startPerson([relay.url], "Alice")
  const bob = await startPerson([relay.url], "Bob")
  const { groupId } = await alice.client.createGroup({ name: "x", members: [bob.npub] })
  await alice.client.sync()
  await acceptOnly(bob)
  await alice.client.sendMessage(groupId, { content: "one" })
  await syncAll(alice, bob)
  const { events } = await pool.query([relay.url], [{ kinds: [445] }])
  const address = events[0]?.tags.find(([name]) => name === "h")?.[1] ?? ""
  const view = async () => ({
    chats: await bob.client.chats(),
    invites: await bob.client.invites(),
    fingerprint: await bob.client.fingerprint(groupId),
    contents: await contents(bob.client, groupId),
    reachable: await bob.client.ensureReachable(),
  })
  // Profiles are looked up beside everything else.
  await until(async () => (await bob.client.chats())[0]?.preview?.author?.name === "Alice")
  const before = await view()

  const hostile = [
    ...templates(address, bob.pubkey).flatMap((template) => signed(template) ?? []),
    ...(await wrapped(bob.pubkey)),
  ]
  expect(hostile.length).toBeGreaterThan(100)
  let taken = 0
  for (const event of hostile) {
    const { accepted } = await pool.publish(relay.url, event)
    if (accepted) taken++
  }
  expect(taken).toBeGreaterThan(100)
  await bob.client.sync()
  expect(await view()).toEqual(before)

  await alice.client.sendMessage(groupId, { content: "two" })
  await alice.client.updateGroup(groupId, { name: "y" })
  await syncAll(alice, bob)
  expect(await contents(bob.client, groupId)).toEqual(["one", "two"])
  expect(await bob.client.fingerprint(groupId)).toEqual(await alice.client.fingerprint(groupId))
  await alice.client.close()
  await bob.client.close()
}, 120_000)
