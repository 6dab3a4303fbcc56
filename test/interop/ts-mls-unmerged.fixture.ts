// RFC 9420 §12.4.3.1: the rule on unmerged leaves, beside what ts-mls 2.0.0-rc.10 makes of it (rc.16 has the RFC's).

import { decodeRatchetTree } from "../../src/mls/ratchet-tree-codec.ts"
import { directPath, leafIndex, leafToNode } from "../../src/mls/tree-math.ts"
import { parentNode, nonBlankParents } from "../../src/mls/tree.ts"

/** With these words ts-mls refuses a tree. */
const REFUSAL = "non-blank intermediate node must list leaf node in its unmerged_leaves"

export function isUnmergedRefusal(error: unknown): boolean {
  return error instanceof Error && error.message === REFUSAL
}

/**
 * Whether the nodes *between* an unmerged leaf and a node that lists it list it too, as the RFC wants; and whether *all*
 * above the leaf have the very same list, as ts-mls wants.
 */
export function unmergedLeaves(ratchetTree: Uint8Array): { rfc: boolean; peer: boolean } {
  const tree = decodeRatchetTree(ratchetTree)
  const leafCount = (tree.cells.length + 1) / 2
  let rfc = true
  let peer = true
  for (const { node, value } of nonBlankParents(tree)) {
    const listed = value.unmergedLeaves
    for (const leaf of listed) {
      const path = directPath(leafToNode(leafIndex(leaf)), leafCount)
      const between = path.slice(0, path.indexOf(node))
      rfc &&= between.every(
        (each) => parentNode(tree, each)?.unmergedLeaves.includes(leaf) !== false,
      )
      peer &&= path.every((each) => {
        const other = parentNode(tree, each)?.unmergedLeaves
        return other === undefined || JSON.stringify(other) === JSON.stringify(listed)
      })
    }
  }
  return { rfc, peer }
}
