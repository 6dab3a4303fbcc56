// RFC 9420 §12.4, §15.1, §15.2: what a sender is held to, and padding.

import { describe, expect, test } from "vitest"
import { createCommit } from "./commit-create.ts"
import {
  add,
  afterCommit,
  afterProposal,
  capabilities,
  codeOf,
  groupOf,
  keyPackageOf,
  stored,
  testContext,
} from "./group.fixture.ts"
import { createNewMemberProposal } from "./external-proposal.ts"
import { joinByExternalCommit } from "./external.ts"
import type { GroupState, MlsContext } from "./group-types.ts"
import { createGroup, createProposal, createUpdateProposal, encryptApplication } from "./group.ts"
import { exportGroupInfo } from "./group-info.ts"
import { type OwnKeyPackage, generateKeyPackage } from "./key-package.ts"
import { decodeMlsMessage } from "./message.ts"
import { paddingTo } from "./private-message.ts"
import { processMessage } from "./process.ts"
import { inspectGroup } from "./public-group.ts"
import { proposalTypes, wireFormats } from "./registry.ts"
import { joinGroup } from "./welcome.ts"

/** Of `testContext`. */
const NOW = 1_700_000_000

const pair = async (ctx: MlsContext) => (await groupOf(ctx, ["a", "b"])) as [GroupState, GroupState]

const ciphertextSize = (bytes: Uint8Array) => {
  const message = decodeMlsMessage(bytes)
  if (message.wireFormat !== wireFormats.privateMessage) throw new Error("no PrivateMessage")
  return message.privateMessage.ciphertext.length
}

describe("padding", () => {
  test("by a policy, contents of different lengths look alike, handshakes too", async () => {
    const ctx = { ...(await testContext("webcrypto")), padding: paddingTo(256) }
    const [a, b] = await pair(ctx)
    let sender = a
    let receiver = b
    for (const length of [0, 1, 60, 100]) {
      const sent = await encryptApplication(ctx, sender, new Uint8Array(length).fill(1))
      // The tag of AES-GCM has 16 bytes.
      expect(ciphertextSize(sent.message)).toBe(256 + 16)
      const result = await processMessage(ctx, receiver, sent.message)
      if (result.kind !== "application") throw new Error("no message")
      expect(result.data).toHaveLength(length)
      ;[sender, receiver] = [sent.state, result.state]
    }
    const { commit } = await createCommit(ctx, sender, { wireFormat: "private", forcePath: true })
    expect(ciphertextSize(commit) % 256).toBe(16)
    expect((await afterCommit(ctx, receiver, commit)).groupContext.epoch).toBe(2n)
    // The call's own word counts.
    const plain = await encryptApplication(ctx, sender, new Uint8Array(), { padding: 0 })
    expect(ciphertextSize(plain.message)).toBeLessThan(256)
  })

  test("blocks are of a whole, positive size", () => {
    expect([0, 1, 8, 9].map(paddingTo(8))).toEqual([0, 7, 0, 7])
    for (const block of [0, -1, 1.5, Number.NaN]) {
      expect(() => paddingTo(block)).toThrow(expect.objectContaining({ code: "misuse" }))
    }
  })
})

test("sending_limit: so many messages in an epoch, and of such a length; a commit begins anew", async () => {
  const limits = { maxSent: 2, maxMessageSize: 5000 }
  const ctx = { ...(await testContext("webcrypto")), limits, commitBeforeSending: false }
  const [a, b] = await pair(ctx)
  const data = new Uint8Array(1)
  const first = await encryptApplication(ctx, a, data)
  const remove = { proposalType: proposalTypes.remove, removed: 1 }
  const second = await createProposal(ctx, first.state, remove, { wireFormat: "private" })
  expect(await codeOf(() => encryptApplication(ctx, second.state, data))).toBe("sending_limit")
  // Another's messages do not count, and a commit in a PublicMessage is the way out.
  const { message } = await encryptApplication(ctx, b, data)
  expect((await processMessage(ctx, second.state, message)).kind).toBe("application")
  const { next } = await createCommit(ctx, second.state)
  await encryptApplication(ctx, next, data)
  const long = new Uint8Array(5001)
  expect(await codeOf(() => encryptApplication(ctx, next, long))).toBe("sending_limit")
  // What is sent at all, others with the same limit look at.
  const sending = (length: number, padding: number) =>
    encryptApplication(ctx, a, new Uint8Array(length), { padding })
  expect(await codeOf(() => sending(5000, 0))).toBe("sending_limit")
  expect(await codeOf(() => sending(4000, 1000))).toBe("sending_limit")
  const large = await sending(4700, 100)
  expect((await processMessage(ctx, b, large.message)).kind).toBe("application")
})

const authenticatedData = new Uint8Array(3000)

/** What members and those outside send, each by its own call. */
const makers: Record<string, (ctx: MlsContext, state: GroupState) => Promise<Uint8Array>> = {
  "a Commit": async (ctx, state) => (await createCommit(ctx, state, { authenticatedData })).commit,
  "a Commit in a PrivateMessage": async (ctx, state) =>
    (await createCommit(ctx, state, { authenticatedData, wireFormat: "private" })).commit,
  "a Welcome, longer than its Commit": async (ctx, state) => {
    const proposals = [add(await keyPackageOf(ctx.crypto, "c"))]
    const { commit, welcome } = await createCommit(ctx, state, { proposals })
    if (welcome === undefined) throw new Error("no Welcome")
    expect(commit.length).toBeLessThan(welcome.length - 1)
    return welcome
  },
  "a proposal": async (ctx, state) =>
    (await createProposal(ctx, state, { proposalType: proposalTypes.remove, removed: 1 })).message,
  "an Update": async (ctx, state) => (await createUpdateProposal(ctx, state)).message,
  "an application message": async (ctx, state) =>
    (await encryptApplication(ctx, state, authenticatedData)).message,
  "a GroupInfo": (ctx, state) => exportGroupInfo(ctx, state, { ratchetTree: true }),
  "an external Commit": async (ctx, state) => {
    const groupInfo = await exportGroupInfo(ctx, state, { ratchetTree: true, externalPub: true })
    const { leafNode } = (await keyPackageOf(ctx.crypto, "c")).keyPackage
    const { credential } = leafNode
    const signatureKeyPair = await ctx.crypto.generateSignatureKeyPair()
    const joining = { groupInfo, credential, capabilities, signatureKeyPair, authenticatedData }
    return (await joinByExternalCommit(ctx, joining)).commit
  },
  "a proposal from outside": async (ctx, state) => {
    const keyPackage = await keyPackageOf(ctx.crypto, "c")
    const groupInfo = await exportGroupInfo(ctx, state)
    return createNewMemberProposal(ctx, { groupInfo, keyPackage, authenticatedData })
  },
}
test.each(Object.entries(makers))(
  "sending_limit: %s that is longer than what others look at is not made",
  async (_, make) => {
    const ctx = await testContext("webcrypto")
    const [state] = await pair(ctx)
    const before = stored(state)
    const { length } = await make(ctx, state)
    const within = (maxMessageSize: number) => ({ ...ctx, limits: { maxMessageSize } })
    expect(await make(within(length), state)).toHaveLength(length)
    expect(await codeOf(() => make(within(length - 1), state))).toBe("sending_limit")
    expect(stored(state)).toEqual(before)
  },
)

test("leaf_lifetime_too_long: at founding, adding, joining and inspecting, of every leaf that came in a KeyPackage", async () => {
  const ctx = await testContext("webcrypto")
  const lasting = (seconds: bigint) =>
    generateKeyPackage(ctx.crypto, {
      credential: { kind: "basic", identity: Uint8Array.of(Number(seconds)) },
      capabilities,
      lifetime: { notBefore: BigInt(NOW), notAfter: BigInt(NOW) + seconds },
    })
  const [short, long, other] = [await lasting(100n), await lasting(101n), await lasting(99n)]
  const strict = { ...ctx, limits: { maxLifetime: 100 } }
  const found = (on: MlsContext, keyPackage: OwnKeyPackage) =>
    createGroup(on, { groupId: Uint8Array.of(1), keyPackage, extensions: [] })
  const tooLong = (run: () => Promise<unknown>) =>
    codeOf(run).then((code) => {
      expect(code).toBe("leaf_lifetime_too_long")
    })
  await tooLong(() => found(strict, long))
  const founded = await found(strict, short)
  await tooLong(() => createCommit(strict, founded, { proposals: [add(long)] }))
  const added = await createCommit(strict, founded, { proposals: [add(other)] })
  const { welcome = new Uint8Array() } = added
  const { state } = await joinGroup(strict, { welcome, keyPackages: [other] })
  // Somebody without the limit adds one that lasts too long: nobody with it follows, and nobody with it joins.
  const careless = await createCommit(ctx, added.next, { proposals: [add(long)] })
  await tooLong(() => processMessage(strict, state, careless.commit))
  const joining = { welcome: careless.welcome ?? new Uint8Array(), keyPackages: [long] }
  await tooLong(() => joinGroup(strict, joining))
  expect((await joinGroup(ctx, joining)).state.groupContext.epoch).toBe(2n)
  const info = await exportGroupInfo(ctx, careless.next, { ratchetTree: true })
  await tooLong(() => inspectGroup(strict, info))
})

test("proposals_pending: proposals are committed before anything is said, unless that is switched off", async () => {
  const strict = await testContext("webcrypto")
  const ctx = { ...strict, commitBeforeSending: false }
  const [a, b] = await pair(ctx)
  const psk = { kind: "external", pskId: new Uint8Array(1), pskNonce: new Uint8Array(32) } as const
  const made = await createProposal(ctx, b, { proposalType: proposalTypes.psk, psk })
  const pending = await afterProposal(ctx, a, made.message)
  const data = new Uint8Array(1)
  await encryptApplication(strict, a, data)
  await encryptApplication(ctx, pending, data)
  expect(await codeOf(() => encryptApplication(strict, pending, data))).toBe("proposals_pending")
  const { next } = await createCommit(strict, pending)
  await encryptApplication(strict, next, data)
})
