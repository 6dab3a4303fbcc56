// RFC 9420 §12.4.3.3: the ratchet_tree extension.

import { atOnce } from "./batches.ts"
import { ChunkedArrayDraft } from "./chunked-array.ts"
import { Reader, Writer } from "./codec.ts"
import { MlsError } from "./error.ts"
import { skipLeafNode } from "./leaf-node.ts"
import { nodeTypes, skipParentNode } from "./parent-node.ts"
import { Cell, blankCell } from "./tree-cell.ts"
import { RatchetTree, fillWithBlanks } from "./tree-draft.ts"
import { nodeIndex, nodeWidth } from "./tree-math.ts"

/** Leaves of the largest tree that is read, unless the caller says otherwise. */
const MAX_LEAVES = 2 ** 17
/** Nodes that are read or written at a time. */
const PART = 4096

/** The data of a ratchet_tree extension: `optional<Node> ratchet_tree<V>`, blanks at its end left out. */
export function encodeRatchetTree(tree: RatchetTree): Uint8Array {
  return atOnce(ratchetTreeEncoding(tree))
}

/** The same in parts. Yields between them. */
export function* ratchetTreeEncoding(tree: RatchetTree): Generator<undefined, Uint8Array> {
  let length = tree.cells.length
  while (length > 0 && tree.cell(nodeIndex(length - 1)).bytes === undefined) length--
  let size = 0
  for (let i = 0; i < length; i++) size += nodeSize(tree.cell(nodeIndex(i)))
  // Long enough at once: what grows to megabytes is copied again and again.
  const writer = new Writer(size + 4)
  writer.varint(size)
  for (let i = 0; i < length; i++) {
    if (i > 0 && i % PART === 0) yield
    const { bytes } = tree.cell(nodeIndex(i))
    writer.u8(bytes === undefined ? 0 : 1)
    if (bytes === undefined) continue
    writer.u8(i % 2 === 0 ? nodeTypes.leaf : nodeTypes.parent)
    writer.fixed(bytes)
  }
  return writer.view()
}

/** Bytes of an `optional<Node>`. */
function nodeSize({ bytes }: Cell): number {
  return bytes === undefined ? 1 : 2 + bytes.length
}

/**
 * A tree whose nodes are views of `data` and are parsed when they are asked for: `validateTree` asks for all.
 * Takes up memory in proportion to `data`. Throws `MlsError` `decode`, `tree_malformed` or `tree_too_large`.
 */
export function decodeRatchetTree(data: Uint8Array, maxLeaves?: number): RatchetTree {
  return atOnce(ratchetTreeDecoding(data, maxLeaves))
}

/** The same in parts. Yields after each. */
export function* ratchetTreeDecoding(
  data: Uint8Array,
  maxLeaves = MAX_LEAVES,
): Generator<undefined, RatchetTree> {
  const outer = new Reader(data)
  const reader = new Reader(outer.opaque())
  outer.finish()
  const cells = new ChunkedArrayDraft<Cell>()
  let lastIsBlank = true
  while (reader.remaining > 0) {
    if (cells.length >= nodeWidth(maxLeaves)) {
      throw new MlsError("tree_too_large", `more than ${maxLeaves} leaves`)
    }
    const bytes = decodeNode(reader, cells.length)
    cells.push(bytes === undefined ? blankCell(cells.length) : new Cell(bytes))
    lastIsBlank = bytes === undefined
    if (cells.length % PART === 0) yield
  }
  // §12.4.3.3: the last node in ratchet_tree is not blank.
  if (lastIsBlank) throw new MlsError("tree_malformed", "the last node is blank", "12.4.3.3")
  let nLeaves = 1
  while (nodeWidth(nLeaves) < cells.length) nLeaves *= 2
  fillWithBlanks(cells, nLeaves)
  return new RatchetTree(nLeaves, cells.finish())
}

function decodeNode(reader: Reader, index: number): Uint8Array | undefined {
  const present = reader.u8()
  if (present === 0) return undefined
  if (present !== 1) throw new MlsError("decode", "an optional's presence octet is neither 0 nor 1")
  const type = reader.u8()
  // §12.4.3.3, Appendix C: leaves have even indexes, parents odd ones.
  if (type !== (index % 2 === 0 ? nodeTypes.leaf : nodeTypes.parent)) {
    throw new MlsError("tree_malformed", `node ${index} has type ${type}`, "12.4.3.3")
  }
  const start = reader.offset
  if (type === nodeTypes.leaf) skipLeafNode(reader)
  else skipParentNode(reader)
  return reader.bytes.subarray(start, reader.offset)
}
