// RFC 9420 §12.4.3.1: the integrity of a ratchet tree that came from outside.

import type { MlsCrypto } from "./crypto.ts"
import { MlsError } from "./error.ts"
import type { Extension } from "./extensions.ts"
import { leafNodeSignature } from "./leaf-node.ts"
import { verifyParentHashes } from "./parent-hash.ts"
import { isMember } from "./tree-hash.ts"
import { type NodeIndex, isLeaf, leafIndex, leafToNode, left, level, right } from "./tree-math.ts"
import { type RatchetTree, nonBlankLeaves, nonBlankParents } from "./tree.ts"
import {
  type LeafSignature,
  supportedByAll,
  validateLeafNode,
  verifyLeafSignatures,
} from "./validate-leaf.ts"

export interface TreeChecks {
  readonly groupId: Uint8Array
  readonly groupExtensions?: readonly Extension[]
}

/**
 * Every check of §12.4.3.1 on the tree but its tree hash, which the caller compares with the GroupContext.
 * Lifetimes are not checked: a member may have joined with a key package that has expired since (§7.3).
 * Throws `MlsError` `decode`, `unmerged_leaves`, `unmerged_leaves_gap`, `parent_key_not_unique`,
 * `parent_hash_invalid`, or the code of a rule for a leaf.
 */
export async function validateTree(
  crypto: MlsCrypto,
  tree: RatchetTree,
  checks: TreeChecks,
): Promise<void> {
  for (const { node, value } of nonBlankParents(tree)) {
    crypto.validateKemPublicKey(value.encryptionKey)
    for (const leaf of value.unmergedLeaves) checkUnmergedLeaf(tree, node, leaf)
  }
  checkKeys(tree)
  verifyParentHashes(crypto, tree)
  checkCredentialTypes(tree)
  await verifyLeafSignatures(crypto, leafSignatures(crypto, tree, checks))
}

/** Validates each leaf on its own and gives its signature, so that only one batch of leaves is held parsed. */
function* leafSignatures(
  crypto: MlsCrypto,
  tree: RatchetTree,
  { groupId, groupExtensions }: TreeChecks,
): Iterable<LeafSignature> {
  for (const { leafIndex: at, leafNode } of nonBlankLeaves(tree)) {
    validateLeafNode(crypto, leafNode, groupExtensions && { groupExtensions })
    yield { leafIndex: at, check: leafNodeSignature(leafNode, { groupId, leafIndex: at }) }
  }
}

function checkUnmergedLeaf(tree: RatchetTree, node: NodeIndex, leaf: number): void {
  // §12.4.3.1: each entry is a non-blank leaf that is a descendant of the node.
  const width = 2 ** level(node)
  const first = (node - (width - 1)) / 2
  if (leaf < first || leaf >= first + width || !isMember(tree, leaf)) {
    throw new MlsError("unmerged_leaves", `node ${node} lists leaf ${leaf}`, "12.4.3.1")
  }
  // §12.4.3.1: every non-blank node between the leaf and the node lists the leaf too. The nearest is enough:
  // those further down are held to its own list.
  const target = leafToNode(leafIndex(leaf))
  for (let at = towards(node, target); !isLeaf(at); at = towards(at, target)) {
    const value = tree.cell(at).parentNode()
    if (value === undefined) continue
    if (includesSorted(value.unmergedLeaves, leaf)) return
    throw new MlsError("unmerged_leaves_gap", `node ${at} lacks leaf ${leaf}`, "12.4.3.1")
  }
}

function towards(node: NodeIndex, target: NodeIndex): NodeIndex {
  return target < node ? left(node) : right(node)
}

function checkKeys(tree: RatchetTree): void {
  const { leafEncryptionKeys, parentEncryptionKeys, signatureKeys } = tree.index
  // §7.3: encryption_key and signature_key are unique among the members.
  if (leafEncryptionKeys.repeated > 0) {
    throw new MlsError("leaf_encryption_key_not_unique", "two leaves share a key", "7.3")
  }
  if (signatureKeys.repeated > 0) {
    throw new MlsError("leaf_signature_key_not_unique", "two leaves share a signature key", "7.3")
  }
  // §12.4.3.1: the encryption key of a parent node does not appear in any other node.
  let shared = parentEncryptionKeys.repeated > 0
  for (const key of parentEncryptionKeys.keys()) shared ||= leafEncryptionKeys.count(key) > 0
  if (shared) throw new MlsError("parent_key_not_unique", "two nodes share a key", "12.4.3.1")
}

/** §7.3 for all members at once: each supports all credential types that are in use. */
function checkCredentialTypes(tree: RatchetTree): void {
  for (const type of tree.index.credentialTypes.keys()) {
    if (!supportedByAll(tree, "credentials", Number(type))) {
      throw new MlsError(
        "leaf_credential_unsupported",
        `a member does not support credential type ${type}`,
        "7.3",
      )
    }
  }
}

function includesSorted(ascending: readonly number[], value: number): boolean {
  let low = 0
  let high = ascending.length - 1
  while (low <= high) {
    const middle = (low + high) >> 1
    const found = ascending[middle] ?? value
    if (found === value) return true
    if (found < value) low = middle + 1
    else high = middle - 1
  }
  return false
}
