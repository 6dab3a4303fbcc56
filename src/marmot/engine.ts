// The Marmot engine: one step at a time, from a group and an input to its successor and the effects.

import type { EngineEnv, GroupInput, MarmotGroup, Step } from "./engine-types.ts"
import { acceptIntent, drain } from "./local.ts"
import { passIsDue, resolvePass } from "./pass.ts"
import { published, sendDueWelcomes } from "./publish.ts"
import { receiveEvent, sweep } from "./receive.ts"
import { Transition } from "./transition.ts"

/**
 * Takes one step. Input from outside never makes it throw: a bad event gets a disposition, a wish that can't be
 * met an outcome. Throws only for defects of our own (`MarmotError` `internal`); the group given stays valid.
 */
export async function apply(group: MarmotGroup, input: GroupInput, env: EngineEnv): Promise<Step> {
  const t = new Transition(group, env)
  // The cutoff comes first: what arrives after it belongs to the next pass (behaviour §8.4).
  if (passIsDue(t)) resolvePass(t)
  await take(t, input)
  await sweep(t)
  sendDueWelcomes(t)
  await drain(t)
  return t.finish()
}

/** When the group wants a `tick` (milliseconds since 1970); `undefined`: nothing is waiting for time to pass. */
export function nextWake(group: MarmotGroup): number | undefined {
  const times = [
    group.pass?.quietDeadline,
    group.autoCommitAt,
    ...group.welcomes.map((welcome) => welcome.notBefore),
  ].filter((time) => time !== undefined)
  return times.length === 0 ? undefined : Math.min(...times)
}

async function take(t: Transition, input: GroupInput): Promise<void> {
  switch (input.type) {
    case "event":
      if (isEnded(t.group)) {
        // `unknown_group`: a copy that has ended processes nothing (behaviour §7).
        t.emit({ type: "disposition", eventId: input.event.id, disposition: "rejected" })
      } else await receiveEvent(t, input.event)
      return
    case "intent":
      acceptIntent(t, input.intent)
      return
    case "published":
      published(t, input.eventId, input.outcome)
      return
    case "tick":
      return
  }
}

/** Removed, left or disbanded: terminal for this copy. */
function isEnded(group: MarmotGroup): boolean {
  return group.standing !== "active" || group.lifecycle === "disbanded"
}
