// Marmot group lifecycle (behaviour §5.3): what becomes of our request to end the group.

import type { Disbanding, IntentFailure } from "./engine-types.ts"
import { DISBAND_PAUSE_MS, LONGEST_DISBAND_PAUSE_MS } from "./limits.ts"
import { isRetryDue, retryTime } from "./retry.ts"
import type { Transition } from "./transition.ts"

const PAUSES = { first: DISBAND_PAUSE_MS, longest: LONGEST_DISBAND_PAUSE_MS }

/** The request stays; relays that refuse it are not asked without pause. */
export function retryDisbandLater(t: Transition): void {
  const { disbanding } = t.group
  if (disbanding === undefined) return
  t.set({
    disbanding: {
      ...disbanding,
      attempts: disbanding.attempts + 1,
      retryAt: retryTime(t.env.now, disbanding.attempts, PAUSES),
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

export function isTimeToDisband({ retryAt }: Disbanding, now: number): boolean {
  return retryAt === undefined || isRetryDue(retryAt, now, PAUSES)
}
