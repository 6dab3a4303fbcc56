// RFC 9420 §6: messages to a group, each rule broken by what a peer really signed.

import { beforeAll, describe, expect, test } from "vitest"
import { appDataExtension, componentIds, encodeSafeAad } from "./app-data.ts"
import { createCrypto } from "./backend.ts"
import { createCommit } from "./commit-create.ts"
import {
  type Backend,
  add,
  afterCommit,
  backends,
  codeOf,
  forgeMessage,
  groupOf,
  keyPackageOf,
  testContext,
  stored,
} from "./group.fixture.ts"
import { exportGroupInfo } from "./group-info.ts"
import {
  createUpdateProposal,
  encryptApplication,
  exportSecret,
  safeExportSecret,
} from "./group.ts"
import type { GroupState, MlsContext } from "./group-types.ts"
import { decodeMlsMessage, encodeMlsMessage } from "./message.ts"
import { peekMessage } from "./peek.ts"
import { processAhead, processMessage } from "./process.ts"
import { contentTypes, proposalTypes, senderTypes, wireFormats } from "./registry.ts"
import { cipherSuite } from "./suites.ts"
import { leafIndex } from "./tree-math.ts"
import { identifySender } from "./verify-message.ts"

const data = new TextEncoder().encode("hello")

describe.each(backends)("messages, %s", (backend: Backend) => {
  let ctx: MlsContext
  let bad: GroupState
  let judge: GroupState
  let third: GroupState

  beforeAll(async () => {
    ctx = await testContext(backend, "messages")
    const states = await groupOf(ctx, ["a", "b", "c"])
    ;[bad, judge, third] = states as [GroupState, GroupState, GroupState]
  })

  const verdict = (message: Uint8Array, state = judge) =>
    codeOf(() => processMessage(ctx, state, message))

  describe("framing (§6)", () => {
    test("wrong_group and wrong_epoch, public and private", async () => {
      const body = { contentType: contentTypes.application, applicationData: data } as const
      const proposal = { proposalType: proposalTypes.remove, removed: 2 } as const
      for (const wireFormat of ["public", "private"] as const) {
        const content =
          wireFormat === "private" ? body : { contentType: contentTypes.proposal, proposal }
        const forged = { body: content, wireFormat } as const
        const elsewhere = await forgeMessage(ctx, bad, { ...forged, groupId: new Uint8Array([1]) })
        expect(await verdict(elsewhere)).toBe("wrong_group")
        expect(await verdict(await forgeMessage(ctx, bad, { ...forged, epoch: 0n }))).toBe(
          "wrong_epoch",
        )
        expect(await verdict(await forgeMessage(ctx, bad, { ...forged, epoch: 9n }))).toBe(
          "wrong_epoch",
        )
      }
    })
    test("unexpected_message: a KeyPackage, or more bytes than the limit", async () => {
      const { keyPackage } = await keyPackageOf(ctx.crypto, "d")
      const message = encodeMlsMessage({ wireFormat: wireFormats.keyPackage, keyPackage })
      expect(await verdict(message)).toBe("unexpected_message")
      expect(await codeOf(() => identifySender(ctx, judge, message))).toBe("unexpected_message")
      const { commit } = await createCommit(ctx, bad)
      const narrow = { ...ctx, limits: { maxMessageSize: 10 } }
      expect(await codeOf(() => processMessage(narrow, judge, commit))).toBe("unexpected_message")
    })
    test("decode: damaged bytes", async () => {
      const { commit } = await createCommit(ctx, bad)
      expect(await verdict(commit.subarray(0, -1))).toBe("decode")
      expect(await verdict(new Uint8Array())).toBe("decode")
    })
    test("membership_tag", async () => {
      const { commit } = await createCommit(ctx, bad)
      const flipped = commit.slice()
      flipped[flipped.length - 1] = (flipped.at(-1) ?? 0) ^ 1
      expect(await verdict(flipped)).toBe("membership_tag")
      expect(await codeOf(() => identifySender(ctx, judge, flipped))).toBe("membership_tag")
    })
    test("signature_invalid, public and private", async () => {
      const { signaturePrivateKey } = third
      const proposal = { proposalType: proposalTypes.remove, removed: 2 } as const
      const body = { contentType: contentTypes.proposal, proposal }
      for (const wireFormat of ["public", "private"] as const) {
        const message = await forgeMessage(ctx, bad, { body, wireFormat, signaturePrivateKey })
        expect(await verdict(message)).toBe("signature_invalid")
      }
    })
    test("application_not_encrypted", async () => {
      const message = await forgeMessage(ctx, bad, {
        body: { contentType: contentTypes.application, applicationData: data },
      })
      expect(await verdict(message)).toBe("application_not_encrypted")
    })
    test("unknown_sender", async () => {
      const proposal = { proposalType: proposalTypes.remove, removed: 2 } as const
      const message = await forgeMessage(ctx, bad, {
        body: { contentType: contentTypes.proposal, proposal },
        sender: { senderType: senderTypes.member, leafIndex: leafIndex(3) },
      })
      expect(await verdict(message)).toBe("unknown_sender")
    })
    test("identifySender tells whose a PublicMessage is", async () => {
      const { commit, next } = await createCommit(ctx, bad)
      expect(await identifySender(ctx, judge, commit)).toEqual({
        epoch: bad.groupContext.epoch,
        sender: { senderType: senderTypes.member, leafIndex: 0 },
        contentType: contentTypes.commit,
      })
      expect(await codeOf(() => identifySender(ctx, next, commit))).toBe("wrong_epoch")
    })
  })

  describe("application messages", () => {
    test("each key opens one message, in any order, and the old state is as it was", async () => {
      const first = await encryptApplication(ctx, bad, data, { padding: 100 })
      const second = await encryptApplication(ctx, first.state, data, {
        authenticatedData: new Uint8Array([7]),
      })
      const before = stored(judge)
      const late = await processMessage(ctx, judge, second.message)
      if (late.kind !== "application") throw new Error("no application message")
      expect(late.data).toEqual(data)
      expect([...late.authenticatedData]).toEqual([7])
      expect(late.sender).toBe(0)
      expect(late.epoch).toBe(judge.groupContext.epoch)
      expect(await verdict(second.message, late.state)).toBe("message_key_used")
      const early = await processMessage(ctx, late.state, first.message)
      expect(early.kind).toBe("application")
      expect(stored(judge)).toEqual(before)
      expect(first.message.length).toBe(second.message.length - 1 + 100)
    })
    test("the limit of skipped generations is the caller's", async () => {
      let state = bad
      let last = new Uint8Array()
      for (let i = 0; i < 4; i++) {
        const sent = await encryptApplication(ctx, state, data)
        state = sent.state
        last = Uint8Array.from(sent.message)
      }
      const narrow = { ...ctx, limits: { forward: 2 } }
      expect(await codeOf(() => processMessage(narrow, judge, last))).toBe("generation_too_far")
      expect(await verdict(last)).toBe("nothing thrown")
    })
    test("an old state reads its epoch's messages after a commit; the new one does not", async () => {
      const late = await encryptApplication(ctx, bad, data)
      const { commit } = await createCommit(ctx, bad)
      const next = await afterCommit(ctx, judge, commit)
      expect(await verdict(late.message, next)).toBe("wrong_epoch")
      expect(await verdict(late.message, judge)).toBe("nothing thrown")
    })
    test("damaged ciphertext", async () => {
      const { message } = await encryptApplication(ctx, bad, data)
      const flipped = message.slice()
      flipped[flipped.length - 1] = (flipped.at(-1) ?? 0) ^ 1
      expect(await verdict(flipped)).toBe("aead_failed")
    })
    test("exported secrets agree, and differ by label, context and epoch", async () => {
      const { crypto } = ctx
      const of = (state: GroupState, label = "l", context = data) =>
        exportSecret(crypto, state, label, context, 20)
      expect(of(bad)).toEqual(of(judge))
      expect(of(bad)).toHaveLength(20)
      expect(of(bad)).not.toEqual(of(bad, "m"))
      expect(of(bad)).not.toEqual(of(bad, "l", new Uint8Array()))
      expect(of(bad)).not.toEqual(of((await createCommit(ctx, bad)).next))
    })
  })

  describe("SafeAAD", () => {
    test("is demanded of everything that is sent and received", async () => {
      const dictionary = appDataExtension(new Map([[2, new Uint8Array([0])]]))
      const [a, b] = await groupOf({ ...ctx }, ["a"], [dictionary]).then(async ([founder]) => {
        if (founder === undefined) throw new Error("no founder")
        return [founder, await keyPackageOf(ctx.crypto, "b")] as const
      })
      const proposals = [add(b)]
      const none = { authenticatedData: new Uint8Array() }
      expect(await codeOf(() => encryptApplication(ctx, a, data, none))).toBe("safe_aad")
      expect(await codeOf(() => createCommit(ctx, a, { proposals, ...none }))).toBe("safe_aad")
      const authenticatedData = encodeSafeAad([{ componentId: 0x8001, data }])
      const made = await createCommit(ctx, a, { proposals, authenticatedData })
      expect(made.summary.authenticatedData).toEqual(authenticatedData)
      const message = await forgeMessage(ctx, a, {
        body: { contentType: contentTypes.application, applicationData: data },
        wireFormat: "private",
      })
      expect(await verdict(message, a)).toBe("safe_aad")
    })

    test("says nothing where nothing is to be said, in groups that demand one", async () => {
      const dictionary = appDataExtension(new Map([[componentIds.safeAad, new Uint8Array([0])]]))
      const [a, b] = await groupOf(ctx, ["a", "b"], [dictionary])
      if (a === undefined || b === undefined) throw new Error("no group")
      const authenticatedData = encodeSafeAad([])
      const sent = await encryptApplication(ctx, a, data)
      expect(await processMessage(ctx, b, sent.message)).toMatchObject({ authenticatedData })
      const { message } = await createUpdateProposal(ctx, a)
      expect(await processMessage(ctx, b, message)).toMatchObject({ authenticatedData })
      const { commit } = await createCommit(ctx, a)
      expect(await processMessage(ctx, b, commit)).toMatchObject({ commit: { authenticatedData } })
    })
  })

  test("misuse: cryptography of another suite than the group's does nothing in it", async () => {
    const sent = (await encryptApplication(ctx, bad, data)).message
    const { commit } = await createCommit(ctx, bad)
    const suite = cipherSuite(0x0003)
    const crypto = await createCrypto({ suite, backend })
    const other = { ...ctx, crypto }
    const calls = [
      () => encryptApplication(other, bad, data),
      () => createUpdateProposal(other, bad),
      () => createCommit(other, bad),
      () => exportGroupInfo(other, bad),
      () => processMessage(other, judge, sent),
      () => processMessage(other, judge, commit),
      () => processAhead(other, judge, [sent]),
      () => identifySender(other, judge, commit),
      () => exportSecret(crypto, judge, "l", data, 20),
      () => safeExportSecret(crypto, judge, 0x8001),
    ]
    for (const call of calls) expect(await codeOf(call)).toBe("misuse")
  })

  test("misuse: padding that is no number of bytes", async () => {
    for (const padding of [-1, 1.5, NaN, Infinity]) {
      expect(await codeOf(() => encryptApplication(ctx, bad, data, { padding }))).toBe("misuse")
      const policy = { ...ctx, padding: () => padding }
      expect(await codeOf(() => encryptApplication(policy, bad, data))).toBe("misuse")
    }
  })

  test("peekMessage reads heads only", async () => {
    const { groupId, epoch } = bad.groupContext
    const { commit, welcome } = await createCommit(ctx, bad, {
      proposals: [add(await keyPackageOf(ctx.crypto, "d"))],
    })
    expect(peekMessage(commit)).toEqual({
      wireFormat: wireFormats.publicMessage,
      groupId,
      epoch,
      contentType: contentTypes.commit,
      senderLeaf: 0,
    })
    expect(peekMessage(welcome ?? data)).toEqual({ wireFormat: wireFormats.welcome })
    const { message } = await encryptApplication(ctx, judge, data)
    expect(peekMessage(message)).toEqual({
      wireFormat: wireFormats.privateMessage,
      groupId,
      epoch,
      contentType: contentTypes.application,
    })
    expect(await codeOf(() => peekMessage(new Uint8Array([0, 1, 0, 9])))).toBe("unsupported")
    expect(await codeOf(() => peekMessage(new Uint8Array([0, 2, 0, 1])))).toBe("unsupported")
    expect(await codeOf(() => peekMessage(commit.subarray(0, 20)))).toBe("decode")
    // The first byte of the sender's leaf: behind version, wire format, group, epoch and sender type.
    const beyond = commit.with(2 + 2 + 1 + groupId.length + 8 + 1, 0xff)
    expect(await codeOf(() => peekMessage(beyond))).toBe("invalid_index")
    expect(await codeOf(() => decodeMlsMessage(beyond))).toBe("invalid_index")
  })
})
