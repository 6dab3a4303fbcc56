// What was encrypted but not handed over yet: it must not come to the relays when the group has moved on. Those who are
// as far behind as it is could still open it, the others never, and their histories would differ.

import { afterAll, beforeAll, expect, test } from "vitest"
import { startRelay } from "../../dev/relay/server.ts"
import type { RunningRelay } from "../../dev/relay/server.ts"
import { NodeWebSocket } from "../../src/nostr/node-socket.ts"
import { acceptOnly, contents, messages, startPerson, syncAll } from "./client.fixture.ts"
import { openDesk } from "./relay-desk.fixture.ts"
import { Wire } from "./wire.fixture.ts"

let relay: RunningRelay

beforeAll(async () => {
  relay = await startRelay()
})
afterAll(() => relay.close())

async function groupOf(WebSocket: typeof NodeWebSocket) {
  const alice = await startPerson([relay.url], "Alice")
  const carol = await startPerson([relay.url], "Carol", { WebSocket })
  const { groupId } = await alice.client.createGroup({ name: "Us", members: [carol.npub] })
  await alice.client.sync()
  await acceptOnly(carol)
  await syncAll(alice, carol)
  return { alice, carol, groupId }
}

/** Carol has no relay; `events`: how many of the group a relay has stored since then. */
async function cutOff() {
  const wire = new Wire()
  const group = await groupOf(wire.WebSocket)
  const desk = openDesk()
  const stored = async () => (await desk.read(relay.url, { kinds: [445] })).length
  const before = await stored()
  wire.block(relay.url)
  const close = async () => {
    desk.close()
    for (const { client } of [group.alice, group.carol]) await client.close()
  }
  return { ...group, wire, events: async () => (await stored()) - before, close }
}

test("a message that is encrypted anew goes out in its new form only", async () => {
  const { alice, carol, groupId, wire, events, close } = await cutOff()
  const said = ["one", "two", "three"]
  for (const content of said) await carol.client.sendMessage(groupId, { content })
  for (let i = 0; i < 4; i++) await alice.client.updateGroup(groupId, { name: `name ${i}` })
  wire.block(undefined)
  await syncAll(alice, carol)
  expect(await contents(alice.client, groupId)).toEqual(said)
  expect(await contents(carol.client, groupId)).toEqual(said)
  for (const { delivery } of await messages(carol.client, groupId)) {
    expect(delivery.status).toBe("sent")
  }
  expect(await events()).toBe(4 + said.length)
  await close()
})

test("what is said and then changed without a relay waits until the change has met what others did", async () => {
  const { alice, carol, groupId, wire, events, close } = await cutOff()
  await carol.client.sendMessage(groupId, { content: "too late" })
  const change = carol.client.selfUpdate(groupId)
  for (let i = 0; i < 4; i++) await alice.client.updateGroup(groupId, { name: `name ${i}` })
  await alice.client.removeMembers(groupId, [carol.npub])
  wire.block(undefined)
  // A relay has taken it, and then it lost.
  await change
  await syncAll(alice, carol)
  expect((await carol.client.group(groupId)).standing).toBe("removed")
  expect(await messages(carol.client, groupId)).toMatchObject([
    { content: "too late", delivery: { status: "failed" } },
  ])
  expect(await events()).toBe(6)
  expect(await contents(alice.client, groupId)).toEqual([])
  await close()
})

test("who says something without a relay and leaves is heard before, by those who are far ahead, too", async () => {
  const [carols, bobs] = [new Wire(), new Wire()]
  const { alice, carol, groupId } = await groupOf(carols.WebSocket)
  const bob = await startPerson([relay.url], "Bob", { WebSocket: bobs.WebSocket })
  await alice.client.invite(groupId, [bob.npub])
  await alice.client.sync()
  await acceptOnly(bob)
  await syncAll(alice, bob, carol)

  carols.block(relay.url)
  bobs.block(relay.url)
  const said = Array.from({ length: 9 }, (_, i) => `bye ${i}`)
  for (const content of said) await carol.client.sendMessage(groupId, { content })
  const left = carol.client.leave(groupId)
  for (let i = 0; i < 7; i++) await alice.client.updateGroup(groupId, { name: `name ${i}` })
  carols.block(undefined)
  await left
  await syncAll(alice, carol)
  bobs.block(undefined)
  await syncAll(alice, bob, carol)
  expect((await carol.client.group(groupId)).standing).toBe("left")
  for (const { client } of [alice, bob, carol])
    expect(await contents(client, groupId)).toEqual(said)
  for (const person of [alice, bob, carol]) await person.client.close()
})

test("a message that was on its way when the connection broke waits for the news first", async () => {
  let isLost = false
  const sockets = new Set<NodeWebSocket>()
  /** Loses events on their way to the relay. */
  class Lossy extends NodeWebSocket {
    constructor(url: string) {
      super(url)
      sockets.add(this)
    }
    override send(data: string): void {
      if (!isLost || !data.startsWith('["EVENT"')) super.send(data)
    }
  }
  const { alice, carol, groupId } = await groupOf(Lossy)
  isLost = true
  await carol.client.sendMessage(groupId, { content: "too late" })
  await alice.client.removeMembers(groupId, [carol.npub])
  for (const socket of sockets) socket.terminate()
  isLost = false
  await syncAll(alice, carol)
  expect((await carol.client.group(groupId)).standing).toBe("removed")
  expect(await messages(carol.client, groupId)).toMatchObject([
    { content: "too late", delivery: { status: "failed" } },
  ])
  expect(await contents(alice.client, groupId)).toEqual([])
  await alice.client.close()
  await carol.client.close()
})
