// RFC 9420 §7.8: tree hashes, and those of an original sibling (§7.9).

import { keyBytes, keyString } from "./bytes.ts"
import { type Encoder, Writer, encode, withEncoded } from "./codec.ts"
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
  return keyBytes(treeHashKey(crypto, tree, node))
}

/** As a `keyString`. */
function treeHashKey(crypto: MlsCrypto, tree: CellSource, node: NodeIndex): string {
  const cell = tree.cell(node)
  cell.treeHash ??= keyString(nodeHash(crypto, tree, node, cell.bytes))
  return cell.treeHash
}

function nodeHash(
  crypto: MlsCrypto,
  tree: CellSource,
  node: NodeIndex,
  bytes: Uint8Array | undefined,
): Uint8Array {
  if (isLeaf(node)) {
    return bytes === undefined ? blankLeafHash(crypto, node) : leafHash(crypto, node, bytes)
  }
  const leftHash = treeHashKey(crypto, tree, left(node))
  const rightHash = treeHashKey(crypto, tree, right(node))
  return bytes === undefined
    ? blankParentHash(crypto, leftHash, rightHash)
    : parentHashOf(crypto, bytes, [leftHash, rightHash])
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
    treeHashKey(crypto, tree, subtree)
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
    keyString(originalTreeHash(crypto, tree, { node: left(node), without })),
    keyString(originalTreeHash(crypto, tree, { node: right(node), without })),
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
}> = (writer, { node, bytes }) => writeLeafInput(writer, node, bytes)

function writeLeafInput(writer: Writer, node: NodeIndex, bytes: Uint8Array | undefined): void {
  writer.u8(nodeTypes.leaf)
  writer.u32(nodeToLeaf(node))
  writeOptional(writer, bytes)
}

/** `ParentNodeHashInput`. */
function parentHashOf(
  crypto: MlsCrypto,
  bytes: Uint8Array | undefined,
  children: readonly [string, string],
): Uint8Array {
  return withEncoded(encodeParentInput, { bytes, children }, (input) => crypto.hash(input))
}

const encodeParentInput: Encoder<{
  readonly bytes: Uint8Array | undefined
  readonly children: readonly [string, string]
}> = (writer, { bytes, children: [leftHash, rightHash] }) =>
  writeParentInput(writer, bytes, leftHash, rightHash)

function writeParentInput(
  writer: Writer,
  bytes: Uint8Array | undefined,
  leftHash: string,
  rightHash: string,
): void {
  writer.u8(nodeTypes.parent)
  writeOptional(writer, bytes)
  writer.opaqueKey(leftHash)
  writer.opaqueKey(rightHash)
}

function writeOptional(writer: Writer, bytes: Uint8Array | undefined): void {
  writer.u8(bytes === undefined ? 0 : 1)
  if (bytes !== undefined) writer.fixed(bytes)
}

/** Of blank nodes 64 KB can hold 60,000: their inputs are always written in the same place. */
const blankLeafInput = new Writer()
const blankParentInput = new Writer(256)
let blankLeafView = blankLeafInput.view()
let blankParentView = blankParentInput.view()

function blankLeafHash(crypto: MlsCrypto, node: NodeIndex): Uint8Array {
  const writer = blankLeafInput
  writer.clear()
  writeLeafInput(writer, node, undefined)
  if (blankLeafView.length !== writer.length) blankLeafView = writer.view()
  return crypto.hash(blankLeafView)
}

function blankParentHash(crypto: MlsCrypto, leftHash: string, rightHash: string): Uint8Array {
  const writer = blankParentInput
  writer.clear()
  writeParentInput(writer, undefined, leftHash, rightHash)
  if (blankParentView.length !== writer.length) blankParentView = writer.view()
  return crypto.hash(blankParentView)
}

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
