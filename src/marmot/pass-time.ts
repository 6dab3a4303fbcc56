// Marmot convergence §8.4: when a pass ends.

import type { Pass } from "./engine-types.ts"
import { MAX_PASS_MS } from "./limits.ts"

/** The cutoff has come (`now` in milliseconds). A clock that was set back must not hold a pass open (§8.8). */
export function isDue(pass: Pass, now: number): boolean {
  const left = pass.quietDeadline - now
  return left <= 0 || left > MAX_PASS_MS
}
