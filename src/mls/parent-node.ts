// RFC 9420 §7.1: the parent node of the ratchet tree.

import type { Decoder, Encoder } from "./codec.ts"
import { MlsError } from "./error.ts"

export interface ParentNode {
  readonly encryptionKey: Uint8Array
  readonly parentHash: Uint8Array
  /** Leaf indexes below the node, ascending, whose members do not know the node's private key. */
  readonly unmergedLeaves: readonly number[]
}

/** `NodeType` (§7.8). */
export const nodeTypes = { leaf: 1, parent: 2 } as const

const encodeLeaf: Encoder<number> = (writer, value) => writer.u32(value)
const decodeLeaf: Decoder<number> = (reader) => reader.u32()

export const encodeParentNode: Encoder<ParentNode> = (writer, value) => {
  writer.opaque(value.encryptionKey)
  writer.opaque(value.parentHash)
  writer.vector(value.unmergedLeaves, encodeLeaf)
}

/** Throws `MlsError` `decode`, or `unmerged_leaves` unless they ascend. */
export const decodeParentNode: Decoder<ParentNode> = (reader) => {
  const node = {
    encryptionKey: reader.opaque(),
    parentHash: reader.opaque(),
    unmergedLeaves: reader.vector(decodeLeaf),
  }
  // §7.1: the vector is sorted in increasing order; a member is unmerged once.
  let before = -1
  for (const leaf of node.unmergedLeaves) {
    if (leaf <= before) throw new MlsError("unmerged_leaves", "they do not ascend", "7.1")
    before = leaf
  }
  return node
}

/** Goes past a parent node. Throws `MlsError` `decode`. */
export const skipParentNode: Decoder<void> = (reader) => {
  for (let vector = 0; vector < 3; vector++) reader.skipOpaque()
}
