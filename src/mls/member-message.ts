// RFC 9420 §6.1: content of ours, signed, and protected as a PublicMessage or PrivateMessage.

import { emptyAuthenticatedData, requireSafeAad } from "./app-data.ts"
import { encode } from "./codec.ts"
import type { MlsCrypto } from "./crypto.ts"
import { MlsError } from "./error.ts"
import {
  type AuthenticatedContent,
  type FramedBody,
  type MessageWireFormat,
  type Sender,
  encodeAuthenticatedContent,
  framedContentTbs,
  withEncoding,
} from "./framing.ts"
import type { GroupState, HandshakeWireFormat, MlsContext, PaddingPolicy } from "./group-types.ts"
import type { GroupContext } from "./key-schedule.ts"
import { MAX_MESSAGE_SIZE, type MlsMessage, encodeMlsMessage } from "./message.ts"
import { protectPrivate } from "./private-message.ts"
import { protectPublic } from "./public-message.ts"
import { labels, senderTypes, wireFormats } from "./registry.ts"

/** Messages that a member encrypts in one epoch. */
const MAX_SENT = 2 ** 24

export interface ContentToSign {
  readonly body: FramedBody
  readonly sender: Sender
  readonly wireFormat: MessageWireFormat
  readonly groupContext: GroupContext
  /** `undefined`: what says nothing in this group. */
  readonly authenticatedData: Uint8Array | undefined
  readonly signaturePrivateKey: Uint8Array
}

/** Signed content without a confirmation tag; of `groupContext`'s suite is for the caller to see. Throws `MlsError` `safe_aad`. */
export async function signContent(
  crypto: MlsCrypto,
  signing: ContentToSign,
): Promise<AuthenticatedContent> {
  const { groupContext, sender, wireFormat } = signing
  const { authenticatedData = emptyAuthenticatedData(groupContext.extensions) } = signing
  requireSafeAad(groupContext.extensions, authenticatedData)
  const { groupId, epoch } = groupContext
  const content = await withEncoding({ groupId, epoch, sender, authenticatedData, ...signing.body })
  const tbs = framedContentTbs(wireFormat, content, groupContext)
  const signature = await crypto.sign(signing.signaturePrivateKey, labels.framedContentTbs, tbs)
  return { wireFormat, content, auth: { signature, confirmationTag: undefined } }
}

/** Signed content of this member. Throws as `signContent`. */
export function signAsMember(
  { crypto }: MlsContext,
  state: GroupState,
  message: Pick<ContentToSign, "body" | "wireFormat" | "authenticatedData">,
): Promise<AuthenticatedContent> {
  return signContent(crypto, {
    ...message,
    sender: memberSender(state),
    groupContext: state.groupContext,
    signaturePrivateKey: state.signaturePrivateKey,
  })
}

interface ProtectedContent {
  readonly message: Uint8Array
  readonly state: GroupState
  /** Of the key that was used; 0 for a PublicMessage. */
  readonly generation: number
}

/** The bytes of an MLSMessage that leaves us. Throws `MlsError` `sending_limit`. */
export function messageToSend(ctx: MlsContext, message: MlsMessage): Uint8Array {
  const bytes = encodeMlsMessage(message)
  requireSendingSize(ctx, bytes)
  return bytes
}

/** Whoever has the same limit would not look at a larger message. Throws `MlsError` `sending_limit`. */
export function requireSendingSize({ limits }: MlsContext, bytes: Uint8Array): void {
  if (bytes.length > (limits?.maxMessageSize ?? MAX_MESSAGE_SIZE)) {
    throw new MlsError("sending_limit", `a message of ${bytes.length} bytes`, "15.2")
  }
}

/** An MLSMessage, and the state in which the key that it took is used up. Throws `MlsError` `sending_limit`. */
export async function protect(
  ctx: MlsContext,
  state: GroupState,
  content: AuthenticatedContent,
  padding: number | PaddingPolicy = ctx.padding ?? 0,
): Promise<ProtectedContent> {
  const { crypto } = ctx
  const { groupContext, epochSecrets, secretTree } = state
  if (content.wireFormat === wireFormats.publicMessage) {
    const { membershipKey } = epochSecrets
    const publicMessage = await protectPublic(crypto, content, { groupContext, membershipKey })
    const { wireFormat } = content
    return { message: messageToSend(ctx, { wireFormat, publicMessage }), state, generation: 0 }
  }
  requireSendingAllowed(ctx, state)
  const { senderDataSecret } = epochSecrets
  const keys = { senderDataSecret, secretTree }
  const sealed = await protectPrivate(crypto, content, keys, padding)
  return {
    message: messageToSend(ctx, {
      wireFormat: content.wireFormat,
      privateMessage: sealed.message,
    }),
    state: { ...state, secretTree: sealed.secretTree },
    generation: sealed.generation,
  }
}

/** §15.2: "senders MUST NOT encrypt more data than permitted by the security bounds of the AEAD". */
function requireSendingAllowed({ limits }: MlsContext, state: GroupState): void {
  const own = state.secretTree.ratchets.get(state.ownLeafIndex)
  const sent = own === undefined ? 0 : own.handshake.generation + own.application.generation
  if (sent >= (limits?.maxSent ?? MAX_SENT)) {
    throw new MlsError("sending_limit", `${sent} messages in one epoch: commit first`, "15.2")
  }
}

export function memberSender(state: GroupState): Sender {
  return { senderType: senderTypes.member, leafIndex: state.ownLeafIndex }
}

export function handshakeWireFormat(format: HandshakeWireFormat = "public"): MessageWireFormat {
  return format === "public" ? wireFormats.publicMessage : wireFormats.privateMessage
}

/** `ProposalRef` (§5.2): a hash over the whole authenticated content. */
export function proposalRef(crypto: MlsCrypto, content: AuthenticatedContent): Uint8Array {
  return crypto.refHash(labels.proposalRef, encode(encodeAuthenticatedContent, content))
}

/** What another suite makes of a group's secrets is nothing that its members can read. Throws `MlsError` `misuse`. */
export function requireSuite({ suite }: MlsCrypto, { cipherSuite }: GroupContext): void {
  if (suite.id !== cipherSuite) {
    throw new MlsError("misuse", `crypto of suite ${suite.id} in a group of suite ${cipherSuite}`)
  }
}

/**
 * §11.2: after a ReInit nothing is sent or processed any more. Throws `MlsError` `group_reinitialised`, or as
 * `requireSuite`.
 */
export function requireUsable({ crypto }: MlsContext, state: GroupState): void {
  if (state.reInit !== undefined) {
    throw new MlsError("group_reinitialised", "the group was reinitialised", "11.2")
  }
  requireSuite(crypto, state.groupContext)
}
