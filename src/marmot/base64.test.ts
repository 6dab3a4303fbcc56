import fc from "fast-check"
import { describe, expect, test } from "vitest"
import { fromBase64, toBase64 } from "./base64.ts"
import { codeOf } from "./device.fixture.ts"

describe("strict base64 (marmot-wire §7.1)", () => {
  test("every byte string has one form", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => {
        const text = toBase64(bytes)
        expect(text).toBe(Buffer.from(bytes).toString("base64"))
        expect(fromBase64(text)).toEqual(bytes)
      }),
    )
  })

  test.each([
    ["no padding", "QQ"],
    ["too little padding", "QQ="],
    ["too much padding", "QUI=="],
    ["padding only", "="],
    ["bits beyond the last byte", "QR=="],
    ["the URL alphabet", "-_-_"],
    ["a line break", "QUJD\nQUJD"],
    ["a space", " QUJD"],
    ["text after the padding", "QQ==QUJD"],
    ["other characters", "QUJ€"],
  ])("refuses %s", (_, text) => {
    expect(codeOf(() => fromBase64(text))).toBe("invalid_encoding")
  })

  test("accepts no other text than the encoder's", () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom(..."ABab01+/= -_\n".split("")) }), (text) => {
        let bytes: Uint8Array
        try {
          bytes = fromBase64(text)
        } catch {
          return
        }
        expect(toBase64(bytes)).toBe(text)
      }),
    )
  })
})
