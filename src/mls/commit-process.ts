// RFC 9420 §12.4.2: a member processes another's commit.

import {
  type AppliedProposals,
  applyProposals,
  authenticate,
  authenticateRejoining,
} from "./apply-proposals.ts"
import { inTurns } from "./batches.ts"
import { constantTimeEqual } from "./bytes.ts"
import { encode } from "./codec.ts"
import { summarize } from "./commit-summary.ts"
import { deriveEpoch, enterEpoch, provisionalContext, resolvePsks } from "./epoch.ts"
import { MlsError } from "./error.ts"
import type { AuthenticatedContent } from "./framing.ts"
import { externalKeyPair } from "./group-info.ts"
import { leafNodeOf } from "./group.ts"
import type { GroupState, MlsContext, ProcessedCommit } from "./group-types.ts"
import { encodeGroupContext } from "./key-schedule.ts"
import { leafNodeSignature } from "./leaf-node.ts"
import type { Commit } from "./proposal-codec.ts"
import {
  type ProposalList,
  pathRequired,
  resolveProposals,
  sortProposals,
  validateExternalList,
  validateMemberList,
} from "./proposals.ts"
import { labels, senderTypes } from "./registry.ts"
import type { LeafIndex } from "./tree-math.ts"
import { type TreePrivate, createTreePrivate, pruneTreePrivate } from "./tree-private.ts"
import { type RatchetTree, leafNode, reserveLeaf } from "./tree.ts"
import { mergeUpdatePath, openUpdatePath } from "./treekem.ts"
import type { UpdatePath } from "./update-path.ts"
import { leafChecksInTree, validateLeafNode, verifyLeafSignatures } from "./validate-leaf.ts"

/**
 * Processes a commit whose signature is verified. Throws `MlsError` with the code of the rule that it breaks;
 * one that removes us is checked as far as that can be done without its keys.
 */
export async function processCommit(
  ctx: MlsContext,
  state: GroupState,
  authenticated: AuthenticatedContent,
  commit: Commit,
): Promise<ProcessedCommit> {
  const { content } = authenticated
  const list = sortProposals(resolveProposals(state.proposals, commit.proposals, content.sender))
  const { committer, applied } = await applyToGroup(ctx, state, authenticated, list)
  const { path } = commit
  // §12.4.2: "if the path value is omitted, verify that it is not required".
  if (path === undefined && pathRequired(list.committed)) {
    throw new MlsError("path_missing", "the proposals require a path", "12.4.2")
  }
  const exclude = applied.added
  const received = path && { sender: committer, path, exclude }
  const tree = received ? mergeUpdatePath(ctx.crypto, applied.tree, received) : applied.tree
  if (path !== undefined) await checkPathLeaf(ctx, state, { path, committer, applied, list })
  const changed = path === undefined ? applied.touched : [...applied.touched, committer]
  await inTurns(leafChecksInTree(tree, changed))

  const committerLeaf = leafNode(state.tree, committer) ?? path?.leafNode
  if (committerLeaf === undefined) throw new MlsError("internal", "a committer without a leaf")
  const summary = {
    content,
    committer,
    committerLeaf: isExternal(authenticated) && path ? path.leafNode : committerLeaf,
    list,
    applied,
    hasPath: path !== undefined,
    own: state.ownLeafIndex,
  }
  if (applied.removed.some((member) => member.leafIndex === state.ownLeafIndex)) {
    return {
      kind: "commit",
      state,
      next: undefined,
      commit: summarize({ ...summary, newGroupContext: undefined }),
    }
  }

  const own = ownKeys(state, list, applied.tree)
  const { extensions } = applied
  const provisional = await provisionalContext(ctx, state.groupContext, { tree, extensions })
  const opened =
    received &&
    (await openUpdatePath(ctx.crypto, tree, {
      ...received,
      treePrivate: own.treePrivate,
      groupContext: encode(encodeGroupContext, provisional),
    }))
  const epoch = await deriveEpoch(ctx, state.interimTranscriptHash, {
    provisional,
    content: authenticated,
    initSecret: await initSecret(ctx, state, list),
    commitSecret: opened?.commitSecret,
    psks: await resolvePsks(ctx, list.psks, state),
  })
  // §12.4.2: "Verify the confirmation_tag".
  const tag = authenticated.auth.confirmationTag
  if (tag === undefined || !constantTimeEqual(tag, epoch.confirmationTag)) {
    throw new MlsError("confirmation_tag", "the confirmation tag is wrong", "12.4.2")
  }
  const next = enterEpoch({
    epoch,
    tree,
    treePrivate: opened?.treePrivate ?? own.treePrivate,
    signaturePrivateKey: own.signaturePrivateKey,
    reInit: list.reInits[0],
  })
  return {
    kind: "commit",
    state,
    next,
    commit: summarize({ ...summary, newGroupContext: next.groupContext }),
  }
}

interface AppliedCommit {
  readonly committer: LeafIndex
  readonly applied: AppliedProposals
}

/** §12.2 and §12.3, by the kind of commit; for an external one the committer's leaf is reserved. */
async function applyToGroup(
  ctx: MlsContext,
  state: GroupState,
  authenticated: AuthenticatedContent,
  list: ProposalList,
): Promise<AppliedCommit> {
  const { sender } = authenticated.content
  if (sender.senderType === senderTypes.member) {
    validateMemberList(list, sender.leafIndex)
    return { committer: sender.leafIndex, applied: await applyProposals(ctx, state, list) }
  }
  validateExternalList(list)
  const applied = await applyProposals(ctx, state, list)
  const reserved = reserveLeaf(applied.tree)
  return { committer: reserved.leafIndex, applied: { ...applied, tree: reserved.tree } }
}

/** §12.4.2, §7.3: the committer's new leaf. */
async function checkPathLeaf(
  ctx: MlsContext,
  state: GroupState,
  commit: AppliedCommit & { readonly path: UpdatePath; readonly list: ProposalList },
): Promise<void> {
  const { committer, applied, path, list } = commit
  const { groupId } = state.groupContext
  const external = list.externalInits.length > 0
  // §12.4.3.2: a Remove in an external commit is for the committer's former leaf, which the new one replaces as an
  // Update would (§12.2): with another encryption key.
  const [former] = external ? list.removes : [committer]
  const replaced = former === undefined ? undefined : leafNodeOf(state, former)
  validateLeafNode(ctx.crypto, path.leafNode, {
    source: "commit",
    groupExtensions: applied.extensions,
    ...(replaced && { replaced }),
  })
  const check = leafNodeSignature(path.leafNode, { groupId, leafIndex: committer })
  await verifyLeafSignatures(ctx.crypto, [{ leafIndex: committer, check }])
  if (external && replaced) await authenticateRejoining(ctx, path.leafNode, replaced)
  else await authenticate(ctx, path.leafNode, replaced)
}

interface OwnKeys {
  readonly treePrivate: TreePrivate
  readonly signaturePrivateKey: Uint8Array
}

/** Our private keys in the tree after the proposals. */
function ownKeys(state: GroupState, list: ProposalList, tree: RatchetTree): OwnKeys {
  const update = list.updates.find(({ leafIndex }) => leafIndex === state.ownLeafIndex)
  if (update === undefined) {
    const treePrivate = pruneTreePrivate(tree, state.treePrivate)
    return { treePrivate, signaturePrivateKey: state.signaturePrivateKey }
  }
  if (update.own === undefined) {
    throw new MlsError("own_update_keys", "the keys of our own Update are not here", "12.4.2")
  }
  const { encryptionPrivateKey, signaturePrivateKey } = update.own
  const treePrivate = createTreePrivate(state.ownLeafIndex, encryptionPrivateKey)
  return { treePrivate, signaturePrivateKey }
}

/** §8.3: an external commit brings its own init secret. */
async function initSecret(
  { crypto }: MlsContext,
  state: GroupState,
  list: ProposalList,
): Promise<Uint8Array> {
  const [kemOutput] = list.externalInits
  if (kemOutput === undefined) return state.epochSecrets.initSecret
  const { privateKey } = await externalKeyPair(crypto, state.epochSecrets.externalSecret)
  return crypto.externalOpen(privateKey, kemOutput, externalInitContext, crypto.suite.hash.size)
}

/** The exporter context of ExternalInit (§8.3). */
export const externalInitContext = new TextEncoder().encode(labels.externalInit)

function isExternal({ content }: AuthenticatedContent): boolean {
  return content.sender.senderType === senderTypes.newMemberCommit
}
