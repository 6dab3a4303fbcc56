// RFC 9420 §12.1, §12.2: each rule about a commit's proposals, broken by a commit that a peer really signed.

import { beforeAll, describe, expect, test } from "vitest"
import { appDataExtension } from "./app-data.ts"
import { encode } from "./codec.ts"
import { createCommit } from "./commit-create.ts"
import { type Extension, encodeRequiredCapabilities } from "./extensions.ts"
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
import { createGroup, createProposal, createUpdateProposal, leafNodeOf } from "./group.ts"
import type { GroupState, MlsContext } from "./group-types.ts"
import { type OwnKeyPackage, encodeKeyPackage } from "./key-package.ts"
import { type LeafNode, signLeafNode } from "./leaf-node.ts"
import { processMessage } from "./process.ts"
import type { Proposal } from "./proposal-codec.ts"
import { pathRequired, sortProposals } from "./proposals.ts"
import { contentTypes, extensionTypes, proposalTypes, senderTypes } from "./registry.ts"

const remove = (removed: number): Proposal => ({ proposalType: proposalTypes.remove, removed })
const selfRemove: Proposal = { proposalType: proposalTypes.selfRemove }
const gce = (extensions: readonly Extension[]): Proposal => ({
  proposalType: proposalTypes.groupContextExtensions,
  extensions,
})
const reinit = (version = 1): Proposal => ({
  proposalType: proposalTypes.reinit,
  groupId: new Uint8Array([1]),
  version,
  cipherSuite: 1,
  extensions: [],
})
const externalInit: Proposal = {
  proposalType: proposalTypes.externalInit,
  kemOutput: new Uint8Array(32),
}
const psk = (nonceLength = 32, id = 1): Proposal => ({
  proposalType: proposalTypes.psk,
  psk: {
    kind: "external",
    pskId: new Uint8Array([id]),
    pskNonce: new Uint8Array(nonceLength).fill(id),
  },
})
const requiring = (
  lists: Partial<Record<"extensions" | "proposals" | "credentials", number[]>>,
) => ({
  type: extensionTypes.requiredCapabilities,
  data: encode(encodeRequiredCapabilities, {
    extensions: [],
    proposals: [],
    credentials: [],
    ...lists,
  }),
})

const dictionary = appDataExtension(new Map([[0x8001, new Uint8Array([1])]]))

describe.each(backends)("proposals, %s", (backend: Backend) => {
  let ctx: MlsContext
  /** Leaves 0, 1, 2: the committer that misbehaves, the one that judges it, and another. */
  let bad: GroupState
  let judge: GroupState
  let third: GroupState
  let newcomer: OwnKeyPackage

  beforeAll(async () => {
    ctx = await testContext(backend, "proposals")
    const states = await groupOf(ctx, ["a", "b", "c"], [required, dictionary])
    ;[bad, judge, third] = states as [GroupState, GroupState, GroupState]
    newcomer = await keyPackageOf(ctx.crypto, "newcomer")
  })

  /** What the judge says of a commit by `bad` with these proposals by value. */
  const verdict = (...proposals: Proposal[]) =>
    codeOf(async () => processMessage(ctx, judge, await forgeCommit(ctx, bad, { proposals })))

  /** The same for proposals that their senders sent, committed by reference. */
  async function byReference(...messages: readonly Uint8Array[]): Promise<string> {
    let state = judge
    for (const message of messages) state = await afterProposal(ctx, state, message)
    const proposals = [...state.proposals.values()].map(({ ref }) => ref)
    return codeOf(async () =>
      processMessage(ctx, state, await forgeCommit(ctx, bad, { proposals })),
    )
  }

  const send = async (state: GroupState, proposal: Proposal) =>
    (await createProposal(ctx, state, proposal)).message

  describe("§12.2, lists of members", () => {
    test("own_update", async () => {
      const { message } = await createUpdateProposal(ctx, bad)
      expect(await byReference(message)).toBe("own_update")
    })
    test("committer_removed", async () => {
      expect(await verdict(remove(0))).toBe("committer_removed")
      expect(await byReference(await send(bad, selfRemove))).toBe("committer_removed")
    })
    test("leaf_conflict: two Removes, or an Update and a Remove or SelfRemove, of one leaf", async () => {
      expect(await verdict(remove(2), remove(2))).toBe("leaf_conflict")
      const { message } = await createUpdateProposal(ctx, third)
      expect(await byReference(message, await send(bad, remove(2)))).toBe("leaf_conflict")
      expect(await byReference(message, await send(third, selfRemove))).toBe("leaf_conflict")
    })
    test("self_remove_conflict: with a Remove, or twice", async () => {
      const leaving = await send(third, selfRemove)
      expect(await byReference(leaving, await send(bad, remove(2)))).toBe("self_remove_conflict")
      const again = await createProposal(ctx, third, selfRemove, { authenticatedData: leaving })
      expect(await byReference(leaving, again.message)).toBe("self_remove_conflict")
    })
    test("duplicate_add", async () => {
      expect(await verdict(add(newcomer), add(newcomer))).toBe("duplicate_add")
    })
    test("already_member, unless the member goes", async () => {
      const { crypto } = ctx
      const signatureKeyPair = await crypto.generateSignatureKeyPair()
      const first = await keyPackageOf(crypto, "d", { signatureKeyPair })
      const second = await keyPackageOf(crypto, "d", { signatureKeyPair })
      const { next } = await createCommit(ctx, bad, { proposals: [add(first)] })
      expect(await codeOf(() => createCommit(ctx, next, { proposals: [add(second)] }))).toBe(
        "already_member",
      )
      const replaced = await createCommit(ctx, next, { proposals: [remove(3), add(second)] })
      expect(replaced.summary.added).toEqual([3])
    })
    test("duplicate_psk", async () => {
      expect(await verdict(psk(), psk())).toBe("duplicate_psk")
    })
    test("multiple_group_context_extensions", async () => {
      const { extensions } = bad.groupContext
      expect(await verdict(gce(extensions), gce(extensions))).toBe(
        "multiple_group_context_extensions",
      )
    })
    test("reinit_not_alone", async () => {
      expect(await verdict(reinit(), remove(2))).toBe("reinit_not_alone")
    })
    test("external_init_not_external", async () => {
      expect(await verdict(externalInit)).toBe("external_init_not_external")
    })
    test("proposal_type_unsupported, except by those who leave", async () => {
      const plain = { ...capabilities, proposals: [] }
      const own = await keyPackageOf(ctx.crypto, "plain", { capabilities: plain })
      const [founder] = await groupOf(ctx, ["a", "b"])
      if (founder === undefined) throw new Error("no founder")
      const { next } = await createCommit(ctx, founder, { proposals: [add(own)] })
      const ephemeral: Proposal = {
        proposalType: proposalTypes.appEphemeral,
        componentId: 5,
        data: new Uint8Array(),
      }
      expect(await codeOf(() => createCommit(ctx, next, { proposals: [ephemeral] }))).toBe(
        "proposal_type_unsupported",
      )
      const leaving = [ephemeral, remove(2)]
      expect((await createCommit(ctx, next, { proposals: leaving })).summary.removed).toHaveLength(
        1,
      )
    })
    test("unknown_proposal", async () => {
      const message = await forgeCommit(ctx, bad, { proposals: [new Uint8Array(32)] })
      expect(await codeOf(() => processMessage(ctx, judge, message))).toBe("unknown_proposal")
    })
  })

  describe("§12.1, single proposals", () => {
    test("update_sender: an Update by value is its committer's, one from outside nobody's", async () => {
      const { state } = await createUpdateProposal(ctx, third)
      const [cached] = [...state.proposals.values()]
      if (cached === undefined) throw new Error("no proposal")
      expect(await verdict(cached.proposal)).toBe("own_update")
      const forged = await forgeMessage(ctx, bad, {
        body: { contentType: contentTypes.proposal, proposal: cached.proposal },
        sender: { senderType: senderTypes.newMemberProposal },
      })
      expect(await codeOf(() => processMessage(ctx, judge, forged))).toBe("external_add")
      // In an external commit there is no committer's leaf to update.
      const sender = { senderType: senderTypes.newMemberCommit }
      const committed = [{ proposal: cached.proposal, sender, byReference: false }]
      expect(await codeOf(() => sortProposals(committed))).toBe("update_sender")
    })
    test("remove_not_member: beyond the tree, or blank", async () => {
      expect(await verdict(remove(3))).toBe("remove_not_member")
      expect(await verdict(remove(77))).toBe("remove_not_member")
    })
    test("psk_nonce", async () => {
      expect(await verdict(psk(31))).toBe("psk_nonce")
      expect(await verdict(psk(0))).toBe("psk_nonce")
    })
    test("psk_usage", async () => {
      const resumption: Proposal = {
        proposalType: proposalTypes.psk,
        psk: {
          kind: "resumption",
          usage: "branch",
          pskGroupId: new Uint8Array(),
          pskEpoch: 0n,
          pskNonce: new Uint8Array(32),
        },
      }
      expect(await verdict(resumption)).toBe("psk_usage")
    })
    test("psk_unknown", async () => {
      expect(await verdict(psk())).toBe("psk_unknown")
    })
    test("reinit_version", async () => {
      expect(await verdict(reinit(0))).toBe("reinit_version")
    })
    test("extension_misplaced and extension_duplicate in a GroupContext", async () => {
      const tree = { type: extensionTypes.ratchetTree, data: new Uint8Array([0]) }
      expect(await verdict(gce([required, dictionary, tree]))).toBe("extension_misplaced")
      expect(await verdict(gce([required, dictionary, required]))).toBe("extension_duplicate")
      const keyPackage = await keyPackageOf(ctx.crypto, "founder")
      const founding = (extensions: Extension[]) =>
        codeOf(() => createGroup(ctx, { groupId: new Uint8Array([1]), keyPackage, extensions }))
      expect(await founding([tree])).toBe("extension_misplaced")
      expect(await founding([required, required])).toBe("extension_duplicate")
      expect(await founding([{ type: 0xf00d, data: new Uint8Array() }])).toBe(
        "leaf_group_extension",
      )
    })
    test("extension_unsupported", async () => {
      const odd = { type: 0xf00d, data: new Uint8Array() }
      expect(await verdict(gce([required, dictionary, odd]))).toBe("extension_unsupported")
    })
    test.each(["extensions", "proposals", "credentials"] as const)(
      "required_capabilities that members lack: %s",
      async (kind) => {
        const proposals = [proposalTypes.appDataUpdate]
        const more = kind === "proposals" ? [...proposals, 0xf0] : [0xf0]
        const demanding = requiring({ proposals, [kind]: more })
        expect(await verdict(gce([demanding, dictionary]))).toBe("required_capabilities")
      },
    )
    test("a GroupContext extension that can't be parsed", async () => {
      const broken = { type: extensionTypes.requiredCapabilities, data: new Uint8Array([9]) }
      expect(await verdict(gce([broken, dictionary]))).toBe("decode")
    })
    test("leaves of Adds follow §10.1 and §7.3", async () => {
      const { crypto } = ctx
      const lifetime = { notBefore: 0n, notAfter: 5n }
      expect(await verdict(add(await keyPackageOf(crypto, "old", { lifetime })))).toBe(
        "leaf_expired",
      )
      const plain = { ...capabilities, proposals: [] }
      const lacking = await keyPackageOf(crypto, "plain", { capabilities: plain })
      expect(await verdict(add(lacking))).toBe("leaf_required_proposal")
      const damaged = { ...newcomer.keyPackage, signature: new Uint8Array(64) }
      expect(await verdict({ proposalType: proposalTypes.add, keyPackage: damaged })).toBe(
        "key_package_signature",
      )
      expect(encode(encodeKeyPackage, damaged)).toHaveLength(newcomer.bytes.length)
    })
    test("the encryption key of an Update is new, and its signature right", async () => {
      const leaf = leafNodeOf(third, third.ownLeafIndex)
      const position = { groupId: third.groupContext.groupId, leafIndex: third.ownLeafIndex }
      const kept = await signLeafNode(ctx.crypto, {
        content: { ...leaf, source: { kind: "update" } },
        signaturePrivateKey: third.signaturePrivateKey,
        position,
      })
      const proposing = (leafNode: LeafNode) =>
        forgeMessage(ctx, third, {
          body: {
            contentType: contentTypes.proposal,
            proposal: { proposalType: proposalTypes.update, leafNode },
          },
        })
      expect(await byReference(await proposing(kept))).toBe("leaf_encryption_key_unchanged")
      const { publicKey } = await ctx.crypto.generateKemKeyPair()
      const unsigned = { ...kept, encryptionKey: publicKey }
      expect(await byReference(await proposing(unsigned))).toBe("leaf_signature_invalid")
      expect(await byReference(await proposing(leaf))).toBe("leaf_source")
    })
  })

  test("a proposal is taken once, and the cache is bounded", async () => {
    const message = await send(third, remove(0))
    const once = await afterProposal(ctx, judge, message)
    expect((await afterProposal(ctx, once, message)).proposals.size).toBe(1)
    const narrow = { ...ctx, limits: { maxCachedProposals: 1 } }
    const another = await send(third, remove(1))
    expect(await codeOf(() => processMessage(narrow, once, another))).toBe("too_many_proposals")
    expect(once.proposals.size).toBe(1)
  })

  test('"all" leaves out what can\'t be committed', async () => {
    let state = bad
    const leaving = await createProposal(ctx, third, selfRemove)
    const update = await createUpdateProposal(ctx, judge)
    for (const message of [
      leaving.message,
      update.message,
      await send(judge, remove(2)),
      await send(judge, remove(0)),
      await send(judge, reinit()),
      await send(judge, psk(31)),
    ]) {
      state = await afterProposal(ctx, state, message)
    }
    const made = await createCommit(ctx, state, { proposalRefs: "all" })
    const types = made.summary.proposals.map(({ proposal }) => proposal.proposalType)
    expect(types).toEqual([proposalTypes.selfRemove, proposalTypes.update])
    // The Update's sender has its keys and goes on.
    const next = await afterCommit(
      ctx,
      await afterProposal(ctx, update.state, leaving.message),
      made.commit,
    )
    expect(next.epochSecrets.epochAuthenticator).toEqual(made.next.epochSecrets.epochAuthenticator)
  })
})

test("which proposals require a path (§12.4, §17.4)", () => {
  const sender = { senderType: senderTypes.newMemberCommit }
  const needs = (proposalType: number) =>
    pathRequired([{ proposal: { proposalType } as Proposal, sender, byReference: false }])
  const required = Object.entries(proposalTypes).filter(([, type]) => needs(type))
  expect(required.map(([name]) => name)).toEqual([
    "update",
    "remove",
    "externalInit",
    "groupContextExtensions",
    "selfRemove",
  ])
  expect(pathRequired([])).toBe(true)
})
