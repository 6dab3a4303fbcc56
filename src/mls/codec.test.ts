import fc from "fast-check"
import { describe, expect, test } from "vitest"
import { withShared } from "../../test/shared.ts"
import { Reader, Writer, decode, encode } from "./codec.ts"
import { MlsError } from "./error.ts"
import { bytes } from "./vectors.fixture.ts"

interface DeserializationVector {
  readonly vlbytes_header: string
  readonly length: number
}

withShared<DeserializationVector[]>("vectors/mls/deserialization.json", (vectors) => {
  test.each(vectors)("deserialization: $vlbytes_header is a length of $length", (vector) => {
    const reader = new Reader(bytes(vector.vlbytes_header))
    expect(reader.varint()).toBe(vector.length)
    expect(reader.remaining).toBe(0)
  })
})

describe("variable-length integers", () => {
  test.each(["403f", "80003fff", "c000000000000000", "40", ""])("%s is malformed", (hex) => {
    const read = () => new Reader(bytes(hex)).varint()
    expect(read).toThrow(expect.objectContaining({ code: "decode" }))
  })

  test("every length survives", () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 2 ** 30 - 1 }), (length) => {
        const coded = encode((writer, value: number) => writer.varint(value), length)
        expect(decode((reader) => reader.varint(), coded)).toBe(length)
      }),
    )
  })
})

describe("values", () => {
  test("integers survive in their width", () => {
    fc.assert(
      fc.property(fc.bigInt(0n, 2n ** 64n - 1n), fc.nat(0xffff), (large, small) => {
        const writer = new Writer()
        writer.u64(large)
        writer.u16(small)
        const reader = new Reader(writer.finish())
        expect([reader.u64(), reader.u16()]).toEqual([large, small])
        reader.finish()
      }),
    )
  })

  test("a vector written in parts is the same", () => {
    const items = Array.from({ length: 5000 }, (_, i) => i)
    const item = (writer: Writer, value: number) => writer.u16(value)
    const inParts = new Writer()
    const parts = inParts.vectorInParts(items, item)
    expect([...parts]).toHaveLength(2)
    expect(inParts.finish()).toEqual(
      encode((writer, value: number[]) => writer.vector(value, item), items),
    )
  })

  test("a vector is not allocated before its bytes are there", () => {
    const claim = bytes("bfffffff")
    expect(() => new Reader(claim).opaque()).toThrow(MlsError)
  })

  test("an optional is there or not there, and nothing else", () => {
    const item = (reader: Reader) => reader.u8()
    expect(decode((r) => r.optional(item), bytes("00"))).toBeUndefined()
    expect(decode((r) => r.optional(item), bytes("0107"))).toBe(7)
    expect(() => decode((r) => r.optional(item), bytes("0207"))).toThrow(MlsError)
  })

  test("bytes after the end are refused", () => {
    expect(() => decode((r) => r.u8(), bytes("0102"))).toThrow(MlsError)
  })

  test("numbers that do not fit are a misuse", () => {
    expect(() => encode((w, v: number) => w.u8(v), 256)).toThrow(MlsError)
    expect(() => encode((w, v: bigint) => w.u64(v), 2n ** 64n)).toThrow(MlsError)
  })
})
