// Marmot publish lifecycle (behaviour §6): what every relay has refused is offered again, after pauses that double.

interface Pauses {
  /** Milliseconds. */
  readonly first: number
  readonly longest: number
}

/** When to try again (milliseconds), after so many refusals before this one. */
export function retryTime(now: number, refusals: number, { first, longest }: Pauses): number {
  return now + Math.min(longest, first * 2 ** refusals)
}

/** Whether that time has come. A clock that was set back must not hold it up. */
export function isRetryDue(retryAt: number, now: number, { longest }: Pauses): boolean {
  return retryAt <= now || retryAt - now > longest
}
