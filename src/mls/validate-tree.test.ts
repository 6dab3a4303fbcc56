// RFC 9420 §7.8, §7.9, §12.4.3.1: trees from outside, with the tree-validation vectors.

import { beforeAll, describe, expect, test } from "vitest"
import { withShared } from "../../test/shared.ts"
import { bytesToHex } from "./bytes.ts"
import type { MlsCrypto } from "./crypto.ts"
import type { OwnKeyPackage } from "./key-package.ts"
import { multiCredential } from "./multi-credential.ts"
import type { LeafNode } from "./leaf-node.ts"
import { parentHashChecks } from "./parent-hash.ts"
import type { ParentNode } from "./parent-node.ts"
import { decodeRatchetTree, encodeRatchetTree } from "./ratchet-tree-codec.ts"
import { originalTreeHash, treeHash } from "./tree-hash.ts"
import { TreeDraft } from "./tree-draft.ts"
import { leafIndex, leafToNode, nodeIndex } from "./tree-math.ts"
import { codeOf, cryptoOf, fromHex, identity, member, members } from "./tree.fixture.ts"
import {
  type RatchetTree,
  applyProposalsToTree,
  createTree,
  leafNode,
  nonBlankParents,
  parentNode,
  resolution,
} from "./tree.ts"
import { prepareUpdatePath } from "./treekem.ts"
import { type TreeChecks, validateTree } from "./validate-tree.ts"
import { implementedSuites, vectorBackEnds, vectorCrypto } from "./vectors.fixture.ts"

interface ValidationCase {
  readonly cipher_suite: number
  readonly tree: string
  readonly group_id: string
  readonly resolutions: readonly (readonly number[])[]
  readonly tree_hashes: readonly string[]
}

withShared<readonly ValidationCase[]>("vectors/mls/tree-validation.json", (vectors) => {
  describe.each(vectorBackEnds)("tree-validation on %s", (backend) => {
    test.each(implementedSuites)("every case of suite %i", async (suite) => {
      const crypto = await vectorCrypto({ cipher_suite: suite }, backend)
      const cases = vectors.filter((item) => item.cipher_suite === suite)
      expect(cases).toHaveLength(14)
      for (const item of cases) {
        const tree = decodeRatchetTree(fromHex(item.tree))
        expect(bytesToHex(encodeRatchetTree(tree))).toBe(item.tree)
        const nodes = item.resolutions.map((_, i) => nodeIndex(i))
        expect(nodes.map((node) => resolution(tree, node))).toEqual(item.resolutions)
        expect(nodes.map((node) => bytesToHex(treeHash(crypto, tree, node)))).toEqual(
          item.tree_hashes,
        )
        await validateTree(crypto, tree, { groupId: fromHex(item.group_id) })
      }
    })
  })
})

const groupId = Uint8Array.of(1, 2, 3)
let crypto: MlsCrypto
let own: readonly OwnKeyPackage[]
/** Eight members; leaf 7 is unmerged at nodes 11 and 7, and nodes 9 and 13 are blank. */
let valid: RatchetTree

function ownOf(i: number): OwnKeyPackage {
  const found = own[i]
  if (found === undefined) throw new Error("no such member")
  return found
}

async function withPath(tree: RatchetTree, i: number): Promise<RatchetTree> {
  const prepared = await prepareUpdatePath(crypto, tree, {
    leafIndex: leafIndex(i),
    groupId,
    leaf: ownOf(i).keyPackage.leafNode,
    signaturePrivateKey: ownOf(i).signaturePrivateKey,
  })
  return prepared.tree
}

function withMembers(tree: RatchetTree, ...which: number[]): RatchetTree {
  const adds = which.map((i) => ownOf(i).keyPackage.leafNode)
  return applyProposalsToTree(tree, { updates: [], removes: [], adds }).tree
}

beforeAll(async () => {
  crypto = await cryptoOf("webcrypto")
  own = await members(crypto, 8)
  let tree = withMembers(createTree(ownOf(0).keyPackage.leafNode), 1, 2, 3, 4)
  tree = await withPath(tree, 2)
  tree = await withPath(tree, 4)
  tree = withMembers(tree, 5, 6)
  valid = await withPath(tree, 0)
  valid = withMembers(await withPath(valid, 6), 7)
})

const codeFor = (tree: RatchetTree, checks: Partial<TreeChecks> = {}) =>
  codeOf(() => {
    // Through its bytes: nothing is remembered from the tree that it was made of.
    const received = decodeRatchetTree(encodeRatchetTree(tree))
    return validateTree(crypto, received, { groupId, ...checks })
  })

function changedParent(node: number, change: Partial<ParentNode>): RatchetTree {
  const value = parentNode(valid, nodeIndex(node))
  if (value === undefined) throw new Error(`node ${node} is blank`)
  const draft = new TreeDraft(valid)
  draft.setParent(nodeIndex(node), { ...value, ...change })
  return draft.finish()
}

function changedLeaf(leaf: number, change: Partial<LeafNode>): RatchetTree {
  const value = leafNode(valid, leafIndex(leaf))
  if (value === undefined) throw new Error(`leaf ${leaf} is blank`)
  const draft = new TreeDraft(valid)
  draft.setLeaf(leafIndex(leaf), { ...value, ...change })
  return draft.finish()
}

describe("a tree (§12.4.3.1)", () => {
  test("is valid, with unmerged leaves and blanks", async () => {
    const parents = [...nonBlankParents(valid)].map(({ node, value }) => [
      Number(node),
      value.unmergedLeaves.length,
    ])
    expect(parents).toEqual([
      [1, 0],
      [3, 0],
      [5, 0],
      [7, 1],
      [11, 1],
    ])
    expect(await codeFor(valid)).toBe("nothing thrown")
  })

  test("lists members below a node as unmerged, and nobody else", async () => {
    expect(await codeFor(changedParent(1, { unmergedLeaves: [4] }))).toBe("unmerged_leaves")
    expect(await codeFor(changedParent(11, { unmergedLeaves: [7, 9] }))).toBe("unmerged_leaves")
    expect(await codeFor(changedParent(11, { unmergedLeaves: [7, 6] }))).toBe("unmerged_leaves")
    expect(await codeFor(changedParent(11, { unmergedLeaves: [7, 7] }))).toBe("unmerged_leaves")
    const blank = applyProposalsToTree(valid, { updates: [], removes: [leafIndex(1)], adds: [] })
    const draft = new TreeDraft(blank.tree)
    const value = parentNode(valid, nodeIndex(1))
    draft.setParent(nodeIndex(1), value && { ...value, unmergedLeaves: [1] })
    expect(await codeFor(draft.finish())).toBe("unmerged_leaves")
  })

  test("lists an unmerged leaf at all non-blank nodes up to the one that lists it", async () => {
    expect(await codeFor(changedParent(11, { unmergedLeaves: [] }))).toBe("unmerged_leaves_gap")
  })

  test("has parent keys that no other node has", async () => {
    const key = parentNode(valid, nodeIndex(11))?.encryptionKey ?? new Uint8Array()
    expect(await codeFor(changedParent(7, { encryptionKey: key }))).toBe("parent_key_not_unique")
    const ofLeaf = leafNode(valid, leafIndex(2))?.encryptionKey ?? new Uint8Array()
    expect(await codeFor(changedParent(11, { encryptionKey: ofLeaf }))).toBe(
      "parent_key_not_unique",
    )
  })

  test("has parent keys that are keys", async () => {
    const short = new Uint8Array(31)
    expect(await codeFor(changedParent(11, { encryptionKey: short }))).toBe("invalid_public_key")
  })

  test("has parent hashes that lead from every parent node to a member (§7.9.2)", async () => {
    const parentHash = new Uint8Array(32)
    expect(await codeFor(changedParent(11, { parentHash }))).toBe("parent_hash_invalid")
    const source = { kind: "commit", parentHash } as const
    expect(await codeFor(changedLeaf(6, { source }))).toBe("parent_hash_invalid")
    expect(await codeFor(changedLeaf(6, { source: { kind: "update" } }))).toBe(
      "parent_hash_invalid",
    )
    const draft = new TreeDraft(valid)
    const value = parentNode(valid, nodeIndex(5))
    draft.setParent(nodeIndex(13), value && { ...value, unmergedLeaves: [7] })
    draft.setParent(nodeIndex(5), undefined)
    expect(await codeFor(draft.finish())).toBe("parent_hash_invalid")
  })

  test("has members with keys of their own (§7.3)", async () => {
    const { encryptionKey, signatureKey } = ownOf(5).keyPackage.leafNode
    expect(await codeFor(changedLeaf(2, { encryptionKey }))).toBe("leaf_encryption_key_not_unique")
    expect(await codeFor(changedLeaf(2, { signatureKey }))).toBe("leaf_signature_key_not_unique")
  })

  test("has members who support each other's credential types (§7.3)", async () => {
    const other = await member(crypto, "x", { capabilities: { credentials: [1, 2] } })
    const credential = { kind: "x509", certificates: [Uint8Array.of(1)] } as const
    const { tree } = applyProposalsToTree(valid, {
      updates: [],
      removes: [],
      adds: [{ ...other.keyPackage.leafNode, credential }],
    })
    expect(await codeFor(tree)).toBe("leaf_credential_unsupported")
  })

  test("has members who support what a multi-credential binds (draft §6.5)", async () => {
    const lists = { cipherSuites: [1, 2], credentials: [1, 3] }
    const bound = {
      credential: identity("x"),
      credentialKey: new Uint8Array(),
      signature: new Uint8Array(),
    }
    const holder = await member(crypto, "holder", {
      capabilities: lists,
      credential: multiCredential("multi", [{ cipherSuite: 2, ...bound }]),
    })
    const beside = async (capabilities: typeof lists) => {
      const other = await member(crypto, "other", { capabilities })
      const proposals = { updates: [], removes: [], adds: [other.keyPackage.leafNode] }
      return applyProposalsToTree(createTree(holder.keyPackage.leafNode), proposals).tree
    }
    expect(await codeFor(await beside(lists))).toBe("nothing thrown")
    const fewer = await beside({ ...lists, cipherSuites: [1] })
    expect(await codeFor(fewer)).toBe("credential_binding_unsupported")
  })

  test("has valid leaves (§7.3)", async () => {
    const extensions = [{ type: 6, data: new Uint8Array() }]
    expect(await codeFor(changedLeaf(7, { extensions }))).toBe("leaf_extension_not_listed")
    expect(await codeFor(valid, { groupExtensions: extensions })).toBe("leaf_group_extension")
  })

  test("has leaves signed by their members for this place in this group", async () => {
    expect(await codeFor(valid, { groupId: Uint8Array.of(9) })).toBe("leaf_signature_invalid")
    const { signature } = ownOf(5).keyPackage.leafNode
    expect(await codeFor(changedLeaf(7, { signature }))).toBe("leaf_signature_invalid")
  })

  test("may hold members whose key packages have expired since", async () => {
    const old = await member(crypto, "old", { lifetime: { notBefore: 0n, notAfter: 1n } })
    const adds = [old.keyPackage.leafNode]
    const { tree } = applyProposalsToTree(valid, { updates: [], removes: [], adds })
    expect(await codeFor(tree)).toBe("nothing thrown")
  })
})

describe("the tree hash of an original sibling (§7.9)", () => {
  test("is that of the subtree before the leaves were added", async () => {
    const merged = await withPath(
      withMembers(createTree(ownOf(0).keyPackage.leafNode), 1, 2, 3, 4),
      4,
    )
    const later = withMembers(merged, 5, 6, 7)
    expect(treeHash(crypto, later)).not.toEqual(treeHash(crypto, merged))
    for (const node of [3, 7, 11, 13, 9]) {
      const at = { node: nodeIndex(node), without: [5, 6, 7] }
      const before = treeHash(crypto, merged, at.node)
      expect(originalTreeHash(crypto, later, at)).toEqual(before)
      // The second time it is remembered.
      expect(originalTreeHash(crypto, later, at)).toEqual(before)
    }
    const some = { node: nodeIndex(7), without: [6, 7] }
    const two = withMembers(merged, 5)
    expect(originalTreeHash(crypto, later, some)).toEqual(treeHash(crypto, two))
    expect(later.cell(leafToNode(leafIndex(6))).bytes).toBeDefined()
    Array.from(parentHashChecks(crypto, later))
  })
})
