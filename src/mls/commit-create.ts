// RFC 9420 §12.4: a member creates a commit.

import { type AppliedProposals, type EarlierAttempts, applyProposals } from "./apply-proposals.ts"
import { inTurns, ownStretch } from "./batches.ts"
import { bytesToHex } from "./bytes.ts"
import { buildCommit } from "./commit-build.ts"
import { summarize } from "./commit-summary.ts"
import { enterEpoch, resolvePsks } from "./epoch.ts"
import { MlsError } from "./error.ts"
import { leafNodeOf } from "./group.ts"
import { createWelcome } from "./group-info.ts"
import type {
  CreateCommitOptions,
  CreatedCommit,
  GroupState,
  LeafNodeChanges,
  MlsContext,
} from "./group-types.ts"
import { handshakeWireFormat, memberSender, protect, requireUsable } from "./member-message.ts"
import type { ProposalOrRef } from "./proposal-codec.ts"
import {
  type ProposalList,
  pathRequired,
  resolveProposals,
  sortProposals,
  validateMemberList,
} from "./proposals.ts"
import type { PreSharedKeyId } from "./psk.ts"
import { proposalTypes } from "./registry.ts"
import { selectProposals } from "./select-proposals.ts"
import { pruneTreePrivate } from "./tree-private.ts"
import { pathSecretFor } from "./treekem.ts"
import { leafChecksInTree } from "./validate-leaf.ts"

/**
 * A commit of proposals by value and by reference, with a path where §12.4 requires one. Nothing changes until
 * the caller takes `next`. Throws `MlsError` `group_reinitialised`, `unknown_proposal`, `psk_unknown`,
 * `safe_aad`, `sending_limit` (also for the Welcome), `misuse` for cryptography of another suite, or the code of a rule
 * that the proposals break (§12.2).
 */
export async function createCommit(
  ctx: MlsContext,
  state: GroupState,
  options: CreateCommitOptions = {},
): Promise<CreatedCommit> {
  requireUsable(ctx, state)
  const { proposals, list, applied } = await collect(ctx, state, options)
  const sender = memberSender(state)
  const leaf = leafNodeOf(state, state.ownLeafIndex)
  const wantsPath = options.forcePath === true || options.leafNode !== undefined
  const withPath = wantsPath || pathRequired(list.committed)
  const leafChanges: LeafNodeChanges = options.leafNode ?? {}
  const { signatureKeyPair, ...changes } = leafChanges
  const newSignatureKey = signatureKeyPair?.privateKey ?? state.signaturePrivateKey
  const { extensions, capabilities, credential, signatureKey } = leaf
  const built = await buildCommit(ctx, {
    sender,
    groupContext: state.groupContext,
    interimTranscriptHash: state.interimTranscriptHash,
    proposals,
    applied,
    initSecret: state.epochSecrets.initSecret,
    psks: await resolvePsks(ctx, list.psks, state),
    path: withPath
      ? {
          leafIndex: state.ownLeafIndex,
          leaf: {
            extensions,
            capabilities,
            credential,
            ...changes,
            signatureKey: signatureKeyPair?.publicKey ?? signatureKey,
          },
          signaturePrivateKey: newSignatureKey,
        }
      : undefined,
    replaced: leaf,
    wireFormat: handshakeWireFormat(options.wireFormat),
    authenticatedData: options.authenticatedData,
    signaturePrivateKey: state.signaturePrivateKey,
  })
  const { epoch, path, tree, content } = built
  const next = enterEpoch({
    epoch,
    tree,
    treePrivate: path?.treePrivate ?? pruneTreePrivate(tree, state.treePrivate),
    signaturePrivateKey: newSignatureKey,
    reInit: list.reInits[0],
  })
  const welcomed =
    list.adds.length === 0
      ? undefined
      : await createWelcome(ctx, {
          next,
          joinerSecret: epoch.joinerSecret,
          pskSecret: epoch.pskSecret,
          psks: list.psks,
          newMembers: list.adds.map((keyPackage, i) => {
            const added = applied.added[i]
            if (added === undefined) throw new MlsError("internal", "an Add without a leaf")
            return { keyPackage, pathSecret: path && pathSecretFor(path, added) }
          }),
          withRatchetTree: options.ratchetTree ?? true,
          extensions: options.groupInfoExtensions ?? [],
        })
  const sent = await protect(ctx, state, content)
  return {
    commit: sent.message,
    ...(welcomed && { welcome: welcomed.welcome }),
    welcomedRefs: welcomed?.refs ?? [],
    next,
    state: sent.state,
    summary: summarize({
      content: content.content,
      committer: state.ownLeafIndex,
      committerLeaf: leaf,
      list,
      applied,
      hasPath: path !== undefined,
      newGroupContext: next.groupContext,
      own: state.ownLeafIndex,
    }),
  }
}

interface Collected {
  readonly proposals: readonly ProposalOrRef[]
  readonly list: ProposalList
  readonly applied: AppliedProposals
}

/** References first, in the order that they came, then values; AppDataUpdates by value last (draft §4.7). */
async function collect(
  ctx: MlsContext,
  state: GroupState,
  options: CreateCommitOptions,
): Promise<Collected> {
  const values: ProposalOrRef[] = (options.proposals ?? []).map((proposal) => ({
    kind: "proposal",
    proposal,
  }))
  const attempt = async (
    refs: readonly Uint8Array[],
    earlier?: EarlierAttempts,
  ): Promise<Collected> => {
    const items = [...refs.map((ref) => ({ kind: "reference", ref }) as const), ...values]
    const isUpdate = (item: ProposalOrRef) =>
      (item.kind === "proposal"
        ? item.proposal
        : state.proposals.get(bytesToHex(item.ref))?.proposal
      )?.proposalType === proposalTypes.appDataUpdate
    const proposals = [...items.filter((item) => !isUpdate(item)), ...items.filter(isUpdate)]
    const committed = resolveProposals(state.proposals, proposals, memberSender(state))
    const list = sortProposals(committed)
    await ownStretch(proposals)
    validateMemberList(list, state.ownLeafIndex)
    return { proposals, list, applied: await applyProposals(ctx, state, list, earlier) }
  }
  if (options.proposalRefs !== "all") return attempt(options.proposalRefs ?? [])
  // There may be as many attempts as proposals, and others' may be Adds by the hundred.
  const earlier: EarlierAttempts = { signatures: new Map(), authenticated: new Map() }
  const asked = new Map<PreSharedKeyId, Promise<unknown>>()
  const lookUp = (id: PreSharedKeyId) => {
    const answer = asked.get(id) ?? resolvePsks(ctx, [id], state)
    asked.set(id, answer)
    return answer
  }
  return selectProposals([...state.proposals.values()], async (refs) => {
    const collected = await attempt(refs, earlier)
    // What is asked of the commit as a whole would otherwise be refused when nothing can be left out any more.
    if (refs.length > 0) {
      const { list, applied } = collected
      await Promise.all(list.psks.map(lookUp))
      await inTurns(leafChecksInTree(applied.tree, applied.touched))
    }
    return collected
  })
}
