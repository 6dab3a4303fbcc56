import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, afterEach, beforeAll, expect, test } from "vitest"
import { startRelay } from "../../dev/relay/server.ts"
import type { RunningRelay } from "../../dev/relay/server.ts"
import { Cli } from "../support/cli-client.ts"
import { sources } from "../support/programs.ts"

interface Account {
  readonly pubkey: string
  readonly npub: string
}

interface Message {
  readonly messageId: string
  readonly content: string
  readonly pubkey: string
}

let relay: RunningRelay
let scratch: string
const running: Cli[] = []

beforeAll(async () => {
  relay = await startRelay()
  scratch = mkdtempSync(join(tmpdir(), "burrow-cli-"))
})
afterEach(async () => {
  await Promise.all(running.splice(0).map((cli) => cli.kill()))
})
afterAll(async () => {
  await relay.close()
  rmSync(scratch, { recursive: true })
})

function start(state?: string, program?: readonly string[]): Cli {
  const folder = state === undefined ? undefined : join(scratch, state)
  const cli = new Cli(relay.url, folder, undefined, program)
  running.push(cli)
  return cli
}

async function person(name: string, state?: string, program?: readonly string[]) {
  const cli = start(state, program)
  const account = await cli.call<Account>("account.create", { name })
  await cli.call("account.ready")
  return { cli, ...account }
}

async function acceptOnly(cli: Cli): Promise<string> {
  await cli.call("sync")
  const invites = await cli.call<{ inviteId: string }[]>("invites.list")
  expect(invites).toHaveLength(1)
  const { groupId } = await cli.call<{ groupId: string }>("invites.accept", {
    inviteId: invites[0]?.inviteId,
  })
  return groupId
}

async function syncAll(...clis: Cli[]): Promise<void> {
  for (let round = 0; round < 2; round++) await Promise.all(clis.map((cli) => cli.call("sync")))
}

const contents = async (cli: Cli, groupId: string) =>
  (await cli.call<Message[]>("messages.list", { groupId })).map(({ content }) => content)

test("two processes: account, group, invitation, messages, reactions, removal, shutdown", async () => {
  // One of them as the README starts it.
  const alice = await person("Alice", undefined, sources.cli)
  const bob = await person("Bob")
  expect(alice.npub).toMatch(/^npub1/)
  const { groupId } = await alice.cli.call<{ groupId: string }>("groups.create", {
    name: "Us",
    members: [bob.npub],
  })
  await alice.cli.call("sync")
  expect(await acceptOnly(bob.cli)).toBe(groupId)
  await syncAll(alice.cli, bob.cli)
  expect(await bob.cli.call("groups.fingerprint", { groupId })).toEqual(
    await alice.cli.call("groups.fingerprint", { groupId }),
  )
  expect(await bob.cli.call("groups.list")).toEqual([
    {
      groupId,
      name: "Us",
      description: "",
      epoch: 1,
      members: [alice.pubkey, bob.pubkey],
      admins: [alice.pubkey],
      state: "active",
      relays: [relay.url],
      retentionSeconds: 0,
    },
  ])

  const { messageId } = await alice.cli.call<{ messageId: string }>("messages.send", {
    groupId,
    content: "hello",
  })
  await syncAll(alice.cli, bob.cli)
  await bob.cli.call("messages.send", { groupId, content: "hi", replyTo: messageId })
  await bob.cli.call("messages.react", { groupId, messageId, content: "👍" })
  await alice.cli.call("messages.edit", { groupId, messageId, content: "hello!" })
  await syncAll(alice.cli, bob.cli)
  for (const { cli } of [alice, bob]) {
    const list = await cli.call<Message[]>("messages.list", { groupId })
    expect(list).toMatchObject([
      { messageId, content: "hello!", edited: true, reactions: [{ content: "👍" }] },
      {
        content: "hi",
        pubkey: bob.pubkey,
        tags: expect.arrayContaining([
          ["e", messageId],
          ["q", messageId],
          ["p", alice.pubkey],
        ]) as unknown,
      },
    ])
  }
  expect(bob.cli.events.filter(({ event }) => event === "message")).toMatchObject([
    { data: { groupId, messageId, content: "hello" } },
    { data: { kind: 1009 } },
  ])
  expect(bob.cli.events.some(({ event }) => event === "invite")).toBe(true)

  await alice.cli.call("groups.remove", { groupId, members: [bob.pubkey] })
  await syncAll(alice.cli, bob.cli)
  expect(await bob.cli.call("groups.list")).toMatchObject([{ groupId, state: "removed" }])
  await expect(bob.cli.call("messages.send", { groupId, content: "?" })).rejects.toMatchObject({
    code: "not_active",
  })
  expect(await alice.cli.shutdown()).toBe(0)
  expect(await bob.cli.end()).toBe(0)
})

test("lines that make no sense are answered, and the client goes on", async () => {
  const cli = start()
  await expect(cli.call("groups.list")).rejects.toMatchObject({ code: "no_account" })
  await expect(cli.call("no.such")).rejects.toMatchObject({ code: "unknown_method" })
  await expect(cli.call("groups.create", { name: 1 })).rejects.toMatchObject({
    code: "invalid_params",
  })
  cli.raw("{not json")
  cli.raw("[]")
  cli.raw("")
  await cli.call("account.create")
  await expect(cli.call("media.send", {})).rejects.toMatchObject({ code: "invalid_params" })
  expect(await cli.shutdown()).toBe(0)
})

test("a restart from --state goes on where it was", async () => {
  const alice = await person("Alice", "a1")
  const bob = await person("Bob")
  const { groupId } = await alice.cli.call<{ groupId: string }>("groups.create", {
    name: "Us",
    members: [bob.pubkey],
  })
  await alice.cli.call("sync")
  await acceptOnly(bob.cli)
  await alice.cli.call("messages.send", { groupId, content: "one" })
  expect(await alice.cli.shutdown()).toBe(0)
  await bob.cli.call("messages.send", { groupId, content: "two" })
  await bob.cli.call("sync")

  const again = start("a1")
  await again.call("sync")
  expect((await contents(again, groupId)).sort()).toEqual(["one", "two"])
  await again.call("groups.update", { groupId, name: "We" })
  await syncAll(again, bob.cli)
  expect(await bob.cli.call("groups.list")).toMatchObject([{ name: "We" }])
})

test("SIGKILL at any moment loses nothing that was answered", async () => {
  const alice = await person("Alice", "a2")
  const bob = await person("Bob")
  const { groupId } = await alice.cli.call<{ groupId: string }>("groups.create", {
    name: "Us",
    members: [bob.pubkey],
  })
  await alice.cli.call("sync")
  await acceptOnly(bob.cli)
  const answered: string[] = []
  let { cli } = alice
  for (let round = 0; round < 6; round++) {
    for (let i = 0; i < 3; i++) {
      const content = `${round}.${i}`
      await cli.call("messages.send", { groupId, content })
      answered.push(content)
    }
    // More is under way when the process dies.
    cli.post("messages.send", { groupId, content: `${round}.lost?` })
    if (round % 2 === 0) cli.post("groups.update", { groupId, name: `name ${round}` })
    await new Promise((resolve) => setTimeout(resolve, round * 7))
    await cli.kill()
    cli = start("a2")
  }
  await syncAll(cli, bob.cli)
  await syncAll(cli, bob.cli)
  const own = await contents(cli, groupId)
  for (const content of answered) expect(own.filter((each) => each === content)).toEqual([content])
  expect(new Set(own).size).toBe(own.length)
  expect(await contents(bob.cli, groupId)).toEqual(own)
  expect(await bob.cli.call("groups.fingerprint", { groupId })).toEqual(
    await cli.call("groups.fingerprint", { groupId }),
  )
})
