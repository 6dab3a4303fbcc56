// RFC 9420 §4.1.1, §7.1: one place in the ratchet tree and what is remembered about the subtree below it.

import { decode } from "./codec.ts"
import { type LeafNode, decodeLeafNode } from "./leaf-node.ts"
import { type ParentNode, decodeParentNode } from "./parent-node.ts"
import { type NodeIndex, isLeaf, left, right } from "./tree-math.ts"

/** Non-blank nodes and non-blank leaves of a subtree. */
export interface SubtreeCounts {
  readonly nodes: number
  readonly leaves: number
}

/** The tree hash that a subtree had without some of its leaves (§7.9). */
export interface OriginalTreeHash {
  /** The leaves left out, ascending. */
  readonly without: readonly number[]
  readonly hash: Uint8Array
}

/**
 * A node, or a blank. It never changes: whoever changes a node replaces its cell and those of all its
 * ancestors, and so leaves behind whatever was remembered. The fields that are written to are memos, which
 * follow from the cells of the subtree and from nothing else.
 */
export class Cell {
  /** The LeafNode or ParentNode as it was received; `undefined` for a blank. */
  readonly bytes: Uint8Array | undefined
  counts: SubtreeCounts | undefined
  /** As a `keyString`, since each node has one: of a small byte array most is not the bytes. */
  treeHash: string | undefined
  original: OriginalTreeHash | undefined
  #leafNode: LeafNode | undefined
  #parentNode: ParentNode | undefined

  constructor(bytes?: Uint8Array) {
    this.bytes = bytes
    this.counts = undefined
    this.treeHash = undefined
    this.original = undefined
    this.#leafNode = undefined
    this.#parentNode = undefined
  }

  static parent(bytes: Uint8Array, node: ParentNode): Cell {
    const cell = new Cell(bytes)
    cell.#parentNode = node
    return cell
  }

  /** The same node without what was remembered about its subtree. */
  renewed(): Cell {
    const cell = new Cell(this.bytes)
    cell.#leafNode = this.#leafNode
    cell.#parentNode = this.#parentNode
    return cell
  }

  /** Whether anything is remembered that a change below would make wrong. */
  get remembers(): boolean {
    return this.counts !== undefined || this.treeHash !== undefined || this.original !== undefined
  }

  /** Kept once it is parsed. Throws `MlsError` `decode`. */
  leafNode(): LeafNode | undefined {
    if (this.bytes === undefined) return undefined
    this.#leafNode ??= decode(decodeLeafNode, this.bytes)
    return this.#leafNode
  }

  /** For those who look at every leaf: not kept, since parsed leaves take five times the memory of their bytes. */
  leafNodeOnce(): LeafNode | undefined {
    return this.bytes && (this.#leafNode ?? decode(decodeLeafNode, this.bytes))
  }

  /** Kept once it is parsed. Throws `MlsError` `decode` or `unmerged_leaves`. */
  parentNode(): ParentNode | undefined {
    if (this.bytes === undefined) return undefined
    this.#parentNode ??= decode(decodeParentNode, this.bytes)
    return this.#parentNode
  }
}

/** Stands wherever a leaf is blank: nothing that depends on the place is remembered in it. */
const blankLeaf = new Cell()

export function blankCell(node: number): Cell {
  return node % 2 === 0 ? blankLeaf : new Cell()
}

/** A tree, or one in the making. */
export interface CellSource {
  /** Leaves, blank ones included: a power of two. */
  readonly nLeaves: number
  cell(node: NodeIndex): Cell
}

/** What stands at and below a node. */
export function subtreeCounts(source: CellSource, node: NodeIndex): SubtreeCounts {
  const cell = source.cell(node)
  if (cell.counts !== undefined) return cell.counts
  const own = cell.bytes === undefined ? 0 : 1
  if (isLeaf(node)) cell.counts = own === 1 ? ONE_LEAF : NOTHING
  else {
    const l = subtreeCounts(source, left(node))
    const r = subtreeCounts(source, right(node))
    const nodes = own + l.nodes + r.nodes
    cell.counts = nodes === 0 ? NOTHING : { nodes, leaves: l.leaves + r.leaves }
  }
  return cell.counts
}

const NOTHING: SubtreeCounts = { nodes: 0, leaves: 0 }
const ONE_LEAF: SubtreeCounts = { nodes: 1, leaves: 1 }
