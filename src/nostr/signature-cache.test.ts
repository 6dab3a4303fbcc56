import { expect, test } from "vitest"
import { finalizeEvent, generateSecretKey, parseEvent, verifyEvent } from "./event.ts"
import type { NostrEvent } from "./event.ts"
import { SignatureCache } from "./signature-cache.ts"

const tags = [["h", "group", "hint"], ["p"]]
const event = finalizeEvent({ kind: 1, created_at: 5, tags, content: "text" }, generateSecretKey())
const copyOf = (change: Partial<NostrEvent> = {}) =>
  parseEvent(JSON.parse(JSON.stringify({ ...event, ...change })))

/** Of frames that are as long as they say, and how often a signature was computed. */
function cacheFor(frameLength: number) {
  const asked: string[] = []
  const cache = new SignatureCache((each) => {
    asked.push(each.id)
    return verifyEvent(each)
  })
  return { asked, verify: (each: NostrEvent) => cache.verify(each, "x".repeat(frameLength)) }
}

test.each([
  { what: "whole", length: 300 },
  { what: "by its id", length: 100_000 },
])("an event is computed once, and a changed copy is none: remembered $what", ({ length }) => {
  const { asked, verify } = cacheFor(length)
  expect(verify(copyOf())).toBe(true)
  expect(verify(copyOf())).toBe(true)
  const changes: readonly Partial<NostrEvent>[] = [
    { content: "Text" },
    { created_at: 6 },
    { kind: 2 },
    { pubkey: "00".repeat(32) },
    { tags: [["h", "group", "hint"]] },
    { tags: [...tags, ["p"]] },
    {
      tags: [
        ["h", "group", "hint"],
        ["p", ""],
      ],
    },
    { tags: [["h", "group"], ["p"]] },
    { tags: [["h", "other", "hint"], ["p"]] },
    { tags: [["p"], ["h", "group", "hint"]] },
  ]
  for (const change of changes) expect(verify(copyOf(change)), JSON.stringify(change)).toBe(false)
  expect(verify(copyOf())).toBe(true)
  expect(asked).toEqual([event.id])
})

test("what did not verify is computed again", () => {
  const { asked, verify } = cacheFor(300)
  const forged = copyOf({ sig: "00".repeat(64) })
  expect(verify(forged)).toBe(false)
  expect(verify(forged)).toBe(false)
  expect(asked).toHaveLength(2)
})

test("it forgets the oldest, and then computes them again", () => {
  const asked: string[] = []
  const cache = new SignatureCache(({ id }) => {
    asked.push(id)
    return true
  })
  const named = (number: number) => copyOf({ id: number.toString(16).padStart(64, "0") })
  const count = 2_048
  for (let number = 0; number <= count; number++) void cache.verify(named(number), "frame")
  void cache.verify(named(0), "frame")
  expect(asked).toHaveLength(count + 2)
  // Its event is forgotten before its signature: the id is computed, and is wrong.
  expect(cache.verify(named(count - 600), "frame")).toBe(false)
  expect(asked).toHaveLength(count + 2)
})
