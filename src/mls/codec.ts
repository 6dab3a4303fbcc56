// RFC 9420 §2.1: the TLS presentation language with QUIC-style variable-length vectors.

import { MlsError } from "./error.ts"

/** Writes a value; the encoder never fails for a well-typed value whose sizes are in range. */
export type Encoder<T> = (writer: Writer, value: T) => void
/** Reads one value and leaves the reader behind it. Throws `MlsError` `decode`. */
export type Decoder<T> = (reader: Reader) => T

/** The largest length that a variable-length vector can have (§2.1.2). */
const MAX_VECTOR_LENGTH = 0x3fffffff

const malformed = (message: string) => new MlsError("decode", message, "2.1")

/** A cursor over received bytes. Slices are views: the input must not be changed afterwards. */
export class Reader {
  readonly bytes: Uint8Array
  #offset = 0

  constructor(bytes: Uint8Array) {
    this.bytes = bytes
  }

  /** The position of the next byte, from the start of `bytes`. */
  get offset(): number {
    return this.#offset
  }

  /** Bytes left. */
  get remaining(): number {
    return this.bytes.length - this.#offset
  }

  /** A view of the next `length` bytes. */
  fixed(length: number): Uint8Array {
    if (length > this.remaining) throw malformed(`${length} bytes expected, ${this.remaining} left`)
    const start = this.#offset
    this.#offset += length
    return this.bytes.subarray(start, this.#offset)
  }

  u8(): number {
    return this.#uint(1)
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

  /** `opaque x<V>`: a view of its contents. */
  opaque(): Uint8Array {
    return this.fixed(this.varint())
  }

  /** `T x<V>`: items until the vector's bytes are used up exactly. */
  vector<T>(item: Decoder<T>): T[] {
    const body = new Reader(this.opaque())
    const items: T[] = []
    while (body.remaining > 0) items.push(item(body))
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
  /** Engines make arrays of this length without a buffer of their own; most of what is written is no longer. */
  #buffer = new Uint8Array(64)
  #length = 0

  fixed(bytes: Uint8Array): void {
    this.#reserve(bytes.length)
    this.#buffer.set(bytes, this.#length)
    this.#length += bytes.length
  }

  u8(value: number): void {
    this.#uint(value, 1)
  }

  u16(value: number): void {
    this.#uint(value, 2)
  }

  u32(value: number): void {
    this.#uint(value, 4)
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
    const body = new Writer()
    for (const value of items) item(body, value)
    this.opaque(body.view())
  }

  optional<T>(value: T | undefined, item: Encoder<T>): void {
    this.u8(value === undefined ? 0 : 1)
    if (value !== undefined) item(this, value)
  }

  /** The bytes written so far, copied: the writer may go on. */
  finish(): Uint8Array {
    return this.#buffer.slice(0, this.#length)
  }

  /** The bytes written so far, not copied: only to be read before the next write. */
  view(): Uint8Array {
    return this.#buffer.subarray(0, this.#length)
  }

  #uint(value: number, length: number): void {
    if (!Number.isInteger(value) || value < 0 || value >= 2 ** (8 * length)) {
      throw new MlsError("misuse", `not a uint${8 * length}`)
    }
    this.#reserve(length)
    for (let shift = length - 1; shift >= 0; shift--) {
      this.#buffer[this.#length++] = Math.floor(value / 2 ** (8 * shift)) & 0xff
    }
  }

  #reserve(extra: number): void {
    const needed = this.#length + extra
    if (needed <= this.#buffer.length) return
    // Megabytes are grown with care: what is left unused is memory all the same.
    const factor = this.#buffer.length < 2 ** 16 ? 4 : 1.5
    const larger = new Uint8Array(Math.max(needed, Math.ceil(this.#buffer.length * factor)))
    larger.set(this.view())
    this.#buffer = larger
  }
}

/** The bytes of one value. */
export function encode<T>(encoder: Encoder<T>, value: T): Uint8Array {
  const writer = new Writer()
  encoder(writer, value)
  return writer.finish()
}

/** One value that takes up all of `bytes`. Throws `MlsError` `decode`. */
export function decode<T>(decoder: Decoder<T>, bytes: Uint8Array): T {
  const reader = new Reader(bytes)
  const value = decoder(reader)
  reader.finish()
  return value
}
