import fc from "fast-check"
import { expect, test } from "vitest"
import { compareEvents, eventId } from "../../src/nostr/event.ts"
import type { NostrEvent } from "../../src/nostr/event.ts"
import { matchesFilter } from "../../src/nostr/filter.ts"
import type { Filter } from "../../src/nostr/filter.ts"
import { EventIndex } from "./index.ts"

const authors = ["aa", "bb", "cc"].map((byte) => byte.repeat(32))
const letters = ["x", "y", "z"]

const event: fc.Arbitrary<NostrEvent> = fc
  .record({
    pubkey: fc.constantFrom(...authors),
    created_at: fc.nat(20),
    kind: fc.constantFrom(1, 445, 1059),
    tags: fc.array(fc.tuple(fc.constantFrom("h", "p"), fc.constantFrom(...letters)), {
      maxLength: 3,
    }),
    content: fc.string({ maxLength: 3 }),
  })
  .map((unsigned) => ({ ...unsigned, id: eventId(unsigned), sig: "00".repeat(64) }))

const some = <T>(...values: T[]) => fc.uniqueArray(fc.constantFrom(...values), { minLength: 1 })

const filter: fc.Arbitrary<Filter> = fc.record(
  {
    authors: some(...authors),
    kinds: some(1, 445, 1059, 7),
    "#h": some(...letters),
    "#p": some(...letters),
    since: fc.nat(20),
    until: fc.nat(20),
    limit: fc.nat(5),
  },
  { requiredKeys: [] },
)

test("queries answer as a walk over all events would", () => {
  fc.assert(
    fc.property(
      fc.array(event, { maxLength: 40 }),
      fc.array(filter, { maxLength: 3 }),
      (events, filters) => {
        const index = new EventIndex()
        for (const each of events) index.add(each, 0)
        const unique = [...new Map(events.map((each) => [each.id, each])).values()].sort(
          compareEvents,
        )
        const expected = unique.filter((each) =>
          filters.some((one) =>
            unique
              .filter((candidate) => matchesFilter(one, candidate))
              .slice(0, one.limit ?? 1000)
              .includes(each),
          ),
        )
        expect(index.query(filters, { limit: 1000, now: 0 })).toEqual(expected)
        expect(index.size).toBe(unique.length)
      },
    ),
    { numRuns: 300 },
  )
})

test("what is left does not depend on the order of arrival", () => {
  const kinds = [5, 1, 10002, 30443]
  const stored = fc
    .record({
      pubkey: fc.constantFrom(...authors),
      created_at: fc.nat(3),
      kind: fc.constantFrom(...kinds),
      d: fc.constantFrom("x", "y"),
    })
    .map(({ d, ...rest }) => {
      const a = `30443:${rest.pubkey}:${d}`
      const unsigned = { ...rest, tags: [rest.kind === 5 ? ["a", a] : ["d", d]], content: "" }
      return { ...unsigned, id: eventId(unsigned), sig: "00".repeat(64) }
    })
  fc.assert(
    fc.property(
      fc.array(stored, { maxLength: 15 }),
      fc.infiniteStream(fc.nat()),
      (events, keys) => {
        const left = (order: readonly NostrEvent[]) => {
          const index = new EventIndex()
          for (const each of order) index.add(each, 0)
          return index.query([{}], { limit: 100, now: 0 })
        }
        const shuffled = events
          .map((each) => ({ each, key: Number(keys.next().value) }))
          .sort((a, b) => a.key - b.key)
          .map(({ each }) => each)
        expect(left(shuffled)).toEqual(left(events))
      },
    ),
  )
})

test("a sweep removes what has expired", () => {
  const index = new EventIndex()
  for (const at of [10, 20, 30]) {
    const unsigned = {
      pubkey: "aa".repeat(32),
      created_at: 1,
      kind: 1,
      tags: [["expiration", String(at)]],
      content: "",
    }
    index.add({ ...unsigned, id: eventId(unsigned), sig: "00".repeat(64) }, 0)
  }
  expect(index.sweep(20)).toBe(2)
  expect(index.size).toBe(1)
})
