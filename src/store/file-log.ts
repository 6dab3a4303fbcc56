// Storage on Node: the log of batches. Encodes records, and finds out what a log holds after a crash.
//
// log    = "burrow log" || format (1) || record*
// record = marker (4) || length (4) || payload || check (16)
// check  = first 16 bytes of SHA-256 over the record's offset in the log (8), length and payload
// payload = op*, op = table number (1) || put 0x01 or delete 0x00 || token (16) || sort || value if put
// sort (UTF-8) and value stand behind their length (4). Integers are big-endian.

import { createHash } from "node:crypto"
import type { SealedOp } from "./driver.ts"
import { StoreError } from "./error.ts"
import { formatVersion } from "./registry.ts"
import { tableNames } from "./types.ts"

const magic = new TextEncoder().encode("burrow log")

/** The first bytes of every log. */
export const logHeader = Uint8Array.of(...magic, formatVersion)

export interface LogContents {
  /** Each record's operations, in order. */
  readonly batches: readonly (readonly SealedOp[])[]
  /** Bytes up to the end of the last whole record. What follows was never acknowledged, and is to be cut off. */
  readonly length: number
}

/**
 * One batch as a record that is valid at `offset` only. Throws `StoreError` `misuse` above 2^31 - 1 bytes, which
 * Node cannot read back at once.
 */
export function encodeRecord(ops: readonly SealedOp[], offset: number): Uint8Array {
  const payload = Buffer.concat(ops.flatMap(encodeOp))
  const start = Buffer.alloc(prefixLength)
  if (payload.length > maxPayload) throw new StoreError("misuse", "a batch of more than 2 GiB")
  start.set(marker)
  start.writeUInt32BE(payload.length, marker.length)
  return Buffer.concat([start, payload, checkOf(payload, offset)])
}

/** Bytes of an operation in a payload. */
export function opLength({ sort, value }: SealedOp): number {
  const key = 2 + tokenLength + 4 + Buffer.byteLength(sort, "utf8")
  return value === undefined ? key : key + 4 + value.length
}

/**
 * Reads a log. A last record that is cut short, or followed by bytes that are no record, is what a crash leaves. Bytes
 * that are no record, but have one after them, are damage to what was acknowledged: `StoreError` `corrupt`. Throws
 * `version` for a log of a later format.
 */
export function decodeLog(log: Uint8Array): LogContents {
  const bytes = Buffer.from(log.buffer, log.byteOffset, log.byteLength)
  requireHeader(bytes)
  const batches: (readonly SealedOp[])[] = []
  let offset = logHeader.length
  for (;;) {
    const payload = payloadAt(bytes, offset)
    if (payload === undefined) break
    batches.push(decodeOps(payload))
    offset += prefixLength + payload.length + checkLength
  }
  if (hasRecordAfter(bytes, offset)) throw damaged()
  return { batches, length: offset }
}

const marker = Uint8Array.of(0x42, 0x52, 0x57, 0x01)
const prefixLength = marker.length + 4
const checkLength = 16
const tokenLength = 16
const maxPayload = 0x7fffffff

function checkOf(payload: Uint8Array, offset: number): Buffer {
  const place = Buffer.alloc(12)
  place.writeBigUInt64BE(BigInt(offset))
  place.writeUInt32BE(payload.length, 8)
  return createHash("sha256").update(place).update(payload).digest().subarray(0, checkLength)
}

function encodeOp({ table, token, sort, value }: SealedOp): readonly Uint8Array[] {
  const start = Uint8Array.of(tableNames.indexOf(table), value === undefined ? 0x00 : 0x01)
  const key = [start, Buffer.from(token, "hex"), ...withLength(Buffer.from(sort, "utf8"))]
  return value === undefined ? key : [...key, ...withLength(value)]
}

function withLength(bytes: Uint8Array): readonly Uint8Array[] {
  const length = Buffer.alloc(4)
  length.writeUInt32BE(bytes.length)
  return [length, bytes]
}

function requireHeader(bytes: Buffer): void {
  const version = bytes[magic.length]
  if (version === undefined || !bytes.subarray(0, magic.length).equals(magic)) throw damaged()
  if (version > formatVersion) throw new StoreError("version", "the log is of a later format")
  if (version !== formatVersion) throw damaged()
}

function payloadAt(bytes: Buffer, offset: number): Buffer | undefined {
  const start = offset + prefixLength
  if (start > bytes.length) return undefined
  if (!bytes.subarray(offset, offset + marker.length).equals(marker)) return undefined
  const end = start + bytes.readUInt32BE(offset + marker.length)
  if (end + checkLength > bytes.length) return undefined
  const payload = bytes.subarray(start, end)
  const check = bytes.subarray(end, end + checkLength)
  return check.equals(checkOf(payload, offset)) ? payload : undefined
}

function hasRecordAfter(bytes: Buffer, offset: number): boolean {
  for (let at = bytes.indexOf(marker, offset); at >= 0; at = bytes.indexOf(marker, at + 1)) {
    if (payloadAt(bytes, at) !== undefined) return true
  }
  return false
}

/** Values are copied out, so that the log itself can be forgotten. */
function decodeOps(payload: Buffer): readonly SealedOp[] {
  let offset = 0
  const take = (length: number): Buffer => {
    if (offset + length > payload.length) throw damaged()
    offset += length
    return payload.subarray(offset - length, offset)
  }
  const takeWithLength = () => take(take(4).readUInt32BE())
  const ops: SealedOp[] = []
  while (offset < payload.length) {
    const [number = 0, kind] = take(2)
    const table = tableNames[number]
    if (table === undefined || (kind !== 0x00 && kind !== 0x01)) throw damaged()
    const token = take(tokenLength).toString("hex")
    const sort = takeWithLength().toString("utf8")
    const value = kind === 0x00 ? undefined : new Uint8Array(takeWithLength())
    ops.push({ table, token, sort, value })
  }
  return ops
}

const damaged = () => new StoreError("corrupt", "the log is damaged")
