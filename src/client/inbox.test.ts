// The inbox among strangers: what anyone may send must not cost more than it is worth.

import { expect, test } from "vitest"
import { SignerError } from "../nostr/error.ts"
import { finalizeEvent, generateSecretKey, toRumor } from "../nostr/event.ts"
import type { NostrEvent } from "../nostr/event.ts"
import { wrap } from "../nostr/gift-wrap.ts"
import { LocalSigner } from "../nostr/local-signer.ts"
import type { Filter, SubscribeParams } from "../nostr/pool.ts"
import type { Signer } from "../nostr/signer.ts"
import { openMemoryStore } from "../store/index.ts"
import { Cursors } from "./cursors.ts"
import { Inbox, INBOX } from "./inbox.ts"
import type { InboxOptions } from "./inbox.ts"
import { Invites } from "./invites.ts"
import { Mailbox } from "./mailbox.ts"
import type { World } from "./ports.ts"
import { SeenEvents } from "./seen-events.ts"
import type { WelcomePreview } from "../marmot/engine-types.ts"
import { fakeWorld, FakePool, until } from "./world.fixture.ts"

const RELAY = "wss://inbox.example"
const PUBKEY = "ab".repeat(32)
const stranger = generateSecretKey()

const wrapAt = (created_at: number): NostrEvent =>
  finalizeEvent({ kind: 1059, created_at, tags: [["p", PUBKEY]], content: "junk" }, stranger)

/** One a second, with wrong ids and all: each is looked at once. */
function wraps(length: number): NostrEvent[] {
  const event = wrapAt(1_700_000_000)
  return Array.from({ length }, (_, i) => ({
    ...event,
    id: i.toString(16).padStart(64, "0"),
    created_at: event.created_at + i,
  }))
}

/** `decrypt` is the signer's answer to whatever it is asked to open; `stored` is what the relay holds, oldest first. */
async function open(
  decrypt: Signer["nip44Decrypt"],
  stored: readonly NostrEvent[] = [],
  pubkey = PUBKEY,
) {
  let params: SubscribeParams | undefined
  let asked = 0
  let questions = 1
  const pool = Object.assign(new FakePool(), {
    subscribe: (given: SubscribeParams) => {
      params = given
      return { update: () => (questions += 1), close: () => undefined }
    },
    query: (_urls: readonly string[], [filter]: readonly Filter[]) => {
      const { since = 0, until: end = Infinity, limit = 0 } = filter ?? {}
      const older = stored.filter(({ created_at: at }) => since <= at && at <= end)
      return Promise.resolve({ events: older.reverse().slice(0, limit), failed: [] })
    },
  })
  const store = await openMemoryStore()
  const invites = new Invites()
  const preview = { groupId: "00", inviter: "" }
  const engine = {
    joinMarmotGroup: () => ({ group: {}, preview, keyPackageRef: new Uint8Array(32) }),
    summary: () => ({ epoch: 1 }),
  } as unknown as World["engine"]
  const world = { ...fakeWorld(store, pool), engine }
  const mailbox = new Mailbox({
    batch: (ops) => store.batch(ops),
    now: () => world.now(),
    onChange: () => undefined,
    log: () => undefined,
  })
  const cursors = new Cursors()
  const seen = new SeenEvents(store)
  const signer = {
    publicKey: () => Promise.resolve(pubkey),
    nip44Decrypt: (author: string, payload: string) => {
      asked++
      return decrypt(author, payload)
    },
  }
  const account = { pubkey, inboxRelays: [RELAY], signer, record: { createdAt: 0 } }
  const inbox = new Inbox({
    world,
    mailbox,
    cursors,
    account,
    seen,
    invites,
    groups: { get: () => undefined },
    keyPackages: { own: () => [] },
    progressed: () => undefined,
  } as unknown as InboxOptions)
  inbox.refresh()
  return {
    inbox,
    seen,
    mailbox,
    invites,
    questions: () => questions,
    asked: () => asked,
    cursor: () => cursors.get({ owner: INBOX, url: RELAY }),
    hears: (event: NostrEvent) => params?.onEvent(event, RELAY),
    ends: () => params?.onEose?.(RELAY),
  }
}

test("what the user has refused to open is not asked for again in this run", async () => {
  const { inbox, asked, hears, ends, cursor } = await open(() =>
    Promise.reject(new SignerError("refused", "no")),
  )
  for (let connection = 0; connection < 3; connection++) {
    hears(wrapAt(1_700_000_000))
    ends()
    await until(() => inbox.isComplete(RELAY))
    inbox.disconnected(RELAY)
  }
  expect(asked()).toBe(1)
  // The next run asks again.
  expect(cursor()).toBeUndefined()
  inbox.close()
})

test("no more waits than there is room for, and the rest is read again", async () => {
  const stored = wraps(5_000)
  const { inbox, seen, hears, ends } = await open(() => Promise.reject(new Error()), stored)
  stored.forEach(hears)
  expect(inbox.pending).toBeLessThanOrEqual(2_000)
  ends()
  await until(() => stored.every(({ id }) => seen.has(INBOX, id)) && inbox.isComplete(RELAY))
  expect(inbox.pending).toBe(0)
  inbox.close()
})

test("what was read before a connection broke says nothing of what comes with the next one", async () => {
  const stored = wraps(300)
  const event = wrapAt(1_700_000_000)
  let refuse = (_: Error) => {}
  const question = new Promise<string>((_, reject) => (refuse = reject))
  const { inbox, seen, asked, hears, ends } = await open(() => question, stored)
  hears(event)
  ends()
  await until(() => asked() === 1 && inbox.pending === 2)
  inbox.disconnected(RELAY)
  refuse(new SignerError("undecryptable", "no"))
  await until(() => inbox.pending === 0)
  expect(inbox.isComplete(RELAY)).toBe(false)
  stored.slice(100).forEach(hears)
  ends()
  await until(() => inbox.isComplete(RELAY))
  expect(stored.every(({ id }) => seen.has(INBOX, id))).toBe(true)
  inbox.close()
})

/** An MLSMessage with a Welcome for nobody. */
const WELCOME = "AAEAAwABAAA="

test("an invitation for which there is no room is read again when another one was answered", async () => {
  const signer = new LocalSigner(generateSecretKey())
  const recipient = await signer.publicKey()
  const desk = await open((author, payload) => signer.nip44Decrypt(author, payload), [], recipient)
  const { inbox, invites, mailbox, seen, hears, ends, questions } = desk
  await mailbox.run((draft) => {
    for (let i = 0; i < 128; i++) {
      const preview = { groupId: String(i), inviter: String(i) } as WelcomePreview
      const welcome = new Uint8Array([i])
      invites.add(draft, { welcome, keyPackageRef: "", preview, epoch: 1, sentAt: 0 })
    }
  })
  const inviter = new LocalSigner(stranger)
  const tags = [
    ["e", "ab".repeat(32)],
    ["relays", RELAY],
  ]
  const pubkey = await inviter.publicKey()
  const event = await wrap({
    signer: inviter,
    rumor: toRumor({ pubkey, created_at: 1_700_000_000, kind: 444, tags, content: WELCOME }),
    recipient,
    now: Date.now(),
    random: (length) => crypto.getRandomValues(new Uint8Array(length)),
  })
  hears(event)
  ends()
  await until(() => inbox.isComplete(RELAY))
  expect(invites.open()).toHaveLength(128)
  expect(seen.has(INBOX, event.id)).toBe(false)
  expect(desk.cursor()).toBeUndefined()

  const [spam] = invites.open()
  await mailbox.run((draft) => invites.decide(draft, spam?.inviteId ?? "", "declined"))
  inbox.wake()
  expect(questions()).toBe(2)
  hears(event)
  await until(() => seen.has(INBOX, event.id))
  expect(invites.open().some(({ preview }) => preview.groupId === "00")).toBe(true)
  inbox.close()
})
