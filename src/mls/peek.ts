// RFC 9420 §6: what an MLSMessage says in the clear.

import { Reader } from "./codec.ts"
import { MlsError } from "./error.ts"
import type { PeekedMessage } from "./group-types.ts"
import { contentTypes, protocolVersions, senderTypes, wireFormats } from "./registry.ts"
import { leafIndex } from "./tree-math.ts"

/**
 * Reads the head of an MLSMessage and nothing behind it: whose it is, not whether it is well-formed or genuine.
 * Throws `MlsError` `decode`, `unsupported`, or `invalid_index` for a sender that is no leaf of any tree.
 */
export function peekMessage(bytes: Uint8Array): PeekedMessage {
  const reader = new Reader(bytes)
  const version = reader.u16()
  if (version !== protocolVersions.mls10) {
    throw new MlsError("unsupported", `protocol version ${version}`, "6")
  }
  const wireFormat = reader.u16()
  switch (wireFormat) {
    case wireFormats.publicMessage:
      return { wireFormat, ...peekPublic(reader) }
    case wireFormats.privateMessage:
      return { wireFormat, ...peekGroup(reader), contentType: contentType(reader) }
    case wireFormats.groupInfo:
      reader.fixed(4) // version and suite
      return { wireFormat, ...peekGroup(reader) }
    case wireFormats.welcome:
    case wireFormats.keyPackage:
      return { wireFormat }
    default:
      throw new MlsError("unsupported", `wire format ${wireFormat}`, "6")
  }
}

function peekPublic(reader: Reader): Omit<PeekedMessage, "wireFormat"> {
  const group = peekGroup(reader)
  const senderType = reader.u8()
  const hasIndex = senderType === senderTypes.member || senderType === senderTypes.external
  const index = hasIndex ? reader.u32() : undefined
  reader.opaque() // authenticated_data
  return {
    ...group,
    contentType: contentType(reader),
    ...(senderType === senderTypes.member && { senderLeaf: leafIndex(index ?? 0) }),
  }
}

function peekGroup(reader: Reader) {
  return { groupId: reader.opaque(), epoch: reader.u64() }
}

function contentType(reader: Reader) {
  const type = reader.u8()
  const known = Object.values(contentTypes).find((value) => value === type)
  if (known === undefined) throw new MlsError("decode", `content type ${type}`, "6")
  return known
}
