// Marmot component 0x8003, marmot.group.admin-policy.v1: the accounts that may change the group.

import { componentCodec, isSortedUnique } from "./codec.ts"

export interface AdminPolicy {
  /** 32-byte account keys, ascending and unique, at least one. */
  readonly admins: readonly Uint8Array[]
}

const KEY_SIZE = 32

const codec = componentCodec<AdminPolicy>(
  "admin policy",
  (writer, { admins }) => writer.vector(admins, (w, key) => w.fixed(key)),
  (reader) => ({ admins: reader.vector((r) => r.fixed(KEY_SIZE)) }),
  ({ admins }) => {
    if (admins.length === 0) return "no admin"
    if (admins.some((key) => key.length !== KEY_SIZE)) return "a key that has not 32 bytes"
    if (!isSortedUnique(admins)) return "keys that are not ascending and unique"
    return undefined
  },
)

export const encodeAdminPolicy = codec.encode
/** Throws `MarmotError` `invalid_component`. */
export const decodeAdminPolicy = codec.decode
