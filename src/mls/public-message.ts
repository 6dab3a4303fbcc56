// RFC 9420 §6.2: PublicMessage, signed and, from members, tagged.

import { constantTimeEqual } from "./bytes.ts"
import { type Decoder, type Encoder, Writer } from "./codec.ts"
import type { MlsCrypto, SignatureToVerify } from "./crypto.ts"
import { MlsError } from "./error.ts"
import {
  type AuthenticatedContent,
  type FramedContent,
  type FramedContentAuthData,
  authDataDecoder,
  decodeFramedContent,
  encodeAuthData,
  encodeFramedContent,
  framedContentTbs,
} from "./framing.ts"
import type { GroupContext } from "./key-schedule.ts"
import { contentTypes, labels, senderTypes, wireFormats } from "./registry.ts"

/** `PublicMessage` (§6.2). */
export interface PublicMessage {
  readonly content: FramedContent
  readonly auth: FramedContentAuthData
  /** From members, and from nobody else. */
  readonly membershipTag: Uint8Array | undefined
}

export const encodePublicMessage: Encoder<PublicMessage> = (writer, value) => {
  encodeFramedContent(writer, value.content)
  encodeAuthData(writer, value.auth)
  if (value.membershipTag !== undefined) writer.opaque(value.membershipTag)
}

export const decodePublicMessage: Decoder<PublicMessage> = (reader) => {
  const content = decodeFramedContent(reader)
  const auth = authDataDecoder(content.contentType)(reader)
  const fromMember = content.sender.senderType === senderTypes.member
  return { content, auth, membershipTag: fromMember ? reader.opaque() : undefined }
}

export interface MembershipKey {
  readonly groupContext: GroupContext
  readonly membershipKey: Uint8Array
}

/** Adds the membership tag where the sender is a member. */
export async function protectPublic(
  crypto: MlsCrypto,
  authenticated: AuthenticatedContent,
  key: MembershipKey,
): Promise<PublicMessage> {
  const { content, auth } = authenticated
  const fromMember = content.sender.senderType === senderTypes.member
  const tag = fromMember ? await membershipTag(crypto, { content, auth }, key) : undefined
  return { content, auth, membershipTag: tag }
}

/**
 * The content of a PublicMessage once its membership tag is verified; its signature is still to be. Throws
 * `MlsError` `membership_tag`, or `application_not_encrypted` (§6).
 */
export async function unprotectPublic(
  crypto: MlsCrypto,
  message: PublicMessage,
  key: MembershipKey,
): Promise<AuthenticatedContent> {
  const { content, auth } = message
  // §6: "application data MUST NOT be sent as a PublicMessage".
  if (content.contentType === contentTypes.application) {
    throw new MlsError("application_not_encrypted", "application data in a PublicMessage", "6")
  }
  // §6.2: the tag is there for the sender type member, and its value is what the receiver computes.
  if (content.sender.senderType === senderTypes.member) {
    const tag = message.membershipTag ?? new Uint8Array()
    const expected = await membershipTag(crypto, message, key)
    if (!constantTimeEqual(expected, tag)) {
      throw new MlsError("membership_tag", "the membership tag is wrong", "6.2")
    }
  }
  return { wireFormat: wireFormats.publicMessage, content, auth }
}

/** The signature of framed content, to be verified with its sender's key (§6.1). */
export function contentSignature(
  authenticated: AuthenticatedContent,
  groupContext: GroupContext,
  publicKey: Uint8Array,
): SignatureToVerify {
  const { wireFormat, content, auth } = authenticated
  return {
    publicKey,
    label: labels.framedContentTbs,
    content: framedContentTbs(wireFormat, content, groupContext),
    signature: auth.signature,
  }
}

/** A MAC over `AuthenticatedContentTBM`. */
function membershipTag(
  crypto: MlsCrypto,
  message: Pick<PublicMessage, "content" | "auth">,
  key: MembershipKey,
): Promise<Uint8Array> {
  return crypto.longMac(key.membershipKey, tbm(message, key.groupContext))
}

function tbm(
  { content, auth }: Pick<PublicMessage, "content" | "auth">,
  groupContext: GroupContext,
): Uint8Array {
  const writer = new Writer()
  writer.fixed(framedContentTbs(wireFormats.publicMessage, content, groupContext))
  encodeAuthData(writer, auth)
  return writer.view()
}
