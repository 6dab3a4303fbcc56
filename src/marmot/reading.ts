// Marmot retained history §9.1, behaviour §8.2: reading what relays have stored. It comes in the order of its dates, which
// a clock that was ahead puts after Commits that followed: states that the reading has passed still open messages.

import { openGroupEvent, type GroupEventPayload } from "./group-event.ts"
import type { MarmotGroup, StateNode } from "./engine-types.ts"
import { eventKey } from "./event-key.ts"
import { MAX_PASSED_EFFORT, MAX_PASSED_STATES, READING_PAUSE_MS } from "./limits.ts"
import type { Transition } from "./transition.ts"
import { messagesOnly } from "./wipe.ts"

/** What trying a key costs beside the content's length, in characters of base64. */
const EFFORT_OF_A_TRY = 256

/** Stored events have come: what leaves the horizon from now on is kept for those that may follow. */
export function readOn(t: Transition): void {
  const { standing, lifecycle, reading } = t.group
  if (standing !== "active" || lifecycle === "disbanded" || lifecycle === "unrecoverable") return
  const passed = reading?.passed ?? new Map<string, StateNode>()
  t.set({ reading: { passed, until: t.env.now + READING_PAUSE_MS } })
}

/** No more has come for a while: all was read. A clock that was set back must not keep secrets alive. */
export function endReading(t: Transition): void {
  const left = (t.group.reading?.until ?? 0) - t.env.now
  if (left <= 0 || left > READING_PAUSE_MS) forgetReading(t)
}

function forgetReading(t: Transition): void {
  if (t.group.reading !== undefined) t.set({ reading: undefined })
}

/** When `endReading` has something to do (milliseconds). */
export const readingWake = ({ reading }: MarmotGroup) => reading?.until

/**
 * `nodes`, canonical states, have left the horizon: no Commit on them can count any more, and no selection can leave them
 * again. What is kept of them opens application messages and does nothing else.
 */
export function pass(t: Transition, nodes: readonly StateNode[]): void {
  const { reading } = t.group
  if (reading === undefined || nodes.length === 0) return
  const passed = new Map(reading.passed)
  for (const node of nodes) {
    if (node.mls !== undefined) passed.set(node.id, { ...node, mls: messagesOnly(node.mls) })
  }
  const excess = Math.max(0, passed.size - MAX_PASSED_STATES)
  for (const id of [...passed.keys()].slice(0, excess)) passed.delete(id)
  t.set({ reading: { ...reading, passed } })
}

/** The message that a passed state's outer key opens. Anyone can post what none opens, so a step tries no more than so much. */
export function openPassed(
  t: Transition,
  payload: GroupEventPayload,
  size: number,
): { readonly node: StateNode; readonly message: Uint8Array } | undefined {
  const passed = t.group.reading?.passed ?? new Map<string, StateNode>()
  for (const node of [...passed.values()].reverse()) {
    if (node.mls === undefined || t.passedEffort >= MAX_PASSED_EFFORT) continue
    t.passedEffort += size + EFFORT_OF_A_TRY
    const message = openGroupEvent(eventKey(t.env.crypto, node.mls), payload)
    if (message !== undefined) return { node, message }
  }
  return undefined
}

/** `node` has used up a message key. */
export function putPassed(t: Transition, node: StateNode): void {
  const { reading } = t.group
  if (reading === undefined) return
  t.touch(node)
  t.set({ reading: { ...reading, passed: new Map(reading.passed).set(node.id, node) } })
}
