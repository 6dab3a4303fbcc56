// RFC 9420 §12.4.3, §12.4.3.1: GroupInfo, GroupSecrets and Welcome as bytes.

import { type Decoder, type Encoder, Writer } from "./codec.ts"
import type { HpkeCiphertext } from "./crypto.ts"
import { type Extension, decodeExtensions, encodeExtensions } from "./extensions.ts"
import { type GroupContext, decodeGroupContext, encodeGroupContext } from "./key-schedule.ts"
import { type PreSharedKeyId, decodePreSharedKeyId, encodePreSharedKeyId } from "./psk.ts"

/** The part of a GroupInfo that is signed, with the label "GroupInfoTBS". */
export interface GroupInfoTbs {
  readonly groupContext: GroupContext
  readonly extensions: readonly Extension[]
  readonly confirmationTag: Uint8Array
  /** The signer's leaf index, unchecked. */
  readonly signer: number
}

/** `GroupInfo` (§12.4.3). Decoded, not verified: `inspectGroup`. */
export interface GroupInfo extends GroupInfoTbs {
  readonly signature: Uint8Array
}

export interface GroupSecrets {
  readonly joinerSecret: Uint8Array
  /** The secret of the lowest node that the joiner shares with the committer; absent without a path. */
  readonly pathSecret: Uint8Array | undefined
  readonly psks: readonly PreSharedKeyId[]
}

/** `EncryptedGroupSecrets` (§12.4.3.1): for the one whose KeyPackageRef `newMember` is. */
export interface EncryptedGroupSecrets {
  readonly newMember: Uint8Array
  readonly encryptedGroupSecrets: HpkeCiphertext
}

/** `Welcome` (§12.4.3.1). */
export interface Welcome {
  readonly cipherSuite: number
  readonly secrets: readonly EncryptedGroupSecrets[]
  readonly encryptedGroupInfo: Uint8Array
}

const encodeGroupInfoTbs: Encoder<GroupInfoTbs> = (writer, value) => {
  encodeGroupContext(writer, value.groupContext)
  encodeExtensions(writer, value.extensions)
  writer.opaque(value.confirmationTag)
  writer.u32(value.signer)
}

export const encodeGroupInfo: Encoder<GroupInfo> = (writer, value) => {
  encodeGroupInfoTbs(writer, value)
  writer.opaque(value.signature)
}

/** What the signature of a received GroupInfo covers, for as long as it lives: with a large group's tree it is long. */
const signedBytes = new WeakMap<GroupInfoTbs, Uint8Array>()

export const decodeGroupInfo: Decoder<GroupInfo> = (reader) => {
  const start = reader.offset
  const content: GroupInfoTbs = {
    groupContext: decodeGroupContext(reader),
    extensions: decodeExtensions(reader),
    confirmationTag: reader.opaque(),
    signer: reader.u32(),
  }
  const tbs = reader.bytes.subarray(start, reader.offset)
  const groupInfo: GroupInfo = { ...content, signature: reader.opaque() }
  signedBytes.set(groupInfo, tbs)
  return groupInfo
}

const encodePathSecret: Encoder<Uint8Array> = (writer, value) => writer.opaque(value)
const decodePathSecret: Decoder<Uint8Array> = (reader) => reader.opaque()

export const encodeGroupSecrets: Encoder<GroupSecrets> = (writer, value) => {
  writer.opaque(value.joinerSecret)
  writer.optional(value.pathSecret, encodePathSecret)
  writer.vector(value.psks, encodePreSharedKeyId)
}

export const decodeGroupSecrets: Decoder<GroupSecrets> = (reader) => ({
  joinerSecret: reader.opaque(),
  pathSecret: reader.optional(decodePathSecret),
  psks: reader.vector(decodePreSharedKeyId),
})

const encodeSecrets: Encoder<EncryptedGroupSecrets> = (writer, value) => {
  writer.opaque(value.newMember)
  writer.opaque(value.encryptedGroupSecrets.kemOutput)
  writer.opaque(value.encryptedGroupSecrets.ciphertext)
}

const decodeSecrets: Decoder<EncryptedGroupSecrets> = (reader) => ({
  newMember: reader.opaque(),
  encryptedGroupSecrets: { kemOutput: reader.opaque(), ciphertext: reader.opaque() },
})

export const encodeWelcome: Encoder<Welcome> = (writer, value) => {
  writer.u16(value.cipherSuite)
  writer.vector(value.secrets, encodeSecrets)
  writer.opaque(value.encryptedGroupInfo)
}

export const decodeWelcome: Decoder<Welcome> = (reader) => ({
  cipherSuite: reader.u16(),
  secrets: reader.vector(decodeSecrets),
  encryptedGroupInfo: reader.opaque(),
})

/** The bytes that a GroupInfo's signature covers: of one that was received, as they came. */
export function groupInfoTbs(value: GroupInfoTbs): Uint8Array {
  const known = signedBytes.get(value)
  if (known !== undefined) return known
  const writer = new Writer(groupInfoSize(value))
  encodeGroupInfoTbs(writer, value)
  return writer.view()
}

/** About how many bytes a GroupInfo has. */
export function groupInfoSize({ extensions, groupContext }: GroupInfoTbs): number {
  const all = [...extensions, ...groupContext.extensions]
  return all.reduce((size, { data }) => size + data.length + 8, 512)
}
