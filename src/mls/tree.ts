// RFC 9420 §4.1, §7.7, §12.1: the ratchet tree: what it holds, and how proposals change it.

import { atOnce } from "./batches.ts"
import { packed } from "./bytes.ts"
import { Reader, encode } from "./codec.ts"
import { MlsError } from "./error.ts"
import { type LeafNode, encodeLeafNode } from "./leaf-node.ts"
import type { ParentNode } from "./parent-node.ts"
import { subtreeCounts } from "./tree-cell.ts"
import { type RatchetTree, TreeDraft, blankTree } from "./tree-draft.ts"
import {
  type LeafIndex,
  type NodeIndex,
  directPath,
  isLeaf,
  leafIndex,
  leafToNode,
  left,
  level,
  nodeIndex,
  right,
  root,
} from "./tree-math.ts"

export type { RatchetTree } from "./tree-draft.ts"

/** Leaves that are added at a time. */
const PART = 512

/** A non-blank leaf. */
export interface Member {
  readonly leafIndex: LeafIndex
  readonly leafNode: LeafNode
}

/** A node of a filtered direct path, and its child off the path. */
export interface PathStep {
  readonly node: NodeIndex
  readonly copathChild: NodeIndex
}

/** A tree of one member (§11). */
export function createTree(leafNode: LeafNode): RatchetTree {
  const draft = new TreeDraft(blankTree(1))
  draft.setLeaf(leafIndex(0), leafNode)
  return draft.finish()
}

/** A member's leaf; `undefined` when it is blank or outside the tree. Throws `MlsError` `decode`. */
export function leafNode(tree: RatchetTree, leaf: LeafIndex): LeafNode | undefined {
  return leaf < tree.nLeaves ? tree.cell(leafToNode(leaf)).leafNode() : undefined
}

/** A parent node; `undefined` when it is blank. Throws `MlsError` `decode`. */
export function parentNode(tree: RatchetTree, node: NodeIndex): ParentNode | undefined {
  return tree.cell(node).parentNode()
}

/** The encryption key of a leaf or parent; `undefined` for a blank. Throws `MlsError` `decode`. */
export function encryptionKey(tree: RatchetTree, node: NodeIndex): Uint8Array | undefined {
  const { bytes } = tree.cell(node)
  // Leaves and parents both begin with it (§7.1, §7.2); the leaves of a large tree are not parsed for it.
  return bytes && new Reader(bytes).opaque()
}

/** Number of members. */
export function memberCount(tree: RatchetTree): number {
  return subtreeCounts(tree, root(tree.nLeaves)).leaves
}

/** All members by ascending leaf index. Throws `MlsError` `decode`. */
export function* nonBlankLeaves(tree: RatchetTree): Iterable<Member> {
  for (let i = 0; i < tree.nLeaves; i++) {
    const leaf = tree.cell(leafToNode(leafIndex(i))).leafNodeOnce()
    if (leaf !== undefined) yield { leafIndex: leafIndex(i), leafNode: leaf }
  }
}

/** Where exactly this leaf stands, or `undefined`. Compares bytes; no leaf is parsed. */
export function findLeaf(tree: RatchetTree, wanted: LeafNode): LeafIndex | undefined {
  const bytes = encode(encodeLeafNode, wanted)
  for (let i = 0; i < tree.nLeaves; i++) {
    const candidate = tree.cell(leafToNode(leafIndex(i))).bytes
    if (candidate?.length === bytes.length && candidate.every((byte, k) => byte === bytes[k])) {
      return leafIndex(i)
    }
  }
  return undefined
}

/** The resolution of a node (§4.1.1). Blank subtrees are not entered. */
export function resolution(tree: RatchetTree, node: NodeIndex): NodeIndex[] {
  const found: NodeIndex[] = []
  const visit = (current: NodeIndex): void => {
    if (subtreeCounts(tree, current).nodes === 0) return
    const cell = tree.cell(current)
    if (cell.bytes === undefined) {
      visit(left(current))
      visit(right(current))
      return
    }
    found.push(current)
    if (isLeaf(current)) return
    for (const leaf of cell.parentNode()?.unmergedLeaves ?? []) {
      found.push(leafToNode(leafIndex(leaf)))
    }
  }
  visit(node)
  return found
}

/** The filtered direct path of a leaf (§4.1.2), from the leaf's side to the root. */
export function filteredDirectPath(tree: RatchetTree, leaf: LeafIndex): PathStep[] {
  const steps: PathStep[] = []
  let below = leafToNode(leaf)
  for (const node of directPath(below, tree.nLeaves)) {
    const copathChild = below < node ? right(node) : left(node)
    if (subtreeCounts(tree, copathChild).nodes > 0) steps.push({ node, copathChild })
    below = node
  }
  return steps
}

/** Whether `node` is `ancestor` or in the subtree below it. */
export function isBelow(node: NodeIndex, ancestor: NodeIndex): boolean {
  return Math.abs(node - ancestor) < 2 ** level(ancestor)
}

export interface TreeProposals {
  readonly updates: readonly Member[]
  readonly removes: readonly LeafIndex[]
  readonly adds: readonly LeafNode[]
}

export interface TreeWithAdded {
  readonly tree: RatchetTree
  /** The new members' leaves, in the order of the Adds. */
  readonly added: readonly LeafIndex[]
}

/**
 * Applies a commit's proposals in the order of §12.3: Updates, Removes, Adds. The leaves must have been
 * validated. Throws `MlsError` `misuse` for an Update or Remove of a leaf that is no member.
 */
export function applyProposalsToTree(tree: RatchetTree, proposals: TreeProposals): TreeWithAdded {
  return atOnce(applyingProposals(tree, proposals))
}

/** The same in parts. Yields now and then. */
export function* applyingProposals(
  tree: RatchetTree,
  proposals: TreeProposals,
): Generator<undefined, TreeWithAdded> {
  const draft = new TreeDraft(tree)
  for (const update of proposals.updates) {
    requireMember(draft, update.leafIndex)
    draft.setLeaf(update.leafIndex, update.leafNode)
    draft.blankDirectPath(update.leafIndex)
  }
  for (const leaf of proposals.removes) {
    requireMember(draft, leaf)
    draft.setLeaf(leaf, undefined)
    draft.blankDirectPath(leaf)
  }
  if (proposals.removes.length > 0) draft.truncate()
  const added: LeafIndex[] = []
  for (let first = 0; first < proposals.adds.length; first += PART) {
    if (first > 0) yield
    const leaves = proposals.adds.slice(first, first + PART)
    const encoded = packed(leaves.map((leaf) => encode(encodeLeafNode, leaf)))
    for (const [i, leaf] of leaves.entries()) {
      const index = draft.leftmostBlankLeaf()
      draft.setLeaf(index, leaf, encoded[i])
      added.push(index)
    }
  }
  markUnmerged(draft, added)
  return { tree: draft.finish(), added }
}

/** §12.1.1. Throws as `applyProposalsToTree`. */
export function addLeaf(
  tree: RatchetTree,
  leaf: LeafNode,
): { readonly tree: RatchetTree; readonly leafIndex: LeafIndex } {
  const result = applyProposalsToTree(tree, { updates: [], removes: [], adds: [leaf] })
  return { tree: result.tree, leafIndex: onlyOf(result.added) }
}

/** §12.1.2. Throws as `applyProposalsToTree`. */
export function updateLeaf(tree: RatchetTree, update: Member): RatchetTree {
  return applyProposalsToTree(tree, { updates: [update], removes: [], adds: [] }).tree
}

/** §12.1.3. Throws as `applyProposalsToTree`. */
export function removeLeaf(tree: RatchetTree, leaf: LeafIndex): RatchetTree {
  return applyProposalsToTree(tree, { updates: [], removes: [leaf], adds: [] }).tree
}

/** Room for the leaf of an external committer (§12.4.3.2): a blank leaf, of an extended tree if need be. */
export function reserveLeaf(tree: RatchetTree): {
  readonly tree: RatchetTree
  readonly leafIndex: LeafIndex
} {
  const draft = new TreeDraft(tree)
  const index = draft.leftmostBlankLeaf()
  return { tree: draft.finish(), leafIndex: index }
}

export interface TreePath {
  readonly leafIndex: LeafIndex
  readonly leafNode: LeafNode
  /** The nodes of the filtered direct path; the other ancestors become blank. */
  readonly parents: ReadonlyMap<NodeIndex, ParentNode>
}

/** Puts a committer's leaf and path into the tree (§7.5). The leaf may have been blank. */
export function setPath(tree: RatchetTree, path: TreePath): RatchetTree {
  const draft = new TreeDraft(tree)
  draft.setLeaf(path.leafIndex, path.leafNode)
  for (const node of directPath(leafToNode(path.leafIndex), tree.nLeaves)) {
    draft.setParent(node, path.parents.get(node))
  }
  return draft.finish()
}

function requireMember(draft: TreeDraft, leaf: LeafIndex): void {
  const member = leaf < draft.nLeaves && draft.cell(leafToNode(leaf)).bytes !== undefined
  if (!member) throw new MlsError("misuse", `leaf ${leaf} is no member`, "12.3")
}

/** §12.1.1: every non-blank ancestor of a new leaf lists it. Many new leaves are listed at once. */
function markUnmerged(draft: TreeDraft, added: readonly LeafIndex[]): void {
  const byParent = new Map<NodeIndex, number[]>()
  for (const leaf of added) {
    for (const node of directPath(leafToNode(leaf), draft.nLeaves)) {
      if (draft.cell(node).bytes === undefined) continue
      const list = byParent.get(node)
      if (list === undefined) byParent.set(node, [leaf])
      else list.push(leaf)
    }
  }
  for (const [node, leaves] of byParent) {
    const value = draft.cell(node).parentNode()
    if (value === undefined) continue
    const unmergedLeaves = [...value.unmergedLeaves, ...leaves].sort((a, b) => a - b)
    draft.setParent(node, { ...value, unmergedLeaves })
  }
}

function onlyOf(leaves: readonly LeafIndex[]): LeafIndex {
  const [only] = leaves
  if (only === undefined) throw new MlsError("internal", "no leaf was added")
  return only
}

/** Every non-blank parent node, by ascending index. Throws `MlsError` `decode` or `unmerged_leaves`. */
export function* nonBlankParents(
  tree: RatchetTree,
): Iterable<{ readonly node: NodeIndex; readonly value: ParentNode }> {
  for (let i = 1; i < tree.cells.length; i += 2) {
    const value = tree.cell(nodeIndex(i)).parentNode()
    if (value !== undefined) yield { node: nodeIndex(i), value }
  }
}
