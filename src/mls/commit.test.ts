// RFC 9420 §12.4: commits, each rule broken by what a peer really signed.

import { beforeAll, describe, expect, test } from "vitest"
import { createCommit } from "./commit-create.ts"
import {
  type Backend,
  afterCommit,
  backends,
  codeOf,
  forgeCommit,
  groupOf,
  retagged,
  testContext,
  stored,
} from "./group.fixture.ts"
import { createProposal, encryptApplication, leafNodeOf, members } from "./group.ts"
import type { GroupState, MlsContext } from "./group-types.ts"
import { signLeafNode } from "./leaf-node.ts"
import { decodeMlsMessage } from "./message.ts"
import { processMessage } from "./process.ts"
import { contentTypes, proposalTypes, wireFormats } from "./registry.ts"
import { leafIndex } from "./tree-math.ts"
import type { UpdatePath } from "./update-path.ts"

const data = new TextEncoder().encode("hello")

describe.each(backends)("commits, %s", (backend: Backend) => {
  let ctx: MlsContext
  let bad: GroupState
  let judge: GroupState
  let third: GroupState

  beforeAll(async () => {
    ctx = await testContext(backend, "commits")
    const states = await groupOf(ctx, ["a", "b", "c"])
    ;[bad, judge, third] = states as [GroupState, GroupState, GroupState]
  })

  const verdict = (message: Uint8Array, state = judge) =>
    codeOf(() => processMessage(ctx, state, message))

  /** The path of a good commit by `bad`, changed, in a commit that is signed again. */
  async function withPath(change: (path: UpdatePath) => UpdatePath | Promise<UpdatePath>) {
    const { commit } = await createCommit(ctx, bad)
    const message = decodeMlsMessage(commit)
    if (message.wireFormat !== wireFormats.publicMessage) throw new Error("no PublicMessage")
    const { content } = message.publicMessage
    if (content.contentType !== contentTypes.commit) throw new Error("no commit")
    const { path } = content.commit
    if (path === undefined) throw new Error("no path")
    return verdict(await forgeCommit(ctx, bad, { path: await change(path) }))
  }

  describe("commits (§12.4.2)", () => {
    test("own_commit, also one that is encrypted", async () => {
      for (const wireFormat of ["public", "private"] as const) {
        const { commit } = await createCommit(ctx, bad, { wireFormat })
        expect(await verdict(commit, bad)).toBe("own_commit")
      }
    })
    test("an encrypted commit uses up a key of the old epoch", async () => {
      const made = await createCommit(ctx, bad, { wireFormat: "private" })
      expect(stored(made.state).messageKeys).not.toEqual(stored(bad).messageKeys)
      const next = await afterCommit(ctx, judge, made.commit)
      expect(next.groupContext).toEqual(made.next.groupContext)
    })
    test("path_missing", async () => {
      expect(await verdict(await forgeCommit(ctx, bad, {}))).toBe("path_missing")
      const proposals = [{ proposalType: proposalTypes.remove, removed: 2 }] as const
      expect(await verdict(await forgeCommit(ctx, bad, { proposals }))).toBe("path_missing")
    })
    test("confirmation_tag", async () => {
      expect(await withPath((path) => path)).toBe("confirmation_tag")
      const { commit } = await createCommit(ctx, bad)
      const wrong = await retagged(ctx, bad, commit, (message) => ({
        ...message,
        auth: { ...message.auth, confirmationTag: new Uint8Array(32) },
      }))
      expect(await verdict(wrong)).toBe("confirmation_tag")
    })
    test("the path's leaf: signature, source, keys", async () => {
      const position = { groupId: bad.groupContext.groupId, leafIndex: 0 }
      const { signaturePrivateKey } = bad
      expect(
        await withPath(({ leafNode, nodes }) => ({
          leafNode: { ...leafNode, signature: new Uint8Array(64) },
          nodes,
        })),
      ).toBe("leaf_signature_invalid")
      expect(
        await withPath(async ({ leafNode, nodes }) => ({
          leafNode: await signLeafNode(ctx.crypto, {
            content: { ...leafNode, source: { kind: "update" } },
            signaturePrivateKey,
            position,
          }),
          nodes,
        })),
      ).toBe("leaf_source")
      const current = leafNodeOf(bad, bad.ownLeafIndex)
      expect(
        await withPath(({ leafNode, nodes }) => ({
          leafNode: { ...leafNode, encryptionKey: current.encryptionKey },
          nodes,
        })),
      ).toBe("path_key_reused")
      const foreign = leafNodeOf(bad, leafIndex(2)).signatureKey
      expect(
        await withPath(async ({ leafNode, nodes }) => ({
          leafNode: await signLeafNode(ctx.crypto, {
            content: { ...leafNode, signatureKey: foreign },
            signaturePrivateKey: third.signaturePrivateKey,
            position,
          }),
          nodes,
        })),
      ).toBe("leaf_signature_key_not_unique")
    })
    test("the path's nodes: number, ciphertexts, parent hash, secrets", async () => {
      expect(await withPath(({ leafNode, nodes }) => ({ leafNode, nodes: nodes.slice(1) }))).toBe(
        "path_length",
      )
      expect(
        await withPath(({ leafNode, nodes }) => ({
          leafNode,
          nodes: nodes.map((node) => ({ ...node, encryptedPathSecret: [] })),
        })),
      ).toBe("path_ciphertexts")
      const { publicKey } = await ctx.crypto.generateKemKeyPair()
      expect(
        await withPath(({ leafNode, nodes }) => ({
          leafNode,
          nodes: nodes
            .map((node) => ({ ...node, encryptionKey: publicKey }))
            .slice(0, 1)
            .concat(nodes.slice(1)),
        })),
      ).toBe("path_parent_hash")
      expect(
        await withPath(({ leafNode, nodes }) => ({
          leafNode,
          nodes: nodes.map((node) => ({
            ...node,
            encryptedPathSecret: node.encryptedPathSecret.map((sealed) => ({
              ...sealed,
              ciphertext: new Uint8Array(48),
            })),
          })),
        })),
      ).toBe("aead_failed")
    })
    test("our own removal is told, with all that can be checked checked", async () => {
      const proposals = [{ proposalType: proposalTypes.remove, removed: 1 }] as const
      const made = await createCommit(ctx, bad, { proposals })
      const result = await processMessage(ctx, judge, made.commit)
      if (result.kind !== "commit") throw new Error("no commit")
      expect(result.next).toBeUndefined()
      expect(result.commit).toMatchObject({ selfRemoved: true, committer: 0, hasPath: true })
      expect(result.commit.newGroupContext).toBeUndefined()
      const other = await processMessage(ctx, third, made.commit)
      if (other.kind !== "commit") throw new Error("no commit")
      expect(other.commit.removed.map((member) => member.credential)).toEqual([
        leafNodeOf(bad, leafIndex(1)).credential,
      ])
      expect([...members(made.next)].map((member) => member.leafIndex)).toEqual([0, 2])
      const forged = await forgeCommit(ctx, bad, { proposals })
      expect(await verdict(forged)).toBe("path_missing")
    })
    test("a commit that fails changes nothing; both of two rival commits can be tried", async () => {
      const before = stored(judge)
      const one = await createCommit(ctx, bad)
      const other = await createCommit(ctx, third)
      const [a, b] = [
        await afterCommit(ctx, judge, one.commit),
        await afterCommit(ctx, judge, other.commit),
      ]
      expect(a.confirmationTag).toEqual(one.next.confirmationTag)
      expect(b.confirmationTag).toEqual(other.next.confirmationTag)
      expect(await verdict(await forgeCommit(ctx, bad, {}))).toBe("path_missing")
      expect(stored(judge)).toEqual(before)
    })
    test("a new leaf and signature key come with the commit", async () => {
      const signatureKeyPair = await ctx.crypto.generateSignatureKeyPair()
      const credential = { kind: "basic", identity: data } as const
      const made = await createCommit(ctx, bad, { leafNode: { signatureKeyPair, credential } })
      const next = await afterCommit(ctx, judge, made.commit)
      const leaf = leafNodeOf(next, leafIndex(0))
      expect(leaf.signatureKey).toEqual(signatureKeyPair.publicKey)
      expect(leaf.credential).toEqual(credential)
      const again = await createCommit(ctx, made.next)
      expect((await afterCommit(ctx, next, again.commit)).groupContext).toEqual(
        again.next.groupContext,
      )
    })
    test("PSKs of the caller and of this epoch enter the key schedule", async () => {
      const secret = new Uint8Array(32).fill(5)
      const knowing = { ...ctx, psks: { psk: () => secret } }
      const nonce = () => ctx.crypto.random(32)
      const { groupId, epoch } = bad.groupContext
      const made = await createCommit(knowing, bad, {
        proposals: [
          {
            proposalType: proposalTypes.psk,
            psk: { kind: "external", pskId: data, pskNonce: nonce() },
          },
          {
            proposalType: proposalTypes.psk,
            psk: {
              kind: "resumption",
              usage: "application",
              pskGroupId: groupId,
              pskEpoch: epoch,
              pskNonce: nonce(),
            },
          },
        ],
      })
      expect(made.summary.hasPath).toBe(false)
      expect(await verdict(made.commit)).toBe("psk_unknown")
      const ignorant = { ...ctx, psks: { psk: () => new Uint8Array(32) } }
      expect(await codeOf(() => processMessage(ignorant, judge, made.commit))).toBe(
        "confirmation_tag",
      )
      expect((await afterCommit(knowing, judge, made.commit)).groupContext).toEqual(
        made.next.groupContext,
      )
    })
    test("group_reinitialised: after a ReInit nothing goes on", async () => {
      const made = await createCommit(ctx, bad, {
        proposals: [
          {
            proposalType: proposalTypes.reinit,
            groupId: data,
            version: 1,
            cipherSuite: 1,
            extensions: [],
          },
        ],
      })
      const next = await afterCommit(ctx, judge, made.commit)
      expect(next.reInit).toEqual(made.next.reInit)
      expect(next.reInit).toBeDefined()
      expect(await codeOf(() => encryptApplication(ctx, next, data))).toBe("group_reinitialised")
      expect(await codeOf(() => createCommit(ctx, next))).toBe("group_reinitialised")
      expect(await verdict(made.commit, next)).toBe("group_reinitialised")
      const proposal = { proposalType: proposalTypes.remove, removed: 2 } as const
      expect(await codeOf(() => createProposal(ctx, next, proposal))).toBe("group_reinitialised")
    })
    test("misuse: an Update without its keys; a leaf that is no member's", async () => {
      const leafNode = leafNodeOf(bad, leafIndex(0))
      const update = { proposalType: proposalTypes.update, leafNode } as const
      expect(await codeOf(() => createProposal(ctx, bad, update))).toBe("misuse")
      expect(await codeOf(() => leafNodeOf(bad, leafIndex(9)))).toBe("unknown_sender")
    })
  })
})
