// RFC 9420 §12.4.3.1: the integrity of a ratchet tree that came from outside.

import { othersTurn } from "./batches.ts"
import { equalBytes } from "./bytes.ts"
import type { MlsCrypto } from "./crypto.ts"
import { MlsError } from "./error.ts"
import type { Extension } from "./extensions.ts"
import type { LongWork } from "./group-types.ts"
import { receivedLeafSignature } from "./leaf-node.ts"
import { parentHashChecks } from "./parent-hash.ts"
import type { Cell } from "./tree-cell.ts"
import { isMember, treeHashing } from "./tree-hash.ts"
import { TreeIndexDraft, emptyTreeIndex } from "./tree-index.ts"
import { type NodeIndex, isLeaf, leafIndex, leafToNode, left, level, right } from "./tree-math.ts"
import { type RatchetTree, nonBlankParents } from "./tree.ts"
import { bindingChecks } from "./validate-bindings.ts"
import {
  type LeafSignature,
  supportedByAll,
  validateLeafNode,
  verifyLeafSignatures,
} from "./validate-leaf.ts"

export interface TreeChecks extends LongWork {
  readonly groupId: Uint8Array
  readonly groupExtensions?: readonly Extension[]
  /** The tree_hash of the GroupContext. Without it the caller has compared it. */
  readonly treeHash?: Uint8Array
  /** In seconds (§7.2). Default: any lifetime. */
  readonly maxLifetime?: number | undefined
}

/** Leaves that are verified, and nodes that are looked at, at a time. */
const PART = 128
/** Parts of the leaves whose signatures may be under way while more of the tree is looked at. */
const UNDER_WAY = 8
/** Parts of the structure that are looked at for each part of the leaves. */
const PARTS_MEANWHILE = 4

/** What is found out about the leaves, for the structure to go by. */
interface LeavesSeen {
  /** Complete once all leaves were parsed. */
  readonly index: TreeIndexDraft
  all: boolean
  failed: boolean
}

/**
 * Every check of §12.4.3.1 on the tree. Signatures are verified by other threads where the back end has them, and the
 * structure is looked at meanwhile; what is reported is found in this order all the same: structure, then leaves.
 * No lifetime is over here: a member may have joined with a key package that has expired since (§7.3).
 * Throws `MlsError` `tree_hash`, `decode`, `unmerged_leaves`, `unmerged_leaves_gap`, `parent_key_not_unique`,
 * `parent_hash_invalid`, `aborted`, or the code of a rule for a leaf.
 */
export async function validateTree(
  crypto: MlsCrypto,
  tree: RatchetTree,
  checks: TreeChecks,
): Promise<void> {
  const seen: LeavesSeen = { index: new TreeIndexDraft(emptyTreeIndex), all: false, failed: false }
  const structure = structureChecks(crypto, tree, { ...checks, seen })
  const parts: Promise<void>[] = []
  for (const leaves of leafParts(tree)) {
    if (seen.failed) break
    const part = checkLeaves(crypto, leaves, { ...checks, seen })
    part.catch(() => {
      seen.failed = true
    })
    parts.push(part)
    for (let i = 0; i < PARTS_MEANWHILE; i++) structure.next()
    // Some parts are always under way, while the next is being prepared.
    await parts.at(-UNDER_WAY)?.catch(() => undefined)
    await checks.onProgress?.(leaves[0]?.index ?? 0, tree.nLeaves)
    if (tree.nLeaves > PART) await othersTurn()
    requireNotAborted(checks)
  }
  seen.all = !seen.failed
  for (let looked = 1; structure.next().done !== true; looked++) {
    if (looked % PARTS_MEANWHILE === 0) await othersTurn()
    requireNotAborted(checks)
  }
  for (const part of parts) await part
  await checks.onProgress?.(tree.nLeaves, tree.nLeaves)
}

/** Throws `MlsError` `aborted`. */
export function requireNotAborted({ signal }: LongWork): void {
  if (signal?.aborted === true) throw new MlsError("aborted", "the caller has ended it")
}

/** All checks but those of single leaves. Yields after each part. */
function* structureChecks(
  crypto: MlsCrypto,
  tree: RatchetTree,
  checks: TreeChecks & { readonly seen: LeavesSeen },
): Generator<undefined> {
  const { seen } = checks
  if (checks.treeHash !== undefined) {
    // §12.4.3.1: "Verify that the tree hash of the ratchet tree matches the tree_hash field".
    if (!equalBytes(yield* treeHashing(crypto, tree), checks.treeHash)) {
      throw new MlsError("tree_hash", "the tree is not that of the GroupContext", "12.4.3.1")
    }
  }
  let parents = 0
  for (const { node, value } of nonBlankParents(tree)) {
    crypto.validateKemPublicKey(value.encryptionKey)
    seen.index.addParent(value)
    for (const leaf of value.unmergedLeaves) checkUnmergedLeaf(tree, node, leaf)
    if (++parents % PART === 0) yield
  }
  while (!seen.all && !seen.failed) yield
  if (seen.all) tree.adoptIndex(seen.index.finish())
  checkKeys(tree)
  for (const check of parentHashChecks(crypto, tree)) {
    if (++parents % PART === 0) yield check
  }
  checkCredentialTypes(tree)
  yield* bindingChecks(tree)
}

/** A leaf that is not blank, and is not parsed yet. */
interface ReceivedLeaf {
  readonly index: number
  readonly cell: Cell
}

/** `PART` leaves at a time; blank ones are no work. */
function* leafParts(tree: RatchetTree): Generator<readonly ReceivedLeaf[]> {
  let part: ReceivedLeaf[] = []
  for (let i = 0; i < tree.nLeaves; i++) {
    const cell = tree.cell(leafToNode(leafIndex(i)))
    if (cell.bytes === undefined) continue
    part.push({ index: i, cell })
    if (part.length < PART) continue
    yield part
    part = []
  }
  if (part.length > 0) yield part
}

/** The leaves of one part, by themselves; they are not kept parsed. */
async function checkLeaves(
  crypto: MlsCrypto,
  leaves: readonly ReceivedLeaf[],
  checks: TreeChecks & { readonly seen: LeavesSeen },
): Promise<void> {
  const { seen, groupId, groupExtensions, maxLifetime } = checks
  const signatures: LeafSignature[] = []
  for (const { index, cell } of leaves) {
    const leafNode = cell.leafNodeOnce()
    if (cell.bytes === undefined || leafNode === undefined) continue
    validateLeafNode(crypto, leafNode, { maxLifetime, ...(groupExtensions && { groupExtensions }) })
    seen.index.addLeaf(leafNode)
    const received = { leafNode, bytes: cell.bytes }
    const check = receivedLeafSignature(received, { groupId, leafIndex: index })
    signatures.push({ leafIndex: index, check })
  }
  await verifyLeafSignatures(crypto, signatures)
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
