// Storage on Node: the file of the data key.
//
// key = "burrow key" || format (1) || data key (32)

import { StoreError } from "./error.ts"
import { formatVersion } from "./registry.ts"
import { dataKeyLength } from "./sealing.ts"

const magic = new TextEncoder().encode("burrow key")

export function encodeKeyFile(dataKey: Uint8Array): Uint8Array {
  return Uint8Array.of(...magic, formatVersion, ...dataKey)
}

/** The data key, 32 bytes. Throws `StoreError` `version` for a later format, `corrupt` for anything else. */
export function parseKeyFile(file: Uint8Array): Uint8Array {
  const version = file[magic.length]
  if (version === undefined || magic.some((byte, n) => byte !== file[n])) throw damaged()
  if (version > formatVersion) throw new StoreError("version", "the key file is of a later format")
  const dataKey = new Uint8Array(file.subarray(magic.length + 1))
  if (version !== formatVersion || dataKey.length !== dataKeyLength) throw damaged()
  return dataKey
}

const damaged = () => new StoreError("corrupt", "the key file is damaged")
