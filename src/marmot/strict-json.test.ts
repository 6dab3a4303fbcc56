// RFC 8259, read strictly (marmot-wire §8.1): whatever the scanner takes, JSON.parse reads the same.

import fc from "fast-check"
import { describe, expect, test } from "vitest"
import { MarmotError } from "./error.ts"
import { JsonScanner } from "./strict-json.ts"

/** A whole text as one value, or `undefined` if it is refused. Anything but a typed refusal is thrown. */
function taken<T>(text: string, value: (scanner: JsonScanner) => T): T | undefined {
  try {
    const scanner = new JsonScanner(text)
    const read = value(scanner)
    scanner.end()
    return read
  } catch (error) {
    if (!(error instanceof MarmotError)) throw error
    expect(error.code).toBe("invalid_app_event")
    return undefined
  }
}

const asString = (text: string) => taken(text, (scanner) => scanner.string())
const asInteger = (text: string) => taken(text, (scanner) => scanner.integer())
const asTags = (text: string) =>
  taken(text, (scanner) => scanner.array(() => scanner.array(() => scanner.string())))
const asStrings = (text: string) =>
  taken(text, (scanner) => {
    const members: [string, string][] = []
    scanner.object((name) => members.push([name, scanner.string()]))
    return members
  })

/** Text out of the pieces that JSON is made of, so that much of it is nearly valid. */
const nearly = (pieces: readonly string[]) =>
  fc.array(fc.constantFrom(...pieces), { maxLength: 12 }).map((parts) => parts.join(""))
const quoted = nearly([
  ...['"', '"', "\\", "a", "\\n", "\\u00e9", "\\ud83d", "\\ude00", "\\uD800", "\\x", "\\/", "😀"],
  ...["\u0000", "\u001f", "\n", " ", "/", "\u2028", "\ufeff", "é", "\\u12"],
])
const nested = nearly([
  "[",
  "[",
  "]",
  "]",
  ",",
  ",",
  '"a"',
  '""',
  '"\\n"',
  " ",
  "\t",
  "\n",
  "\u00a0",
  "1",
  "{",
])
const members = nearly([
  "{",
  "}",
  ":",
  ",",
  '{"a":"b"',
  '"a":"b"',
  '"c":"d"',
  '"\\u0061":"x"',
  " ",
  '"a"',
])

describe("what is taken is what JSON.parse reads", () => {
  test.each([
    ["strings", quoted, asString],
    ["lists of lists", nested, asTags],
  ] as const)("%s", (_what, texts, scan: (text: string) => unknown) => {
    const property = fc.property(texts, (text) => {
      const read = scan(text)
      if (read !== undefined) expect(read).toEqual(JSON.parse(text))
    })
    fc.assert(property, { numRuns: 5000 })
  })

  test("objects, each name once", () => {
    const property = fc.property(members, (text) => {
      const read = asStrings(text)
      if (read === undefined) return
      expect(Object.fromEntries(read)).toEqual(JSON.parse(text))
      expect(new Set(read.map(([name]) => name)).size).toBe(read.length)
    })
    fc.assert(property, { numRuns: 5000 })
    // Written differently, the name is the same.
    expect(asStrings('{"a":"b","\\u0061":"c"}')).toBeUndefined()
    expect(asStrings('{"__proto__":"b"}')).toEqual([["__proto__", "b"]])
  })

  test("any string and list that JSON.stringify writes is taken", () => {
    const text = fc.string({ unit: "grapheme" })
    const property = fc.property(fc.array(fc.array(text)), (tags) => {
      expect(asTags(JSON.stringify(tags))).toEqual(tags)
      expect(asTags(JSON.stringify(tags, null, 2))).toEqual(tags)
    })
    fc.assert(property)
  })
})

describe("integers", () => {
  test.each([
    ["0", 0],
    [" 7 ", 7],
    ["1700000000", 1_700_000_000],
    ["9007199254740991", Number.MAX_SAFE_INTEGER],
  ])("%j is taken", (text, value) => {
    expect(asInteger(text)).toBe(value)
  })

  test.each([
    ...["-1", "-0", "+1", "01", "00", "1.0", "1.", ".5", "1e9", "1E9", "0x10", "1_000", "", " "],
    ...["9007199254740992", "99999999999999999999999", "1n", '"1"', "null", "true", "NaN", "１"],
  ])("%j is not", (text) => {
    expect(asInteger(text)).toBeUndefined()
  })
})

describe("strings", () => {
  test.each([
    ['"\\"\\\\\\/\\b\\f\\n\\r\\t"', '"\\/\b\f\n\r\t'],
    ['"\\u0001\\u007f\\u00E9"', "\u0001\u007f\u00e9"],
    ['"\\ud83d\\ude00"', "😀"],
    ['"\u007f\u2028\u2029"', "\u007f\u2028\u2029"],
  ])("%s", (text, value) => {
    expect(asString(text)).toBe(value)
  })

  test.each([
    ...['"', '"a', "a", "'a'", '"\\', '"\\"', '"\\a"', '"\\u12"', '"\\u12g4"', '"\\U0041"'],
    ...[
      '"\n"',
      '"\t"',
      '"\u0000"',
      '"\\ud800"',
      '"\\ude00\\ud83d"',
      '"\ud800"',
      '"a"b',
      '\ufeff"a"',
    ],
  ])("%j is refused", (text) => {
    expect(asString(text)).toBeUndefined()
  })
})

describe("structure", () => {
  test.each([
    ...["[", "]", "[,]", "[[],]", "[[]", "[[]]]", '[["a",]]', '[["a" "b"]]', '["a"]', "[null]"],
    ...["[[]] x", "\u00a0[]", "[\u000b]", "// x\n[]", "{}"],
  ])("%j is no list of lists", (text) => {
    expect(asTags(text)).toBeUndefined()
  })

  test.each([
    ...["{", "}", "{,}", '{"a"}', '{"a":}', '{"a":"b",}', '{"a":"b" "c":"d"}', '{a:"b"}', "[]"],
    ...['{"a":"b","a":"b"}', '{"a":"b"}}', '{"a"::"b"}'],
  ])("%j is no object of strings", (text) => {
    expect(asStrings(text)).toBeUndefined()
  })

  test("white space is free", () => {
    expect(asTags(' \t\r\n[ [ "a" , "b" ] , [ ] ] \n')).toEqual([["a", "b"], []])
    expect(asStrings(' { "a" : "b" } ')).toEqual([["a", "b"]])
  })
})
