// RFC 9420 §12.4.3.2: joining by an external commit.

import { requireSafeAad } from "./app-data.ts"
import { applyProposals } from "./apply-proposals.ts"
import { bytesToHex } from "./bytes.ts"
import { buildCommit } from "./commit-build.ts"
import { externalInitContext } from "./commit-process.ts"
import { enterEpoch, resolvePsks } from "./epoch.ts"
import { MlsError } from "./error.ts"
import { decodeExternalPub, findExtension } from "./extensions.ts"
import type {
  CachedProposal,
  GroupState,
  JoinExternallyOptions,
  JoinedExternally,
  MlsContext,
} from "./group-types.ts"
import { leafNodeOf } from "./group.ts"
import { messageToSend, proposalRef } from "./member-message.ts"
import type { Proposal, ProposalOrRef } from "./proposal-codec.ts"
import { resolveProposals, sortProposals, validateExternalList } from "./proposals.ts"
import { verifyPublicGroup } from "./public-group.ts"
import {
  contentTypes,
  extensionTypes,
  proposalTypes,
  senderTypes,
  wireFormats,
} from "./registry.ts"
import { interimTranscriptHash } from "./transcript.ts"
import { reserveLeaf } from "./tree.ts"
import { readMessage, requireSameEpoch, verifyContent } from "./verify-message.ts"

/**
 * Joins the group of a GroupInfo without being added: the commit is to be sent to the group, and the state holds
 * once it is accepted. With `resync` our former leaf goes. Throws `MlsError` `unexpected_message`,
 * `external_pub_missing`, `ratchet_tree_missing` or another code for a GroupInfo or tree that is wrong, `psk_unknown`,
 * `aborted`, `sending_limit`, or the code of a rule that the commit breaks.
 */
export async function joinByExternalCommit(
  ctx: MlsContext,
  options: JoinExternallyOptions,
): Promise<JoinedExternally> {
  const { crypto } = ctx
  const message = readMessage(ctx, options.groupInfo)
  if (message.wireFormat !== wireFormats.groupInfo) {
    throw new MlsError("unexpected_message", "no GroupInfo", "12.4.3.2")
  }
  const { groupInfo } = message
  const { groupContext } = groupInfo
  const { tree } = await verifyPublicGroup(ctx, groupInfo, options)
  const found = findExtension(groupInfo.extensions, extensionTypes.externalPub)
  if (found === undefined) {
    throw new MlsError("external_pub_missing", "no external_pub in the GroupInfo", "12.4.3.2")
  }
  const { kemOutput, secret } = await crypto.externalInit(
    decodeExternalPub(found.data),
    externalInitContext,
    crypto.suite.hash.size,
  )
  const base = { groupContext, tree }
  const cache = await readSelfRemoves(ctx, base, options.selfRemoves ?? [])
  const sender = { senderType: senderTypes.newMemberCommit }
  const proposals = proposalsOf(options, kemOutput, cache)
  const list = sortProposals(resolveProposals(cache, proposals, sender))
  validateExternalList(list)
  const applied = await applyProposals(ctx, base, list)
  const reserved = reserveLeaf(applied.tree)
  const { signatureKeyPair, credential, capabilities, leafExtensions = [] } = options
  const built = await buildCommit(ctx, {
    sender,
    groupContext,
    interimTranscriptHash: interimTranscriptHash(
      crypto,
      groupContext.confirmedTranscriptHash,
      groupInfo.confirmationTag,
    ),
    proposals,
    applied: { ...applied, tree: reserved.tree },
    initSecret: secret,
    psks: await resolvePsks(ctx, list.psks),
    path: {
      leafIndex: reserved.leafIndex,
      leaf: {
        signatureKey: signatureKeyPair.publicKey,
        credential,
        capabilities,
        extensions: leafExtensions,
      },
      signaturePrivateKey: signatureKeyPair.privateKey,
    },
    replaced: options.resync === undefined ? undefined : leafNodeOf(base, options.resync),
    wireFormat: wireFormats.publicMessage,
    authenticatedData: options.authenticatedData,
    signaturePrivateKey: signatureKeyPair.privateKey,
  })
  if (built.path === undefined) throw new MlsError("internal", "an external commit without a path")
  const { content, auth } = built.content
  const publicMessage = { content, auth, membershipTag: undefined }
  return {
    commit: messageToSend(ctx, { wireFormat: wireFormats.publicMessage, publicMessage }),
    state: enterEpoch({
      epoch: built.epoch,
      tree: built.tree,
      treePrivate: built.path.treePrivate,
      signaturePrivateKey: signatureKeyPair.privateKey,
    }),
  }
}

function proposalsOf(
  options: JoinExternallyOptions,
  kemOutput: Uint8Array,
  cache: ReadonlyMap<string, CachedProposal>,
): ProposalOrRef[] {
  const values: Proposal[] = [
    { proposalType: proposalTypes.externalInit, kemOutput },
    ...(options.resync === undefined
      ? []
      : [{ proposalType: proposalTypes.remove, removed: options.resync }]),
    ...(options.psks ?? []).map((psk) => ({ proposalType: proposalTypes.psk, psk })),
    ...(options.proposals ?? []),
  ]
  return [
    ...values.map((proposal) => ({ kind: "proposal", proposal }) as const),
    ...[...cache.values()].map(({ ref }) => ({ kind: "reference", ref }) as const),
  ]
}

/**
 * Draft §6.3: an external joiner verifies SelfRemove proposals "except that it skips the validation of the
 * membership_tag".
 */
async function readSelfRemoves(
  ctx: MlsContext,
  base: Pick<GroupState, "groupContext" | "tree">,
  messages: readonly Uint8Array[],
): Promise<Map<string, CachedProposal>> {
  const cache = new Map<string, CachedProposal>()
  for (const bytes of messages) {
    const message = readMessage(ctx, bytes)
    if (message.wireFormat !== wireFormats.publicMessage) {
      throw new MlsError("self_remove_encrypted", "SelfRemove goes in a PublicMessage")
    }
    const { content, auth } = message.publicMessage
    const authenticated = { wireFormat: message.wireFormat, content, auth }
    requireSameEpoch(base, content)
    await verifyContent(ctx, base, authenticated)
    // As members do, who would not know the proposal otherwise.
    requireSafeAad(base.groupContext.extensions, content.authenticatedData)
    if (content.contentType !== contentTypes.proposal) {
      throw new MlsError("external_commit_type", "not a proposal", "12.4.3.2")
    }
    const ref = proposalRef(ctx.crypto, authenticated)
    cache.set(bytesToHex(ref), { ref, proposal: content.proposal, sender: content.sender })
  }
  return cache
}
