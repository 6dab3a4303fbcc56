// What the headless client announces, of whole clients over the real relay.

import { afterAll, beforeAll, expect, test } from "vitest"
import { startRelay } from "../../dev/relay/server.ts"
import type { RunningRelay } from "../../dev/relay/server.ts"
import { Announcer } from "../../src/cli/announcer.ts"
import { acceptOnly, startPerson, syncAll } from "./client.fixture.ts"

let relay: RunningRelay

beforeAll(async () => {
  relay = await startRelay()
})
afterAll(async () => {
  await relay.close()
})

test("messages that are dated ahead do not silence those that come after them", async () => {
  const alice = await startPerson([relay.url], "Alice")
  const bob = await startPerson([relay.url], "Bob")
  const carol = await startPerson([relay.url], "Carol", { now: () => Date.now() + 240_000 })
  const members = [bob.npub, carol.npub]
  const { groupId } = await alice.client.createGroup({ name: "Market", members })
  await syncAll(alice)
  for (const invited of [bob, carol]) await acceptOnly(invited)
  const announced: unknown[] = []
  await new Announcer(bob.client, (event, data) => {
    if (event === "message") announced.push(data)
  }).start((error: unknown) => {
    throw error
  })
  for (let i = 0; i < 101; i++) await carol.client.sendMessage(groupId, { content: `ahead ${i}` })
  await syncAll(carol, bob)
  await expect.poll(() => announced).toHaveLength(101)
  await alice.client.sendMessage(groupId, { content: "now" })
  await syncAll(alice, bob)
  await expect.poll(() => announced.slice(101)).toMatchObject([{ content: "now" }])
  await Promise.all([alice, bob, carol].map(({ client }) => client.close()))
})
