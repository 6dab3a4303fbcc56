// draft-ietf-mls-extensions-10 §6.2: content advertisement and framing.

import { expect, test } from "vitest"
import { appDataExtension, componentIds } from "./app-data.ts"
import {
  contentMediaTypes,
  decodeMediaTypes,
  encodeMediaTypes,
  frameApplicationData,
  missingMediaTypes,
  readApplicationData,
} from "./media-types.ts"
import { bytes, hex } from "./vectors.fixture.ts"

const plain = { type: "text/plain", parameters: [{ name: "charset", value: "UTF-8" }] }
const png = { type: "image/png", parameters: [] }
const group = (...types: (typeof plain)[]) => [
  appDataExtension(new Map([[componentIds.contentMediaTypes, encodeMediaTypes(types)]])),
]

test("bytes of the draft's example", () => {
  // A list of one type: a vector of 10 bytes, and one parameter of two vectors.
  const text = (value: string) => hex(new TextEncoder().encode(value))
  const parameter = `07${text("charset")}05${text("UTF-8")}`
  const type = `0a${text("text/plain")}0e${parameter}`
  expect(hex(encodeMediaTypes([plain]))).toBe(`1a${type}`)
  expect(decodeMediaTypes(bytes(`1a${type}`))).toEqual([plain])
})

test.each([
  ["an empty list", "00"],
  ["cut short", "02056162"],
  ["no UTF-8", "0301ff00"],
  ["a byte after the end", "020000ff"],
])("%s is refused", (_name, data) => {
  expect(() => decodeMediaTypes(bytes(data))).toThrow(expect.objectContaining({ code: "decode" }))
})

test("a list of nothing is a misuse", () => {
  expect(() => encodeMediaTypes([])).toThrow(expect.objectContaining({ code: "misuse" }))
})

test("application data is framed where the group names media types, and not elsewhere", () => {
  const content = bytes("0102")
  const framed = frameApplicationData(group(plain, png), content, png)
  expect(readApplicationData(group(plain, png), framed)).toEqual({ mediaType: png, content })
  // Without a type it is the first of the group's.
  const short = frameApplicationData(group(plain, png), content)
  expect(hex(short)).toBe("0000020102")
  expect(readApplicationData(group(plain, png), short)).toEqual({ mediaType: plain, content })
  expect(frameApplicationData([], content)).toBe(content)
  expect(readApplicationData([], content)).toEqual({ mediaType: undefined, content })
  expect(() => frameApplicationData([], content, png)).toThrow(
    expect.objectContaining({ code: "misuse" }),
  )
  for (const damaged of ["", "00", "00000201", "000002010203"]) {
    expect(() => readApplicationData(group(plain), bytes(damaged))).toThrow(
      expect.objectContaining({ code: "decode" }),
    )
  }
})

test("which of the group's types a leaf lacks", () => {
  expect(contentMediaTypes(group(plain))).toEqual([plain])
  expect(contentMediaTypes([])).toBeUndefined()
  const upper = { type: "Text/Plain", parameters: [] }
  expect(missingMediaTypes(group(plain, png), group(upper))).toEqual([png])
  expect(missingMediaTypes(group(plain), [])).toEqual([plain])
  expect(missingMediaTypes([], group(plain))).toEqual([])
})
