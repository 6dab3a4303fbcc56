// RFC 9420 §6.1: who signed a message to the group, and whether the message is theirs.

import { externalSenders } from "./apply-proposals.ts"
import { MlsError } from "./error.ts"
import type { AuthenticatedContent, ContentType, Sender } from "./framing.ts"
import { leafNodeOf } from "./group.ts"
import type { GroupState, IdentifiedSender, MlsContext } from "./group-types.ts"
import { equalBytes } from "./bytes.ts"
import { requireSuite } from "./member-message.ts"
import { MAX_MESSAGE_SIZE, type MlsMessage, decodeMlsMessage } from "./message.ts"
import { type PublicMessage, contentSignature, unprotectPublic } from "./public-message.ts"
import { contentTypes, proposalTypes, senderTypes, wireFormats } from "./registry.ts"

/** Throws `MlsError` `unexpected_message` above the size limit, or as `decodeMlsMessage`. */
export function readMessage(ctx: MlsContext, bytes: Uint8Array): MlsMessage {
  if (bytes.length > (ctx.limits?.maxMessageSize ?? MAX_MESSAGE_SIZE)) {
    throw new MlsError("unexpected_message", `a message of ${bytes.length} bytes`)
  }
  return decodeMlsMessage(bytes)
}

/** Throws `MlsError` `wrong_group` or `wrong_epoch` unless the message is for this very state. */
export function requireSameEpoch(
  state: Pick<GroupState, "groupContext">,
  message: { readonly groupId: Uint8Array; readonly epoch: bigint },
): void {
  const { groupId, epoch } = state.groupContext
  if (!equalBytes(message.groupId, groupId)) {
    throw new MlsError("wrong_group", "the message is for another group", "6")
  }
  if (message.epoch !== epoch) {
    throw new MlsError("wrong_epoch", `epoch ${message.epoch}, not ${epoch}`, "6")
  }
}

/**
 * Whether a PublicMessage is of this state's group and epoch, and its membership tag and signature are right.
 * Nothing that it says is judged or applied. Throws `MlsError` as `processMessage` does before that.
 */
export async function identifySender(
  ctx: MlsContext,
  state: GroupState,
  message: Uint8Array,
): Promise<IdentifiedSender> {
  requireSuite(ctx.crypto, state.groupContext)
  const decoded = readMessage(ctx, message)
  if (decoded.wireFormat !== wireFormats.publicMessage) {
    throw new MlsError("unexpected_message", `wire format ${decoded.wireFormat}`, "6")
  }
  const { content } = await openPublic(ctx, state, decoded.publicMessage)
  return { epoch: content.epoch, sender: content.sender, contentType: content.contentType }
}

/** A verified PublicMessage. Throws as `identifySender`. */
export async function openPublic(
  ctx: MlsContext,
  state: GroupState,
  message: PublicMessage,
): Promise<AuthenticatedContent> {
  requireSameEpoch(state, message.content)
  const { groupContext } = state
  const { membershipKey } = state.epochSecrets
  const authenticated = await unprotectPublic(ctx.crypto, message, { groupContext, membershipKey })
  await verifyContent(ctx, state, authenticated)
  return authenticated
}

/**
 * §6.1: the signature by the key that belongs to the sender, once it is clear that such a sender may send such
 * content. Throws `MlsError` `sender_not_allowed`, `unknown_sender`, `unknown_external_sender`, `external_add`,
 * `external_proposal_type`, `path_missing` or `signature_invalid`.
 */
export async function verifyContent(
  { crypto }: MlsContext,
  state: Pick<GroupState, "groupContext" | "tree">,
  authenticated: AuthenticatedContent,
): Promise<void> {
  const key = senderKey(state, authenticated)
  const signature = contentSignature(authenticated, state.groupContext, key)
  if (!(await crypto.verify(signature))) {
    throw new MlsError("signature_invalid", "the signature of the message is wrong", "6.1")
  }
}

function senderKey(
  state: Pick<GroupState, "groupContext" | "tree">,
  { content }: AuthenticatedContent,
): Uint8Array {
  const { sender } = content
  requireAllowed(sender, content.contentType)
  if (sender.senderType === senderTypes.member) {
    return leafNodeOf(state, sender.leafIndex).signatureKey
  }
  if (content.contentType === contentTypes.commit) {
    // §12.4.3.2: an external commit is signed with the key of the leaf that it brings.
    const { path } = content.commit
    if (path === undefined) {
      throw new MlsError("path_missing", "an external commit without a path", "12.4.3.2")
    }
    return path.leafNode.signatureKey
  }
  if (content.contentType !== contentTypes.proposal) {
    throw new MlsError("sender_not_allowed", "application data from outside", "6")
  }
  const { proposal } = content
  if (sender.senderType === senderTypes.external) {
    // §12.1.8: "sender_index refers to an entry of the external_senders extension".
    const found = externalSenders(state.groupContext.extensions)[sender.senderIndex]
    if (found === undefined) {
      throw new MlsError("unknown_external_sender", `index ${sender.senderIndex}`, "12.1.8")
    }
    // §12.1.8, §17.4: only types with "External: Y".
    if (!externalTypes.has(proposal.proposalType)) {
      const message = `proposal type ${proposal.proposalType} from outside`
      throw new MlsError("external_proposal_type", message, "12.1.8")
    }
    return found.signatureKey
  }
  // §12.1.8: new_member_proposal is for an Add of oneself, signed with the added leaf's key.
  if (proposal.proposalType !== proposalTypes.add) {
    throw new MlsError("external_add", "new_member_proposal without an Add", "12.1.8")
  }
  return proposal.keyPackage.leafNode.signatureKey
}

/** §6: which senders may send what. */
function requireAllowed({ senderType }: Sender, contentType: ContentType): void {
  const allowed = {
    [senderTypes.member]: ANY_CONTENT,
    [senderTypes.external]: [contentTypes.proposal],
    [senderTypes.newMemberProposal]: [contentTypes.proposal],
    [senderTypes.newMemberCommit]: [contentTypes.commit],
  }[senderType] as readonly ContentType[]
  if (!allowed.includes(contentType)) {
    const message = `content type ${contentType} from sender type ${senderType}`
    throw new MlsError("sender_not_allowed", message, "6")
  }
}

const ANY_CONTENT: readonly ContentType[] = Object.values(contentTypes)

/** Proposal types with "External: Y" (§17.4; draft §7.3). */
export const externalTypes: ReadonlySet<number> = new Set([
  proposalTypes.add,
  proposalTypes.remove,
  proposalTypes.psk,
  proposalTypes.reinit,
  proposalTypes.groupContextExtensions,
  proposalTypes.appDataUpdate,
  proposalTypes.appEphemeral,
])
