// RFC 9420 §12.1, §12.2: the proposals of a commit, resolved, sorted by kind, and the rules for the list.

import type { AppDataUpdate, AppEphemeral } from "./app-data.ts"
import { bytesToHex, keyString } from "./bytes.ts"
import { encode } from "./codec.ts"
import { MlsError } from "./error.ts"
import type { Extension } from "./extensions.ts"
import type { Sender } from "./framing.ts"
import type { CachedProposal, CommittedProposal, OwnUpdate } from "./group-types.ts"
import type { KeyPackage } from "./key-package.ts"
import type { LeafNode } from "./leaf-node.ts"
import type { ProposalOrRef, ReInit } from "./proposal-codec.ts"
import { type PreSharedKeyId, encodePreSharedKeyId } from "./psk.ts"
import { proposalTypes, senderTypes } from "./registry.ts"
import { type LeafIndex, leafIndex } from "./tree-math.ts"

export interface LeafUpdate {
  readonly leafIndex: LeafIndex
  readonly leafNode: LeafNode
  readonly own: OwnUpdate | undefined
}

/** A commit's proposals by kind, each kind in the order of the commit. */
export interface ProposalList {
  readonly committed: readonly CommittedProposal[]
  readonly updates: readonly LeafUpdate[]
  readonly removes: readonly LeafIndex[]
  readonly selfRemoves: readonly LeafIndex[]
  readonly adds: readonly KeyPackage[]
  readonly psks: readonly PreSharedKeyId[]
  readonly reInits: readonly ReInit[]
  readonly externalInits: readonly Uint8Array[]
  readonly groupContextExtensions: readonly (readonly Extension[])[]
  readonly appDataUpdates: readonly AppDataUpdate[]
  readonly appEphemerals: readonly AppEphemeral[]
}

/** Replaces references by what they refer to. Throws `MlsError` `unknown_proposal`. */
export function resolveProposals(
  cache: ReadonlyMap<string, CachedProposal>,
  proposals: readonly ProposalOrRef[],
  committer: Sender,
): (CommittedProposal & { readonly own?: OwnUpdate })[] {
  return proposals.map((item) => {
    if (item.kind === "proposal") {
      return { proposal: item.proposal, sender: committer, byReference: false }
    }
    const cached = cache.get(bytesToHex(item.ref))
    if (cached === undefined) {
      throw new MlsError("unknown_proposal", "a referenced proposal was not received", "12.4.2")
    }
    const { proposal, sender, ref, ownUpdate } = cached
    return { proposal, sender, byReference: true, ref, ...(ownUpdate && { own: ownUpdate }) }
  })
}

/**
 * Sorts proposals by kind. Throws `MlsError` `update_sender`, `self_remove_by_value`, `self_remove_sender`,
 * `app_data_before_extensions`, or `invalid_index` for a Remove of what is no leaf of any tree.
 */
export function sortProposals(
  committed: readonly (CommittedProposal & { readonly own?: OwnUpdate })[],
): ProposalList {
  const list = {
    committed,
    updates: [] as LeafUpdate[],
    removes: [] as LeafIndex[],
    selfRemoves: [] as LeafIndex[],
    adds: [] as KeyPackage[],
    psks: [] as PreSharedKeyId[],
    reInits: [] as ReInit[],
    externalInits: [] as Uint8Array[],
    groupContextExtensions: [] as (readonly Extension[])[],
    appDataUpdates: [] as AppDataUpdate[],
    appEphemerals: [] as AppEphemeral[],
  }
  for (const { proposal, sender, byReference, own } of committed) {
    switch (proposal.proposalType) {
      case proposalTypes.add:
        list.adds.push(proposal.keyPackage)
        break
      case proposalTypes.update: {
        // §12.1.2: an Update applies to its sender's leaf, so there must be one.
        if (sender.senderType !== senderTypes.member) {
          throw new MlsError("update_sender", "an Update that no member sent", "12.1.2")
        }
        const { leafNode } = proposal
        list.updates.push({ leafIndex: sender.leafIndex, leafNode, own })
        break
      }
      case proposalTypes.remove:
        list.removes.push(leafIndex(proposal.removed))
        break
      case proposalTypes.selfRemove:
        list.selfRemoves.push(selfRemoved(sender, byReference))
        break
      case proposalTypes.psk:
        list.psks.push(proposal.psk)
        break
      case proposalTypes.reinit: {
        // The state keeps it, in memory as it is stored.
        const { groupId, version, cipherSuite, extensions } = proposal
        list.reInits.push({ groupId, version, cipherSuite, extensions })
        break
      }
      case proposalTypes.externalInit:
        list.externalInits.push(proposal.kemOutput)
        break
      case proposalTypes.groupContextExtensions:
        // Draft §4.7: AppDataUpdate proposals follow the GroupContextExtensions proposal.
        if (list.appDataUpdates.length > 0) {
          throw new MlsError("app_data_before_extensions", "AppDataUpdate comes too early")
        }
        list.groupContextExtensions.push(proposal.extensions)
        break
      case proposalTypes.appDataUpdate:
        list.appDataUpdates.push(proposal)
        break
      case proposalTypes.appEphemeral:
        list.appEphemerals.push(proposal)
        break
      default:
        break
    }
  }
  return list
}

/** §12.4: a path is needed unless there are proposals and each is of a type that needs none. */
export function pathRequired(proposals: readonly CommittedProposal[]): boolean {
  return (
    proposals.length === 0 ||
    proposals.some(({ proposal }) => PATH_REQUIRED.has(proposal.proposalType))
  )
}

/** Types with "Path Required: Y" in the registry (§17.4; SelfRemove: draft §7.2). */
const PATH_REQUIRED: ReadonlySet<number> = new Set([
  proposalTypes.update,
  proposalTypes.remove,
  proposalTypes.externalInit,
  proposalTypes.groupContextExtensions,
  proposalTypes.selfRemove,
])

/** §12.2, the first list: a commit by the member at `committer`. One error code for each rule. */
export function validateMemberList(list: ProposalList, committer: LeafIndex): void {
  // "It contains an Update proposal generated by the committer."
  if (list.updates.some((update) => update.leafIndex === committer)) {
    throw new MlsError("own_update", "the committer's own Update", "12.2")
  }
  // "It contains a Remove proposal that removes the committer."
  if (list.removes.includes(committer) || list.selfRemoves.includes(committer)) {
    throw new MlsError("committer_removed", "the committer removes itself", "12.2")
  }
  validateSelfRemoves(list)
  // "It contains multiple Update and/or Remove proposals that apply to the same leaf."
  const leaves = [...list.updates.map((update) => update.leafIndex), ...list.removes]
  if (hasRepetition([...leaves, ...list.selfRemoves])) {
    throw new MlsError("leaf_conflict", "two Updates or Removes of one leaf", "12.2")
  }
  // "It contains multiple Add proposals that contain KeyPackages that represent the same client", which
  // the RFC lets an application tell by the signature key.
  if (hasRepetition(list.adds.map((add) => keyString(add.leafNode.signatureKey)))) {
    throw new MlsError("duplicate_add", "two Adds of one signature key", "12.2")
  }
  validatePskList(list)
  // "It contains multiple GroupContextExtensions proposals."
  if (list.groupContextExtensions.length > 1) {
    throw new MlsError("multiple_group_context_extensions", "more than one", "12.2")
  }
  // "It contains a ReInit proposal together with any other proposal."
  if (list.reInits.length > 0 && list.committed.length > 1) {
    throw new MlsError("reinit_not_alone", "a ReInit with other proposals", "12.2")
  }
  // "It contains an ExternalInit proposal."
  if (list.externalInits.length > 0) {
    throw new MlsError("external_init_not_external", "ExternalInit from a member", "12.2")
  }
}

/** §12.2, the second list, §12.4.3.2 and the draft's additions: an external commit. */
export function validateExternalList(list: ProposalList): void {
  // "exactly one ExternalInit"
  if (list.externalInits.length === 0) {
    throw new MlsError("external_init_missing", "no ExternalInit", "12.4.3.2")
  }
  if (list.externalInits.length > 1) {
    throw new MlsError("external_init_multiple", "several ExternalInits", "12.4.3.2")
  }
  // "at most one Remove proposal"
  if (list.removes.length > 1) {
    throw new MlsError("external_remove_multiple", "several Removes", "12.4.3.2")
  }
  for (const { proposal, byReference } of list.committed) {
    // "no other proposals are present"; the draft adds AppDataUpdate, AppEphemeral and SelfRemove.
    if (!EXTERNAL_COMMIT_TYPES.has(proposal.proposalType)) {
      const type = proposal.proposalType
      throw new MlsError("external_commit_type", `proposal type ${type}`, "12.4.3.2")
    }
    // "The Commit MUST NOT include any proposals by reference"; the draft: SelfRemove only by reference.
    if (byReference && proposal.proposalType !== proposalTypes.selfRemove) {
      throw new MlsError("external_commit_reference", "a proposal by reference", "12.4.3.2")
    }
  }
  validateSelfRemoves(list)
  validatePskList(list)
}

const EXTERNAL_COMMIT_TYPES: ReadonlySet<number> = new Set([
  proposalTypes.externalInit,
  proposalTypes.remove,
  proposalTypes.psk,
  proposalTypes.selfRemove,
  proposalTypes.appDataUpdate,
  proposalTypes.appEphemeral,
])

/** Draft §6.3: one SelfRemove for a leaf, and no Remove of the same leaf. */
function validateSelfRemoves(list: ProposalList): void {
  const removed = new Set(list.removes)
  if (hasRepetition(list.selfRemoves) || list.selfRemoves.some((leaf) => removed.has(leaf))) {
    throw new MlsError("self_remove_conflict", "a leaf removes itself and is removed again")
  }
}

/** "It contains multiple PreSharedKey proposals that reference the same PreSharedKeyID." */
function validatePskList(list: ProposalList): void {
  if (hasRepetition(list.psks.map((psk) => bytesToHex(encode(encodePreSharedKeyId, psk))))) {
    throw new MlsError("duplicate_psk", "two PreSharedKey proposals with one id", "12.2")
  }
}

/** Draft §6.3: SelfRemove is committed by reference only, and its sender is the member that leaves. */
function selfRemoved(sender: Sender, byReference: boolean): LeafIndex {
  if (!byReference) throw new MlsError("self_remove_by_value", "SelfRemove by value")
  if (sender.senderType !== senderTypes.member) {
    throw new MlsError("self_remove_sender", "a SelfRemove that no member sent")
  }
  return sender.leafIndex
}

function hasRepetition(values: readonly (number | string)[]): boolean {
  return new Set(values).size < values.length
}
