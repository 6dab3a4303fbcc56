// Gift wraps of strangers: anyone can send them to an account, dated as they like, and as many as they like.

import { randomBytes } from "node:crypto"
import { expect, test } from "vitest"
import { startRelay } from "../../dev/relay/server.ts"
import { finalizeEvent, generateSecretKey } from "../../src/nostr/event.ts"
import { NodeWebSocket } from "../../src/nostr/node-socket.ts"
import { RelayPool } from "../../src/nostr/pool.ts"
import { Memory, openMemoryStore } from "../../src/store/index.ts"
import { startClient, startPerson } from "./client.fixture.ts"

/** What the relay gives in one answer. */
const PAGE = 100

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
  const stranger = generateSecretKey()
  for (let i = 0; i < 2 * PAGE; i++) {
    const created_at = Math.floor(Date.now() / 1000) - (i % 7)
    const content = randomBytes(200).toString("base64")
    const junk = { kind: 1059, created_at, tags: [["p", bob.pubkey]], content }
    await pool.publish(relay.url, finalizeEvent(junk, stranger))
  }
  pool.close()

  const again = await startClient([relay.url], { openStore })
  await again.sync()
  expect(await again.invites()).toMatchObject([{ groupName: "real" }])
  await again.close()
  await alice.client.close()
  await relay.close()
})
