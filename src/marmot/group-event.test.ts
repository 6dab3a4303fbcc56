import { chacha20poly1305 } from "@noble/ciphers/chacha.js"
import fc from "fast-check"
import { describe, expect, test } from "vitest"
import { finalizeEvent, hexToBytes, type NostrEvent, verifyEvent } from "../nostr/event.ts"
import { fromBase64, toBase64 } from "./base64.ts"
import { codeOf, secretKeyOf, seededRandom } from "./device.fixture.ts"
import { openGroupEvent, parseGroupEvent, sealGroupEvent } from "./group-event.ts"

const ID = "c3".repeat(32)
const KEY = new Uint8Array(32).fill(7)
const MESSAGE = new TextEncoder().encode("an MLSMessage")
const random = seededRandom("group event")

const seal = (expiration?: bigint) =>
  sealGroupEvent({
    key: KEY,
    message: MESSAGE,
    nostrGroupId: ID,
    createdAt: 1_700_000_000,
    random,
    ...(expiration === undefined ? {} : { expiration }),
  })

const signed = (change: Partial<NostrEvent>) =>
  finalizeEvent({ ...seal(), ...change }, secretKeyOf("x"))
const codeFor = (change: Partial<NostrEvent>) => codeOf(() => parseGroupEvent(signed(change)))

describe("sealing (marmot-wire §7.3)", () => {
  test("nonce, ciphertext and tag under the epoch's key, without associated data", () => {
    const event = seal()
    const content = fromBase64(event.content)
    expect(content.length).toBe(12 + MESSAGE.length + 16)
    const opened = chacha20poly1305(KEY, content.subarray(0, 12)).decrypt(content.subarray(12))
    expect(opened).toEqual(MESSAGE)
    expect(verifyEvent(event)).toBe(true)
    expect(event).toMatchObject({ kind: 445, created_at: 1_700_000_000, tags: [["h", ID]] })
  })

  test("no author and no nonce appears twice", () => {
    const events = Array.from({ length: 20 }, () => seal())
    expect(new Set(events.map((event) => event.pubkey)).size).toBe(20)
    const nonces = events.map((event) => fromBase64(event.content).subarray(0, 12).join())
    expect(new Set(nonces).size).toBe(20)
  })

  test("author and nonce come from the given randomness alone", () => {
    const params = { key: KEY, message: MESSAGE, nostrGroupId: ID, createdAt: 1 }
    const [a, b] = [1, 2].map(() => sealGroupEvent({ ...params, random: seededRandom("same") }))
    expect([a?.pubkey, a?.content, a?.id]).toEqual([b?.pubkey, b?.content, b?.id])
  })

  test("an expiration is an exact decimal", () => {
    expect(seal(2n ** 64n - 1n).tags).toEqual([
      ["h", ID],
      ["expiration", "18446744073709551615"],
    ])
  })
})

describe("opening", () => {
  test("with the key; with another, or changed in any bit, it is not for that key", () => {
    const event = seal()
    const payload = parseGroupEvent(event)
    expect(payload.nostrGroupId).toBe(ID)
    expect(openGroupEvent(KEY, payload)).toEqual(MESSAGE)
    expect(openGroupEvent(KEY.slice().fill(8), payload)).toBeUndefined()
    const content = fromBase64(event.content)
    fc.assert(
      fc.property(fc.nat(content.length * 8 - 1), (bit) => {
        const flipped = content.slice()
        flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7))
        const changed = parseGroupEvent({ ...event, content: toBase64(flipped) })
        expect(openGroupEvent(KEY, changed)).toBeUndefined()
      }),
    )
  })

  test("28 bytes are the fewest, and open to an empty message", () => {
    const nonce = new Uint8Array(12)
    const empty = chacha20poly1305(KEY, nonce).encrypt(new Uint8Array())
    const content = toBase64(new Uint8Array([...nonce, ...empty]))
    expect(openGroupEvent(KEY, parseGroupEvent(signed({ content })))).toEqual(new Uint8Array())
    expect(codeFor({ content: toBase64(new Uint8Array(27)) })).toBe("invalid_encoding")
    expect(codeFor({ content: "" })).toBe("invalid_encoding")
  })

  test.each([
    ["hex", "00".repeat(40)],
    ["unpadded", toBase64(new Uint8Array(40)).replaceAll("=", "")],
  ])("content in another encoding: %s", (_, content) => {
    const payload = () => parseGroupEvent(signed({ content }))
    // Hex of a length that base64 can read decodes to other bytes, which no key opens.
    if (/^[0-9a-f]+$/.test(content)) expect(openGroupEvent(KEY, payload())).toBeUndefined()
    else expect(codeOf(payload)).toBe("invalid_encoding")
  })
})

describe("tags (§7.1)", () => {
  const h = ["h", ID]
  test.each([
    ["h alone", [h]],
    ["an expiration", [h, ["expiration", "1"]]],
    ["the expiration first", [["expiration", "0"], h]],
    ["the latest expiration", [h, ["expiration", "18446744073709551615"]]],
  ])("%s is accepted", (_, tags) => {
    expect(parseGroupEvent(signed({ tags })).nostrGroupId).toBe(ID)
  })

  test.each([
    ["no tag", []],
    ["no h", [["expiration", "1"]]],
    ["two h", [h, h]],
    ["two different h", [h, ["h", "00".repeat(32)]]],
    ["h without a value", [["h"]]],
    ["h with two values", [[...h, ID]]],
    ["h in upper case", [["h", ID.toUpperCase()]]],
    ["a short h", [["h", ID.slice(2)]]],
    ["an empty h", [["h", ""]]],
    ["two expirations", [h, ["expiration", "1"], ["expiration", "1"]]],
    ["an expiration without a value", [h, ["expiration"]]],
    ["an expiration with two values", [h, ["expiration", "1", "2"]]],
    ["a negative expiration", [h, ["expiration", "-1"]]],
    ["an expiration in hex", [h, ["expiration", "0x10"]]],
    ["an expiration beyond u64", [h, ["expiration", "18446744073709551616"]]],
    ["an empty expiration", [h, ["expiration", ""]]],
    ["an encoding tag", [h, ["encoding", "base64"]]],
    ["any other tag", [h, ["p", "00".repeat(32)]]],
    ["an empty tag", [h, []]],
  ])("%s is refused", (_, tags) => {
    expect(codeFor({ tags })).toBe("invalid_event")
  })

  test("another kind is refused", () => {
    expect(codeFor({ kind: 444 })).toBe("invalid_event")
  })
})

test("the exporter key of 32 bytes is used as it is", () => {
  const nonce = hexToBytes("000102030405060708090a0b")
  const fixed = (length: number) => (length === 12 ? nonce : new Uint8Array(length).fill(1))
  const event = sealGroupEvent({
    key: KEY,
    message: MESSAGE,
    nostrGroupId: ID,
    createdAt: 1,
    random: fixed,
  })
  expect(fromBase64(event.content)).toEqual(
    new Uint8Array([...nonce, ...chacha20poly1305(KEY, nonce).encrypt(MESSAGE)]),
  )
})
