// RFC 9420 §12.4.1: a commit is made, by a member or by one who joins with it.

import { type AppliedProposals, authenticate, authenticateRejoining } from "./apply-proposals.ts"
import { inTurns } from "./batches.ts"
import { encode } from "./codec.ts"
import { type NewEpoch, deriveEpoch, provisionalContext } from "./epoch.ts"
import type { AuthenticatedContent, MessageWireFormat, Sender } from "./framing.ts"
import type { MlsContext } from "./group-types.ts"
import { type GroupContext, encodeGroupContext } from "./key-schedule.ts"
import type { LeafNode } from "./leaf-node.ts"
import { signContent } from "./member-message.ts"
import type { ProposalOrRef } from "./proposal-codec.ts"
import type { Psk } from "./psk.ts"
import { contentTypes, senderTypes } from "./registry.ts"
import type { RatchetTree } from "./tree.ts"
import { type NewPath, type PreparedPath, prepareUpdatePath, sealUpdatePath } from "./treekem.ts"
import { leafChecksInTree, validateLeafNode } from "./validate-leaf.ts"

export interface CommitPlan {
  readonly sender: Sender
  /** The group before the commit. */
  readonly groupContext: GroupContext
  readonly interimTranscriptHash: Uint8Array
  readonly proposals: readonly ProposalOrRef[]
  /** The proposals' effects; for an external commit with the committer's leaf reserved. */
  readonly applied: AppliedProposals
  readonly initSecret: Uint8Array
  readonly psks: readonly Psk[]
  readonly path: Omit<NewPath, "groupId"> | undefined
  /** The committer's leaf of before, if it had one. */
  readonly replaced: LeafNode | undefined
  readonly wireFormat: MessageWireFormat
  readonly authenticatedData: Uint8Array | undefined
  /** Signs the message; the path's leaf may bring another key. */
  readonly signaturePrivateKey: Uint8Array
}

export interface BuiltCommit {
  /** With its confirmation tag. */
  readonly content: AuthenticatedContent
  readonly epoch: NewEpoch
  readonly tree: RatchetTree
  readonly path: PreparedPath | undefined
}

/** Throws `MlsError` with the code of a rule that the own leaf or a changed leaf breaks, or `safe_aad`. */
export async function buildCommit(ctx: MlsContext, plan: CommitPlan): Promise<BuiltCommit> {
  const { crypto } = ctx
  const { groupContext, applied } = plan
  const path =
    plan.path &&
    (await prepareUpdatePath(crypto, applied.tree, {
      ...plan.path,
      groupId: groupContext.groupId,
    }))
  const tree = path?.tree ?? applied.tree
  const { extensions } = applied
  if (path !== undefined) {
    validateLeafNode(crypto, path.leafNode, { source: "commit", groupExtensions: extensions })
    const { sender, replaced } = plan
    const rejoins = replaced !== undefined && sender.senderType === senderTypes.newMemberCommit
    if (rejoins) await authenticateRejoining(ctx, path.leafNode, replaced)
    else await authenticate(ctx, path.leafNode, replaced)
  }
  const committer = path === undefined ? [] : [path.treePrivate.leafIndex]
  await inTurns(leafChecksInTree(tree, [...applied.touched, ...committer]))
  const provisional = await provisionalContext(ctx, groupContext, { tree, extensions })
  const updatePath =
    path &&
    (await sealUpdatePath(crypto, path, {
      groupContext: encode(encodeGroupContext, provisional),
      exclude: applied.added,
    }))
  const signed = await signContent(crypto, {
    body: {
      contentType: contentTypes.commit,
      commit: { proposals: plan.proposals, path: updatePath },
    },
    sender: plan.sender,
    wireFormat: plan.wireFormat,
    groupContext,
    authenticatedData: plan.authenticatedData,
    signaturePrivateKey: plan.signaturePrivateKey,
  })
  const epoch = await deriveEpoch(ctx, plan.interimTranscriptHash, {
    provisional,
    content: signed,
    initSecret: plan.initSecret,
    commitSecret: path?.commitSecret,
    psks: plan.psks,
  })
  const auth = { ...signed.auth, confirmationTag: epoch.confirmationTag }
  return { content: { ...signed, auth }, epoch, tree, path }
}
