import fc from "fast-check"
import { matchFilter } from "nostr-tools/filter"
import { expect, test } from "vitest"
import { RelayError } from "./error.ts"
import { matchesAny, matchesFilter, parseFilter } from "./filter.ts"
import type { Filter } from "./filter.ts"

const [a, b] = ["aa".repeat(32), "bb".repeat(32)]
const event = {
  id: a,
  pubkey: b,
  created_at: 100,
  kind: 445,
  tags: [["h", "one"], ["h", "two"], ["p"], ["-"]],
  content: "",
  sig: "00".repeat(64),
}

test.each<[Filter, boolean]>([
  [{}, true],
  [{ ids: [a] }, true],
  [{ ids: [b] }, false],
  [{ ids: [] }, false],
  [{ authors: [a, b] }, true],
  [{ kinds: [1, 445] }, true],
  [{ kinds: [1] }, false],
  [{ since: 100, until: 100 }, true],
  [{ since: 101 }, false],
  [{ until: 99 }, false],
  [{ "#h": ["two", "three"] }, true],
  [{ "#h": ["three"] }, false],
  [{ "#p": [""] }, false],
  [{ "#h": ["one"], "#x": ["y"] }, false],
  [{ kinds: [445], limit: 0 }, true],
])("%j matches: %s, as in nostr-tools", (filter, expected) => {
  expect(matchesFilter(filter, event)).toBe(expected)
  expect(matchesAny([{ kinds: [9] }, filter], event)).toBe(expected)
  expect(matchFilter(filter as Parameters<typeof matchFilter>[0], event)).toBe(expected)
})

test("filters from outside: NIP-01's members only, each of its form", () => {
  const good = { ids: [a], authors: [b], kinds: [1], since: 1, until: 2, limit: 0, "#h": ["x"] }
  expect(parseFilter(good)).toEqual(good)
  const bad = [
    { ids: [a.slice(1)] },
    { authors: [a.toUpperCase()] },
    { kinds: [1.5] },
    { since: -1 },
    { limit: "1" },
    { "#hh": ["x"] },
    { "#h": "x" },
    { "#h": [1] },
    { "#h": ["x".repeat(1_025)] },
    { ids: Array<string>(10_001).fill(a) },
    { search: "x" },
    [],
    null,
  ]
  for (const value of bad) expect(() => parseFilter(value)).toThrow(RelayError)
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      try {
        expect(matchesFilter(parseFilter(value), event)).toBeTypeOf("boolean")
      } catch (error) {
        expect(error).toBeInstanceOf(RelayError)
      }
    }),
  )
})
