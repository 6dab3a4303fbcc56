// RFC 9420 §12.4.3.3: what a ratchet_tree must not look like.

import { beforeAll, describe, expect, test } from "vitest"
import { Writer, encode } from "./codec.ts"
import { encodeLeafNode } from "./leaf-node.ts"
import { type ParentNode, encodeParentNode } from "./parent-node.ts"
import { decodeRatchetTree, encodeRatchetTree } from "./ratchet-tree-codec.ts"
import { codeOf, cryptoOf, fuzzDecoder, members } from "./tree.fixture.ts"
import {
  applyProposalsToTree,
  createTree,
  memberCount,
  nonBlankLeaves,
  nonBlankParents,
} from "./tree.ts"

let leaves: Uint8Array[]
let whole: Uint8Array

const parentBytes = encode<ParentNode>(encodeParentNode, {
  encryptionKey: Uint8Array.of(1),
  parentHash: new Uint8Array(),
  unmergedLeaves: [],
})

/** A ratchet_tree of these nodes: bytes with their type, or a blank. */
function treeOf(nodes: readonly (readonly [type: number, bytes: Uint8Array] | undefined)[]) {
  const body = new Writer()
  for (const node of nodes) {
    body.u8(node === undefined ? 0 : 1)
    if (node === undefined) continue
    body.u8(node[0])
    body.fixed(node[1])
  }
  const writer = new Writer()
  writer.opaque(body.view())
  return writer.finish()
}

function leaf(i: number): readonly [number, Uint8Array] {
  const bytes = leaves[i]
  if (bytes === undefined) throw new Error("no such leaf")
  return [1, bytes]
}

beforeAll(async () => {
  const own = await members(await cryptoOf("webcrypto"), 5)
  const nodes = own.map(({ keyPackage }) => keyPackage.leafNode)
  leaves = nodes.map((node) => encode(encodeLeafNode, node))
  const [first, ...adds] = nodes
  if (first === undefined) throw new Error("no member")
  const tree = applyProposalsToTree(createTree(first), { updates: [], removes: [], adds }).tree
  whole = encodeRatchetTree(tree)
})

describe("ratchet_tree", () => {
  test("decodes to a full tree of blanks and members", () => {
    const tree = decodeRatchetTree(whole)
    expect(tree.nLeaves).toBe(8)
    expect(tree.cells.length).toBe(15)
    expect(memberCount(tree)).toBe(5)
    expect(encodeRatchetTree(tree)).toEqual(whole)
    expect(decodeRatchetTree(treeOf([leaf(0)])).nLeaves).toBe(1)
    expect(decodeRatchetTree(treeOf([leaf(0), undefined, leaf(1)])).nLeaves).toBe(2)
  })

  test("does not end with a blank, and is not empty", async () => {
    expect(await codeOf(() => decodeRatchetTree(treeOf([leaf(0), undefined])))).toBe(
      "tree_malformed",
    )
    expect(await codeOf(() => decodeRatchetTree(treeOf([])))).toBe("tree_malformed")
  })

  test("has leaves at even and parents at odd indexes", async () => {
    const parent = [2, parentBytes] as const
    expect(await codeOf(() => decodeRatchetTree(treeOf([leaf(0), leaf(1)])))).toBe("tree_malformed")
    expect(await codeOf(() => decodeRatchetTree(treeOf([parent])))).toBe("tree_malformed")
    expect(await codeOf(() => decodeRatchetTree(treeOf([[3, parentBytes]])))).toBe("tree_malformed")
    expect(decodeRatchetTree(treeOf([leaf(0), parent, leaf(1)])).nLeaves).toBe(2)
  })

  test("is read up to a limit of leaves", async () => {
    expect(await codeOf(() => decodeRatchetTree(whole, 4))).toBe("tree_too_large")
    expect(decodeRatchetTree(whole, 8).nLeaves).toBe(8)
    const blanks = new Uint8Array(2 ** 19)
    const writer = new Writer()
    writer.opaque(blanks)
    expect(await codeOf(() => decodeRatchetTree(writer.finish()))).toBe("tree_too_large")
  })

  test("damaged in any way is refused with an MlsError or read whole", () => {
    const refused = fuzzDecoder((reader) => {
      const tree = decodeRatchetTree(reader.fixed(reader.remaining))
      return [[...nonBlankLeaves(tree)], [...nonBlankParents(tree)], tree.index]
    }, whole)
    expect(refused).toBeGreaterThan(whole.length)
  })
})
