// RFC 9420 §6, §12, §15: whatever a group gets is opened, verified and taken in.

import { requireSafeAad } from "./app-data.ts"
import { processCommit } from "./commit-process.ts"
import { MlsError } from "./error.ts"
import type { AuthenticatedContent } from "./framing.ts"
import { leafNodeOf, withProposal } from "./group.ts"
import type { GroupState, MlsContext, Processed, ProcessedApplication } from "./group-types.ts"
import { proposalRef, requireUsable } from "./member-message.ts"
import {
  type MessageProtection,
  type PrivateMessage,
  type UnprotectOptions,
  unprotectAll,
  unprotectPrivate,
} from "./private-message.ts"
import { contentTypes, proposalTypes, senderTypes, wireFormats } from "./registry.ts"
import { type RatchetLimits, defaultRatchetLimits } from "./secret-tree.ts"
import { leafNode } from "./tree.ts"
import { openPublic, readMessage, requireSameEpoch, verifyContent } from "./verify-message.ts"

/**
 * Takes an MLSMessage to the group: application data, a proposal, or another's commit. Only messages of the
 * state's own epoch; those of past epochs go to the states of then. Nothing changes when it throws: `MlsError`
 * with a code for what was wrong, or what the authentication service threw. `misuse`: `ctx.crypto` is of another suite.
 */
export async function processMessage(
  ctx: MlsContext,
  state: GroupState,
  message: Uint8Array,
): Promise<Processed> {
  requireUsable(ctx, state)
  const decoded = readMessage(ctx, message)
  if (decoded.wireFormat === wireFormats.publicMessage) {
    const authenticated = await openPublic(ctx, state, decoded.publicMessage)
    return processContent(ctx, state, authenticated)
  }
  if (decoded.wireFormat === wireFormats.privateMessage) {
    const opened = await openPrivate(ctx, state, decoded.privateMessage)
    return processContent(ctx, opened.state, opened.authenticated, opened.generation)
  }
  throw new MlsError("unexpected_message", `wire format ${decoded.wireFormat}`, "6")
}

/**
 * What `processMessage` would give for application messages in PrivateMessages, each on the state that the one before
 * left, with the cryptography of all of them side by side. Ends before the first that is none or can't be taken in: the
 * caller gives that one to `processMessage`, which says why. Throws as `processMessage` does for the state itself.
 */
export async function processAhead(
  ctx: MlsContext,
  state: GroupState,
  messages: readonly Uint8Array[],
): Promise<readonly ProcessedApplication[]> {
  requireUsable(ctx, state)
  const given = applicationsOf(ctx, state, messages)
  const opened = await unprotectAll(ctx.crypto, given, keysOf(state), openingOf(ctx, state))
  const verified = await Promise.all(
    opened.map(({ content }) => succeeds(verifyContent(ctx, state, content))),
  )
  const results: ProcessedApplication[] = []
  for (const [i, { content, secretTree, generation }] of opened.entries()) {
    if (verified[i] !== true) break
    const taking = processContent(ctx, { ...state, secretTree }, content, generation)
    if (!(await succeeds(taking))) break
    const processed = await taking
    if (processed.kind !== "application") break
    results.push(processed)
  }
  return results
}

/** As far as they are application messages of this epoch. */
function applicationsOf(
  ctx: MlsContext,
  state: GroupState,
  messages: readonly Uint8Array[],
): PrivateMessage[] {
  const found: PrivateMessage[] = []
  for (const message of messages) {
    try {
      const decoded = readMessage(ctx, message)
      if (decoded.wireFormat !== wireFormats.privateMessage) break
      const { privateMessage } = decoded
      requireSameEpoch(state, privateMessage)
      if (privateMessage.contentType !== contentTypes.application) break
      found.push(privateMessage)
    } catch (error) {
      if (error instanceof MlsError) break
      throw error
    }
  }
  return found
}

async function succeeds(work: Promise<unknown>): Promise<boolean> {
  try {
    await work
    return true
  } catch (error) {
    if (error instanceof MlsError) return false
    throw error
  }
}

function keysOf({ epochSecrets, secretTree }: GroupState): MessageProtection {
  return { senderDataSecret: epochSecrets.senderDataSecret, secretTree }
}

function openingOf(ctx: MlsContext, { tree }: GroupState): UnprotectOptions {
  return { isMember: (leaf) => leafNode(tree, leaf) !== undefined, limits: ratchetLimits(ctx) }
}

interface VerifiedPrivate {
  readonly authenticated: AuthenticatedContent
  readonly state: GroupState
  readonly generation: number
}

/** A verified PrivateMessage, and the state without the key that opened it. */
async function openPrivate(
  ctx: MlsContext,
  state: GroupState,
  message: PrivateMessage,
): Promise<VerifiedPrivate> {
  requireSameEpoch(state, message)
  const { content, secretTree, generation } = await unprotectPrivate(
    ctx.crypto,
    message,
    keysOf(state),
    openingOf(ctx, state),
  )
  await verifyContent(ctx, state, content)
  return { authenticated: content, state: { ...state, secretTree }, generation }
}

async function processContent(
  ctx: MlsContext,
  state: GroupState,
  authenticated: AuthenticatedContent,
  generation = 0,
): Promise<Processed> {
  const { content } = authenticated
  const { sender, authenticatedData } = content
  requireSafeAad(state.groupContext.extensions, authenticatedData)
  if (content.contentType === contentTypes.commit) {
    // §12.4.2: a committer has the successor state already, and can't open its own path.
    if (sender.senderType === senderTypes.member && sender.leafIndex === state.ownLeafIndex) {
      throw new MlsError("own_commit", "a commit of our own")
    }
    return processCommit(ctx, state, authenticated, content.commit)
  }
  if (content.contentType === contentTypes.proposal) {
    const { proposal } = content
    // Draft §6.3: "these proposals MUST be sent in an MLS PublicMessage".
    if (
      proposal.proposalType === proposalTypes.selfRemove &&
      authenticated.wireFormat !== wireFormats.publicMessage
    ) {
      throw new MlsError("self_remove_encrypted", "SelfRemove in a PrivateMessage")
    }
    const ref = proposalRef(ctx.crypto, authenticated)
    const cached = withProposal(ctx, state, { ref, proposal, sender })
    return { kind: "proposal", state: cached, ref, proposal, sender, authenticatedData }
  }
  if (sender.senderType !== senderTypes.member) {
    throw new MlsError("sender_not_allowed", "application data from outside", "6")
  }
  return {
    kind: "application",
    state,
    data: content.applicationData,
    sender: sender.leafIndex,
    senderCredential: leafNodeOf(state, sender.leafIndex).credential,
    authenticatedData,
    epoch: content.epoch,
    generation,
  }
}

function ratchetLimits({ limits }: MlsContext): RatchetLimits {
  return {
    outOfOrder: limits?.outOfOrder ?? defaultRatchetLimits.outOfOrder,
    forward: limits?.forward ?? defaultRatchetLimits.forward,
  }
}
