import { describe, expect, test } from "vitest"
import { canonicalMediaType, isCanonicalMediaType } from "./media-type.ts"

describe("media types (marmot-wire §2.2)", () => {
  test.each([
    ["image/png", "image/png"],
    ["IMAGE/PNG", "image/png"],
    ["image/jpg", "image/jpeg"],
    ["Image/JPG; charset=x", "image/jpeg"],
    ["\t\n\f\r image/webp \r", "image/webp"],
    ["text/plain;a/b", "text/plain"],
    ["application/vnd.a+b!#$%&'*-^_`|~", "application/vnd.a+b!#$%&'*-^_`|~"],
    [`${"a".repeat(64)}/${"b".repeat(63)}`, `${"a".repeat(64)}/${"b".repeat(63)}`],
  ])("%j becomes %j", (input, canonical) => {
    expect(canonicalMediaType(input)).toBe(canonical)
    expect(isCanonicalMediaType(canonical)).toBe(true)
    expect(isCanonicalMediaType(input)).toBe(input === canonical)
  })

  test.each([
    [""],
    ["image"],
    ["image/"],
    ["/png"],
    ["image/png/x"],
    ["\u000bimage/png"],
    ["\u00a0image/png"],
    ["image /png"],
    ["image/p ng"],
    ["image/p\u0000ng"],
    ["imäge/png"],
    [";image/png"],
    [`${"a".repeat(65)}/b`],
    [`a/${"b".repeat(65)}`],
    [`${"a".repeat(64)}/${"b".repeat(64)}`],
  ])("%j has no canonical form", (input) => {
    expect(canonicalMediaType(input)).toBeUndefined()
    expect(isCanonicalMediaType(input)).toBe(false)
  })
})
