// Marmot component 0x8004, marmot.transport.nostr.routing.v1: where the group's events are published.

import { isRelayUrl } from "../../nostr/relay-url.ts"
import { componentCodec, isSortedUnique, readText, utf8 } from "./codec.ts"

export interface NostrRouting {
  /** 32 random bytes, never derived from anything. */
  readonly nostrGroupId: Uint8Array
  /** 1 to 16 relay URLs, ascending by bytes and unique. */
  readonly relays: readonly string[]
}

const ID_SIZE = 32
const MAX_RELAYS = 16

const codec = componentCodec<NostrRouting>(
  "Nostr routing",
  (writer, { nostrGroupId, relays }) => {
    writer.fixed(nostrGroupId)
    writer.vector(relays, (w, url) => w.opaque(utf8(url)))
  },
  (reader) => ({ nostrGroupId: reader.fixed(ID_SIZE), relays: reader.vector(readText) }),
  ({ nostrGroupId, relays }) => {
    if (nostrGroupId.length !== ID_SIZE) return "a group id that has not 32 bytes"
    if (relays.length === 0) return "no relay"
    if (relays.length > MAX_RELAYS) return `more than ${MAX_RELAYS} relays`
    if (!relays.every(isRelayUrl)) return "an address that is no relay URL"
    if (!isSortedUnique(relays.map(utf8))) return "relays that are not ascending and unique"
    return undefined
  },
)

export const encodeNostrRouting = codec.encode
export const decodeNostrRouting = codec.decode
