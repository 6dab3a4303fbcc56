// RFC 9420 §7.6: UpdatePath, a committer's new leaf and path as bytes.

import type { Decoder, Encoder } from "./codec.ts"
import type { HpkeCiphertext } from "./crypto.ts"
import { type LeafNode, decodeLeafNode, encodeLeafNode } from "./leaf-node.ts"

/** One node of the filtered direct path. */
export interface UpdatePathNode {
  readonly encryptionKey: Uint8Array
  /** The node's path secret for each node of the resolution of its copath child, new members left out. */
  readonly encryptedPathSecret: readonly HpkeCiphertext[]
}

/** `UpdatePath` (§7.6). */
export interface UpdatePath {
  readonly leafNode: LeafNode
  /** From the leaf's side to the root. */
  readonly nodes: readonly UpdatePathNode[]
}

const encodeHpkeCiphertext: Encoder<HpkeCiphertext> = (writer, value) => {
  writer.opaque(value.kemOutput)
  writer.opaque(value.ciphertext)
}

const decodeHpkeCiphertext: Decoder<HpkeCiphertext> = (reader) => ({
  kemOutput: reader.opaque(),
  ciphertext: reader.opaque(),
})

const encodeNode: Encoder<UpdatePathNode> = (writer, value) => {
  writer.opaque(value.encryptionKey)
  writer.vector(value.encryptedPathSecret, encodeHpkeCiphertext)
}

const decodeNode: Decoder<UpdatePathNode> = (reader) => ({
  encryptionKey: reader.opaque(),
  encryptedPathSecret: reader.vector(decodeHpkeCiphertext),
})

export const encodeUpdatePath: Encoder<UpdatePath> = (writer, value) => {
  encodeLeafNode(writer, value.leafNode)
  writer.vector(value.nodes, encodeNode)
}

export const decodeUpdatePath: Decoder<UpdatePath> = (reader) => ({
  leafNode: decodeLeafNode(reader),
  nodes: reader.vector(decodeNode),
})
