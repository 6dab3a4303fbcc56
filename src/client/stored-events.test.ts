// A relay that cuts its answers short and holds more than we hold at once: all of it is handed on, oldest first.

import { describe, expect, test } from "vitest"
import type { NostrEvent } from "../nostr/event.ts"
import type { Filter } from "../nostr/filter.ts"
import type { World } from "./ports.ts"
import { StoredEvents } from "./stored-events.ts"
import { systemTimers } from "../nostr/timers.ts"

const URL = "wss://relay.example"
const GROUP = "ab".repeat(32)
const PAGE = 150
const START = 1_700_000_000

const eventAt = (n: number, created_at: number): NostrEvent => ({
  id: n.toString(16).padStart(64, "0"),
  pubkey: "00".repeat(32),
  sig: "",
  kind: 445,
  created_at,
  tags: [["h", GROUP]],
  content: String(n),
})

/** What NIP-01 says: the newest first, and no more than a page. */
function answer(stored: readonly NostrEvent[], { since = 0, until = Infinity }: Filter) {
  return stored
    .filter(({ created_at }) => created_at >= since && created_at <= until)
    .sort((a, b) => b.created_at - a.created_at || (a.id < b.id ? -1 : 1))
    .slice(0, PAGE)
}

async function readAll(stored: readonly NostrEvent[], limit: number) {
  const filter: Filter = { kinds: [445], "#h": [GROUP], since: START }
  let queries = 0
  let most = 0
  const pool = {
    query: (_urls: readonly string[], filters: readonly Filter[]) => {
      queries++
      const events = filters.flatMap((each) => answer(stored, each))
      return Promise.resolve({ events, failed: [] })
    },
  }
  const world = {
    pool,
    timers: systemTimers,
    now: () => (START + 10_000_000) * 1000,
    log: () => undefined,
  } as unknown as World
  const found: NostrEvent[] = []
  let completed: number | undefined = -1
  let first: number | undefined
  const reader: StoredEvents = new StoredEvents({
    world,
    limit,
    filters: () => [filter],
    found: (events) => {
      if (events.length > 0) first ??= events.length
      most = Math.max(most, events.length)
      found.push(...events)
    },
    complete: (_url, at) => (completed = at),
    gaveUp: () => undefined,
    drained: () => Promise.resolve(),
  })
  reader.begin(URL, true)
  for (const event of answer(stored, filter)) reader.take(event, URL)
  await reader.ended(URL, 7)
  reader.close()
  return { found, completed, queries, most, first }
}

describe("what a relay has stored", () => {
  test.each([
    ["a little", 90, 1],
    ["some pages", 900, 1],
    ["more than is held at once", 5_000, 1],
    ["much more, many in each second", 12_000, 40],
  ])("%s", async (_name, count, each) => {
    const stored = Array.from({ length: count }, (_, n) => eventAt(n, START + Math.floor(n / each)))
    const { found, completed, queries, most } = await readAll(stored, 1_000)
    expect(new Set(found.map(({ id }) => id)).size).toBe(count)
    const dates = found.map(({ created_at }) => created_at)
    expect(dates).toEqual([...dates].sort((a, b) => a - b))
    expect(completed).toBe(7)
    expect(most).toBeLessThanOrEqual(1_000 + 2 * PAGE)
    // Each event is asked for twice at most, but for the pages' borders.
    expect(queries).toBeLessThanOrEqual(4 + (4 * count) / PAGE)
  })

  test.each([
    ["evenly spread", (n: number) => n * 60],
    ["most of it at the end", (n: number) => 1_000 * Math.min(n, 500) + 2 * n],
    ["with long silences", (n: number) => n * 2 + Math.floor(n / 800) * 100_000],
  ])("%s: in parts that can be processed while the next ones are read", async (_name, dateOf) => {
    const stored = Array.from({ length: 5_000 }, (_, n) => eventAt(n, START + dateOf(n)))
    const { found, completed, queries, most } = await readAll(stored, 20_000)
    expect(new Set(found.map(({ id }) => id)).size).toBe(5_000)
    const dates = found.map(({ created_at }) => created_at)
    expect(dates).toEqual([...dates].sort((a, b) => a - b))
    expect(completed).toBe(7)
    expect(most).toBeLessThan(5_000)
    expect(queries).toBeLessThanOrEqual(10 + (3 * 5_000) / PAGE)
  })

  test("the first part is soon there, though nothing happened before it for a day", async () => {
    const stored = Array.from({ length: 5_000 }, (_, n) => eventAt(n, START + 90_000 + n * 260))
    const { found, first, queries } = await readAll(stored, 20_000)
    expect(new Set(found.map(({ id }) => id)).size).toBe(5_000)
    expect(first).toBeLessThan(600)
    expect(queries).toBeLessThanOrEqual(10 + (3 * 5_000) / PAGE)
  })

  test("a second that is fuller than anything ends the reading, and says so", async () => {
    const flood = Array.from({ length: 3_000 }, (_, n) => eventAt(n, START + 50))
    const stored = [...flood, eventAt(9_000, START + 40), eventAt(9_001, START + 60)]
    const { found } = await readAll(stored, 1_000)
    // A page can't be turned within a second (NIP-01): the honest ones on either side are found.
    const ids = new Set(found.map(({ content }) => content))
    expect(ids.has("9000") && ids.has("9001")).toBe(true)
  })
})
