import { afterAll, beforeAll, expect, test } from "vitest"
import { startRelay } from "../../dev/relay/server.ts"
import type { RunningRelay } from "../../dev/relay/server.ts"
import { acceptOnly, contents, startPerson, syncAll } from "./client.fixture.ts"
import type { Person } from "./client.fixture.ts"
import { Wire } from "./wire.fixture.ts"

let relays: readonly RunningRelay[]

beforeAll(async () => {
  relays = await Promise.all([startRelay(), startRelay()])
})
afterAll(() => Promise.all(relays.map((relay) => relay.close())))

test("whoever joined a branch that lost is invited again and comes in", async () => {
  const urls = relays.map(({ url }) => url)
  const wires = ["Alice", "Bob", "Carol"].map(() => new Wire())
  const [alice, bob, carol] = (await Promise.all(
    wires.map((wire, i) => startPerson(urls, `person ${i}`, { WebSocket: wire.WebSocket })),
  )) as [Person, Person, Person]
  const { groupId } = await alice.client.createGroup({ name: "Us", members: [bob.npub] })
  await alice.client.sync()
  await acceptOnly(bob)
  await alice.client.updateGroup(groupId, { admins: [alice.pubkey, bob.pubkey] })
  await syncAll(alice, bob)

  wires.forEach((wire, i) => wire.block(urls[i === 0 ? 1 : 0]))
  await bob.client.invite(groupId, [carol.npub])
  await bob.client.sync()
  await acceptOnly(carol)
  for (let i = 0; i < 4; i++) await alice.client.updateGroup(groupId, { name: `name ${i}` })
  await carol.client.selfUpdate(groupId)
  await carol.client.sendMessage(groupId, { content: "is anyone there?" })
  for (const wire of wires) wire.block(undefined)
  for (const { client } of [alice, bob, carol]) client.setOnline(true)
  await syncAll(alice, bob, carol)
  expect(await bob.client.fingerprint(groupId)).toEqual(await alice.client.fingerprint(groupId))
  expect((await alice.client.group(groupId)).members).toHaveLength(2)
  // The fork leaves the horizon. Nobody hears Carol any more, and her copy gets ahead of the group.
  for (let i = 4; i < 8; i++) await alice.client.updateGroup(groupId, { name: `name ${i}` })
  await syncAll(alice, bob)
  for (let i = 0; i < 8; i++) await carol.client.selfUpdate(groupId)
  expect((await carol.client.group(groupId)).epoch).toBeGreaterThan(
    (await alice.client.group(groupId)).epoch + 1,
  )

  await bob.client.invite(groupId, [carol.npub])
  await syncAll(bob, alice, carol)
  await acceptOnly(carol)
  await syncAll(alice, bob, carol)
  const print = await alice.client.fingerprint(groupId)
  expect(await carol.client.fingerprint(groupId)).toEqual(print)
  await carol.client.sendMessage(groupId, { content: "here I am" })
  await syncAll(carol, alice, bob)
  expect(await contents(alice.client, groupId)).toEqual(["here I am"])
  await Promise.all([alice, bob, carol].map(({ client }) => client.close()))
})
