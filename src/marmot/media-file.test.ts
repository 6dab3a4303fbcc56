import { describe, expect, test } from "vitest"
import { codeOf } from "./device.fixture.ts"
import { openGroupImage, sealGroupImage } from "./group-image.ts"
import type { MediaReference } from "./media.ts"
import { mediaKey } from "./media.ts"
import { openFile, sealFile } from "./media-file.ts"

const bytes = new TextEncoder().encode("a photograph")
const secret = new Uint8Array(32).fill(7)
const random = (length: number) => crypto.getRandomValues(new Uint8Array(length))
const flipped = (value: Uint8Array, at = 0) =>
  value.map((byte, index) => (index === at ? byte ^ 1 : byte))

describe("a sealed file (behaviour §10.1)", () => {
  const kind = { mediaType: "image/png", filename: "a.png" }
  const sealed = sealFile({ secret, nonce: random(12), bytes, ...kind })
  const reference: MediaReference = {
    version: "encrypted-media-v2",
    locators: [],
    ...sealed,
    ...kind,
    dim: undefined,
    thumbhash: undefined,
  }
  const keyFor = (changes: Partial<typeof kind> = {}) =>
    mediaKey(secret, {
      plaintextSha256: Uint8Array.from(Buffer.from(sealed.plaintextSha256, "hex")),
      ...kind,
      ...changes,
    })

  test("opens with the key of its epoch, name and type", () => {
    expect(sealed.blob).toHaveLength(bytes.length + 16)
    expect(openFile(reference, keyFor(), sealed.blob)).toEqual(bytes)
  })

  test("unavailable_attachment: another blob, key, name, type or nonce", () => {
    const open = (changes: Partial<MediaReference>, key = keyFor(), blob = sealed.blob) =>
      codeOf(() => openFile({ ...reference, ...changes }, key, blob))
    const unavailable = "unavailable_attachment"
    for (let at = 0; at < sealed.blob.length; at++) {
      expect(open({}, keyFor(), flipped(sealed.blob, at))).toBe(unavailable)
    }
    expect(open({}, flipped(keyFor()))).toBe(unavailable)
    expect(open({ filename: "b.png" })).toBe(unavailable)
    expect(open({ mediaType: "image/gif" })).toBe(unavailable)
    expect(open({ nonce: "00".repeat(12) })).toBe(unavailable)
    expect(open({ plaintextSha256: "00".repeat(32) })).toBe(unavailable)
    expect(open({ version: "encrypted-media-v1" })).toBe(unavailable)
  })

  test("misuse: a nonce of another length", () => {
    const short = { secret, nonce: random(11), bytes, ...kind }
    expect(codeOf(() => sealFile(short))).toBe("misuse")
  })
})

describe("a sealed group image (marmot-wire §6.3)", () => {
  const { image, blob } = sealGroupImage({ bytes, mediaType: "image/png", random })

  test("opens with the component's key, and has keys of its own each time", () => {
    expect(openGroupImage(image, blob)).toEqual(bytes)
    const again = sealGroupImage({ bytes, mediaType: "image/png", random })
    expect(again.image.imageKey).not.toEqual(image.imageKey)
    expect(again.image.imageUploadKey).not.toEqual(image.imageUploadKey)
  })

  test("unavailable_attachment: another blob, key or type", () => {
    const open = (changes: Partial<typeof image>, other = blob) =>
      codeOf(() => openGroupImage({ ...image, ...changes }, other))
    expect(open({}, flipped(blob))).toBe("unavailable_attachment")
    expect(open({ imageKey: flipped(image.imageKey) })).toBe("unavailable_attachment")
    expect(open({ mediaType: "image/gif" })).toBe("unavailable_attachment")
  })

  test("misuse: no media type", () => {
    expect(codeOf(() => sealGroupImage({ bytes, mediaType: "IMAGE", random }))).toBe("misuse")
  })
})
