// Marmot group lifecycle (behaviour §5.3): what becomes of our request to end the group.

import type { Disbanding, IntentFailure } from "./engine-types.ts"
import { DISBAND_PAUSE_MS, LONGEST_DISBAND_PAUSE_MS } from "./limits.ts"
import type { Transition } from "./transition.ts"

/** The request stays; relays that refuse it are not asked without pause. */
export function retryDisbandLater(t: Transition): void {
  const { disbanding } = t.group
  if (disbanding === undefined) return
  const pause = Math.min(LONGEST_DISBAND_PAUSE_MS, DISBAND_PAUSE_MS * 2 ** disbanding.attempts)
  t.set({
    disbanding: {
      ...disbanding,
      attempts: disbanding.attempts + 1,
      retryAt: t.env.now + pause,
    },
  })
}

/** We can no longer end the group: the gate opens, with words for whoever asked. */
export function endDisbandRequest(t: Transition, code: IntentFailure, message: string): void {
  const { disbanding } = t.group
  if (disbanding === undefined) return
  t.set({ disbanding: undefined })
  t.failIntent(disbanding.intentId, code, message)
}

/** The group has ended, by our Commit or by another admin's. */
export function fulfilDisbandRequest(t: Transition): void {
  const { disbanding } = t.group
  if (disbanding === undefined) return
  t.set({ disbanding: undefined })
  t.completeIntent(disbanding.intentId)
}

/** A clock that was set back must not hold the request up. */
export function isTimeToDisband({ retryAt }: Disbanding, now: number): boolean {
  return retryAt === undefined || retryAt <= now || retryAt - now > LONGEST_DISBAND_PAUSE_MS
}
