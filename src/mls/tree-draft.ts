// RFC 9420 §7.7: the ratchet tree as a value, and the changes that lead to its successor.

import { type ChunkedArray, ChunkedArrayDraft, elementAt } from "./chunked-array.ts"
import { encode } from "./codec.ts"
import { type LeafNode, encodeLeafNode } from "./leaf-node.ts"
import { type ParentNode, encodeParentNode } from "./parent-node.ts"
import { Cell, type CellSource, blankCell, subtreeCounts } from "./tree-cell.ts"
import { type TreeIndex, TreeIndexDraft, emptyTreeIndex } from "./tree-index.ts"
import {
  type LeafIndex,
  type NodeIndex,
  directPath,
  isLeaf,
  leafIndex,
  leafToNode,
  left,
  nodeIndex,
  nodeToLeaf,
  nodeWidth,
  parent,
  right,
  root,
} from "./tree-math.ts"

/** A value: no function changes it, each gives a successor, which shares with it all chunks that are equal. */
export class RatchetTree implements CellSource {
  /** Leaves, blank ones included: a power of two. */
  readonly nLeaves: number
  /** By node index, as in Appendix C. */
  readonly cells: ChunkedArray<Cell>
  #index: TreeIndex | undefined

  constructor(nLeaves: number, cells: ChunkedArray<Cell>, index?: TreeIndex) {
    this.nLeaves = nLeaves
    this.cells = cells
    this.#index = index
  }

  cell(node: NodeIndex): Cell {
    return elementAt(this.cells, node)
  }

  /** Made from all nodes at its first use; from then on, each successor gets its own from the changes. */
  get index(): TreeIndex {
    this.#index ??= indexOf(this)
    return this.#index
  }

  /** Takes over the index of exactly these nodes from one who has looked at all of them anyway. */
  adoptIndex(index: TreeIndex): void {
    this.#index ??= index
  }

  get indexIfMade(): TreeIndex | undefined {
    return this.#index
  }
}

/** A tree's successor in the making. */
export class TreeDraft implements CellSource {
  #nLeaves: number
  readonly #cells: ChunkedArrayDraft<Cell>
  readonly #index: TreeIndexDraft | undefined
  /** Cells that this draft made: no other version of the tree has them. */
  readonly #fresh = new Set<Cell>()

  constructor(tree: RatchetTree) {
    this.#nLeaves = tree.nLeaves
    this.#cells = new ChunkedArrayDraft(tree.cells)
    this.#index = tree.indexIfMade && new TreeIndexDraft(tree.indexIfMade)
  }

  get nLeaves(): number {
    return this.#nLeaves
  }

  cell(node: NodeIndex): Cell {
    return this.#cells.get(node)
  }

  /** Replaces a leaf; `undefined` blanks it. `encoded`: where that was done already. */
  setLeaf(leaf: LeafIndex, leafNode: LeafNode | undefined, encoded?: Uint8Array): void {
    const node = leafToNode(leaf)
    const old = this.#index && this.cell(node).leafNodeOnce()
    if (old !== undefined) this.#index?.removeLeaf(old)
    if (leafNode !== undefined) this.#index?.addLeaf(leafNode)
    this.#replace(node, new Cell(leafNode && (encoded ?? encode(encodeLeafNode, leafNode))))
  }

  /** Replaces a parent node; `undefined` blanks it. */
  setParent(node: NodeIndex, value: ParentNode | undefined): void {
    const cell = this.cell(node)
    if (cell.bytes === undefined && value === undefined) return
    const old = this.#index && cell.parentNode()
    if (old !== undefined) this.#index?.removeParent(old)
    if (value === undefined) {
      this.#replace(node, new Cell())
      return
    }
    this.#index?.addParent(value)
    this.#replace(node, Cell.parent(encode(encodeParentNode, value), value))
  }

  /** Blanks every node from a leaf's parent to the root. */
  blankDirectPath(leaf: LeafIndex): void {
    for (const node of directPath(leafToNode(leaf), this.#nLeaves)) this.setParent(node, undefined)
  }

  /** The leftmost blank leaf; where there is none the tree is extended to the right (§7.7). */
  leftmostBlankLeaf(): LeafIndex {
    let node = root(this.#nLeaves)
    if (subtreeCounts(this, node).leaves === this.#nLeaves) {
      this.extend()
      return leafIndex(this.#nLeaves / 2)
    }
    let width = this.#nLeaves
    while (!isLeaf(node)) {
      width /= 2
      const onLeft = subtreeCounts(this, left(node)).leaves < width
      node = onLeft ? left(node) : right(node)
    }
    return nodeToLeaf(node)
  }

  /** Doubles the number of leaves. */
  extend(): void {
    this.#nLeaves *= 2
    fillWithBlanks(this.#cells, this.#nLeaves)
  }

  /** Halves the tree while its right half has no member (§7.7). */
  truncate(): void {
    while (this.#nLeaves > 1) {
      if (subtreeCounts(this, right(root(this.#nLeaves))).leaves > 0) return
      this.setParent(root(this.#nLeaves), undefined)
      this.#nLeaves /= 2
      this.#cells.truncate(nodeWidth(this.#nLeaves))
    }
  }

  /** The successor. The draft must not be used afterwards. */
  finish(): RatchetTree {
    return new RatchetTree(this.#nLeaves, this.#cells.finish(), this.#index?.finish())
  }

  #replace(node: NodeIndex, cell: Cell): void {
    this.#set(node, cell)
    let ancestor = node
    while (ancestor !== root(this.#nLeaves)) {
      ancestor = parent(ancestor, this.#nLeaves)
      const stale = this.cell(ancestor)
      // Whatever is above a cell of this draft is of this draft too, and memos are made from below: above a
      // parent without any, there are none.
      if (this.#fresh.has(stale) && !stale.remembers) return
      this.#set(ancestor, stale.renewed())
    }
  }

  #set(node: NodeIndex, cell: Cell): void {
    this.#fresh.add(cell)
    this.#cells.set(node, cell)
  }
}

/** Blank nodes at the end, up to those of a tree with so many leaves. */
export function fillWithBlanks(cells: ChunkedArrayDraft<Cell>, nLeaves: number): void {
  while (cells.length < nodeWidth(nLeaves)) cells.push(blankCell(cells.length))
}

/** A tree of blanks with a power of two of leaves. */
export function blankTree(nLeaves: number): RatchetTree {
  const cells = new ChunkedArrayDraft<Cell>()
  fillWithBlanks(cells, nLeaves)
  return new RatchetTree(nLeaves, cells.finish(), emptyTreeIndex)
}

function indexOf(tree: RatchetTree): TreeIndex {
  const draft = new TreeIndexDraft(emptyTreeIndex)
  for (let i = 0; i < tree.cells.length; i++) {
    const cell = tree.cell(nodeIndex(i))
    if (i % 2 === 0) {
      const leaf = cell.leafNodeOnce()
      if (leaf !== undefined) draft.addLeaf(leaf)
    } else {
      const node = cell.parentNode()
      if (node !== undefined) draft.addParent(node)
    }
  }
  return draft.finish()
}
