// Marmot component 0x800b as a group's admins make it (marmot-wire §6.10): where its members put attachments.

import { decodeEncryptedMedia, encodeEncryptedMedia } from "./components/encrypted-media.ts"
import { BLOSSOM } from "./media-file.ts"

/**
 * A policy of these Blossom servers, first choice first: base URLs as the WHATWG URL parser writes them, 1 to 16 and
 * unique. What `before`, the group's policy of now, says of other kinds of servers stays. Throws `MarmotError`
 * `invalid_component` for addresses that the policy does not allow.
 */
export function mediaPolicy(servers: readonly string[], before?: Uint8Array): Uint8Array {
  const old = before && decodeEncryptedMedia(before)
  const kinds = old?.allowedLocatorKinds ?? []
  const others = (old?.defaultBlobEndpoints ?? []).filter(
    ({ locatorKind }) => locatorKind !== BLOSSOM,
  )
  const endpoints = servers.map((baseUrl) => ({ locatorKind: BLOSSOM, baseUrl }))
  return encodeEncryptedMedia({
    mediaFormat: "encrypted-media-v2",
    allowedLocatorKinds: kinds.includes(BLOSSOM) ? kinds : [...kinds, BLOSSOM],
    defaultBlobEndpoints: [...endpoints, ...others],
  })
}
