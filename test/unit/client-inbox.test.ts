// Gift wraps of strangers: anyone can send them to an account, dated as they like, and as many as they like.

import { randomBytes } from "node:crypto"
import { expect, test } from "vitest"
import { startRelay } from "../../dev/relay/server.ts"
import { Cursors } from "../../src/client/cursors.ts"
import { INBOX } from "../../src/client/inbox.ts"
import { Mailbox } from "../../src/client/mailbox.ts"
import { SeenEvents } from "../../src/client/seen-events.ts"
import { finalizeEvent, generateSecretKey } from "../../src/nostr/event.ts"
import { NodeWebSocket } from "../../src/nostr/node-socket.ts"
import { RelayPool } from "../../src/nostr/pool.ts"
import { Memory, openMemoryStore } from "../../src/store/index.ts"
import { startClient, startPerson } from "./client.fixture.ts"

/** What the relay gives in one answer. */
const PAGE = 100

/** Junk that anybody may send. */
const junkFor = (pubkey: string, created_at: number) =>
  finalizeEvent(
    {
      kind: 1059,
      created_at,
      tags: [["p", pubkey]],
      content: randomBytes(200).toString("base64"),
    },
    stranger,
  )
const stranger = generateSecretKey()

test("more junk than a relay gives at once does not hide an invitation", async () => {
  const relay = await startRelay({ limits: { limit: PAGE } })
  const memory = new Memory()
  const openStore = () => openMemoryStore(memory)
  const bob = await startPerson([relay.url], "Bob", { openStore })
  await bob.client.close()

  const alice = await startPerson([relay.url], "Alice")
  await alice.client.createGroup({ name: "real", members: [bob.npub] })
  await alice.client.sync()
  const pool = new RelayPool({ WebSocket: NodeWebSocket })
  for (let i = 0; i < 2 * PAGE; i++) {
    const created_at = Math.floor(Date.now() / 1000) - (i % 7)
    await pool.publish(relay.url, junkFor(bob.pubkey, created_at))
  }
  pool.close()

  const again = await startClient([relay.url], { openStore })
  await again.sync()
  expect(await again.invites()).toMatchObject([{ groupName: "real" }])
  await again.close()
  await alice.client.close()
  await relay.close()
})

test.each([
  { what: "all of them are read, and it is known", limit: 1_000, cuts: false },
  { what: "the relay gives fewer: they are said to be unread", limit: 230, cuts: true },
])("more gift wraps of one second than fit a page: $what", async ({ limit, cuts }) => {
  const relay = await startRelay({ limits: { limit } })
  const memory = new Memory()
  const openStore = () => openMemoryStore(memory)
  const readTo = async () => {
    const cursors = new Cursors()
    await cursors.load(await openStore())
    return cursors.get({ owner: INBOX, url: relay.url }) ?? 0
  }
  const bob = await startPerson([relay.url], "Bob", { openStore })
  await bob.client.close()
  const pool = new RelayPool({ WebSocket: NodeWebSocket })
  const second = Math.floor(Date.now() / 1000) - 5
  const junk = Array.from({ length: 260 }, () => junkFor(bob.pubkey, second))
  junk.push(junkFor(bob.pubkey, second - 1))
  await Promise.all(junk.map((event) => pool.publish(relay.url, event)))
  pool.close()

  const logged: string[] = []
  const log = (message: string) => logged.push(message)
  const before = await readTo()
  const now = () => Date.now() + 60_000
  const again = await startClient([relay.url], { openStore, log, now })
  await again.sync()
  await again.close()
  const store = await openMemoryStore(memory)
  const seen = new SeenEvents(store)
  const mailbox = new Mailbox({
    batch: (ops) => store.batch(ops),
    now: () => Date.now(),
    onChange: () => undefined,
    log,
  })
  await mailbox.run((draft) => seen.load(draft, INBOX, 0))
  const unseen = junk.filter(({ id }) => !seen.has(INBOX, id))
  expect(unseen).toHaveLength(cuts ? 30 : 0)
  // Nothing that is unread is passed by.
  expect((await readTo()) > before).toBe(!cuts)
  expect(logged.some((each) => each.includes("of one second"))).toBe(cuts)
  await relay.close()
})
