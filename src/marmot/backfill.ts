// Marmot inbound processing §7, §8.10: when the relays are asked again, for what was refused and for what seems missing.

import type { Backfill, MarmotGroup } from "./engine-types.ts"
import {
  BACKFILL_PAUSE_MS,
  FULL_HISTORY_ARM,
  LONGEST_BACKFILL_PAUSE_MS,
  MAX_ARMS,
  STALL_LOOKBACK,
  STALL_THRESHOLD,
  UNOPENED_LIFETIME_MS,
} from "./limits.ts"
import type { Transition } from "./transition.ts"

const DAY = 86_400

const none: Backfill = {
  epoch: 0,
  misses: [],
  arms: 0,
  armed: false,
  rounds: 0,
  notBefore: 0,
  isDue: false,
  newest: 0,
}

/** An event (its date in Unix seconds) was refused: once something has moved, it gets another chance. */
export function refused(t: Transition, createdAt: number): void {
  if (isBygone(t, createdAt)) return
  t.set({ refetchSince: Math.min(t.group.refetchSince ?? createdAt, createdAt) })
}

/**
 * Anyone may date an event at will. What members write tells how far we have read: what is older by more than thirty
 * days can't be for a state that is still to come.
 */
export function isBygone(t: Transition, createdAt: number): boolean {
  const { newest } = backfillOf(t)
  const now = secondsOf(t)
  const reference = newest === 0 ? now : Math.min(newest, now)
  return createdAt < reference - UNOPENED_LIFETIME_MS / 1000
}

/**
 * An event that no state opens. Eight of them at one epoch may mean that a Commit is missing: the relays are asked
 * again, at the third time in a row for everything, and after the fourth no more. Anyone who knows the address can make
 * them, so they prove nothing.
 */
export function missed(t: Transition, event: { readonly id: string; readonly created_at: number }) {
  const backfill = backfillOf(t)
  const eventId = event.id
  // Most of what was said before we joined never opens; what we miss of it shows in what follows.
  if (event.created_at < (t.group.joinedAt ?? 0) / 1000) return
  // A group that has gone on without us writes later than what we have read, but for what was dated ahead.
  if (event.created_at < Math.min(backfill.newest, secondsOf(t)) - DAY) return
  if (backfill.arms >= MAX_ARMS || backfill.isDue || backfill.misses.includes(eventId)) return
  const misses = [...backfill.misses, eventId]
  if (misses.length < STALL_THRESHOLD) {
    put(t, { ...backfill, misses })
    return
  }
  const arms = backfill.arms + 1
  put(t, { ...backfill, misses: [], arms, armed: true, isDue: arms < MAX_ARMS })
  if (arms === MAX_ARMS) return
  const lookback = Math.max(0, secondsOf(t) - STALL_LOOKBACK)
  const since = arms >= FULL_HISTORY_ARM ? 0 : lookback
  t.set({ refetchSince: Math.min(t.group.refetchSince ?? since, since) })
}

/** Something opened. `atTip`: somebody else's message at the canonical state, so someone is where we are. */
export function opened(t: Transition, createdAt: number, atTip: boolean): void {
  const backfill = backfillOf(t)
  const day = Math.floor(createdAt / DAY) * DAY
  const ends = atTip && (backfill.arms > 0 || backfill.misses.length > 0)
  if (!ends && day <= backfill.newest) return
  const newest = Math.max(day, backfill.newest)
  put(t, { ...backfill, newest, ...(ends && { misses: [], arms: 0, armed: false }) })
}

/** New states are there: what was refused may find room, or open. */
export function somethingMoved(t: Transition): void {
  if (t.group.refetchSince === undefined) return
  const backfill = backfillOf(t)
  if (!backfill.isDue) put(t, { ...backfill, isDue: true })
}

/** Asks, unless we have asked a moment ago. */
export function askIfDue(t: Transition): void {
  const { refetchSince, backfill } = t.group
  if (refetchSince === undefined || backfill?.isDue !== true) return
  const current = backfillOf(t)
  if (!isTime(current, t.env.now)) return
  const pause = Math.min(BACKFILL_PAUSE_MS * 2 ** current.rounds, LONGEST_BACKFILL_PAUSE_MS)
  t.emit({ type: "refetch", since: refetchSince })
  t.set({ refetchSince: undefined })
  put(t, {
    ...current,
    isDue: false,
    rounds: current.rounds + 1,
    notBefore: t.env.now + pause,
  })
}

/** When `askIfDue` is to be called (milliseconds). */
export function backfillWake({ refetchSince, backfill }: MarmotGroup): number | undefined {
  return refetchSince !== undefined && backfill?.isDue === true ? backfill.notBefore : undefined
}

/**
 * All that the relays gave did not help, and still more comes that does not open: this device may be on a branch that
 * the others have left. Or somebody posts junk: a reason to suggest a new invitation, not a fact.
 */
export function seemsStranded({ backfill }: MarmotGroup): boolean {
  return backfill !== undefined && backfill.arms >= MAX_ARMS
}

const secondsOf = (t: Transition) => Math.floor(t.env.now / 1000)

/** A clock that was set back must not keep us waiting. */
function isTime({ notBefore }: Backfill, now: number): boolean {
  return notBefore <= now || notBefore - now > LONGEST_BACKFILL_PAUSE_MS
}

/**
 * As of the tip's epoch. Leaving an epoch at which we had to ask goes on with the run; one that was passed without ends
 * it. Each epoch takes some of the pause that asking has built up, never all of it.
 */
function backfillOf(t: Transition): Backfill {
  const known = t.group.backfill ?? none
  const { epoch } = t.tip
  if (known.epoch === epoch) return known
  const { newest, notBefore, isDue, arms, armed } = known
  const rounds = Math.max(0, known.rounds - 2)
  return { ...none, epoch, newest, notBefore, isDue, rounds, arms: armed ? arms : 0 }
}

function put(t: Transition, backfill: Backfill): void {
  t.set({ backfill })
}
