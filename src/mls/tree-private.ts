// RFC 9420 §7.4: the private keys of the ratchet tree that one member knows.

import { equalBytes } from "./bytes.ts"
import type { Decoder, Encoder } from "./codec.ts"
import type { KeyPair, MlsCrypto } from "./crypto.ts"
import { MlsError } from "./error.ts"
import { labels } from "./registry.ts"
import {
  type LeafIndex,
  type NodeIndex,
  leafIndex,
  leafToNode,
  nodeIndex,
  nodeWidth,
} from "./tree-math.ts"
import {
  type PathStep,
  type RatchetTree,
  encryptionKey,
  filteredDirectPath,
  isBelow,
} from "./tree.ts"

/** A value. The keys are those of the member's leaf and of nodes above it. Secret. */
export interface TreePrivate {
  readonly leafIndex: LeafIndex
  readonly keys: ReadonlyMap<NodeIndex, Uint8Array>
}

/** What a member knows that knows no parent's key: one who was just added, or whose Update was committed. */
export function createTreePrivate(leaf: LeafIndex, privateKey: Uint8Array): TreePrivate {
  return { leafIndex: leaf, keys: new Map([[leafToNode(leaf), privateKey]]) }
}

/** Without the keys of nodes that are blank in `tree`, or outside it. The leaf's own key stays. */
export function pruneTreePrivate(tree: RatchetTree, treePrivate: TreePrivate): TreePrivate {
  const own = leafToNode(treePrivate.leafIndex)
  const width = nodeWidth(tree.nLeaves)
  const kept = [...treePrivate.keys].filter(
    ([node]) => node === own || (node < width && tree.cell(node).bytes !== undefined),
  )
  return { ...treePrivate, keys: new Map(kept) }
}

/** What follows from the path secret of one node for it and all further nodes of a path. */
export interface DerivedPath {
  /** One for each node. */
  readonly pathSecrets: readonly Uint8Array[]
  readonly keyPairs: readonly KeyPair[]
  /** The path secret after the last node's. */
  readonly commitSecret: Uint8Array
}

/** The chain of path secrets and key pairs for `count` nodes (§7.4). */
export async function derivePath(
  crypto: MlsCrypto,
  pathSecret: Uint8Array,
  count: number,
): Promise<DerivedPath> {
  const pathSecrets: Uint8Array[] = []
  let next = pathSecret
  for (let i = 0; i < count; i++) {
    pathSecrets.push(next)
    next = crypto.deriveSecret(next, labels.path)
  }
  const keyPairs = await Promise.all(
    pathSecrets.map((secret) => crypto.deriveKemKeyPair(crypto.deriveSecret(secret, labels.node))),
  )
  return { pathSecrets, keyPairs, commitSecret: next }
}

export interface FromPathSecret {
  readonly treePrivate: TreePrivate
  /** The member whose commit made the path. */
  readonly sender: LeafIndex
  /** The secret of the lowest node of the sender's path that is above our leaf. */
  readonly pathSecret: Uint8Array
}

/**
 * Adds the keys of all nodes from the one that `pathSecret` belongs to up to the root (§12.4.3.1), and gives
 * the commit secret. Throws `MlsError` `path_public_key` when a node has another public key than derived,
 * `path_no_key` when the sender's path has no node above our leaf.
 */
export async function privateFromPathSecret(
  crypto: MlsCrypto,
  tree: RatchetTree,
  from: FromPathSecret,
): Promise<{ readonly treePrivate: TreePrivate; readonly commitSecret: Uint8Array }> {
  const { treePrivate, sender, pathSecret } = from
  const steps = stepsAbove(tree, sender, treePrivate.leafIndex)
  const { keyPairs, commitSecret } = await derivePath(crypto, pathSecret, steps.length)
  const keys = new Map(pruneTreePrivate(tree, treePrivate).keys)
  steps.forEach(({ node }, i) => {
    const pair = keyPairs[i]
    const expected = encryptionKey(tree, node)
    // §7.5, §12.4.3.1: the derived public key is the one in the tree.
    if (pair === undefined || !expected || !equalBytes(pair.publicKey, expected)) {
      throw new MlsError("path_public_key", `node ${node} has another public key`, "7.5")
    }
    keys.set(node, pair.privateKey)
  })
  return { treePrivate: { ...treePrivate, keys }, commitSecret }
}

/**
 * The nodes of the sender's filtered direct path that are above `leaf` too, lowest first.
 * Throws `MlsError` `path_no_key` when there is none.
 */
export function stepsAbove(tree: RatchetTree, sender: LeafIndex, leaf: LeafIndex): PathStep[] {
  const path = filteredDirectPath(tree, sender)
  const first = path.findIndex(({ copathChild }) => isBelow(leafToNode(leaf), copathChild))
  if (first < 0) throw new MlsError("path_no_key", "the path does not lead past our leaf", "7.5")
  return path.slice(first)
}

/** The stored form: a format byte, the leaf index, and the keys by ascending node. Secret. */
export const encodeTreePrivate: Encoder<TreePrivate> = (writer, value) => {
  writer.u8(FORMAT)
  writer.u32(value.leafIndex)
  const keys = [...value.keys].sort(([a], [b]) => a - b)
  writer.vector(keys, (w, [node, key]) => {
    w.u32(node)
    w.opaque(key)
  })
}

/** Throws `MlsError` `decode`, or `unsupported` for a format that this build does not know. */
export const decodeTreePrivate: Decoder<TreePrivate> = (reader) => {
  const format = reader.u8()
  if (format !== FORMAT) throw new MlsError("unsupported", `stored tree key format ${format}`)
  const leaf = leafIndex(reader.u32())
  let before = -1
  const keys = reader.vector((r): [NodeIndex, Uint8Array] => {
    const node = nodeIndex(r.u32())
    if (node <= before) throw new MlsError("decode", "stored tree keys do not ascend")
    before = node
    return [node, r.opaque()]
  })
  return { leafIndex: leaf, keys: new Map(keys) }
}

const FORMAT = 1
