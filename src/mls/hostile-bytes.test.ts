// RFC 9420 §2.1: what is damaged or made up is refused with an `MlsError`, and no value has two encodings.

import fc from "fast-check"
import { describe, expect, test } from "vitest"
import { type Codec, codecs } from "./codecs.fixture.ts"
import { decode } from "./codec.ts"
import { MlsError } from "./error.ts"
import { decodeMlsMessage, encodeMlsMessage } from "./message.ts"
import { decodeCommit } from "./proposal-codec.ts"
import {
  createSecretTree,
  decodeSecretTree,
  encodeSecretTree,
  messageKey,
  nextMessageKey,
} from "./secret-tree.ts"
import { leafIndex } from "./tree-math.ts"
import { bytes, hex, vectorCrypto } from "./vectors.fixture.ts"

/** `BURROW_HOSTILE=full`: forty times as many values. */
const RUNS = process.env["BURROW_HOSTILE"] === "full" ? 1000 : 25

/** Round trip, and then every truncation and a changed byte anywhere: a value or an `MlsError`, nothing else. */
function checkCodec({ values, write, read }: Codec): void {
  fc.assert(
    fc.property(values, fc.nat(), fc.integer({ min: 1, max: 255 }), (value, place, mask) => {
      const coded = write(value as never)
      expect(read(coded)).toEqual(value)
      for (let length = 0; length < coded.length; length++) {
        expect(() => read(coded.subarray(0, length))).toThrow(MlsError)
      }
      const longer = Uint8Array.from([...coded, 0])
      expect(() => read(longer)).toThrow(MlsError)
      const at = place % coded.length
      const changed = coded.with(at, (coded[at] ?? 0) ^ mask)
      onlyCanonical(changed, (input) => write(read(input) as never))
    }),
    { numRuns: RUNS },
  )
}

/** What is read at all is written again as it was: no value has two encodings. */
function onlyCanonical(input: Uint8Array, again: (input: Uint8Array) => Uint8Array): void {
  let output: Uint8Array
  try {
    output = again(input)
  } catch (error) {
    expect(error).toBeInstanceOf(MlsError)
    return
  }
  expect(hex(output)).toBe(hex(input))
}

describe.each(codecs)("$name", (codec) => {
  test("round trips, truncations and changed bytes", () => {
    checkCodec(codec)
  })

  test("arbitrary bytes", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (input) => {
        onlyCanonical(input, (given) => codec.write(codec.read(given) as never))
      }),
      { numRuns: 4 * RUNS },
    )
  })
})

const reencoded = (input: Uint8Array) => encodeMlsMessage(decodeMlsMessage(input))

test("arbitrary bytes as an MLSMessage give a value or an MlsError", () => {
  const start = fc.constantFrom(0, 1, 2, 3, 4, 5, 6).map((format) => [0, 1, 0, format])
  fc.assert(
    fc.property(start, fc.uint8Array({ maxLength: 300 }), (prefix, rest) => {
      onlyCanonical(Uint8Array.from([...prefix, ...rest]), reencoded)
    }),
    { numRuns: 2000 },
  )
})

test.each([
  ["another version", "00020001", "unsupported"],
  ["no wire format", "00010000", "unsupported"],
  ["an unknown wire format", "00010006", "unsupported"],
  ["sender type 5", "00010001000000000000000000050000", "decode"],
  ["content type 4", "000100020000000000000000000400", "decode"],
  ["a sender that no tree has", "000100010000000000000000000180000000000000", "invalid_index"],
])("an MLSMessage with %s is refused", (_name, message, code) => {
  const read = () => decodeMlsMessage(bytes(message))
  expect(read).toThrow(expect.objectContaining({ code }))
})

test.each([0x0000, 0x000b, 0x0a0a, 0xf000, 0xffff])(
  "a proposal of type %i has no end that could be found",
  (type) => {
    const inCommit = Uint8Array.from([4, 1, type >> 8, type & 0xff, 0, 0])
    const read = () => decode(decodeCommit, inCommit)
    expect(read).toThrow(expect.objectContaining({ code: "unsupported" }))
  },
)

describe("a stored secret tree", () => {
  test.each([0, 3, 6, 2 ** 30, 2 ** 31, 0xffffffff])("of %i leaves is refused", (leafCount) => {
    const stored = encodeSecretTree({ ...createSecretTree(bytes("00"), 4), leafCount })
    expect(() => decodeSecretTree(stored)).toThrow(expect.objectContaining({ code: "decode" }))
  })

  test("of another format is refused", () => {
    const stored = encodeSecretTree(createSecretTree(bytes("00"), 4)).with(0, 2)
    expect(() => decodeSecretTree(stored)).toThrow(expect.objectContaining({ code: "unsupported" }))
  })

  test("damaged anywhere gives a tree whose use ends, or an MlsError", async () => {
    const crypto = await vectorCrypto({ cipher_suite: 1 }, "noble")
    const start = createSecretTree(new Uint8Array(32).fill(1), 8)
    const used = messageKey(crypto, start, leafIndex(5), "application", 3).tree
    const stored = encodeSecretTree(nextMessageKey(crypto, used, leafIndex(0), "handshake").tree)
    fc.assert(
      fc.property(fc.nat(stored.length - 1), fc.integer({ min: 1, max: 255 }), (at, mask) => {
        expect(() => decodeSecretTree(stored.subarray(0, at))).toThrow(MlsError)
        const use = () => {
          const tree = decodeSecretTree(stored.with(at, (stored[at] ?? 0) ^ mask))
          for (const leaf of [0, 2, 5, 7])
            messageKey(crypto, tree, leafIndex(leaf), "application", 4)
        }
        try {
          use()
        } catch (error) {
          expect(error).toBeInstanceOf(MlsError)
        }
      }),
      { numRuns: 1000 },
    )
  })
})
