// draft-ietf-mls-extensions-10 §4.7, §6.3: the rules for SelfRemove and AppDataUpdate.

import { beforeAll, describe, expect, test } from "vitest"
import { appDataExtension } from "./app-data.ts"
import { createCommit } from "./commit-create.ts"
import type { Extension } from "./extensions.ts"
import {
  type Backend,
  add,
  afterCommit,
  afterProposal,
  backends,
  capabilities,
  codeOf,
  forgeCommit,
  forgeMessage,
  groupOf,
  keyPackageOf,
  required,
  testContext,
} from "./group.fixture.ts"
import { createGroup, createProposal } from "./group.ts"
import type { GroupState, MlsContext } from "./group-types.ts"
import { processMessage } from "./process.ts"
import type { Proposal } from "./proposal-codec.ts"
import { sortProposals } from "./proposals.ts"
import { contentTypes, proposalTypes, senderTypes } from "./registry.ts"
import { joinGroup } from "./welcome.ts"

const selfRemove: Proposal = { proposalType: proposalTypes.selfRemove }
const gce = (extensions: readonly Extension[]): Proposal => ({
  proposalType: proposalTypes.groupContextExtensions,
  extensions,
})
const appData = (componentId: number, update?: Uint8Array): Proposal => ({
  proposalType: proposalTypes.appDataUpdate,
  componentId,
  update,
})

const dictionary = appDataExtension(new Map([[0x8001, new Uint8Array([1])]]))

describe.each(backends)("SelfRemove and AppDataUpdate, %s", (backend: Backend) => {
  let ctx: MlsContext
  /** Leaves 0, 1, 2: the committer that misbehaves, the one that judges it, and another. */
  let bad: GroupState
  let judge: GroupState
  let third: GroupState

  beforeAll(async () => {
    ctx = await testContext(backend, "draft proposals")
    const states = await groupOf(ctx, ["a", "b", "c"], [required, dictionary])
    ;[bad, judge, third] = states as [GroupState, GroupState, GroupState]
  })

  /** What the judge says of a commit by `bad` with these proposals by value. */
  const verdict = (...proposals: Proposal[]) =>
    codeOf(async () => processMessage(ctx, judge, await forgeCommit(ctx, bad, { proposals })))

  describe("SelfRemove", () => {
    test("self_remove_by_value", async () => {
      expect(await verdict(selfRemove)).toBe("self_remove_by_value")
    })
    test("self_remove_sender", async () => {
      const sender = { senderType: senderTypes.external, senderIndex: 0 }
      const committed = [{ proposal: selfRemove, sender, byReference: true }]
      expect(await codeOf(() => sortProposals(committed))).toBe("self_remove_sender")
    })
    test("self_remove_encrypted, sent or received", async () => {
      const options = { wireFormat: "private" } as const
      expect(await codeOf(() => createProposal(ctx, third, selfRemove, options))).toBe(
        "self_remove_encrypted",
      )
      const message = await forgeMessage(ctx, third, {
        body: { contentType: contentTypes.proposal, proposal: selfRemove },
        wireFormat: "private",
      })
      expect(await codeOf(() => processMessage(ctx, judge, message))).toBe("self_remove_encrypted")
    })
    test("the leaver reads the commit that removes it", async () => {
      const sent = await createProposal(ctx, third, selfRemove)
      const committer = await afterProposal(ctx, bad, sent.message)
      const made = await createCommit(ctx, committer, { proposalRefs: [sent.ref] })
      expect(made.summary.hasPath).toBe(true)
      const result = await processMessage(ctx, sent.state, made.commit)
      if (result.kind !== "commit") throw new Error("no commit")
      expect(result.next).toBeUndefined()
      expect(result.commit.selfRemoved).toBe(true)
      expect(result.commit.removed.map((member) => member.leafIndex)).toEqual([2])
    })
  })

  describe("AppDataUpdate", () => {
    test("app_data_conflict", async () => {
      const value = new Uint8Array([2])
      expect(await verdict(appData(0x8001, value), appData(0x8001, value))).toBe(
        "app_data_conflict",
      )
      expect(await verdict(appData(0x8001, value), appData(0x8001))).toBe("app_data_conflict")
    })
    test("app_data_absent", async () => {
      expect(await verdict(appData(0x8002))).toBe("app_data_absent")
    })
    test("app_data_before_extensions", async () => {
      const { extensions } = bad.groupContext
      const value = appData(0x8001, new Uint8Array([2]))
      expect(await verdict(value, gce(extensions))).toBe("app_data_before_extensions")
      const made = await createCommit(ctx, bad, { proposals: [value, gce(extensions)] })
      expect((await afterCommit(ctx, judge, made.commit)).groupContext).toEqual(
        made.next.groupContext,
      )
    })
    test("app_data_direct_change: changed, removed, or no longer required", async () => {
      const other = appDataExtension(new Map([[0x8001, new Uint8Array([2])]]))
      expect(await verdict(gce([required, other]))).toBe("app_data_direct_change")
      expect(await verdict(gce([required]))).toBe("app_data_direct_change")
      expect(await verdict(gce([other]))).toBe("app_data_direct_change")
    })
    test("extension_unsupported: it brings no dictionary to those who don't support one", async () => {
      const without = { capabilities: { ...capabilities, extensions: [] } }
      const [founder, other] = await Promise.all(
        ["d", "e"].map((name) => keyPackageOf(ctx.crypto, name, without)),
      )
      if (founder === undefined || other === undefined) throw new Error("two members")
      const groupId = new Uint8Array([4])
      const group = await createGroup(ctx, { groupId, keyPackage: founder, extensions: [] })
      const { next, welcome } = await createCommit(ctx, group, { proposals: [add(other)] })
      if (welcome === undefined) throw new Error("no welcome")
      const { state } = await joinGroup(ctx, { welcome, keyPackages: [other] })
      const proposals = [appData(0x8001, new Uint8Array([1]))]
      expect(await codeOf(() => createCommit(ctx, next, { proposals }))).toBe(
        "extension_unsupported",
      )
      const message = await forgeCommit(ctx, next, { proposals })
      expect(await codeOf(() => processMessage(ctx, state, message))).toBe("extension_unsupported")
    })
    test("needs no path, and the dictionary's place may be repaired", async () => {
      const made = await createCommit(ctx, bad, {
        proposals: [appData(0x8003, new Uint8Array([7]))],
      })
      expect(made.summary.hasPath).toBe(false)
      const moved = await createCommit(ctx, bad, { proposals: [gce([dictionary, required])] })
      expect(moved.next.groupContext.extensions.map(({ type }) => type)).toEqual([6, 3])
    })
  })
})
