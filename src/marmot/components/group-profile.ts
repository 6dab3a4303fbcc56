// Marmot component 0x8001, marmot.group.profile.v1: the group's name and description.

import { componentCodec, readText, utf8 } from "./codec.ts"

export interface GroupProfile {
  /** At most 256 bytes of UTF-8. */
  readonly name: string
  /** At most 4,096 bytes of UTF-8. */
  readonly description: string
}

const MAX_NAME = 256
const MAX_DESCRIPTION = 4096

const codec = componentCodec<GroupProfile>(
  "group profile",
  (writer, state) => {
    writer.opaque(utf8(state.name))
    writer.opaque(utf8(state.description))
  },
  (reader) => ({ name: readText(reader), description: readText(reader) }),
  ({ name, description }) => {
    if (/\p{Surrogate}/u.test(name + description)) return "text with half a character"
    if (utf8(name).length > MAX_NAME) return `a name of more than ${MAX_NAME} bytes`
    if (utf8(description).length > MAX_DESCRIPTION) {
      return `a description of more than ${MAX_DESCRIPTION} bytes`
    }
    return undefined
  },
)

export const encodeGroupProfile = codec.encode
export const decodeGroupProfile = codec.decode
