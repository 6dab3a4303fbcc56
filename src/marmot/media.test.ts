import fc from "fast-check"
import { describe, expect, test } from "vitest"
import { withShared } from "../../test/shared.ts"
import { bytesToHex } from "../nostr/event.ts"
import { codeOf } from "./device.fixture.ts"
import { MarmotError } from "./error.ts"
import { mediaAad, mediaKey, mediaTag, parseMediaTag } from "./media.ts"

interface Fixture {
  readonly media_version: string
  readonly cases: readonly {
    readonly name: string
    readonly valid: boolean
    readonly tag: readonly string[]
    readonly expected?: {
      readonly version: string
      readonly locators: readonly { readonly kind: string; readonly value: string }[]
      readonly ciphertext_sha256: string
      readonly plaintext_sha256: string
      readonly nonce_hex: string
      readonly media_type: string
      readonly file_name: string
      readonly dim: string | null
      readonly thumbhash: string | null
    }
  }[]
}

for (const version of ["v1", "v2"]) {
  withShared<Fixture>(`vectors/marmot/media/imeta-${version}.json`, ({ media_version, cases }) => {
    describe(`references of ${media_version}`, () => {
      test("there are ten cases", () => {
        expect(cases).toHaveLength(10)
      })

      test.each(cases)("$name", ({ valid, tag, expected }) => {
        if (!valid || expected === undefined) {
          expect(codeOf(() => parseMediaTag(tag))).toBe("invalid_attachment")
          return
        }
        const reference = parseMediaTag(tag)
        expect(reference).toEqual({
          version: expected.version,
          locators: expected.locators,
          ciphertextSha256: expected.ciphertext_sha256,
          plaintextSha256: expected.plaintext_sha256,
          nonce: expected.nonce_hex,
          mediaType: expected.media_type,
          filename: expected.file_name,
          dim: expected.dim ?? undefined,
          thumbhash: expected.thumbhash ?? undefined,
        })
        if (version === "v2") expect(mediaTag(reference)).toEqual(tag)
        else expect(codeOf(() => mediaTag(reference))).toBe("invalid_attachment")
      })
    })
  })
}

const binding = {
  plaintextSha256: new Uint8Array(32).fill(0x22),
  mediaType: "image/jpeg",
  filename: " Photo.JPG ",
}

describe("the key of a file (marmot-wire §10.1)", () => {
  test("the published vector", () => {
    expect(bytesToHex(mediaKey(new Uint8Array(32).fill(7), binding))).toBe(
      "5fcb5672b9cb2b3ac7915fd9c97697877837f7fb1312034486f400f601cd16b5",
    )
    const text = (value: string) => Buffer.from(value).toString("hex")
    expect(bytesToHex(mediaAad(binding))).toBe(
      `${text("encrypted-media-v2")}00${"22".repeat(32)}00${text("image/jpeg")}00${text(" Photo.JPG ")}`,
    )
  })

  test("depends on the epoch, the file, its type and its name", () => {
    const secret = new Uint8Array(32).fill(7)
    const keys = [
      mediaKey(secret, binding),
      mediaKey(new Uint8Array(32).fill(8), binding),
      mediaKey(secret, { ...binding, plaintextSha256: new Uint8Array(32) }),
      mediaKey(secret, { ...binding, mediaType: "image/png" }),
      mediaKey(secret, { ...binding, filename: "Photo.JPG" }),
    ]
    expect(new Set(keys.map(bytesToHex)).size).toBe(keys.length)
  })

  test("secrets and hashes have 32 bytes", () => {
    expect(codeOf(() => mediaKey(new Uint8Array(16), binding))).toBe("misuse")
    expect(codeOf(() => mediaAad({ ...binding, plaintextSha256: new Uint8Array(31) }))).toBe(
      "misuse",
    )
  })
})

const HASH = "ab".repeat(32)
const good = [
  "imeta",
  "v encrypted-media-v2",
  `locator blossom-v1 https://media.example/${HASH}`,
  `ciphertext_sha256 ${HASH}`,
  `plaintext_sha256 ${"cd".repeat(32)}`,
  `nonce ${"ef".repeat(12)}`,
  "m image/png",
  "filename a b.png",
]

describe("references that are dropped", () => {
  const names = ["v", "locator", "ciphertext_sha256", "plaintext_sha256", "nonce", "m", "filename"]
  const without = (name: string) => good.filter((field) => !field.startsWith(`${name} `))

  test.each(names)("without %s, with an empty one, or with one that is no value", (name) => {
    for (const tag of [without(name), [...without(name), `${name} `], [...without(name), name]]) {
      expect(codeOf(() => parseMediaTag(tag))).toBe("invalid_attachment")
    }
  })

  test.each([...names.filter((name) => name !== "locator"), "dim", "thumbhash"])(
    "with two %s",
    (name) => {
      const field = good.find((each) => each.startsWith(`${name} `)) ?? `${name} 1x1`
      const tag = [...without(name), field, field]
      expect(codeOf(() => parseMediaTag(tag))).toBe("invalid_attachment")
    },
  )

  test.each([
    ["another tag", ["emeta", ...good.slice(1)]],
    ["no tag", []],
    ["a blurhash", [...good, "blurhash x"]],
    ["a locator that is no URL", [...without("locator"), "locator blossom-v1 media"]],
    ["a locator without a kind", [...without("locator"), "locator  https://media.example/"]],
    ["a Blossom locator of another scheme", [...without("locator"), "locator blossom-v1 ftp://a/"]],
    ["a hash of 31 bytes", [...without("ciphertext_sha256"), `ciphertext_sha256 ${HASH.slice(2)}`]],
    [
      "a hash that is no hex",
      [...without("plaintext_sha256"), `plaintext_sha256 ${"zz".repeat(32)}`],
    ],
    ["a nonce of 13 bytes", [...without("nonce"), `nonce ${"00".repeat(13)}`]],
    ["a name of 256 bytes", [...without("filename"), `filename ${"é".repeat(128)}`]],
    ["half a character in the name", [...without("filename"), "filename \ud800"]],
  ])("%s", (_, tag) => {
    expect(codeOf(() => parseMediaTag(tag))).toBe("invalid_attachment")
  })

  test("other locators beside a good one, unknown fields and upper-case hashes are read", () => {
    const tag = [
      ...without("ciphertext_sha256"),
      "locator mirror x:y",
      `ciphertext_sha256 ${HASH.toUpperCase()}`,
      "alt a picture",
    ]
    const reference = parseMediaTag(tag)
    expect(reference.locators.map(({ kind }) => kind)).toEqual(["blossom-v1", "mirror"])
    expect(reference.filename).toBe("a b.png")
  })

  test("anything else is dropped by a typed error", () => {
    const field = fc.oneof(fc.constantFrom(...good), fc.string({ unit: "binary" }))
    fc.assert(
      fc.property(fc.array(field, { maxLength: 12 }), (tag) => {
        try {
          expect(parseMediaTag(["imeta", ...tag]).version).toBe("encrypted-media-v2")
        } catch (error) {
          expect(error).toBeInstanceOf(MarmotError)
        }
      }),
    )
  })
})
