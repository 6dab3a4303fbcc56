// RFC 9420 §7.9: parent hashes, which tie a parent node to the member that put it there.

import { equalBytes } from "./bytes.ts"
import { Writer } from "./codec.ts"
import type { MlsCrypto } from "./crypto.ts"
import { MlsError } from "./error.ts"
import type { ParentNode } from "./parent-node.ts"
import { type CellSource, subtreeCounts } from "./tree-cell.ts"
import { type RatchetTree } from "./tree-draft.ts"
import { below, originalTreeHash } from "./tree-hash.ts"
import { type NodeIndex, isLeaf, leafIndex, leafToNode, left, right } from "./tree-math.ts"
import { nonBlankParents } from "./tree.ts"

/** What a ParentHashInput takes from the parent node. */
export interface ParentHashOf {
  readonly encryptionKey: Uint8Array
  readonly parentHash: Uint8Array
}

/** `ParentHashInput`, hashed (§7.9). */
export function parentHash(
  crypto: MlsCrypto,
  parent: ParentHashOf,
  originalSiblingTreeHash: Uint8Array,
): Uint8Array {
  const writer = new Writer()
  writer.opaque(parent.encryptionKey)
  writer.opaque(parent.parentHash)
  writer.opaque(originalSiblingTreeHash)
  return crypto.hash(writer.view())
}

/**
 * §7.9.2: for each non-blank parent node some descendant's parent_hash is the hash of it. One node at a time.
 * Throws `MlsError` `parent_hash_invalid`.
 */
export function* parentHashChecks(crypto: MlsCrypto, tree: RatchetTree): Generator<undefined> {
  for (const { node, value } of nonBlankParents(tree)) {
    const sides = [
      { node, value, child: left(node), sibling: right(node) },
      { node, value, child: right(node), sibling: left(node) },
    ]
    if (!sides.some((side) => isLinked(crypto, tree, side))) {
      throw new MlsError("parent_hash_invalid", `node ${node} has no valid parent hash`, "7.9.2")
    }
    yield
  }
}

interface Side {
  readonly node: NodeIndex
  readonly value: ParentNode
  readonly child: NodeIndex
  readonly sibling: NodeIndex
}

/** Whether `node` is parent-hash valid by a descendant below `child`. */
function isLinked(crypto: MlsCrypto, tree: RatchetTree, side: Side): boolean {
  const unmerged = below(side.child, side.value.unmergedLeaves)
  const candidate = linkCandidate(tree, side.child, unmerged)
  if (candidate === undefined) return false
  const stated = statedParentHash(tree, candidate)
  if (stated === undefined) return false
  const sibling = originalTreeHash(crypto, tree, {
    node: side.sibling,
    without: side.value.unmergedLeaves,
  })
  return equalBytes(stated, parentHash(crypto, side.value, sibling))
}

/**
 * The only D in the resolution of `child` such that all others are exactly `unmerged`: found without listing
 * a resolution that is too large to have one.
 */
function linkCandidate(
  tree: CellSource,
  child: NodeIndex,
  unmerged: readonly number[],
): NodeIndex | undefined {
  const others = new Set(unmerged.map((leaf) => leafToNode(leafIndex(leaf))))
  const seen = new Set<NodeIndex>()
  let candidate: NodeIndex | undefined
  /** False as soon as there is no candidate. */
  const take = (node: NodeIndex): boolean => {
    if (others.has(node)) {
      seen.add(node)
      return true
    }
    if (candidate !== undefined) return false
    candidate = node
    return true
  }
  const visit = (node: NodeIndex): boolean => {
    if (subtreeCounts(tree, node).nodes === 0) return true
    const cell = tree.cell(node)
    if (cell.bytes === undefined) return visit(left(node)) && visit(right(node))
    if (!take(node)) return false
    if (isLeaf(node)) return true
    const unmergedBelow = cell.parentNode()?.unmergedLeaves ?? []
    return unmergedBelow.every((leaf) => take(leafToNode(leafIndex(leaf))))
  }
  return visit(child) && seen.size === others.size ? candidate : undefined
}

/** The parent_hash field of a node; `undefined` for a leaf without one. */
function statedParentHash(tree: RatchetTree, node: NodeIndex): Uint8Array | undefined {
  const cell = tree.cell(node)
  if (!isLeaf(node)) return cell.parentNode()?.parentHash
  const source = cell.leafNodeOnce()?.source
  return source?.kind === "commit" ? source.parentHash : undefined
}
