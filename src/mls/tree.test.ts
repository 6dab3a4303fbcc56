// RFC 9420 §4.1, §7.7, §7.8, §12.1: changes of the tree, with the tree-operations vectors.

import fc from "fast-check"
import { beforeAll, describe, expect, test } from "vitest"
import { withShared } from "../../test/shared.ts"
import { bytesToHex } from "./bytes.ts"
import { CHUNK_SIZE } from "./chunked-array.ts"
import { Reader } from "./codec.ts"
import type { CountMap } from "./count-map.ts"
import type { MlsCrypto } from "./crypto.ts"
import { type OwnKeyPackage, decodeKeyPackage } from "./key-package.ts"
import { type LeafNode, decodeLeafNode } from "./leaf-node.ts"
import { decodeRatchetTree, encodeRatchetTree } from "./ratchet-tree-codec.ts"
import { proposalTypes } from "./registry.ts"
import { treeHash } from "./tree-hash.ts"
import { type LeafIndex, type NodeIndex, leafIndex, nodeIndex, root } from "./tree-math.ts"
import { backends, codeOf, cryptoOf, fromHex, members } from "./tree.fixture.ts"
import {
  type RatchetTree,
  type TreeProposals,
  addLeaf,
  applyProposalsToTree,
  createTree,
  filteredDirectPath,
  findLeaf,
  leafNode,
  memberCount,
  nonBlankLeaves,
  parentNode,
  removeLeaf,
  reserveLeaf,
  resolution,
  setPath,
  updateLeaf,
} from "./tree.ts"

interface OperationCase {
  readonly cipher_suite: number
  readonly proposal: string
  readonly proposal_sender: number
  readonly tree_before: string
  readonly tree_after: string
  readonly tree_hash_before: string
  readonly tree_hash_after: string
}

/** A Proposal of the vectors as changes of a tree. */
function proposalsOf(bytes: Uint8Array, sender: number): TreeProposals {
  const none: TreeProposals = { updates: [], removes: [], adds: [] }
  const reader = new Reader(bytes)
  switch (reader.u16()) {
    case proposalTypes.add:
      return { ...none, adds: [decodeKeyPackage(reader).leafNode] }
    case proposalTypes.update:
      return {
        ...none,
        updates: [{ leafIndex: leafIndex(sender), leafNode: decodeLeafNode(reader) }],
      }
    case proposalTypes.remove:
      return { ...none, removes: [leafIndex(reader.u32())] }
    default:
      throw new Error("not a proposal of these vectors")
  }
}

withShared<readonly OperationCase[]>("vectors/mls/tree-operations.json", (vectors) => {
  test.each(backends)("tree-operations: every case of suite 1, %s", async (backend) => {
    const crypto = await cryptoOf(backend)
    const cases = vectors.filter((item) => item.cipher_suite === 1)
    expect(cases).toHaveLength(5)
    for (const item of cases) {
      const before = decodeRatchetTree(fromHex(item.tree_before))
      expect(bytesToHex(treeHash(crypto, before))).toBe(item.tree_hash_before)
      const proposals = proposalsOf(fromHex(item.proposal), item.proposal_sender)
      const after = applyProposalsToTree(before, proposals).tree
      expect(bytesToHex(encodeRatchetTree(after))).toBe(item.tree_after)
      expect(bytesToHex(treeHash(crypto, after))).toBe(item.tree_hash_after)
      expect(bytesToHex(encodeRatchetTree(before))).toBe(item.tree_before)
    }
  })
})

let crypto: MlsCrypto
let own: readonly OwnKeyPackage[]

beforeAll(async () => {
  crypto = await cryptoOf("webcrypto")
  own = await members(crypto, 40)
})

function leafOf(i: number): LeafNode {
  const found = own[i % own.length]
  if (found === undefined) throw new Error("no such member")
  return found.keyPackage.leafNode
}

function treeOf(count: number): RatchetTree {
  const adds = Array.from({ length: count - 1 }, (_, i) => leafOf(i + 1))
  return applyProposalsToTree(createTree(leafOf(0)), { updates: [], removes: [], adds }).tree
}

/** Sets the filtered direct path of a leaf to nodes with keys that occur nowhere else. */
function withPath(tree: RatchetTree, leaf: LeafIndex, tag: number): RatchetTree {
  const node = leafNode(tree, leaf)
  if (node === undefined) throw new Error("blank")
  const parents = new Map(
    filteredDirectPath(tree, leaf).map((step, i) => [
      step.node,
      {
        encryptionKey: Uint8Array.of(1, tag >> 8, tag & 0xff, i),
        parentHash: Uint8Array.of(tag & 0xff),
        unmergedLeaves: [],
      },
    ]),
  )
  return setPath(tree, { leafIndex: leaf, leafNode: node, parents })
}

function at(tree: RatchetTree, node: number): NodeIndex {
  if (node >= tree.cells.length) throw new Error("outside")
  return nodeIndex(node)
}

describe("the tree", () => {
  test("extends to the right and truncates again (§7.7)", () => {
    let tree = createTree(leafOf(0))
    const widths = [tree.nLeaves]
    for (let i = 1; i < 5; i++) {
      const added = addLeaf(tree, leafOf(i))
      expect(added.leafIndex).toBe(i)
      tree = added.tree
      widths.push(tree.nLeaves)
    }
    expect(widths).toEqual([1, 2, 4, 4, 8])
    expect(removeLeaf(tree, leafIndex(4)).nLeaves).toBe(4)
    expect(removeLeaf(removeLeaf(tree, leafIndex(3)), leafIndex(4)).nLeaves).toBe(4)
    const [a, b, c] = [leafIndex(2), leafIndex(3), leafIndex(4)]
    const small = applyProposalsToTree(tree, { updates: [], removes: [a, b, c], adds: [] }).tree
    expect(small.nLeaves).toBe(2)
    expect(memberCount(small)).toBe(2)
  })

  test("fills the leftmost blank leaf first (§12.1.1)", () => {
    const holes = removeLeaf(removeLeaf(treeOf(8), leafIndex(5)), leafIndex(2))
    const { tree, added } = applyProposalsToTree(holes, {
      updates: [],
      removes: [],
      adds: [leafOf(20), leafOf(21), leafOf(22)],
    })
    expect(added).toEqual([2, 5, 8])
    expect(tree.nLeaves).toBe(16)
    expect(reserveLeaf(holes).leafIndex).toBe(2)
    expect(reserveLeaf(treeOf(8))).toMatchObject({ leafIndex: 8, tree: { nLeaves: 16 } })
  })

  test("blanks the direct path of an updated or removed leaf (§12.1.2, §12.1.3)", () => {
    const full = withPath(withPath(treeOf(8), leafIndex(0), 1), leafIndex(7), 2)
    const paths = [1, 3, 7, 11, 13]
    const present = (tree: RatchetTree) =>
      paths.filter((node) => parentNode(tree, at(tree, node)) !== undefined)
    expect(present(full)).toEqual(paths)
    const update = { leafIndex: leafIndex(1), leafNode: leafOf(30) }
    expect(present(updateLeaf(full, update))).toEqual([11, 13])
    expect(present(removeLeaf(full, leafIndex(4)))).toEqual([1, 3, 13])
  })

  test("lists an added leaf as unmerged at its non-blank ancestors (§12.1.1)", () => {
    const path = withPath(
      removeLeaf(removeLeaf(treeOf(8), leafIndex(5)), leafIndex(6)),
      leafIndex(7),
      1,
    )
    const { tree } = applyProposalsToTree(path, {
      updates: [],
      removes: [],
      adds: [leafOf(20), leafOf(21)],
    })
    expect(parentNode(tree, at(tree, 11))?.unmergedLeaves).toEqual([5, 6])
    expect(parentNode(tree, at(tree, 7))?.unmergedLeaves).toEqual([5, 6])
    expect(resolution(tree, at(tree, 11))).toEqual([11, 10, 12])
  })

  test("leaves nodes whose copath child has an empty resolution out of a filtered path (§4.1.2)", () => {
    const sparse = applyProposalsToTree(treeOf(8), {
      updates: [],
      removes: [1, 2, 3].map(leafIndex),
      adds: [],
    }).tree
    expect(filteredDirectPath(sparse, leafIndex(0))).toEqual([{ node: 7, copathChild: 11 }])
    expect(filteredDirectPath(sparse, leafIndex(4)).map((step) => step.node)).toEqual([9, 11, 7])
  })

  test("finds a leaf by its bytes, and none that is not there", () => {
    const tree = treeOf(9)
    expect(findLeaf(tree, leafOf(6))).toBe(6)
    expect(findLeaf(tree, leafOf(12))).toBeUndefined()
    expect(leafNode(tree, leafIndex(9))).toBeUndefined()
    expect(leafNode(tree, leafIndex(4711))).toBeUndefined()
  })

  test("refuses to update or remove what is no member", async () => {
    const tree = treeOf(3)
    const update = { leafIndex: leafIndex(3), leafNode: leafOf(4) }
    expect(await codeOf(() => removeLeaf(tree, leafIndex(3)))).toBe("misuse")
    expect(await codeOf(() => removeLeaf(tree, leafIndex(99)))).toBe("misuse")
    expect(await codeOf(() => updateLeaf(tree, update))).toBe("misuse")
  })

  test("shares all chunks but those of the changed path with its predecessor", () => {
    const adds = Array.from({ length: 2047 }, (_, i) => leafOf(i))
    const large = applyProposalsToTree(createTree(leafOf(0)), { updates: [], removes: [], adds })
    treeHash(crypto, large.tree)
    const next = withPath(large.tree, leafIndex(0), 9)
    const changed = next.cells.chunks.filter((chunk, i) => chunk !== large.tree.cells.chunks[i])
    expect(large.tree.cells.chunks).toHaveLength(4096 / CHUNK_SIZE)
    expect(changed.length).toBeLessThanOrEqual(4)
    expect(next.cell(nodeIndex(4000))).toBe(large.tree.cell(nodeIndex(4000)))
  })
})

type Step =
  | { readonly kind: "add"; readonly count: number }
  | { readonly kind: "update" | "remove" | "path"; readonly pick: number }
  | { readonly kind: "hash" }

const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ kind: fc.constant("add" as const), count: fc.integer({ min: 1, max: 5 }) }),
  fc.record({ kind: fc.constantFrom("update" as const, "remove" as const), pick: fc.nat(100) }),
  fc.record({ kind: fc.constant("path" as const), pick: fc.nat(100) }),
  fc.record({ kind: fc.constant("hash" as const) }),
)

/** A random but legal change. */
function change(tree: RatchetTree, what: Step, tag: number): RatchetTree {
  if (what.kind === "hash") {
    treeHash(crypto, tree)
    return tree
  }
  if (what.kind === "add") {
    const adds = Array.from({ length: what.count }, (_, i) => leafOf(tag * 7 + i))
    return applyProposalsToTree(tree, { updates: [], removes: [], adds }).tree
  }
  const all = [...nonBlankLeaves(tree)]
  const picked = all[what.pick % all.length]
  if (picked === undefined || (what.kind === "remove" && all.length === 1)) return tree
  if (what.kind === "remove") return removeLeaf(tree, picked.leafIndex)
  if (what.kind === "path") return withPath(tree, picked.leafIndex, tag)
  return updateLeaf(tree, { leafIndex: picked.leafIndex, leafNode: leafOf(tag) })
}

/** Everything that is counted, as plain data. */
function counts(tree: RatchetTree) {
  const maps: Record<string, CountMap> = { ...tree.index }
  const entries = Object.entries(maps).map(([name, map]) => ({
    name,
    counts: [...map.keys()].sort().map((key) => [key, map.count(key)]),
    repeated: map.repeated,
  }))
  return { entries, members: memberCount(tree) }
}

test("what a tree remembers equals what is computed from its bytes, after any changes", () => {
  const steps = fc.array(fc.tuple(step, fc.nat(2)), { minLength: 1, maxLength: 25 })
  fc.assert(
    fc.property(steps, (changes) => {
      const versions: { readonly tree: RatchetTree; readonly bytes: string }[] = []
      let last = createTree(leafOf(0))
      changes.forEach(([what, back], tag) => {
        // Most changes go on from the last version, some branch off an earlier one.
        const base = back === 0 ? (versions[tag >> 1]?.tree ?? last) : last
        last = change(base, what, tag)
        versions.push({ tree: last, bytes: bytesToHex(encodeRatchetTree(last)) })
        // Versions that remember nothing yet are branched off too.
        if (tag % 4 !== 0) return
        const fresh = decodeRatchetTree(encodeRatchetTree(last))
        expect(counts(last)).toEqual(counts(fresh))
        expect(treeHash(crypto, last)).toEqual(treeHash(crypto, fresh))
      })
      for (const { tree: version, bytes } of versions) {
        expect(bytesToHex(encodeRatchetTree(version))).toBe(bytes)
        const fresh = decodeRatchetTree(fromHex(bytes))
        expect(version.nLeaves).toBe(fresh.nLeaves)
        expect(counts(version)).toEqual(counts(fresh))
        expect(treeHash(crypto, version)).toEqual(treeHash(crypto, fresh))
        const top = root(version.nLeaves)
        expect(resolution(version, top)).toEqual(resolution(fresh, top))
      }
    }),
    { numRuns: 100 },
  )
})
