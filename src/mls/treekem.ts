// RFC 9420 §7.4 to §7.6: TreeKEM, a committer's fresh path and how the other members take it over.
// Both sides work in two phases, since the path is sealed with a GroupContext that holds the new tree's hash.

import { equalBytes, keyString } from "./bytes.ts"
import type { MlsCrypto } from "./crypto.ts"
import { MlsError } from "./error.ts"
import { type LeafNode, type LeafNodeContent, signLeafNode } from "./leaf-node.ts"
import { parentHash } from "./parent-hash.ts"
import type { ParentNode } from "./parent-node.ts"
import { labels } from "./registry.ts"
import { treeHash } from "./tree-hash.ts"
import { type LeafIndex, type NodeIndex, leafToNode } from "./tree-math.ts"
import { type TreePrivate, derivePath, privateFromPathSecret, stepsAbove } from "./tree-private.ts"
import {
  type PathStep,
  type RatchetTree,
  encryptionKey,
  filteredDirectPath,
  isBelow,
  resolution,
  setPath,
} from "./tree.ts"
import type { UpdatePath, UpdatePathNode } from "./update-path.ts"

export type { TreePrivate } from "./tree-private.ts"

export interface NewPath {
  /** The committer's leaf; blank for an external committer (`reserveLeaf`). */
  readonly leafIndex: LeafIndex
  readonly groupId: Uint8Array
  /** What the new leaf says. Its encryption key and source are made here. */
  readonly leaf: Omit<LeafNodeContent, "encryptionKey" | "source">
  readonly signaturePrivateKey: Uint8Array
}

/** A step of a new path with its secret. */
interface NewPathStep extends PathStep {
  readonly pathSecret: Uint8Array
  readonly publicKey: Uint8Array
}

/** A path that is in the tree and not sealed yet. Secret. */
export interface PreparedPath {
  /** The tree with the path. */
  readonly tree: RatchetTree
  readonly treePrivate: TreePrivate
  readonly commitSecret: Uint8Array
  readonly leafNode: LeafNode
  readonly steps: readonly NewPathStep[]
}

/** What a path is sealed with, and for whom it is not. */
export interface PathSealing {
  /** The encoded GroupContext with the new epoch and the hash of the tree with the path. */
  readonly groupContext: Uint8Array
  /** Members added in the same commit: their secrets are in the Welcome. */
  readonly exclude: readonly LeafIndex[]
}

export interface ReceivedPath {
  readonly sender: LeafIndex
  readonly path: UpdatePath
  /** Members added in the same commit. */
  readonly exclude: readonly LeafIndex[]
}

/** First phase of sending (§7.4, §7.5): fresh keys for our leaf and path, in `tree` after the proposals. */
export async function prepareUpdatePath(
  crypto: MlsCrypto,
  tree: RatchetTree,
  path: NewPath,
): Promise<PreparedPath> {
  const steps = filteredDirectPath(tree, path.leafIndex)
  const [leafKeys, derived] = await Promise.all([
    crypto.generateKemKeyPair(),
    derivePath(crypto, crypto.random(crypto.suite.hash.size), steps.length),
  ])
  const publicKeys = derived.keyPairs.map((pair) => pair.publicKey)
  const { parents, leafParentHash } = pathParents(crypto, tree, { steps, publicKeys })
  const leafNode = await signLeafNode(crypto, {
    content: {
      ...path.leaf,
      encryptionKey: leafKeys.publicKey,
      source: { kind: "commit", parentHash: leafParentHash },
    },
    signaturePrivateKey: path.signaturePrivateKey,
    position: { groupId: path.groupId, leafIndex: path.leafIndex },
  })
  const keys = new Map<NodeIndex, Uint8Array>([[leafToNode(path.leafIndex), leafKeys.privateKey]])
  const newSteps = steps.map((step, i): NewPathStep => {
    const pair = derived.keyPairs[i]
    const pathSecret = derived.pathSecrets[i]
    if (pair === undefined || pathSecret === undefined) throw new MlsError("internal", "path")
    keys.set(step.node, pair.privateKey)
    return { ...step, pathSecret, publicKey: pair.publicKey }
  })
  return {
    tree: setPath(tree, { leafIndex: path.leafIndex, leafNode, parents }),
    treePrivate: { leafIndex: path.leafIndex, keys },
    commitSecret: derived.commitSecret,
    leafNode,
    steps: newSteps,
  }
}

/** Second phase of sending (§7.6): each path secret is sealed to the resolution of its copath child. */
export async function sealUpdatePath(
  crypto: MlsCrypto,
  prepared: PreparedPath,
  sealing: PathSealing,
): Promise<UpdatePath> {
  const { tree, steps, leafNode } = prepared
  const excluded = excludedNodes(sealing.exclude)
  const targets = steps.map((step) => recipients(tree, step, excluded))
  const jobs = steps.flatMap(({ pathSecret }, i) =>
    (targets[i] ?? []).map((node) => {
      const publicKey = encryptionKey(tree, node)
      if (publicKey === undefined) throw new MlsError("internal", `node ${node} is blank`)
      return { publicKey, plaintext: pathSecret }
    }),
  )
  const sealed = await crypto.encryptAllWithLabel(labels.updatePathNode, sealing.groupContext, jobs)
  let used = 0
  const nodes = steps.map(({ publicKey }, i): UpdatePathNode => {
    const start = used
    used += targets[i]?.length ?? 0
    return { encryptionKey: publicKey, encryptedPathSecret: sealed.slice(start, used) }
  })
  return { leafNode, nodes }
}

/**
 * The path secret that a member added in the same commit gets in its Welcome (§12.4.3.1): that of the lowest
 * node of the path above it.
 */
export function pathSecretFor(prepared: PreparedPath, newMember: LeafIndex): Uint8Array {
  const node = leafToNode(newMember)
  const step = prepared.steps.find(({ copathChild }) => isBelow(node, copathChild))
  if (step === undefined) throw new MlsError("misuse", "the path does not lead past this leaf")
  return step.pathSecret
}

/**
 * First phase of receiving (§7.5, §12.4.2): the tree with the path, from `tree` after the proposals. The leaf
 * itself is validated by the caller (§7.3). Throws `MlsError` `path_length`, `path_ciphertexts`,
 * `path_key_reused`, `path_parent_hash`, `leaf_source` or `invalid_public_key`.
 */
export function mergeUpdatePath(
  crypto: MlsCrypto,
  tree: RatchetTree,
  received: ReceivedPath,
): RatchetTree {
  const { sender, path } = received
  const { leafNode } = path
  const steps = filteredDirectPath(tree, sender)
  // §12.4.2: the path has as many nodes as the filtered direct path.
  if (path.nodes.length !== steps.length) {
    throw new MlsError("path_length", `${path.nodes.length} nodes for ${steps.length}`, "12.4.2")
  }
  checkCiphertexts(tree, steps, received)
  const publicKeys = path.nodes.map((node) => node.encryptionKey)
  checkFreshKeys(tree, [leafNode.encryptionKey, ...publicKeys])
  for (const key of publicKeys) crypto.validateKemPublicKey(key)
  // §7.3: the leaf of an UpdatePath has leaf_node_source commit.
  if (leafNode.source.kind !== "commit") {
    throw new MlsError("leaf_source", "the leaf of a path was not made for a commit", "7.3")
  }
  const { parents, leafParentHash } = pathParents(crypto, tree, { steps, publicKeys })
  // §7.5, §12.4.2: the parent_hash of the leaf is that of the new path.
  if (!equalBytes(leafNode.source.parentHash, leafParentHash)) {
    throw new MlsError("path_parent_hash", "the leaf's parent_hash is wrong", "7.5")
  }
  return setPath(tree, { leafIndex: sender, leafNode, parents })
}

/**
 * Second phase of receiving (§7.5): opens the path secret for us and takes over what follows from it. `tree` is
 * the one with the path. Throws `MlsError` `path_no_key`, `path_public_key` or `aead_failed`.
 */
export async function openUpdatePath(
  crypto: MlsCrypto,
  tree: RatchetTree,
  opening: ReceivedPath & { readonly treePrivate: TreePrivate; readonly groupContext: Uint8Array },
): Promise<{ readonly treePrivate: TreePrivate; readonly commitSecret: Uint8Array }> {
  const { sender, path, treePrivate } = opening
  const above = stepsAbove(tree, sender, treePrivate.leafIndex)
  const [lowest] = above
  const sent = path.nodes.at(-above.length)
  if (lowest === undefined || sent === undefined)
    throw new MlsError("path_no_key", "no node", "7.5")
  const targets = recipients(tree, lowest, excludedNodes(opening.exclude))
  const at = targets.findIndex((node) => treePrivate.keys.has(node))
  const target = targets[at]
  const privateKey = target === undefined ? undefined : treePrivate.keys.get(target)
  const sealed = sent.encryptedPathSecret[at]
  if (privateKey === undefined || sealed === undefined) {
    throw new MlsError("path_no_key", "no path secret is sealed to a key of ours", "7.5")
  }
  const pathSecret = await crypto.decryptWithLabel(
    privateKey,
    labels.updatePathNode,
    opening.groupContext,
    sealed,
  )
  return privateFromPathSecret(crypto, tree, { treePrivate, sender, pathSecret })
}

/** Who gets a step's path secret: the resolution of its copath child without new members (§7.5). */
function recipients(
  tree: RatchetTree,
  step: PathStep,
  excluded: ReadonlySet<NodeIndex>,
): NodeIndex[] {
  return resolution(tree, step.copathChild).filter((node) => !excluded.has(node))
}

function excludedNodes(leaves: readonly LeafIndex[]): Set<NodeIndex> {
  return new Set(leaves.map((leaf) => leafToNode(leaf)))
}

function checkCiphertexts(
  tree: RatchetTree,
  steps: readonly PathStep[],
  { path, exclude }: ReceivedPath,
): void {
  const excluded = excludedNodes(exclude)
  steps.forEach((step, i) => {
    const expected = recipients(tree, step, excluded).length
    const actual = path.nodes[i]?.encryptedPathSecret.length
    // §7.5, §7.6: one ciphertext for each node of the resolution.
    if (actual !== expected) {
      throw new MlsError("path_ciphertexts", `${actual ?? 0} for ${expected} nodes`, "7.6")
    }
  })
}

/** §12.4.2: none of the path's public keys appears in a node of the tree, or twice in the path. */
function checkFreshKeys(tree: RatchetTree, publicKeys: readonly Uint8Array[]): void {
  const { leafEncryptionKeys, parentEncryptionKeys } = tree.index
  const seen = new Set<string>()
  for (const key of publicKeys.map(keyString)) {
    if (seen.has(key) || leafEncryptionKeys.count(key) + parentEncryptionKeys.count(key) > 0) {
      throw new MlsError("path_key_reused", "the path holds a public key of the tree", "12.4.2")
    }
    seen.add(key)
  }
}

/** The parent nodes of a path with their parent hashes, from the root down (§7.9), and the leaf's parent hash. */
function pathParents(
  crypto: MlsCrypto,
  tree: RatchetTree,
  path: { readonly steps: readonly PathStep[]; readonly publicKeys: readonly Uint8Array[] },
): { readonly parents: Map<NodeIndex, ParentNode>; readonly leafParentHash: Uint8Array } {
  const parents = new Map<NodeIndex, ParentNode>()
  let hash: Uint8Array = new Uint8Array()
  for (let i = path.steps.length - 1; i >= 0; i--) {
    const step = path.steps[i]
    const publicKey = path.publicKeys[i]
    if (step === undefined || publicKey === undefined) throw new MlsError("internal", "path")
    const node = { encryptionKey: publicKey, parentHash: hash, unmergedLeaves: [] }
    parents.set(step.node, node)
    // The new node has no unmerged leaves: its original sibling is the sibling as it is.
    hash = parentHash(crypto, node, treeHash(crypto, tree, step.copathChild))
  }
  return { parents, leafParentHash: hash }
}
