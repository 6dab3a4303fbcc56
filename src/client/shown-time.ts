// Times as they can be shown: a message may claim any time at all.

/** The last second that a `Date` can hold. */
const LAST = 8.64e12

/** Unix seconds that every date and formatter takes. */
export function shownTime(seconds: number): number {
  return Number.isNaN(seconds) ? 0 : Math.min(Math.max(seconds, 0), LAST)
}
