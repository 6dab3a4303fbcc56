// RFC 9420 §12.4.3, §12.4.3.1: GroupInfo, GroupSecrets and Welcome as bytes.

import { type Decoder, type Encoder, encode } from "./codec.ts"
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

export interface GroupInfo extends GroupInfoTbs {
  readonly signature: Uint8Array
}

export interface GroupSecrets {
  readonly joinerSecret: Uint8Array
  /** The secret of the lowest node that the joiner shares with the committer; absent without a path. */
  readonly pathSecret: Uint8Array | undefined
  readonly psks: readonly PreSharedKeyId[]
}

export interface EncryptedGroupSecrets {
  readonly newMember: Uint8Array
  readonly encryptedGroupSecrets: HpkeCiphertext
}

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

export const decodeGroupInfo: Decoder<GroupInfo> = (reader) => ({
  groupContext: decodeGroupContext(reader),
  extensions: decodeExtensions(reader),
  confirmationTag: reader.opaque(),
  signer: reader.u32(),
  signature: reader.opaque(),
})

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

/** The bytes that a GroupInfo's signature covers. */
export function groupInfoTbs(value: GroupInfoTbs): Uint8Array {
  return encode(encodeGroupInfoTbs, value)
}
