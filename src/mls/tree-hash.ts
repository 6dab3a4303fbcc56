// RFC 9420 §7.8: tree hashes, and those of an original sibling (§7.9).

import { keyBytes, keyString } from "./bytes.ts"
import { type Encoder, encode, withEncoded } from "./codec.ts"
import type { MlsCrypto } from "./crypto.ts"
import { type ParentNode, encodeParentNode, nodeTypes } from "./parent-node.ts"
import { type CellSource, subtreeCounts } from "./tree-cell.ts"
import {
  type NodeIndex,
  isLeaf,
  leafIndex,
  leafToNode,
  left,
  level,
  nodeIndex,
  nodeToLeaf,
  right,
  root,
} from "./tree-math.ts"

/** Leaves whose subtree is hashed at a time: a power of two. */
const PART = 128

/** The tree hash of a subtree, by default of the whole tree. Remembered in its cells. */
export function treeHash(
  crypto: MlsCrypto,
  tree: CellSource,
  node: NodeIndex = root(tree.nLeaves),
): Uint8Array {
  const cell = tree.cell(node)
  if (cell.treeHash !== undefined) return keyBytes(cell.treeHash)
  const hash = isLeaf(node)
    ? leafHash(crypto, node, cell.bytes)
    : parentHashOf(crypto, cell.bytes, [
        treeHash(crypto, tree, left(node)),
        treeHash(crypto, tree, right(node)),
      ])
  if (isRemembered(tree, node)) cell.treeHash = keyString(hash)
  return hash
}

/** Of 60,000 blank nodes, which 64 KB can hold, most are below this level: their hashes are made again when asked for. */
const REMEMBERED_BLANK = 3

function isRemembered(tree: CellSource, node: NodeIndex): boolean {
  return level(node) >= REMEMBERED_BLANK || subtreeCounts(tree, node).nodes > 0
}

/** The tree hash of the whole tree, in parts. Yields between two that were not remembered. */
export function* treeHashing(
  crypto: MlsCrypto,
  tree: CellSource,
): Generator<undefined, Uint8Array> {
  const width = Math.min(PART, tree.nLeaves)
  let hashed = 0
  for (let first = 0; first < tree.nLeaves; first += width) {
    const subtree = nodeIndex(2 * first + width - 1)
    if (tree.cell(subtree).treeHash !== undefined) continue
    if (hashed++ > 0) yield
    treeHash(crypto, tree, subtree)
  }
  return treeHash(crypto, tree)
}

/**
 * The tree hash that the subtree of `node` had before `without` were added: their leaves blank, and none of
 * them in a list of unmerged leaves (§7.9). `without` ascends and may name leaves elsewhere in the tree.
 */
export function originalTreeHash(
  crypto: MlsCrypto,
  tree: CellSource,
  at: { readonly node: NodeIndex; readonly without: readonly number[] },
): Uint8Array {
  const { node } = at
  const without = below(node, at.without)
  if (without.length === 0) return treeHash(crypto, tree, node)
  if (isLeaf(node)) return leafHash(crypto, node, undefined)
  const cell = tree.cell(node)
  // All nodes between an unmerged leaf and a node that lists it list it too, so most lists agree.
  if (cell.original !== undefined && equalLists(cell.original.without, without)) {
    return cell.original.hash
  }
  const hash = parentHashOf(crypto, withoutLeaves(cell.bytes, cell.parentNode(), without), [
    originalTreeHash(crypto, tree, { node: left(node), without }),
    originalTreeHash(crypto, tree, { node: right(node), without }),
  ])
  cell.original = { without, hash }
  return hash
}

/** Those of ascending leaf indexes that are in the subtree of `node`. */
export function below(node: NodeIndex, leaves: readonly number[]): readonly number[] {
  if (leaves.length === 0) return leaves
  const width = 2 ** level(node)
  const start = (node - (width - 1)) / 2
  const from = lowerBound(leaves, start)
  const to = lowerBound(leaves, start + width)
  return from === 0 && to === leaves.length ? leaves : leaves.slice(from, to)
}

/** Whether the leaf is a non-blank one of the tree. */
export function isMember(tree: CellSource, leaf: number): boolean {
  return leaf < tree.nLeaves && subtreeCounts(tree, leafToNode(leafIndex(leaf))).leaves > 0
}

/** `LeafNodeHashInput`. */
function leafHash(crypto: MlsCrypto, node: NodeIndex, bytes: Uint8Array | undefined): Uint8Array {
  return withEncoded(encodeLeafInput, { node, bytes }, (input) => crypto.hash(input))
}

const encodeLeafInput: Encoder<{
  readonly node: NodeIndex
  readonly bytes: Uint8Array | undefined
}> = (writer, { node, bytes }) => {
  writer.u8(nodeTypes.leaf)
  writer.u32(nodeToLeaf(node))
  writer.optional(bytes, writeFixed)
}

/** `ParentNodeHashInput`. */
function parentHashOf(
  crypto: MlsCrypto,
  bytes: Uint8Array | undefined,
  children: readonly [Uint8Array, Uint8Array],
): Uint8Array {
  return withEncoded(encodeParentInput, { bytes, children }, (input) => crypto.hash(input))
}

const encodeParentInput: Encoder<{
  readonly bytes: Uint8Array | undefined
  readonly children: readonly [Uint8Array, Uint8Array]
}> = (writer, { bytes, children: [leftHash, rightHash] }) => {
  writer.u8(nodeTypes.parent)
  writer.optional(bytes, writeFixed)
  writer.opaque(leftHash)
  writer.opaque(rightHash)
}

const writeFixed: Encoder<Uint8Array> = (writer, bytes) => writer.fixed(bytes)

function withoutLeaves(
  bytes: Uint8Array | undefined,
  node: ParentNode | undefined,
  without: readonly number[],
): Uint8Array | undefined {
  if (node === undefined || node.unmergedLeaves.length === 0) return bytes
  const removed = new Set(without)
  const unmergedLeaves = node.unmergedLeaves.filter((leaf) => !removed.has(leaf))
  return encode(encodeParentNode, { ...node, unmergedLeaves })
}

function equalLists(a: readonly number[], b: readonly number[]): boolean {
  return a === b || (a.length === b.length && a.every((value, i) => value === b[i]))
}

/** Index of the first element that is not below `bound`. */
function lowerBound(ascending: readonly number[], bound: number): number {
  let low = 0
  let high = ascending.length
  while (low < high) {
    const middle = (low + high) >> 1
    if ((ascending[middle] ?? bound) < bound) low = middle + 1
    else high = middle
  }
  return low
}
