// Marmot component 0x8005, marmot.group.message-retention.v1: how long messages stay.

import { componentCodec } from "./codec.ts"

const codec = componentCodec<bigint>(
  "message retention",
  (writer, seconds) => writer.u64(seconds),
  (reader) => reader.u64(),
)

/** Seconds, any u64; 0: messages stay. */
export const encodeMessageRetention = codec.encode
export const decodeMessageRetention = codec.decode
