import { afterAll, beforeAll, expect, test } from "vitest"
import { startRelay } from "../../dev/relay/server.ts"
import type { RunningRelay } from "../../dev/relay/server.ts"
import { acceptOnly, contents, messages, rows, startPerson, syncAll } from "./client.fixture.ts"
import type { Person } from "./client.fixture.ts"

let relay: RunningRelay
const people: Person[] = []

beforeAll(async () => {
  relay = await startRelay()
})
afterAll(async () => {
  await Promise.all(people.map(({ client }) => client.close()))
  await relay.close()
})

async function person(name: string): Promise<Person> {
  const started = await startPerson([relay.url], name)
  people.push(started)
  return started
}

test("two people: group, invitation, messages both ways, removal", async () => {
  const alice = await person("Alice")
  const bob = await person("Bob")

  const [check] = await alice.client.checkInvitees([bob.npub])
  expect(check).toMatchObject({ status: "ok", reason: "" })
  const { groupId } = await alice.client.createGroup({ name: "Us", members: [bob.npub] })
  await alice.client.sync()

  expect(await acceptOnly(bob)).toBe(groupId)
  await syncAll(alice, bob)
  expect(await bob.client.fingerprint(groupId)).toEqual(await alice.client.fingerprint(groupId))

  const { messageId } = await alice.client.sendMessage(groupId, { content: "hello" })
  await syncAll(alice, bob)
  await bob.client.sendMessage(groupId, { content: "hi", replyTo: messageId })
  await syncAll(alice, bob)
  expect(await contents(alice.client, groupId)).toEqual(["hello", "hi"])
  expect(await contents(bob.client, groupId)).toEqual(["hello", "hi"])
  const [sent, received] = await messages(alice.client, groupId)
  expect(sent?.delivery).toEqual({
    status: "sent",
    relays: [{ url: relay.url, accepted: true, message: "" }],
  })
  expect(received?.delivery).toEqual({ status: "received" })
  expect(received?.author.name).toBe("Bob")

  const [chat] = await bob.client.chats()
  expect(chat).toMatchObject({ name: "Us", unread: 1, memberCount: 2, preview: { text: "hi" } })
  await bob.client.markRead(groupId)
  expect((await bob.client.chats())[0]?.unread).toBe(0)

  await alice.client.removeMembers(groupId, [bob.pubkey])
  await syncAll(alice, bob)
  expect(await bob.client.group(groupId)).toMatchObject({ standing: "removed" })
  expect((await rows(bob.client, groupId)).at(-1)).toBe("removed_self")
  await expect(bob.client.sendMessage(groupId, { content: "?" })).rejects.toMatchObject({
    code: "not_active",
  })
  expect(await contents(bob.client, groupId)).toEqual(["hello", "hi"])
})

test("the same words, and many at once, keep their order and their number", async () => {
  const alice = await person("Alice")
  const { groupId } = await alice.client.createGroup({ name: "Notes", members: [] })
  const words = ["ok", "ok", "a", "b", "c", "ok"]
  for (const content of words) await alice.client.sendMessage(groupId, { content })
  await alice.client.sync()
  expect(await contents(alice.client, groupId)).toEqual(words)
})

test("what can't be is refused in words, and nothing is stored", async () => {
  const alice = await person("Alice")
  const { groupId } = await alice.client.createGroup({ name: "Alone", members: [] })
  const check = await alice.client.checkInvitees(["nonsense", alice.npub, "ab".repeat(32)])
  expect(check.map(({ status }) => status)).toEqual(["invalid_input", "self", "no_relay_list"])
  await expect(
    alice.client.createGroup({ name: "x", members: ["nonsense"] }),
  ).rejects.toMatchObject({ code: "invalid_input" })
  await expect(alice.client.removeMembers(groupId, ["ab".repeat(32)])).rejects.toMatchObject({
    code: "invalid_input",
  })
  await expect(alice.client.sendMessage(groupId, { content: " " })).rejects.toMatchObject({
    code: "invalid_input",
  })
  await expect(alice.client.group("00")).rejects.toMatchObject({ code: "unknown_group" })
  await expect(alice.client.acceptInvite("00")).rejects.toMatchObject({ code: "unknown_invite" })
  await expect(alice.client.createAccount({ name: "B" })).rejects.toMatchObject({
    code: "account_exists",
  })
  expect(await contents(alice.client, groupId)).toEqual([])
  expect(await alice.client.chats()).toHaveLength(1)
})

test("three people: invitation later on, rename, admin, leave, and joining again", async () => {
  const [alice, bob, carol] = [await person("Alice"), await person("Bob"), await person("Carol")]
  const { groupId } = await alice.client.createGroup({ name: "Old", members: [bob.npub] })
  await alice.client.sync()
  await acceptOnly(bob)
  const { epoch } = await alice.client.invite(groupId, [carol.npub])
  expect(epoch).toBe(2)
  await syncAll(alice, bob)
  await acceptOnly(carol)
  await syncAll(alice, bob, carol)
  const print = await alice.client.fingerprint(groupId)
  expect(await bob.client.fingerprint(groupId)).toEqual(print)
  expect(await carol.client.fingerprint(groupId)).toEqual(print)

  await expect(bob.client.updateGroup(groupId, { name: "No" })).rejects.toMatchObject({
    code: "not_admin",
  })
  await alice.client.updateGroup(groupId, { name: "New", admins: [alice.pubkey, bob.pubkey] })
  await syncAll(alice, bob, carol)
  await bob.client.updateGroup(groupId, { description: "by Bob" })
  await syncAll(alice, bob, carol)
  expect(await carol.client.group(groupId)).toMatchObject({
    name: "New",
    description: "by Bob",
    canManage: false,
  })

  await carol.client.leave(groupId)
  await syncAll(alice, bob, carol)
  await syncAll(alice, bob, carol)
  expect(await carol.client.group(groupId)).toMatchObject({ standing: "left" })
  expect((await alice.client.group(groupId)).members).toHaveLength(2)

  await alice.client.sendMessage(groupId, { content: "without Carol" })
  await alice.client.invite(groupId, [carol.npub])
  await syncAll(alice, bob, carol)
  await acceptOnly(carol)
  await syncAll(alice, bob, carol)
  expect(await carol.client.group(groupId)).toMatchObject({ standing: "active" })
  await carol.client.sendMessage(groupId, { content: "back" })
  await syncAll(alice, bob, carol)
  expect(await contents(bob.client, groupId)).toEqual(["without Carol", "back"])
  expect(await contents(carol.client, groupId)).toEqual(["back"])
  expect(await rows(alice.client, groupId)).toEqual([
    "group_created",
    "member_added",
    "member_added",
    "admin_added",
    "group_renamed",
    "description_changed",
    "member_left",
    "member_added",
  ])
})
