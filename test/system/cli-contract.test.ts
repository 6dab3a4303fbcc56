// The headless client's contract, method by method: what goes in, what comes out, and what every error looks like.

import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { nsecEncode } from "nostr-tools/nip19"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { startRelay } from "../../dev/relay/server.ts"
import type { RunningRelay } from "../../dev/relay/server.ts"
import { Cli } from "../support/cli-client.ts"

const HEX64: unknown = expect.stringMatching(/^[0-9a-f]{64}$/)
const HEX: unknown = expect.stringMatching(/^([0-9a-f]{2})+$/)
const NPUB: unknown = expect.stringMatching(/^npub1[02-9ac-hj-np-z]{58}$/)
const TEXT: unknown = expect.stringMatching(/./)
const COUNT: unknown = expect.any(Number)

interface Account {
  readonly pubkey: string
  readonly npub: string
}

let relay: RunningRelay
let scratch: string
let alice: Cli
let bob: Cli
let carol: Cli
let aliceAccount: Account
let bobAccount: Account
let carolAccount: Account
let groupId: string

beforeAll(async () => {
  relay = await startRelay()
  scratch = mkdtempSync(join(tmpdir(), "burrow-contract-"))
  alice = new Cli(relay.url, join(scratch, "alice"))
  bob = new Cli(relay.url)
  carol = new Cli(relay.url)
}, 60_000)
afterAll(async () => {
  await Promise.all([alice, bob, carol].map((cli) => cli.kill()))
  await relay.close()
  rmSync(scratch, { recursive: true })
})

async function settle(...clis: readonly Cli[]): Promise<void> {
  for (let round = 0; round < 2; round++) for (const cli of clis) await cli.call("sync")
}

/** The story goes on from test to test, as the methods need what others did. */
describe("each method answers as the contract says", () => {
  test("account.create, account.import", async () => {
    const identity = { pubkey: HEX64, npub: NPUB }
    aliceAccount = await alice.call<Account>("account.create", { name: "Alice" })
    expect(aliceAccount).toEqual(identity)
    bobAccount = await bob.call<Account>("account.create")
    expect(bobAccount).toEqual(identity)
    carolAccount = await carol.call<Account>("account.import", {
      nsec: nsecEncode(new Uint8Array(32).fill(7)),
    })
    expect(carolAccount).toEqual(identity)
    await expect(alice.call("account.create")).rejects.toMatchObject({ code: "account_exists" })
  })

  test("account.ready: again the same, once it is published", async () => {
    const ready = await alice.call("account.ready")
    expect(ready).toEqual({ keyPackageEventId: HEX64 })
    expect(await alice.call("account.ready")).toEqual(ready)
    await Promise.all([bob.call("account.ready"), carol.call("account.ready")])
  })

  test("groups.create, groups.list, groups.fingerprint", async () => {
    expect(await alice.call("groups.list")).toEqual([])
    const created = await alice.call<{ groupId: string }>("groups.create", {
      name: "Us",
      description: "two",
      members: [bobAccount.npub],
    })
    expect(created).toEqual({ groupId: HEX })
    groupId = created.groupId
    expect(await alice.call("groups.list")).toEqual([
      {
        groupId,
        name: "Us",
        description: "two",
        epoch: 1,
        members: [aliceAccount.pubkey, bobAccount.pubkey],
        admins: [aliceAccount.pubkey],
        state: "active",
        relays: [relay.url],
        retentionSeconds: 0,
      },
    ])
    expect(await alice.call("groups.fingerprint", { groupId })).toEqual({
      epoch: 1,
      treeHash: HEX64,
      confirmedTranscriptHash: HEX64,
      epochAuthenticator: HEX64,
    })
  })

  test("invites.list, invites.accept", async () => {
    expect(await alice.call("invites.list")).toEqual([])
    await settle(alice, bob)
    const invites = await bob.call<{ inviteId: string }[]>("invites.list")
    expect(invites).toEqual([
      {
        inviteId: TEXT,
        groupName: "Us",
        inviter: aliceAccount.pubkey,
        members: [aliceAccount.pubkey, bobAccount.pubkey],
      },
    ])
    const params = { inviteId: invites[0]?.inviteId }
    expect(await bob.call("invites.accept", params)).toEqual({ groupId })
    expect(await bob.call("invites.list")).toEqual([])
    await expect(bob.call("invites.accept", params)).rejects.toMatchObject({
      code: "unknown_invite",
    })
  })

  test("groups.invite with hex, invites.decline", async () => {
    const members = [carolAccount.pubkey]
    expect(await alice.call("groups.invite", { groupId, members })).toEqual({ epoch: 2 })
    await settle(alice, bob, carol)
    const [invite] = await carol.call<{ inviteId: string }[]>("invites.list")
    expect(await carol.call("invites.decline", { inviteId: invite?.inviteId })).toEqual({})
    expect(await carol.call("invites.list")).toEqual([])
    expect(await carol.call("groups.list")).toEqual([])
    await expect(alice.call("groups.invite", { groupId, members })).rejects.toMatchObject({
      code: "not_invitable",
    })
  })

  test("groups.remove, groups.selfUpdate, groups.update", async () => {
    const members = [carolAccount.npub]
    expect(await alice.call("groups.remove", { groupId, members })).toEqual({ epoch: 3 })
    await settle(alice, bob)
    expect(await bob.call("groups.selfUpdate", { groupId })).toEqual({ epoch: 4 })
    await settle(bob, alice)
    const admins = [aliceAccount.npub, bobAccount.pubkey]
    const change = { name: "We", description: "", admins }
    expect(await alice.call("groups.update", { groupId, ...change })).toEqual({ epoch: 5 })
    expect(await alice.call("groups.update", { groupId, relays: [relay.url] })).toEqual({
      epoch: 5,
    })
    await settle(alice, bob)
    expect(await bob.call("groups.list")).toMatchObject([
      { name: "We", description: "", epoch: 5, admins: [aliceAccount.pubkey, bobAccount.pubkey] },
    ])
    const timer = { groupId, retentionSeconds: 604_800 }
    expect(await alice.call("groups.update", timer)).toEqual({ epoch: 6 })
    await settle(alice, bob)
    expect(await bob.call("groups.list")).toMatchObject([{ retentionSeconds: 604_800 }])
    expect(await alice.call("groups.update", { groupId, retentionSeconds: 0 })).toEqual({
      epoch: 7,
    })
  })

  test("messages.send, .react, .edit, .delete, .list", async () => {
    const send = (cli: Cli, params: object) =>
      cli.call<{ messageId: string }>("messages.send", { groupId, ...params })
    const first = await send(alice, { content: "one", tags: [["subject", "x"]] })
    expect(first).toEqual({ messageId: HEX64 })
    await settle(alice, bob)
    const second = await send(bob, { content: "two", replyTo: first.messageId })
    const { messageId } = first
    for (const [cli, method, content] of [
      [bob, "messages.react", "+"],
      [alice, "messages.edit", "uno"],
    ] as const) {
      expect(await cli.call(method, { groupId, messageId, content })).toEqual({ messageId: HEX64 })
    }
    expect(await bob.call("messages.delete", { groupId, messageId: second.messageId })).toEqual({
      messageId: HEX64,
    })
    await settle(bob, alice)
    const list = await alice.call<object[]>("messages.list", { groupId })
    expect(list).toEqual([
      {
        messageId,
        pubkey: aliceAccount.pubkey,
        createdAt: COUNT,
        kind: 9,
        content: "uno",
        tags: expect.arrayContaining([["subject", "x"]]) as unknown,
        reactions: [{ messageId: HEX64, pubkey: bobAccount.pubkey, content: "+" }],
        edited: true,
      },
      {
        messageId: second.messageId,
        pubkey: bobAccount.pubkey,
        createdAt: COUNT,
        kind: 9,
        content: "",
        tags: expect.arrayContaining([["e", messageId]]) as unknown,
        deleted: true,
      },
    ])
    expect(await bob.call("messages.list", { groupId })).toEqual(list)
    expect(await bob.call("messages.list", { groupId, limit: 1 })).toEqual(list.slice(1))
    const before = second.messageId
    expect(await bob.call("messages.list", { groupId, before })).toEqual(list.slice(0, 1))
  })

  test("sync", async () => {
    expect(await alice.call("sync", { timeoutMs: 20_000 })).toEqual({})
  })

  test("groups.leave", async () => {
    expect(await bob.call("groups.leave", { groupId })).toEqual({})
    await settle(bob, alice, bob)
    expect(await bob.call("groups.list")).toMatchObject([{ groupId, state: "left" }])
    await expect(alice.call("groups.leave", { groupId: "00" })).rejects.toMatchObject({
      code: "unknown_group",
    })
  })

  test("the events said what happened", () => {
    const data = (cli: Cli, event: string) =>
      cli.events.filter((each) => each.event === event).map((each) => each.data)
    expect(data(alice, "relay")).toContainEqual({ url: relay.url, status: "connected" })
    expect(data(alice, "group")).toContainEqual({ groupId })
    expect(data(bob, "invite")).toContainEqual({
      inviteId: TEXT,
      groupId,
      groupName: "Us",
      inviter: aliceAccount.pubkey,
    })
    expect(data(bob, "message")).toContainEqual({
      groupId,
      messageId: HEX64,
      pubkey: aliceAccount.pubkey,
      createdAt: COUNT,
      kind: 9,
      content: "one",
      tags: expect.any(Array) as unknown,
    })
    expect([...alice.events, ...bob.events].filter(({ event }) => event === "error")).toEqual([])
  })
})

describe("errors have a code and a message", () => {
  const group = { groupId: "ab".repeat(32) }
  const unknown: [string, object, string][] = [
    ["groups.invite", { ...group, members: [] }, "unknown_group"],
    ["groups.remove", { ...group, members: [] }, "unknown_group"],
    ["groups.update", { ...group, name: "x" }, "unknown_group"],
    ["groups.selfUpdate", group, "unknown_group"],
    ["groups.fingerprint", group, "unknown_group"],
    ["messages.send", { ...group, content: "x" }, "unknown_group"],
    ["messages.list", group, "unknown_group"],
    ["invites.accept", { inviteId: "x" }, "unknown_invite"],
    ["invites.decline", { inviteId: "x" }, "unknown_invite"],
    ["account.import", { nsec: "nsec1nonsense" }, "invalid_input"],
    ["groups.create", { name: "x", members: ["nobody"] }, "invalid_input"],
    ["nothing.at.all", {}, "unknown_method"],
    ["constructor", {}, "unknown_method"],
  ]
  test.each(unknown)("%s %j: %s", async (method, params, code) => {
    await expect(alice.call(method, params)).rejects.toMatchObject({ code, message: TEXT })
  })

  const untyped: [string, object][] = [
    ["account.create", { name: 1 }],
    ["account.import", {}],
    ["groups.create", { members: [] }],
    ["groups.create", { name: "x", members: "all" }],
    ["groups.invite", { ...group, members: [1] }],
    ["groups.remove", group],
    ["groups.leave", { groupId: 7 }],
    ["groups.update", { ...group, name: {} }],
    ["groups.update", { ...group, retentionSeconds: 0.5 }],
    ["groups.selfUpdate", {}],
    ["groups.fingerprint", {}],
    ["invites.accept", {}],
    ["invites.decline", { inviteId: [] }],
    ["messages.send", group],
    ["messages.send", { ...group, content: "x", tags: [["e", 1]] }],
    ["messages.react", { ...group, content: "+" }],
    ["messages.edit", { ...group, messageId: "x" }],
    ["messages.delete", group],
    ["messages.list", { ...group, limit: "all" }],
    ["sync", { timeoutMs: "soon" }],
  ]
  test.each(untyped)("%s %j: invalid_params", async (method, params) => {
    await expect(alice.call(method, params)).rejects.toMatchObject({
      code: "invalid_params",
      message: TEXT,
    })
  })
})

describe("the process", () => {
  test("answers every line that makes no sense, and goes on", async () => {
    const lines: [string, unknown, string][] = [
      ["{", null, "parse_error"],
      ["\u0000\u0001\ufffd", null, "parse_error"],
      ['"sync"', null, "invalid_request"],
      ["[1,2]", null, "invalid_request"],
      ['{"id":"a"}', "a", "invalid_request"],
      ['{"id":"b","method":"sync","params":3}', "b", "invalid_request"],
      ['{"id":{},"method":"sync"}', null, "invalid_request"],
      [`{"id":"c","method":"${"x".repeat(5 * 1024 * 1024)}"}`, "c", "parse_error"],
      ['{"id":"d","method":"__proto__"}', "d", "unknown_method"],
    ]
    const cli = new Cli(relay.url)
    for (const [line] of lines) cli.raw(line)
    cli.raw("")
    cli.raw("   \r")
    cli.raw('{"id":"last","method":"groups.list"}\r')
    await expect(cli.call("messages.list", { groupId: "00" })).rejects.toMatchObject({
      code: "no_account",
    })
    expect(cli.unasked).toEqual([
      ...lines.map(([, id, code]) => ({ id, error: { code, message: TEXT } })),
      { id: "last", error: { code: "no_account", message: TEXT } },
    ])
    expect(await cli.shutdown()).toBe(0)
  })

  test("gives each request its own answer when many come at once", async () => {
    const own = await alice.call<{ groupId: string }>("groups.create", { name: "I", members: [] })
    const ids = await Promise.all(
      Array.from({ length: 20 }, (_, i) =>
        alice.call<{ messageId: string }>("messages.send", { ...own, content: `${i}` }),
      ),
    )
    const list = await alice.call<{ messageId: string; content: string }[]>("messages.list", own)
    expect(list.map(({ messageId }) => messageId)).toEqual(ids.map(({ messageId }) => messageId))
    expect(list.map(({ content }) => content)).toEqual(ids.map((_, i) => `${i}`))
  })

  test("ends cleanly at the end of its input, too", async () => {
    expect(await new Cli(relay.url).end()).toBe(0)
  })

  test("does not start without a relay", async () => {
    expect(await new Cli(" , ").end()).toBe(1)
    expect(await new Cli("no address").end()).toBe(1)
  })

  test("sync gives up in time where no relay can be reached, and says why", async () => {
    const cli = new Cli("ws://127.0.0.1:9")
    await cli.call("account.create")
    await expect(cli.call("sync", { timeoutMs: 300 })).rejects.toMatchObject({
      code: "timeout",
      message: TEXT,
    })
    expect(await cli.shutdown()).toBe(0)
  })

  test("shuts down while a change waits for a relay, and makes it after the next start", async () => {
    const own = await startRelay()
    const state = join(scratch, "waiting")
    const cli = new Cli(own.url, state)
    await cli.call("account.create")
    const created = await cli.call<{ groupId: string }>("groups.create", { name: "I", members: [] })
    await cli.call("sync")
    await own.close()
    const change = expect(
      cli.call("groups.update", { ...created, name: "We" }),
    ).rejects.toMatchObject({ code: "no_account", message: TEXT })
    expect(await cli.shutdown()).toBe(0)
    await change

    const back = await startRelay({ port: own.port })
    const again = new Cli(back.url, state)
    await again.call("sync")
    expect(await again.call("groups.list")).toMatchObject([{ name: "We", epoch: 1 }])
    expect(await again.shutdown()).toBe(0)
    await back.close()
  })

  test("keeps every message that it has answered, whenever it is killed", async () => {
    const state = join(scratch, "mortal")
    let cli = new Cli(relay.url, state)
    await cli.call("account.create")
    const own = await cli.call<{ groupId: string }>("groups.create", { name: "I", members: [] })
    const answered: string[] = []
    for (let life = 0; life < 4; life++) {
      for (let i = 0; i <= life; i++) {
        const params = { ...own, content: `${life}.${i}` }
        answered.push((await cli.call<{ messageId: string }>("messages.send", params)).messageId)
      }
      cli.post("messages.send", { ...own, content: "perhaps" })
      await cli.kill()
      cli = new Cli(relay.url, state)
    }
    const list = await cli.call<{ messageId: string; content: string }[]>("messages.list", own)
    const certain = list.filter(({ content }) => content !== "perhaps")
    expect(certain.map(({ messageId }) => messageId)).toEqual(answered)
    expect(await cli.shutdown()).toBe(0)
  })
})
