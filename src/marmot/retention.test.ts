import fc from "fast-check"
import { describe, expect, test } from "vitest"
import { deadlineOf, expirationOf } from "./retention.ts"

const HOUR = 3600
/** Seconds. */
const NOW = 1_700_000_000

const seconds = fc.oneof(
  fc.integer({ min: 0, max: 2 * NOW }),
  fc.integer({ min: 0, max: 2 ** 53 - 1 }),
)

describe("the expiration of the outer event", () => {
  test("is exact, and left out where nothing disappears or no u64 holds it", () => {
    expect(expirationOf(NOW, 0n)).toBeUndefined()
    expect(expirationOf(NOW, 1n)).toBe(BigInt(NOW) + 1n)
    const most = 0xffffffffffffffffn
    expect(expirationOf(1, most - 1n)).toBe(most)
    expect(expirationOf(2, most - 1n)).toBeUndefined()
    expect(expirationOf(2 ** 53 - 1, most - BigInt(2 ** 53))).toBe(most - 1n)
  })
})

describe("the deadline here", () => {
  const deadline = (createdAt: number, { isNews = false, retention = HOUR, at = NOW } = {}) =>
    deadlineOf({ createdAt, retention: BigInt(retention), receivedAt: at * 1000 + 999, isNews })

  test("is the author's time and the retention of the source epoch", () => {
    expect(deadline(NOW)).toBe(NOW + HOUR)
    expect(deadline(NOW - 1800, { isNews: true })).toBe(NOW + 1800)
    expect(deadline(NOW, { retention: 0 })).toBeUndefined()
  })

  test("a clock that is ahead prolongs nothing", () => {
    expect(deadline(NOW + 100 * HOUR, { isNews: true })).toBe(NOW + HOUR)
    expect(deadline(2 ** 53 - 1)).toBe(NOW + HOUR)
  })

  test("a clock that is behind takes nothing away from what has just been published", () => {
    expect(deadline(NOW - 10 * HOUR, { isNews: true })).toBe(NOW + HOUR)
    expect(deadline(0, { isNews: true })).toBe(NOW + HOUR)
    // What lay at a relay may well be as old as it says.
    expect(deadline(NOW - 10 * HOUR)).toBe(NOW - 9 * HOUR)
  })

  test("never is one that no number holds", () => {
    const retention = 0xffffffffffffffffn
    const times = { createdAt: 0, receivedAt: NOW * 1000, isNews: true }
    expect(deadlineOf({ ...times, retention })).toBeUndefined()
  })

  test("lies at most the retention after the arrival, and in the future for what is news", () => {
    fc.assert(
      fc.property(
        seconds,
        fc.integer({ min: 1, max: 2 ** 40 }),
        fc.boolean(),
        (createdAt, retention, isNews) => {
          const found = deadline(createdAt, { retention, isNews }) ?? NaN
          expect(found).toBeLessThanOrEqual(NOW + retention)
          if (isNews) expect(found).toBeGreaterThan(NOW)
        },
      ),
    )
  })
})
