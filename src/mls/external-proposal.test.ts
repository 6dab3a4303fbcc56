// RFC 9420 §12.1.8: proposals that are made outside the group.

import { beforeAll, describe, expect, test } from "vitest"
import { createCrypto } from "./backend.ts"
import { encode } from "./codec.ts"
import { createCommit } from "./commit-create.ts"
import { createExternalProposal, createNewMemberProposal } from "./external-proposal.ts"
import { encodeExternalSenders } from "./extensions.ts"
import {
  type Backend,
  add,
  afterCommit,
  afterProposal,
  backends,
  codeOf,
  groupOf,
  keyPackageOf,
  testContext,
} from "./group.fixture.ts"
import { createProposal } from "./group.ts"
import { exportGroupInfo } from "./group-info.ts"
import type { ExternalProposalOptions, GroupState, MlsContext } from "./group-types.ts"
import { extensionTypes, proposalTypes } from "./registry.ts"
import { cipherSuite } from "./suites.ts"
import { joinGroup } from "./welcome.ts"

describe.each(backends)("proposals made outside, %s", (backend: Backend) => {
  let ctx: MlsContext
  let alice: GroupState
  let bob: GroupState
  let sender: Pick<ExternalProposalOptions, "groupInfo" | "senderIndex" | "signaturePrivateKey">

  beforeAll(async () => {
    ctx = await testContext(backend, "external proposals")
    const outsider = await ctx.crypto.generateSignatureKeyPair()
    const identity = new TextEncoder().encode("service")
    const data = encode(encodeExternalSenders, [
      { signatureKey: outsider.publicKey, credential: { kind: "basic", identity } },
    ])
    const groupExtensions = [{ type: extensionTypes.externalSenders, data }]
    const states = await groupOf(ctx, ["alice", "bob"], groupExtensions)
    ;[alice, bob] = states as [GroupState, GroupState]
    const groupInfo = await exportGroupInfo(ctx, alice)
    sender = { groupInfo, senderIndex: 0, signaturePrivateKey: outsider.privateKey }
  })

  test("a known sender proposes, a member commits it by reference", async () => {
    const message = await createExternalProposal(ctx, {
      ...sender,
      proposal: { proposalType: proposalTypes.remove, removed: 1 },
    })
    const cached = await afterProposal(ctx, alice, message)
    const { next, summary } = await createCommit(ctx, cached, { proposalRefs: "all" })
    expect(summary.removed.map(({ leafIndex }) => leafIndex)).toEqual([1])
    expect(next.tree.nLeaves).toBe(1)
  })

  test("welcome_suite: cryptography of another suite than the group's", async () => {
    const crypto = await createCrypto({ suite: cipherSuite(0x0003), backend })
    const proposal = { proposalType: proposalTypes.remove, removed: 1 } as const
    const call = () => createExternalProposal({ ...ctx, crypto }, { ...sender, proposal })
    expect(await codeOf(call)).toBe("welcome_suite")
  })

  test("someone new asks to be added, and is", async () => {
    const keyPackage = await keyPackageOf(ctx.crypto, "carol")
    const { groupInfo } = sender
    const message = await createNewMemberProposal(ctx, { groupInfo, keyPackage })
    const cached = await afterProposal(ctx, alice, message)
    const made = await createCommit(ctx, cached, { proposalRefs: "all" })
    const atBob = await afterCommit(ctx, await afterProposal(ctx, bob, message), made.commit)
    const { welcome } = made
    if (welcome === undefined) throw new Error("no Welcome")
    const { state } = await joinGroup(ctx, { welcome, keyPackages: [keyPackage] })
    expect(state.groupContext).toEqual(made.next.groupContext)
    expect(atBob.groupContext).toEqual(made.next.groupContext)
  })

  test("leaf_expired, leaf_not_yet_valid: nobody sends an Add that is not within its lifetime (§7.3)", async () => {
    const { groupInfo } = sender
    const now = BigInt(ctx.now ?? 0)
    const lifetimes = {
      leaf_expired: { notBefore: 0n, notAfter: now - 1n },
      leaf_not_yet_valid: { notBefore: now + 1n, notAfter: now + 2n },
      "nothing thrown": { notBefore: now, notAfter: now },
    }
    for (const [code, lifetime] of Object.entries(lifetimes)) {
      const own = await keyPackageOf(ctx.crypto, "carol", { lifetime })
      const proposal = add(own)
      expect(await codeOf(() => createProposal(ctx, alice, proposal))).toBe(code)
      expect(await codeOf(() => createExternalProposal(ctx, { ...sender, proposal }))).toBe(code)
      expect(await codeOf(() => createNewMemberProposal(ctx, { groupInfo, keyPackage: own }))).toBe(
        code,
      )
    }
  })

  test("what a sender from outside may not say is not signed", async () => {
    const leave = { ...sender, proposal: { proposalType: proposalTypes.selfRemove } as const }
    expect(await codeOf(() => createExternalProposal(ctx, leave))).toBe("external_proposal_type")
    const { groupInfo } = sender
    const proposal = { proposalType: proposalTypes.remove, removed: 1 } as const
    const nowhere = { ...sender, groupInfo: groupInfo.slice(0, 10), proposal }
    expect(await codeOf(() => createExternalProposal(ctx, nowhere))).toBe("decode")
    const wrong = { ...sender, groupInfo: (await createCommit(ctx, alice)).commit, proposal }
    expect(await codeOf(() => createExternalProposal(ctx, wrong))).toBe("unexpected_message")
  })

  test("another key, or an index outside the list, is refused by the members", async () => {
    const proposal = { proposalType: proposalTypes.remove, removed: 1 } as const
    const { privateKey } = await ctx.crypto.generateSignatureKeyPair()
    const forged = await createExternalProposal(ctx, {
      ...sender,
      proposal,
      signaturePrivateKey: privateKey,
    })
    expect(await codeOf(() => afterProposal(ctx, alice, forged))).toBe("signature_invalid")
    const beyond = await createExternalProposal(ctx, { ...sender, proposal, senderIndex: 1 })
    expect(await codeOf(() => afterProposal(ctx, alice, beyond))).toBe("unknown_external_sender")
  })
})
