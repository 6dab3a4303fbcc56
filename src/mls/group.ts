// RFC 9420 §11: a group is created; §12.1, §15.2: what its members send besides commits.

import { atOnce } from "./batches.ts"
import { bytesToHex } from "./bytes.ts"
import { MlsError } from "./error.ts"
import { checkGroupExtensions, externalSenders, requireLifetime } from "./apply-proposals.ts"
import { enterEpoch } from "./epoch.ts"
import { mlsExporter } from "./exporter.ts"
import { exportFromTree } from "./exporter-tree.ts"
import type {
  CachedProposal,
  CreateGroupOptions,
  CreateProposalOptions,
  CreatedProposal,
  EncryptOptions,
  EncryptedApplication,
  GroupState,
  LeafNodeChanges,
  MlsContext,
  OwnUpdate,
} from "./group-types.ts"
import { type GroupContext, secretsOf } from "./key-schedule.ts"
import { type LeafNode, signLeafNode } from "./leaf-node.ts"
import {
  handshakeWireFormat,
  memberSender,
  proposalRef,
  protect,
  requireSendingSize,
  requireSuite,
  requireUsable,
  signAsMember,
} from "./member-message.ts"
import type { MlsCrypto } from "./crypto.ts"
import type { Proposal } from "./proposal-codec.ts"
import { contentTypes, proposalTypes, protocolVersions, wireFormats } from "./registry.ts"
import { confirmationTag, interimTranscriptHash } from "./transcript.ts"
import { treeHash } from "./tree-hash.ts"
import { type LeafIndex, leafIndex } from "./tree-math.ts"
import { createTreePrivate } from "./tree-private.ts"
import { type Member, createTree, leafNode, nonBlankLeaves } from "./tree.ts"
import { bindingChecks } from "./validate-bindings.ts"
import { validateLeafNode } from "./validate-leaf.ts"

const MAX_CACHED_PROPOSALS = 1000

/**
 * A group with one member, in epoch 0. `groupId` is the caller's, who makes it unique. Throws `MlsError`
 * `extension_duplicate`, `extension_misplaced`, or the code of a rule for the member's leaf (§7.3).
 */
export async function createGroup(
  ctx: MlsContext,
  options: CreateGroupOptions,
): Promise<GroupState> {
  const { crypto } = ctx
  const { keyPackage, encryptionPrivateKey, signaturePrivateKey } = options.keyPackage
  checkGroupExtensions(options.extensions)
  validateLeafNode(crypto, keyPackage.leafNode, {
    source: "key_package",
    groupExtensions: options.extensions,
    maxLifetime: ctx.limits?.maxLifetime,
  })
  await ctx.auth?.validate(
    keyPackage.leafNode.credential,
    keyPackage.leafNode.signatureKey,
    keyPackage.leafNode,
  )
  for (const { credential, signatureKey } of externalSenders(options.extensions)) {
    await ctx.auth?.validate(credential, signatureKey, undefined)
  }
  const tree = createTree(keyPackage.leafNode)
  atOnce(bindingChecks(tree))
  const own = leafIndex(0)
  const groupContext: GroupContext = {
    version: protocolVersions.mls10,
    cipherSuite: crypto.suite.id,
    groupId: options.groupId,
    epoch: 0n,
    treeHash: treeHash(crypto, tree),
    confirmedTranscriptHash: new Uint8Array(),
    extensions: options.extensions,
  }
  const epochSecrets = secretsOf(crypto, crypto.random(crypto.suite.hash.size))
  const confirmed = groupContext.confirmedTranscriptHash
  const tag = confirmationTag(crypto, epochSecrets.confirmationKey, confirmed)
  return enterEpoch({
    epoch: {
      groupContext,
      epochSecrets,
      confirmationTag: tag,
      interimTranscriptHash: interimTranscriptHash(crypto, confirmed, tag),
    },
    tree,
    treePrivate: createTreePrivate(own, encryptionPrivateKey),
    signaturePrivateKey,
  })
}

/**
 * Signs and frames a proposal; the state that is returned has it in its cache. For an Update use
 * `createUpdateProposal`. Throws `MlsError` `misuse`, `self_remove_encrypted`, `too_many_proposals`,
 * `group_reinitialised`, `safe_aad`, `sending_limit`, and of an Add `leaf_not_yet_valid` or `leaf_expired`. Whether
 * the proposal can be committed is seen when it is.
 */
export async function createProposal(
  ctx: MlsContext,
  state: GroupState,
  proposal: Proposal,
  options: CreateProposalOptions = {},
): Promise<CreatedProposal> {
  if (proposal.proposalType === proposalTypes.update) {
    throw new MlsError("misuse", "an Update needs its private keys: createUpdateProposal")
  }
  return sendProposal(ctx, state, { proposal, ...options })
}

/** A proposal to replace our own leaf, with a fresh encryption key. Throws as `createProposal`. */
export async function createUpdateProposal(
  ctx: MlsContext,
  state: GroupState,
  changes: LeafNodeChanges = {},
  options: CreateProposalOptions = {},
): Promise<CreatedProposal> {
  const { crypto } = ctx
  const current = leafNodeOf(state, state.ownLeafIndex)
  const { signatureKeyPair, ...rest } = changes
  const encryption = await crypto.generateKemKeyPair()
  const signaturePrivateKey = signatureKeyPair?.privateKey ?? state.signaturePrivateKey
  const changed = await signLeafNode(crypto, {
    content: {
      ...current,
      ...rest,
      signatureKey: signatureKeyPair?.publicKey ?? current.signatureKey,
      encryptionKey: encryption.publicKey,
      source: { kind: "update" },
    },
    signaturePrivateKey,
    position: { groupId: state.groupContext.groupId, leafIndex: state.ownLeafIndex },
  })
  return sendProposal(ctx, state, {
    proposal: { proposalType: proposalTypes.update, leafNode: changed },
    ownUpdate: { encryptionPrivateKey: encryption.privateKey, signaturePrivateKey },
    ...options,
  })
}

/**
 * An application message to the group, as a PrivateMessage. The next one is made from the state that comes with it: two
 * made from one state, also at the same time, have one key. Throws `MlsError` `group_reinitialised`, `safe_aad`,
 * `sending_limit`, or `proposals_pending` unless the context says otherwise.
 */
export async function encryptApplication(
  ctx: MlsContext,
  state: GroupState,
  data: Uint8Array,
  options: EncryptOptions = {},
): Promise<EncryptedApplication> {
  requireUsable(ctx, state)
  // §12.4: a member that has seen proposals in an epoch commits before it sends application data.
  if (ctx.commitBeforeSending !== false && state.proposals.size > 0) {
    throw new MlsError("proposals_pending", "there are proposals to commit first", "12.4")
  }
  requireSendingSize(ctx, data)
  const content = await signAsMember(ctx, state, {
    body: { contentType: contentTypes.application, applicationData: data },
    wireFormat: wireFormats.privateMessage,
    authenticatedData: options.authenticatedData,
  })
  return protect(ctx, state, content, options.padding)
}

/**
 * `MLS-Exporter` (§8.5) of the state's epoch; `length` in bytes. Throws `MlsError` `misuse` for more than 255 times
 * `KDF.Nh`, or for crypto of another suite.
 */
export function exportSecret(
  crypto: MlsCrypto,
  state: GroupState,
  label: string,
  context: Uint8Array,
  length: number,
): Uint8Array {
  requireSuite(crypto, state.groupContext)
  return mlsExporter(crypto, state.epochSecrets.exporterSecret, label, context, length)
}

/**
 * `SafeExportSecret` (draft §4.4): the secret of a component in the state's epoch, `KDF.Nh` bytes, and the state from
 * which it can't be had again. Throws `MlsError` `component_secret_used`, or `invalid_index` for an id that is no uint16.
 */
export function safeExportSecret(
  crypto: MlsCrypto,
  state: GroupState,
  componentId: number,
): { readonly secret: Uint8Array; readonly state: GroupState } {
  requireSuite(crypto, state.groupContext)
  const { secret, tree } = exportFromTree(crypto, state.exporterTree, componentId)
  return { secret, state: { ...state, exporterTree: tree } }
}

/** All members by ascending leaf index. */
export function members(state: GroupState): Iterable<Member> {
  return nonBlankLeaves(state.tree)
}

/** A member's leaf. Throws `MlsError` `unknown_sender` for a leaf that is blank or outside the tree. */
export function leafNodeOf(state: Pick<GroupState, "tree">, leaf: LeafIndex): LeafNode {
  const found = leafNode(state.tree, leaf)
  if (found === undefined) throw new MlsError("unknown_sender", `leaf ${leaf} is no member`, "6.1")
  return found
}

/**
 * The state with a proposal in its cache; the same state if it was there. Throws `MlsError`
 * `too_many_proposals`.
 */
export function withProposal(
  ctx: MlsContext,
  state: GroupState,
  cached: CachedProposal,
): GroupState {
  const key = bytesToHex(cached.ref)
  if (state.proposals.has(key)) return state
  if (state.proposals.size >= (ctx.limits?.maxCachedProposals ?? MAX_CACHED_PROPOSALS)) {
    throw new MlsError("too_many_proposals", "the proposal cache is full")
  }
  return { ...state, proposals: new Map(state.proposals).set(key, cached) }
}

interface ProposalToSend extends CreateProposalOptions {
  readonly proposal: Proposal
  readonly ownUpdate?: OwnUpdate
}

async function sendProposal(
  ctx: MlsContext,
  state: GroupState,
  sending: ProposalToSend,
): Promise<CreatedProposal> {
  requireUsable(ctx, state)
  const { proposal, ownUpdate, authenticatedData } = sending
  requireLifetime(ctx, proposal)
  // Draft §6.3: SelfRemove is there for external joiners to read.
  if (proposal.proposalType === proposalTypes.selfRemove && sending.wireFormat === "private") {
    throw new MlsError("self_remove_encrypted", "SelfRemove goes in a PublicMessage")
  }
  const content = await signAsMember(ctx, state, {
    body: { contentType: contentTypes.proposal, proposal },
    wireFormat: handshakeWireFormat(sending.wireFormat),
    authenticatedData,
  })
  const ref = proposalRef(ctx.crypto, content)
  const sender = memberSender(state)
  const sent = await protect(ctx, state, content)
  const cached = { ref, proposal, sender, ...(ownUpdate && { ownUpdate }) }
  return { state: withProposal(ctx, sent.state, cached), message: sent.message, ref }
}
