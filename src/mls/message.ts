// RFC 9420 §6: MLSMessage, the envelope of everything that goes over the wire.

import { type Decoder, type Encoder, decode, encode } from "./codec.ts"
import { MlsError } from "./error.ts"
import { type KeyPackage, decodeKeyPackage, encodeKeyPackage } from "./key-package.ts"
import {
  type PrivateMessage,
  decodePrivateMessage,
  encodePrivateMessage,
} from "./private-message.ts"
import { type PublicMessage, decodePublicMessage, encodePublicMessage } from "./public-message.ts"
import { protocolVersions, wireFormats } from "./registry.ts"
import {
  type GroupInfo,
  type Welcome,
  decodeGroupInfo,
  decodeWelcome,
  encodeGroupInfo,
  encodeWelcome,
} from "./welcome-codec.ts"

type Formats = typeof wireFormats

/** `MLSMessage` (§6), by its wire format. Decoded, and nothing of it verified. */
export type MlsMessage =
  | { readonly wireFormat: Formats["publicMessage"]; readonly publicMessage: PublicMessage }
  | { readonly wireFormat: Formats["privateMessage"]; readonly privateMessage: PrivateMessage }
  | { readonly wireFormat: Formats["welcome"]; readonly welcome: Welcome }
  | { readonly wireFormat: Formats["groupInfo"]; readonly groupInfo: GroupInfo }
  | { readonly wireFormat: Formats["keyPackage"]; readonly keyPackage: KeyPackage }

const encodeMessage: Encoder<MlsMessage> = (writer, value) => {
  writer.u16(protocolVersions.mls10)
  writer.u16(value.wireFormat)
  switch (value.wireFormat) {
    case wireFormats.publicMessage:
      encodePublicMessage(writer, value.publicMessage)
      break
    case wireFormats.privateMessage:
      encodePrivateMessage(writer, value.privateMessage)
      break
    case wireFormats.welcome:
      encodeWelcome(writer, value.welcome)
      break
    case wireFormats.groupInfo:
      encodeGroupInfo(writer, value.groupInfo)
      break
    case wireFormats.keyPackage:
      encodeKeyPackage(writer, value.keyPackage)
      break
  }
}

const decodeMessage: Decoder<MlsMessage> = (reader) => {
  const version = reader.u16()
  if (version !== protocolVersions.mls10) {
    throw new MlsError("unsupported", `protocol version ${version}`, "6")
  }
  const wireFormat = reader.u16()
  switch (wireFormat) {
    case wireFormats.publicMessage:
      return { wireFormat, publicMessage: decodePublicMessage(reader) }
    case wireFormats.privateMessage:
      return { wireFormat, privateMessage: decodePrivateMessage(reader) }
    case wireFormats.welcome:
      return { wireFormat, welcome: decodeWelcome(reader) }
    case wireFormats.groupInfo:
      return { wireFormat, groupInfo: decodeGroupInfo(reader) }
    case wireFormats.keyPackage:
      return { wireFormat, keyPackage: decodeKeyPackage(reader) }
    default:
      throw new MlsError("unsupported", `wire format ${wireFormat}`, "6")
  }
}

/** About how long a Welcome for many will be. */
function sizeHint(message: MlsMessage): number | undefined {
  if (message.wireFormat !== wireFormats.welcome) return undefined
  const { secrets, encryptedGroupInfo } = message.welcome
  const [first] = secrets
  if (first === undefined || secrets.length < MANY) return undefined
  const { newMember, encryptedGroupSecrets } = first
  const { kemOutput, ciphertext } = encryptedGroupSecrets
  // A few more bytes for the lengths, and for those whose secrets are longer.
  const each = newMember.length + kemOutput.length + ciphertext.length + 8
  return encryptedGroupInfo.length + each * secrets.length + 64
}

const MANY = 64

/** Bytes of the largest message that is looked at or sent, unless the caller says otherwise. */
export const MAX_MESSAGE_SIZE = 64 * 2 ** 20

/** The bytes of an MLSMessage. */
export function encodeMlsMessage(message: MlsMessage): Uint8Array {
  return encode(encodeMessage, message, sizeHint(message))
}

/** Throws `MlsError` `decode`, `unsupported`, `extension_duplicate`, or `invalid_index` for a sender that is no leaf of any tree. */
export function decodeMlsMessage(bytes: Uint8Array): MlsMessage {
  return decode(decodeMessage, bytes)
}
