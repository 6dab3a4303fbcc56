// RFC 9420 Appendix C: array-based trees.

import { MlsError } from "./error.ts"

declare const leafBrand: unique symbol
declare const nodeBrand: unique symbol

/** A leaf's number, from the left, starting at 0. */
export type LeafIndex = number & { readonly [leafBrand]: true }
/** A node's place in the array: leaves at even, parents at odd indices. */
export type NodeIndex = number & { readonly [nodeBrand]: true }

/** Trees are not larger than this, so that 32-bit arithmetic is exact. */
const MAX_INDEX = 2 ** 30

/** Throws `MlsError` `invalid_index`. */
export function leafIndex(index: number): LeafIndex {
  return checked(index) as LeafIndex
}

/** Throws `MlsError` `invalid_index`. */
export function nodeIndex(index: number): NodeIndex {
  return checked(index) as NodeIndex
}

export function leafToNode(leaf: LeafIndex): NodeIndex {
  return (leaf * 2) as NodeIndex
}

/** The leaf at an even node index. Throws `MlsError` `invalid_index` for a parent. */
export function nodeToLeaf(node: NodeIndex): LeafIndex {
  if (!isLeaf(node)) throw new MlsError("invalid_index", `node ${node} is not a leaf`, "C")
  return (node / 2) as LeafIndex
}

export function isLeaf(node: NodeIndex): boolean {
  return node % 2 === 0
}

/** Height above the leaves: 0 for a leaf. */
export function level(node: NodeIndex): number {
  // The number of trailing one bits.
  return 31 - Math.clz32(~node & -~node)
}

/** Nodes of a tree with `leafCount` leaves. */
export function nodeWidth(leafCount: number): number {
  return leafCount === 0 ? 0 : 2 * leafCount - 1
}

/** The root of a tree with `leafCount` leaves, a power of two (§7.7). */
export function root(leafCount: number): NodeIndex {
  return (leafCount - 1) as NodeIndex
}

/** Throws `MlsError` `invalid_index` for a leaf. */
export function left(node: NodeIndex): NodeIndex {
  return (node ^ (1 << (parentLevel(node) - 1))) as NodeIndex
}

/** Throws `MlsError` `invalid_index` for a leaf. */
export function right(node: NodeIndex): NodeIndex {
  return (node ^ (3 << (parentLevel(node) - 1))) as NodeIndex
}

/** Throws `MlsError` `invalid_index` for the root. */
export function parent(node: NodeIndex, leafCount: number): NodeIndex {
  if (node === root(leafCount)) throw new MlsError("invalid_index", "the root has no parent", "C")
  const height = level(node)
  const bit = (node >> (height + 1)) & 1
  return ((node | (1 << height)) ^ (bit << (height + 1))) as NodeIndex
}

/** Throws `MlsError` `invalid_index` for the root. */
export function sibling(node: NodeIndex, leafCount: number): NodeIndex {
  const above = parent(node, leafCount)
  return node < above ? right(above) : left(above)
}

/** From the node's parent up to the root; empty for the root. */
export function directPath(node: NodeIndex, leafCount: number): NodeIndex[] {
  if (node >= nodeWidth(leafCount)) {
    throw new MlsError("invalid_index", `node ${node} is outside the tree`, "C")
  }
  const path: NodeIndex[] = []
  const top = root(leafCount)
  for (let above = node; above !== top; path.push(above)) above = parent(above, leafCount)
  return path
}

/** The siblings of the node and of its direct path without the root, from the bottom up. */
export function copath(node: NodeIndex, leafCount: number): NodeIndex[] {
  return [node, ...directPath(node, leafCount)].slice(0, -1).map((step) => sibling(step, leafCount))
}

/** The lowest node that has both in its subtree. */
export function commonAncestor(a: NodeIndex, b: NodeIndex): NodeIndex {
  const [levelA, levelB] = [level(a) + 1, level(b) + 1]
  if (levelA <= levelB && a >> levelB === b >> levelB) return b
  if (levelB <= levelA && a >> levelA === b >> levelA) return a
  let [x, y, shift] = [a as number, b as number, 0]
  while (x !== y) {
    x >>= 1
    y >>= 1
    shift++
  }
  return ((x << shift) + (1 << (shift - 1)) - 1) as NodeIndex
}

function parentLevel(node: NodeIndex): number {
  const height = level(node)
  if (height === 0) throw new MlsError("invalid_index", "a leaf has no children", "C")
  return height
}

function checked(index: number): number {
  if (!Number.isInteger(index) || index < 0 || index >= MAX_INDEX) {
    throw new MlsError("invalid_index", `${index} is not the index of a node`, "C")
  }
  return index
}
