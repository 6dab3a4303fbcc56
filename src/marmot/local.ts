// Marmot group messaging: the local user's wishes, met one at a time against the settled state.

import { MlsError } from "../mls/index.ts"
import { commitDepartures, leave, renewDeparture } from "./local-departure.ts"
import type { Intent } from "./engine-types.ts"
import { MarmotError } from "./error.ts"
import { MAX_INTENTS } from "./limits.ts"
import { IntentRefused } from "./intent-refused.ts"
import { continueDisband, requestDisband } from "./local-disband.ts"
import { planFor, stage } from "./local-commit.ts"
import { send } from "./local-send.ts"
import { isUnheard } from "./resend.ts"
import type { Transition } from "./transition.ts"

/** Queues a wish; `drain` meets it once the group is settled. */
export async function acceptIntent(t: Transition, intent: Intent): Promise<void> {
  const { standing, lifecycle, leaving, disbanding, intents, pending } = t.group
  if (standing !== "active" || lifecycle === "disbanded" || lifecycle === "unrecoverable") {
    t.failIntent(intent.intentId, "not_active", "this group can no longer be used")
  } else if (disbanding !== undefined) {
    t.failIntent(intent.intentId, "not_active", "this group is being ended")
  } else if (
    leaving !== undefined ||
    pending?.intent?.type === "leave" ||
    intents.some((queued) => queued.type === "leave")
  ) {
    t.failIntent(intent.intentId, "not_active", "you are leaving this group")
  } else if (intent.type === "disband") {
    await attempt(t, intent, () => requestDisband(t, intent))
  } else if (intents.length >= MAX_INTENTS) {
    t.failIntent(intent.intentId, "queue_full", "too many changes are waiting already")
  } else {
    t.set({ intents: [...intents, intent] })
  }
}

/** Meets waiting wishes until one has to be published first, or none is left. */
export async function drain(t: Transition): Promise<void> {
  if (isSettled(t)) await renewDeparture(t)
  while (isSettled(t)) {
    const [intent, ...rest] = t.group.intents
    // Whoever has left can't say it again.
    if (intent === undefined || (intent.type === "leave" && isUnheard(t.group))) break
    t.set({ intents: rest })
    await meet(t, intent)
  }
  if (isSettled(t)) await continueDisband(t)
  if (isSettled(t)) await commitDepartures(t)
}

/** Stable, no pass, nothing staged: the only time to encrypt or to prepare a Commit (behaviour §1). */
function isSettled(t: Transition): boolean {
  const { lifecycle, pass, pending, standing } = t.group
  return (
    lifecycle === "stable" && pass === undefined && pending === undefined && standing === "active"
  )
}

async function meet(t: Transition, intent: Intent): Promise<void> {
  await attempt(t, intent, async () => {
    if (intent.type === "send") return send(t, intent)
    if (intent.type === "leave") return leave(t, intent)
    if (intent.type === "disband") {
      requestDisband(t, intent)
      return
    }
    const plan = planFor(t, intent)
    if (plan !== undefined) await stage(t, intent, plan)
    else t.completeIntent(intent.intentId)
  })
}

/** A wish that can't be met fails, with words; only defects of ours are thrown. */
async function attempt(
  t: Transition,
  { intentId }: Intent,
  run: () => Promise<void> | void,
): Promise<void> {
  try {
    await run()
  } catch (error) {
    if (error instanceof IntentRefused) t.failIntent(intentId, error.code, error.message)
    else if (error instanceof MlsError || error instanceof MarmotError) {
      t.failIntent(intentId, "invalid_change", error.message)
    } else throw error
  }
}
