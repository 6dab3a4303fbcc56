// Scenario IR, quiescence: nothing to run, to wait for, to answer or to deliver anywhere.

import { StepFailure } from "./packet.ts"
import { acceptAll } from "./publications.ts"
import type { PlainStep } from "./scenario.ts"
import { deferredInputs } from "./snapshot.ts"
import type { World } from "./world.ts"

type QuiescencePolicy = (PlainStep & { readonly type: "await_quiescence" })["policy"]

export interface Progress {
  /** Clients for whom something is due now. */
  readonly runnable: number
  /** Milliseconds. */
  readonly nextWake: number | undefined
  readonly deferred: number
  readonly unanswered: number
  readonly queued: number
  readonly delayed: number
  readonly mailboxes: number
}

export function progressOf(world: World): Progress {
  const wakes = world.participants.flatMap((client) => client.wake ?? [])
  const groups = world.participants.flatMap((client) => [...client.groups.values()])
  return {
    runnable: wakes.filter((wake) => wake <= world.now).length,
    nextWake: wakes.length === 0 ? undefined : Math.min(...wakes),
    deferred: groups.reduce((sum, group) => sum + deferredInputs(group), 0),
    unanswered: world.publications.filter((each) => each.resolution === undefined).length,
    ...world.transport.underWay(),
  }
}

function isQuiescent(progress: Progress): boolean {
  const { nextWake, ...counts } = progress
  return nextWake === undefined && Object.values(counts).every((count) => count === 0)
}

/** Drives everything to rest in virtual time. Throws `StepFailure` `not_quiescent`. */
export async function awaitQuiescence(world: World, policy: QuiescencePolicy): Promise<void> {
  world.virtual = true
  const end = world.now + (policy?.max_virtual_time_ms ?? 60_000)
  const rounds = policy?.max_iterations ?? 256
  for (let round = 0; round <= rounds; round++) {
    const progress = progressOf(world)
    if (isQuiescent(progress)) return
    const { unanswered, queued, mailboxes, runnable, nextWake } = progress
    if (unanswered > 0 && policy?.outbound === "manual") break
    if (queued > 0 && policy?.transport === "manual") break
    if (unanswered + queued + mailboxes + runnable > 0) {
      await acceptAll(world)
      if (policy?.transport !== "manual") world.transport.deliverAll()
    } else if (nextWake !== undefined && nextWake <= end) world.now = nextWake
    else break
    for (const client of world.participants) await world.tick(client)
  }
  throw new StepFailure("not_quiescent", `work is left: ${JSON.stringify(progressOf(world))}`)
}
