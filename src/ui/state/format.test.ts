import { describe, expect, test } from "vitest"
import type { MessageItem } from "../../client/api.ts"
import {
  announcement,
  dayName,
  exactTime,
  hueIndex,
  initials,
  isoTime,
  listTime,
  personName,
  relayName,
  shortNpub,
  timeOf,
} from "./format.ts"

describe("names", () => {
  const npub = `npub1${"q".repeat(54)}wxyz`

  test("a person without a name is shown by a short npub", () => {
    expect(personName({ pubkey: "0", npub, name: undefined })).toBe("npub1qqqqq…wxyz")
    expect(personName({ pubkey: "0", npub, name: "  " })).toBe("npub1qqqqq…wxyz")
    expect(personName({ pubkey: "0", npub, name: " Ada " })).toBe("Ada")
  })

  test("short text stays whole", () => {
    expect(shortNpub("npub1abc")).toBe("npub1abc")
  })

  test.each([
    ["Ada", "A"],
    ["Ada Lovelace", "AL"],
    ["ada de la cruz", "AC"],
    ["🦊 Fox", "F"],
    ["", "?"],
    ["npub1xyz", "X"],
    ["Åsa-Örn", "ÅÖ"],
  ])("initials of %j are %s", (name, expected) => {
    expect(initials(name)).toBe(expected)
  })

  test("a colour is stable and in range", () => {
    expect(hueIndex("abc", 10)).toBe(hueIndex("abc", 10))
    for (const id of ["", "a", "ff".repeat(32)]) {
      expect(hueIndex(id, 10)).toBeGreaterThanOrEqual(0)
      expect(hueIndex(id, 10)).toBeLessThan(10)
    }
  })

  test("a relay is shown without its scheme", () => {
    expect(relayName("wss://relay.example/")).toBe("relay.example")
    expect(relayName("ws://127.0.0.1:4869")).toBe("127.0.0.1:4869")
  })
})

test.each([8.64e12, 8_640_000_000_001, 2 ** 53 - 1, Infinity, NaN, -1e18])(
  "a time that no date holds is shown all the same: %d",
  (seconds) => {
    const now = Date.now() / 1000
    const shown = [timeOf, exactTime, isoTime].map((format) => format(seconds))
    const named = [listTime, dayName].map((format) => format(seconds, now))
    for (const text of [...shown, ...named, dayName(now, seconds)]) expect(text).not.toBe("")
  },
)

test("of a long message the beginning is announced", () => {
  const item: MessageItem = {
    type: "message",
    messageId: "1",
    author: { pubkey: "0", npub: "npub1", name: "Ada" },
    own: false,
    createdAt: 1,
    kind: 9,
    content: "🦊".repeat(5_000),
    tags: [],
    delivery: { status: "received" },
    attachments: [],
  }
  expect(announcement(item)).toBe(`Ada: ${"🦊".repeat(200)}`)
})
