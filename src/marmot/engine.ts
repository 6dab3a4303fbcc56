// The Marmot engine: one step at a time, from a group and an input to its successor and the effects.

import type { NostrEvent } from "../nostr/event.ts"
import { Ahead } from "./ahead.ts"
import { backfillWake } from "./backfill.ts"
import { departureAnswered } from "./departure.ts"
import type { EngineEnv, GroupInput, MarmotGroup, Step } from "./engine-types.ts"
import { acceptIntent, drain } from "./local.ts"
import { passIsDue, resolvePass } from "./pass.ts"
import { published, sendDueWelcomes } from "./publish.ts"
import { endReading, readingWake, readOn } from "./reading.ts"
import { receiveEvent, sweep } from "./receive.ts"
import { acknowledge, acknowledgeAnew } from "./resend.ts"
import { forgetExpired, nextExpiry } from "./retention.ts"
import { Transition } from "./transition.ts"
import { keepForRepair } from "./unrecoverable.ts"

/**
 * Takes one step. Input from outside never makes it throw: a bad event gets a disposition, a wish that can't be
 * met an outcome. Throws only for defects of our own (`MarmotError` `internal`); the group given stays valid.
 */
export async function apply(group: MarmotGroup, input: GroupInput, env: EngineEnv): Promise<Step> {
  const t = new Transition(group, env)
  forgetExpired(t)
  endReading(t)
  if (input.type === "events" && input.areStored) readOn(t)
  if (group.lifecycle === "unrecoverable") {
    await take(t, input)
    return t.finish()
  }
  if (passIsDue(t)) {
    // The cutoff comes first: what arrives after it belongs to the next pass (behaviour §8.4).
    resolvePass(t)
    // Before a waiting change or the next pass comes between.
    sendDueWelcomes(t)
    // There is room again, and what was refused may come.
    t.candidatesChanged = true
    await sweep(t)
    // The fair slot (§8.4.8): a waiting change of ours gets its turn before the input can open another pass.
    await drain(t)
  }
  await take(t, input)
  if (t.group.lifecycle === "unrecoverable") return t.finish()
  await sweep(t)
  sendDueWelcomes(t)
  await drain(t)
  return t.finish()
}

/** When the group wants a `tick` (milliseconds since 1970); `undefined`: nothing is waiting for time to pass. */
export function nextWake(group: MarmotGroup): number | undefined {
  const wakes = [nextStep(group), nextExpiry(group), readingWake(group)].filter(
    (at) => at !== undefined,
  )
  return wakes.length === 0 ? undefined : Math.min(...wakes)
}

function nextStep(group: MarmotGroup): number | undefined {
  if (group.pass !== undefined) return group.pass.quietDeadline
  // Until a publication is answered, time alone moves nothing.
  if (group.lifecycle !== "stable") return undefined
  const times = group.welcomes.map((welcome) => welcome.notBefore)
  const backfill = backfillWake(group)
  if (backfill !== undefined) times.push(backfill)
  if (group.autoCommitAt !== undefined) times.push(group.autoCommitAt)
  if (group.disbanding?.retryAt !== undefined) times.push(group.disbanding.retryAt)
  if (group.leaving?.retryAt !== undefined) times.push(group.leaving.retryAt)
  return times.length === 0 ? undefined : Math.min(...times)
}

/** Events of one step after which others have their turn: some tens of milliseconds. */
const AT_A_STRETCH = 64

async function take(t: Transition, input: GroupInput): Promise<void> {
  switch (input.type) {
    case "event":
      await receive(t, input.event)
      return
    case "events":
      t.isCatchingUp = input.areStored
      t.isNews = !input.areStored
      t.ahead = new Ahead(input.events)
      for (const [i, event] of input.events.entries()) {
        t.ahead.advance()
        await receive(t, event)
        if (i % AT_A_STRETCH === AT_A_STRETCH - 1) await t.env.othersTurn?.()
      }
      t.ahead = undefined
      return
    case "intent":
      await acceptIntent(t, input.intent)
      return
    case "published":
      published(t, input.eventId, input.outcome)
      acknowledge(t, input.eventId, input.outcome)
      departureAnswered(t, input.eventId, input.outcome)
      return
    case "halfPublished":
      acknowledgeAnew(t, input.innerIds)
      return
    case "tick":
      return
  }
}

async function receive(t: Transition, event: NostrEvent): Promise<void> {
  if (isEnded(t.group)) {
    // A copy that has ended processes nothing (behaviour §7).
    t.emit({ type: "disposition", eventId: event.id, category: "unknown_group" })
  } else if (t.group.lifecycle === "unrecoverable") keepForRepair(t, event)
  else await receiveEvent(t, event)
}

/** Removed, left or disbanded: terminal for this copy. */
function isEnded(group: MarmotGroup): boolean {
  return group.standing !== "active" || group.lifecycle === "disbanded"
}
