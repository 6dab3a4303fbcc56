// Marmot component 0x8007, marmot.group.avatar-url.v1: a group image by its address.

import { componentCodec, readText, utf8 } from "./codec.ts"

/** An empty `url`: no image; the hints are empty then. */
export interface AvatarUrl {
  /** At most 2,048 bytes, as the WHATWG URL parser writes it. */
  readonly url: string
  /** A hint of at most 256 bytes that is not interpreted here. */
  readonly dim: Uint8Array
  readonly thumbhash: Uint8Array
}

const MAX_URL = 2048
const MAX_HINT = 256

const codec = componentCodec<AvatarUrl>(
  "avatar",
  (writer, state) => {
    writer.opaque(utf8(state.url))
    writer.opaque(state.dim)
    writer.opaque(state.thumbhash)
  },
  (reader) => ({ url: readText(reader), dim: reader.opaque(), thumbhash: reader.opaque() }),
  ({ url, dim, thumbhash }) => {
    if (dim.length > MAX_HINT || thumbhash.length > MAX_HINT) return "a hint that is too long"
    if (url === "") {
      return dim.length + thumbhash.length === 0 ? undefined : "hints without an address"
    }
    return utf8(url).length <= MAX_URL && isAvatarUrl(url)
      ? undefined
      : "an address that is not allowed"
  },
)

export const encodeAvatarUrl = codec.encode
export const decodeAvatarUrl = codec.decode

/** https, a host, no credentials, no fragment, stored as the parser writes it. Safety is judged when contacting. */
function isAvatarUrl(text: string): boolean {
  // The parser hides an empty fragment.
  if (text.includes("#") || !URL.canParse(text)) return false
  const url = new URL(text)
  const plain = url.username === "" && url.password === "" && url.hostname !== ""
  return url.protocol === "https:" && plain && url.href === text
}
