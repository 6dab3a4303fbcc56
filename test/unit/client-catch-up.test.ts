import { setImmediate } from "node:timers/promises"
import { afterAll, beforeAll, expect, test } from "vitest"
import { startRelay } from "../../dev/relay/server.ts"
import type { RunningRelay } from "../../dev/relay/server.ts"
import type { CatchUpView } from "../../src/client/api.ts"
import { Memory, openMemoryStore } from "../../src/store/index.ts"
import { acceptOnly, contents, startClient, startPerson, syncAll } from "./client.fixture.ts"

let relay: RunningRelay

beforeAll(async () => {
  relay = await startRelay()
})
afterAll(() => relay.close())

test("reading much after an absence says how far it is, and the chats can be read meanwhile", async () => {
  const memory = new Memory()
  const openStore = () => openMemoryStore(memory)
  const alice = await startPerson([relay.url], "Alice")
  const bob = await startPerson([relay.url], "Bob", { openStore })
  const { groupId } = await alice.client.createGroup({ name: "Us", members: [bob.npub] })
  await alice.client.sync()
  await acceptOnly(bob)
  await syncAll(alice, bob)
  expect((await bob.client.connection()).catchUp).toBeUndefined()
  await bob.client.close()

  const sent = Array.from({ length: 120 }, (_, i) => `message ${i}`)
  for (const content of sent) await alice.client.sendMessage(groupId, { content })
  await alice.client.sync()
  await alice.client.close()

  const client = await startClient([relay.url], { openStore })
  const views: CatchUpView[] = []
  let isDone = false
  const look = async () => {
    while (!isDone) {
      const { catchUp } = await client.connection()
      if (catchUp !== undefined) views.push(catchUp)
      expect(await client.chats()).toHaveLength(1)
      await setImmediate()
    }
  }
  const looking = look()
  await client.sync()
  isDone = true
  await looking
  expect(await contents(client, groupId)).toEqual(sent)
  expect(views.length).toBeGreaterThan(0)
  for (const { processed, known } of views) {
    expect(known).toBeGreaterThanOrEqual(100)
    expect(processed).toBeLessThan(known)
  }
  expect((await client.connection()).catchUp).toBeUndefined()
  await client.close()
})
