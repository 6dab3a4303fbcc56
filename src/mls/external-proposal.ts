// RFC 9420 §12.1.8: proposals from outside the group, by a sender that it knows or by one who wants to be added.

import { requireLifetime } from "./apply-proposals.ts"
import { MlsError } from "./error.ts"
import type { Sender } from "./framing.ts"
import type {
  ExternalProposalOptions,
  MlsContext,
  NewMemberProposalOptions,
} from "./group-types.ts"
import { requireGroupSuite } from "./group-info.ts"
import { messageToSend, signContent } from "./member-message.ts"
import type { Proposal } from "./proposal-codec.ts"
import { contentTypes, proposalTypes, senderTypes, wireFormats } from "./registry.ts"
import { externalTypes, readMessage } from "./verify-message.ts"

/**
 * A proposal signed by an entry of the group's external_senders, as an MLSMessage. Throws `MlsError`
 * `external_proposal_type`, `unexpected_message` without a GroupInfo, `welcome_suite` for a group of another suite,
 * `safe_aad`, `sending_limit`, or of an Add `leaf_not_yet_valid` or `leaf_expired`.
 */
export async function createExternalProposal(
  ctx: MlsContext,
  options: ExternalProposalOptions,
): Promise<Uint8Array> {
  const { proposal, senderIndex } = options
  if (!externalTypes.has(proposal.proposalType)) {
    const message = `proposal type ${proposal.proposalType} from outside`
    throw new MlsError("external_proposal_type", message, "12.1.8")
  }
  return signed(ctx, { ...options, sender: { senderType: senderTypes.external, senderIndex } })
}

/** An Add of oneself, signed with the KeyPackage's key, as an MLSMessage. Throws as `createExternalProposal`. */
export async function createNewMemberProposal(
  ctx: MlsContext,
  options: NewMemberProposalOptions,
): Promise<Uint8Array> {
  const { keyPackage, signaturePrivateKey } = options.keyPackage
  return signed(ctx, {
    ...options,
    proposal: { proposalType: proposalTypes.add, keyPackage },
    signaturePrivateKey,
    sender: { senderType: senderTypes.newMemberProposal },
  })
}

interface ProposalToSign extends Pick<
  ExternalProposalOptions,
  "groupInfo" | "signaturePrivateKey" | "authenticatedData"
> {
  readonly proposal: Proposal
  readonly sender: Sender
}

/** §12.1.8: such proposals are PublicMessages, and have no membership tag. */
async function signed(ctx: MlsContext, options: ProposalToSign): Promise<Uint8Array> {
  requireLifetime(ctx, options.proposal)
  const message = readMessage(ctx, options.groupInfo)
  if (message.wireFormat !== wireFormats.groupInfo) {
    throw new MlsError("unexpected_message", "no GroupInfo", "12.1.8")
  }
  const { groupContext } = message.groupInfo
  requireGroupSuite(ctx.crypto, message.groupInfo)
  const { content, auth } = await signContent(ctx.crypto, {
    body: { contentType: contentTypes.proposal, proposal: options.proposal },
    sender: options.sender,
    wireFormat: wireFormats.publicMessage,
    groupContext,
    authenticatedData: options.authenticatedData,
    signaturePrivateKey: options.signaturePrivateKey,
  })
  const publicMessage = { content, auth, membershipTag: undefined }
  return messageToSend(ctx, { wireFormat: wireFormats.publicMessage, publicMessage })
}
