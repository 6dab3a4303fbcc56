import { describe, expect, test } from "vitest"
import { withShared } from "../../test/shared.ts"
import {
  commonAncestor,
  copath,
  directPath,
  left,
  leafIndex,
  leafToNode,
  nodeIndex,
  nodeWidth,
  parent,
  right,
  root,
  sibling,
} from "./tree-math.ts"

interface TreeMathVector {
  readonly n_leaves: number
  readonly n_nodes: number
  readonly root: number
  readonly left: readonly (number | null)[]
  readonly right: readonly (number | null)[]
  readonly parent: readonly (number | null)[]
  readonly sibling: readonly (number | null)[]
}

const orNull = (compute: () => number) => {
  try {
    return compute()
  } catch {
    return null
  }
}

withShared<TreeMathVector[]>("vectors/mls/tree-math.json", (vectors) => {
  test.each(vectors)("tree-math: $n_leaves leaves", (vector) => {
    const leaves = vector.n_leaves
    const nodes = Array.from({ length: vector.n_nodes }, (_, i) => nodeIndex(i))
    expect(nodeWidth(leaves)).toBe(vector.n_nodes)
    expect(root(leaves)).toBe(vector.root)
    expect(nodes.map((node) => orNull(() => left(node)))).toEqual(vector.left)
    expect(nodes.map((node) => orNull(() => right(node)))).toEqual(vector.right)
    expect(nodes.map((node) => orNull(() => parent(node, leaves)))).toEqual(vector.parent)
    expect(nodes.map((node) => orNull(() => sibling(node, leaves)))).toEqual(vector.sibling)
  })
})

describe("paths", () => {
  const leafCount = 8
  const at = (i: number) => leafToNode(leafIndex(i))

  test("a direct path goes up to the root, its copath beside it", () => {
    expect(directPath(at(2), leafCount)).toEqual([5, 3, 7])
    expect(copath(at(2), leafCount)).toEqual([6, 1, 11])
    expect(directPath(root(leafCount), leafCount)).toEqual([])
  })

  test("the common ancestor is the lowest shared node of both paths", () => {
    for (let a = 0; a < leafCount; a++) {
      for (let b = 0; b < leafCount; b++) {
        const pathOf = (leaf: number) => [at(leaf), ...directPath(at(leaf), leafCount)]
        const shared = pathOf(a).find((node) => pathOf(b).includes(node))
        expect(commonAncestor(at(a), at(b))).toBe(shared)
      }
    }
  })

  test.each([-1, 0.5, 2 ** 31, Number.NaN])("%s is no index", (index) => {
    expect(() => nodeIndex(index)).toThrow(expect.objectContaining({ code: "invalid_index" }))
  })
})
