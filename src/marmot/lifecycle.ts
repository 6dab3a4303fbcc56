// Marmot group state §1: the lifecycle, its legal transitions, and the status that is derived from it.

import type { ConvergenceStatus, Lifecycle, MarmotGroup } from "./engine-types.ts"
import { MarmotError } from "./error.ts"
import { isDue } from "./pass-time.ts"

/** §1.1: every other transition is a defect of ours. A rival that comes meanwhile waits until a merge has ended. */
const legal: Readonly<Record<Lifecycle, readonly Lifecycle[]>> = {
  stable: ["pendingPublish", "recovering", "unrecoverable"],
  pendingPublish: ["merging", "stable", "unrecoverable"],
  merging: ["stable", "unrecoverable"],
  recovering: ["stable", "disbanded", "unrecoverable"],
  // Its repair is another copy of the group: a restored record, or joining anew.
  unrecoverable: [],
  disbanded: [],
}

/** The lifecycle after a transition. Throws `MarmotError` `internal` for one that §1.1 does not have. */
export function transition(from: Lifecycle, to: Lifecycle): Lifecycle {
  if (from !== to && !legal[from].includes(to)) {
    throw new MarmotError("internal", `a group goes from ${from} to ${to}`)
  }
  return to
}

/**
 * §1.2. `now` in milliseconds, if it is known: once the cutoff has come, the batch is frozen. `undefined` while a Commit of ours is
 * under way. In every status but `settled` no change is prepared and no message encrypted.
 */
export function convergenceStatus(
  { lifecycle, pass }: Pick<MarmotGroup, "lifecycle" | "pass">,
  now?: number,
): ConvergenceStatus | undefined {
  switch (lifecycle) {
    case "pendingPublish":
    case "merging":
      return undefined
    case "unrecoverable":
      return "blocked"
    case "disbanded":
      return "settled"
    case "stable":
    case "recovering":
      if (pass === undefined) return "settled"
      return now !== undefined && isDue(pass, now) ? "resolving" : "syncing"
  }
}
