import { randomBytes } from "@noble/hashes/utils.js"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import {
  bytesToHex,
  eventId,
  finalizeEvent,
  type NostrEvent,
  toRumor,
  verifyEvent,
  verifyWith,
} from "./event.ts"
import { verifyFast } from "./fast-verify.ts"

/** secp256k1, SEC 2 §2.4.1. */
const P = 2n ** 256n - 2n ** 32n - 977n
const N = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n

const hex = (value: bigint) => value.toString(16).padStart(64, "0")

function signed(content: string, tags: readonly string[][] = []): NostrEvent {
  return finalizeEvent({ kind: 445, created_at: 1_700_000_000, tags, content }, randomBytes(32))
}

/** The same event by another claim of authorship: its id is right, its signature is not. */
function by(event: NostrEvent, pubkey: string): NostrEvent {
  const claimed = { ...event, pubkey }
  return { ...claimed, id: eventId(claimed) }
}

const event = signed("hello", [["h", "ab".repeat(32)]])
const [r, s] = [event.sig.slice(0, 64), event.sig.slice(64)]

const cases: readonly (readonly [string, NostrEvent, boolean])[] = [
  ["a good one", event, true],
  ["of an empty text", signed(""), true],
  ["of text that JSON escapes", signed('"\\\n\u0000\u2028\u{1f600}', [["t", "é\t"]]), true],
  ["of a text larger than the module's memory", signed("x".repeat(2 ** 21)), true],
  ["with another id", { ...event, id: signed("other").id }, false],
  ["with another text", { ...event, content: "hullo" }, false],
  ["with an upper-case id", { ...event, id: event.id.toUpperCase() }, false],
  ["with a bit of s turned", { ...event, sig: r + hex(BigInt(`0x${s}`) ^ 1n) }, false],
  ["with -s", { ...event, sig: r + hex(N - BigInt(`0x${s}`)) }, false],
  ["with s beyond the order", { ...event, sig: r + hex(N) }, false],
  ["with r beyond the field", { ...event, sig: hex(P) + s }, false],
  ["of zeros", { ...event, sig: "00".repeat(64) }, false],
  ["cut short", { ...event, sig: event.sig.slice(2) }, false],
  ["that is no hex", { ...event, sig: "zz".repeat(64) }, false],
  ["by another author", by(event, signed("other").pubkey), false],
  ["by a key that is on no point", by(event, hex(5n)), false],
  ["by a key beyond the field", by(event, hex(P + 1n)), false],
  ["by a short key", { ...event, pubkey: "ab" }, false],
]

describe("signatures of events", () => {
  beforeAll(async () => {
    expect(await verifyFast()).toBe(true)
  })
  afterAll(() => verifyWith(undefined))

  test.each(cases)("%s", (_name, given, valid) => {
    expect(verifyEvent(given)).toBe(valid)
  })

  test("one that was too large leaves the module fit for the next", () => {
    expect(verifyEvent(signed("x".repeat(2 ** 22)))).toBe(true)
    expect(verifyEvent(event)).toBe(true)
    expect(verifyEvent({ ...event, sig: "11".repeat(64) })).toBe(false)
  })

  test("the answers are those of the built-in code", () => {
    const checked = Array.from({ length: 40 }, (_, i) => {
      const one = signed(`message ${i}`)
      const at = (i * 37) % 128
      const digit = ((Number.parseInt(one.sig[at] ?? "0", 16) + 1) % 16).toString(16)
      const forged = { ...one, sig: one.sig.slice(0, at) + digit + one.sig.slice(at + 1) }
      const foreign = { ...one, ...toRumor({ ...one, pubkey: bytesToHex(randomBytes(32)) }) }
      return [one, forged, foreign]
    }).flat()
    const fast = checked.map(verifyEvent)
    verifyWith(undefined)
    const builtIn = checked.map(verifyEvent)
    expect(fast).toEqual(builtIn)
    expect(fast.filter(Boolean)).toHaveLength(40)
  })
})

test("a back end that denies everything denies nothing that is true", () => {
  verifyWith(() => false)
  expect(verifyEvent(event)).toBe(true)
  expect(verifyEvent({ ...event, sig: "11".repeat(64) })).toBe(false)
  verifyWith(undefined)
})
