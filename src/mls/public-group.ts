// RFC 9420 §12.4.3.1, §12.4.3.2: the group that a GroupInfo describes is checked by one who is about to join.

import { authenticate, checkGroupExtensions, externalSenders } from "./apply-proposals.ts"
import { inTurns } from "./batches.ts"
import { MlsError } from "./error.ts"
import { findExtension } from "./extensions.ts"
import { requireGroupSuite, verifyGroupInfo } from "./group-info.ts"
import type { LongWork, MlsContext } from "./group-types.ts"
import type { GroupContext } from "./key-schedule.ts"
import { ratchetTreeDecoding } from "./ratchet-tree-codec.ts"
import { extensionTypes, wireFormats } from "./registry.ts"
import { type LeafIndex, leafIndex } from "./tree-math.ts"
import { type Member, type RatchetTree, leafNode, nonBlankLeaves } from "./tree.ts"
import { requireNotAborted, validateTree } from "./validate-tree.ts"
import { readMessage } from "./verify-message.ts"
import type { GroupInfo } from "./welcome-codec.ts"

/** Leaves that the authentication service is asked about at the same time. */
const AUTHENTICATION_BATCH = 256

/** A group as its GroupInfo shows it to those outside. */
export interface InspectedGroup {
  readonly groupContext: GroupContext
  readonly members: readonly Member[]
  readonly signer: LeafIndex
}

/**
 * Reads and verifies a GroupInfo (an MLSMessage) without joining. `ratchetTree` is used where it carries none. Throws
 * `MlsError` `unexpected_message`, `welcome_suite`, `ratchet_tree_missing`, `tree_hash`, `group_info_signer`,
 * `group_info_signature`, or the code of a rule for the tree, a leaf, or the group's extensions.
 */
export async function inspectGroup(
  ctx: MlsContext,
  groupInfo: Uint8Array,
  ratchetTree?: Uint8Array,
): Promise<InspectedGroup> {
  const message = readMessage(ctx, groupInfo)
  if (message.wireFormat !== wireFormats.groupInfo) {
    throw new MlsError("unexpected_message", "no GroupInfo", "12.4.3")
  }
  const { groupContext } = message.groupInfo
  const { tree, signer } = await verifyPublicGroup(
    ctx,
    message.groupInfo,
    ratchetTree && { ratchetTree },
  )
  return { groupContext, members: [...nonBlankLeaves(tree)], signer }
}

export interface VerifiedGroup {
  readonly tree: RatchetTree
  readonly signer: LeafIndex
}

/**
 * The tree of a GroupInfo, once it, the GroupInfo's signature and all members' credentials are verified.
 * `ratchetTree` is used where the GroupInfo carries none. Throws as `inspectGroup`, and `aborted`.
 */
export async function verifyPublicGroup(
  ctx: MlsContext,
  groupInfo: GroupInfo,
  options: LongWork & { readonly ratchetTree?: Uint8Array } = {},
): Promise<VerifiedGroup> {
  const { ratchetTree } = options
  const { crypto, limits } = ctx
  const { groupContext } = groupInfo
  requireGroupSuite(crypto, groupInfo)
  checkGroupExtensions(groupContext.extensions)
  const data = findExtension(groupInfo.extensions, extensionTypes.ratchetTree)?.data ?? ratchetTree
  if (data === undefined) {
    throw new MlsError("ratchet_tree_missing", "no ratchet tree was given", "12.4.3.3")
  }
  const tree = await inTurns(ratchetTreeDecoding(data, limits?.maxLeaves))
  // Any uint32, also one that is no leaf of any tree.
  const isLeaf = groupInfo.signer < tree.nLeaves
  const signerLeaf = isLeaf ? leafNode(tree, leafIndex(groupInfo.signer)) : undefined
  if (signerLeaf === undefined) {
    throw new MlsError("group_info_signer", `leaf ${groupInfo.signer} is no member`, "12.4.3.1")
  }
  await verifyGroupInfo(crypto, groupInfo, signerLeaf.signatureKey)
  const { groupId, extensions: groupExtensions, treeHash } = groupContext
  const { maxLifetime } = limits ?? {}
  await validateTree(crypto, tree, { ...options, groupId, groupExtensions, treeHash, maxLifetime })
  await authenticateAll(ctx, tree, options)
  await Promise.all(
    externalSenders(groupExtensions).map(async ({ credential, signatureKey }) => {
      await ctx.auth?.validate(credential, signatureKey, undefined)
    }),
  )
  return { tree, signer: leafIndex(groupInfo.signer) }
}

async function authenticateAll(ctx: MlsContext, tree: RatchetTree, work: LongWork): Promise<void> {
  if (ctx.auth === undefined) return
  let batch: Promise<void>[] = []
  for (const member of nonBlankLeaves(tree)) {
    batch.push(authenticate(ctx, member.leafNode))
    if (batch.length < AUTHENTICATION_BATCH) continue
    await Promise.all(batch)
    requireNotAborted(work)
    batch = []
  }
  await Promise.all(batch)
}
