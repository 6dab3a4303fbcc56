// RFC 9420 §2.1: the TLS presentation language with QUIC-style variable-length vectors.

import { MlsError } from "./error.ts"

/** Writes a value; the encoder never fails for a well-typed value whose sizes are in range. */
export type Encoder<T> = (writer: Writer, value: T) => void
/** Reads one value and leaves the reader behind it. Throws `MlsError` `decode`. */
export type Decoder<T> = (reader: Reader) => T

/** The largest length that a variable-length vector can have (§2.1.2). */
const MAX_VECTOR_LENGTH = 0x3fffffff

/** Items that are written at a time. */
const PART = 2048

const malformed = (message: string) => new MlsError("decode", message, "2.1")

/** A cursor over received bytes. Slices are views: the input must not be changed afterwards. */
export class Reader {
  readonly bytes: Uint8Array
  readonly #copies: boolean
  #offset = 0
  /** Where what is being read must end: the vector's end within one, else that of all bytes. */
  #end: number

  /** `copies`: byte strings that are read are no views of `bytes` but copies. */
  constructor(bytes: Uint8Array, copies = false) {
    this.bytes = bytes
    this.#copies = copies
    this.#end = bytes.length
  }

  /** The position of the next byte, from the start of `bytes`. */
  get offset(): number {
    return this.#offset
  }

  /** Bytes left. */
  get remaining(): number {
    return this.#end - this.#offset
  }

  /** Whether exactly these bytes come next. */
  startsWith(expected: Uint8Array): boolean {
    if (expected.length > this.remaining) return false
    for (let i = 0; i < expected.length; i++) {
      if (this.bytes[this.#offset + i] !== expected[i]) return false
    }
    return true
  }

  /** Goes past the next `length` bytes. */
  skip(length: number): void {
    if (length > this.remaining) throw malformed(`${length} bytes expected, ${this.remaining} left`)
    this.#offset += length
  }

  /** A view of the next `length` bytes, or a copy. */
  fixed(length: number): Uint8Array {
    const start = this.#offset
    this.skip(length)
    const view = this.bytes.subarray(start, this.#offset)
    // Not by `slice`, which for a Buffer is another view.
    return this.#copies ? new Uint8Array(view) : view
  }

  u8(): number {
    const value = this.bytes[this.#offset]
    if (value === undefined || this.#offset >= this.#end) throw malformed("1 byte expected, 0 left")
    this.#offset++
    return value
  }

  u16(): number {
    return this.#uint(2)
  }

  u32(): number {
    return this.#uint(4)
  }

  u64(): bigint {
    return (BigInt(this.u32()) << 32n) | BigInt(this.u32())
  }

  /** A variable-length integer in its shortest form (§2.1.2): 1, 2 or 4 bytes. */
  varint(): number {
    const first = this.u8()
    const prefix = first >> 6
    if (prefix === 3) throw malformed("a length prefix of 0b11 is invalid")
    let value = first & 0x3f
    for (let i = 1; i < 1 << prefix; i++) value = value * 256 + this.u8()
    // A longer form than necessary is malformed: two encodings of one value must not exist.
    if ((prefix === 1 && value < 0x40) || (prefix === 2 && value < 0x4000)) {
      throw malformed("a length is not in its shortest form")
    }
    return value
  }

  /** `opaque x<V>`: a view of its contents, or a copy. */
  opaque(): Uint8Array {
    return this.fixed(this.varint())
  }

  /** Goes past an `opaque x<V>`. */
  skipOpaque(): void {
    this.skip(this.varint())
  }

  /** `T x<V>`: items until the vector's bytes are used up exactly. */
  vector<T>(item: Decoder<T>): T[] {
    const length = this.varint()
    if (length > this.remaining) throw malformed(`${length} bytes expected, ${this.remaining} left`)
    const outer = this.#end
    this.#end = this.#offset + length
    const items: T[] = []
    while (this.remaining > 0) items.push(item(this))
    this.#end = outer
    return items
  }

  /** `optional<T>` (§2.1.1). */
  optional<T>(item: Decoder<T>): T | undefined {
    const present = this.u8()
    if (present > 1) throw malformed("an optional's presence octet is neither 0 nor 1")
    return present === 1 ? item(this) : undefined
  }

  /** Every byte must have been read. */
  finish(): void {
    if (this.remaining > 0) throw malformed(`${this.remaining} bytes after the end`)
  }

  #uint(length: number): number {
    // Not by `fixed`: most of what is read are small integers, and a view of each costs more than reading it.
    if (length > this.remaining) throw malformed(`${length} bytes expected, ${this.remaining} left`)
    let value = 0
    for (const end = this.#offset + length; this.#offset < end; this.#offset++) {
      value = value * 256 + (this.bytes[this.#offset] ?? 0)
    }
    return value
  }
}

/** A growing buffer; `finish` gives the bytes. */
export class Writer {
  #buffer: Uint8Array
  #length = 0

  /** Engines make arrays of 64 bytes without a buffer of their own; most of what is written is no longer. */
  constructor(size = 64) {
    this.#buffer = new Uint8Array(size)
  }

  fixed(bytes: Uint8Array): void {
    this.#reserve(bytes.length)
    this.#buffer.set(bytes, this.#length)
    this.#length += bytes.length
  }

  u8(value: number): void {
    this.#uint(value, 1, 0x100)
  }

  u16(value: number): void {
    this.#uint(value, 2, 0x10000)
  }

  u32(value: number): void {
    this.#uint(value, 4, 0x100000000)
  }

  u64(value: bigint): void {
    if (value < 0n || value > 0xffffffffffffffffn) throw new MlsError("misuse", "not a uint64")
    this.u32(Number(value >> 32n))
    this.u32(Number(value & 0xffffffffn))
  }

  varint(value: number): void {
    if (value > MAX_VECTOR_LENGTH)
      throw new MlsError("misuse", "a vector of more than 2^30-1 bytes")
    if (value < 0x40) this.u8(value)
    else if (value < 0x4000) this.u16(0x4000 + value)
    else this.u32(0x80000000 + value)
  }

  opaque(bytes: Uint8Array): void {
    this.varint(bytes.length)
    this.fixed(bytes)
  }

  vector<T>(items: Iterable<T>, item: Encoder<T>): void {
    const start = this.#beginVector()
    for (const value of items) item(this, value)
    this.#endVector(start)
  }

  /** The same of many items, in parts. Yields between them. */
  *vectorInParts<T>(items: readonly T[], item: Encoder<T>): Generator<undefined> {
    const start = this.#beginVector()
    for (const [i, value] of items.entries()) {
      if (i > 0 && i % PART === 0) yield
      item(this, value)
    }
    this.#endVector(start)
  }

  /** Leaves one byte for the length, and gives its place. */
  #beginVector(): number {
    const start = this.#length
    this.u8(0)
    return start
  }

  #endVector(start: number): void {
    const length = this.#length - start - 1
    // The length is known now, and may need more room than the one byte that was left for it.
    const more = prefixSize(length) - 1
    if (more > 0) {
      this.#reserve(more)
      this.#buffer.copyWithin(start + 1 + more, start + 1, this.#length)
    }
    this.#length = start
    this.varint(length)
    this.#length = start + 1 + more + length
  }

  optional<T>(value: T | undefined, item: Encoder<T>): void {
    this.u8(value === undefined ? 0 : 1)
    if (value !== undefined) item(this, value)
  }

  /** Forgets all that was written, and overwrites it: it may have been secret. */
  clear(): void {
    this.#buffer.fill(0, 0, this.#length)
    this.#length = 0
  }

  /** Bytes written so far. */
  get length(): number {
    return this.#length
  }

  /** Bytes that the buffer can hold without growing. */
  get capacity(): number {
    return this.#buffer.length
  }

  /** The bytes written so far, copied: the writer may go on. */
  finish(): Uint8Array {
    return this.#buffer.slice(0, this.#length)
  }

  /** The bytes written so far, not copied: only to be read before the next write. */
  view(): Uint8Array {
    return this.#buffer.subarray(0, this.#length)
  }

  /** `length`: bytes, four at most. */
  #uint(value: number, length: number, limit: number): void {
    if (!Number.isInteger(value) || value < 0 || value >= limit) {
      throw new MlsError("misuse", `not a uint${8 * length}`)
    }
    this.#reserve(length)
    for (let shift = length - 1; shift >= 0; shift--) {
      this.#buffer[this.#length++] = (value >>> (8 * shift)) & 0xff
    }
  }

  #reserve(extra: number): void {
    const needed = this.#length + extra
    if (needed <= this.#buffer.length) return
    // Megabytes are grown with care: what is left unused is memory all the same. But little may be all that is to come.
    const large = needed >= 2 ** 16
    const least = large ? needed + 2 ** 12 : needed
    const grown = Math.ceil(this.#buffer.length * (large ? 1.5 : 4))
    const larger = new Uint8Array(Math.max(least, grown))
    larger.set(this.view())
    this.#buffer = larger
  }
}

/** Bytes of a length prefix (§2.1.2). */
function prefixSize(length: number): 1 | 2 | 4 {
  if (length < 0x40) return 1
  return length < 0x4000 ? 2 : 4
}

/** Bytes of an `opaque x<V>` with these contents. */
export function opaqueSize(contents: Uint8Array): number {
  return prefixSize(contents.length) + contents.length
}

/** Writers to be used again: one for each level at which an encoder encodes something by itself. */
const idle: Writer[] = []
const IDLE_SIZE = 1024
/** A writer that had to grow beyond this is not kept. */
const MAX_IDLE_SIZE = 2 ** 14

/**
 * What `use` makes of the bytes of one value, which are not copied for it: `use` must not keep them, they are
 * overwritten afterwards.
 */
export function withEncoded<T, R>(encoder: Encoder<T>, value: T, use: (bytes: Uint8Array) => R): R {
  const writer = idle.pop() ?? new Writer(IDLE_SIZE)
  try {
    encoder(writer, value)
    return use(writer.view())
  } finally {
    writer.clear()
    if (writer.capacity <= MAX_IDLE_SIZE) idle.push(writer)
  }
}

/** The bytes of one value. `sizeHint`: about how many there will be, where they are known to be many. */
export function encode<T>(encoder: Encoder<T>, value: T, sizeHint?: number): Uint8Array {
  if (sizeHint === undefined) return withEncoded(encoder, value, copyOf)
  const writer = new Writer(sizeHint)
  encoder(writer, value)
  return writer.finish()
}

const copyOf = (bytes: Uint8Array) => bytes.slice()

/** One value that takes up all of `bytes`. Throws `MlsError` `decode`. */
export function decode<T>(decoder: Decoder<T>, bytes: Uint8Array): T {
  return whole(decoder, new Reader(bytes))
}

/**
 * As `decode`, for stored secrets: the value is made of copies. A view of `bytes`, be it of a public key, would keep
 * everything alive that was stored with it.
 */
export function decodeCopied<T>(decoder: Decoder<T>, bytes: Uint8Array): T {
  return whole(decoder, new Reader(bytes, true))
}

function whole<T>(decoder: Decoder<T>, reader: Reader): T {
  const value = decoder(reader)
  reader.finish()
  return value
}
