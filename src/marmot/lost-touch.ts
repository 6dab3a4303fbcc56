// Marmot convergence §8.3, §8.10: signs that the others have gone on without this device, none of which proves it.

import { seemsStranded } from "./backfill.ts"
import type { MarmotGroup } from "./engine-types.ts"
import { canonicalIds, pathTo, tipOf } from "./graph.ts"
import { MAX_REWIND, UNHEARD_AFTER, UNHEARD_EVENTS } from "./limits.ts"

/** Reason enough to suggest a new invitation. Anyone who knows the address can cause it, and nothing is lost by it. */
export function mayHaveLostTouch(group: MarmotGroup): boolean {
  return seemsStranded(group) || mayBeLeft(group) || joinedAlone(group)
}

/** Somebody else's Commit or message has been read on the selected branch, as far as it is retained. */
export function hearsOthers(group: MarmotGroup): boolean {
  const { pubkey } = group.device
  const path = pathTo(group.states, group.tip)
  if (path.some(({ edge }) => edge !== undefined && edge.committer !== pubkey)) return true
  const canonical = canonicalIds(group)
  const apps = [...group.apps.values()]
  return apps.some(({ account, stateId }) => account !== pubkey && canonical.has(stateId))
}

/**
 * Something came that this device can't open, and there is a branch that it can't follow: one that removes it, were
 * it at its own wish, or one whose Commit is broken for it. It can't weigh such a branch, and the others may have taken it
 * (behaviour §8.3): a suspicion, never a fact, but one that only a member can cause.
 */
function mayBeLeft(group: MarmotGroup): boolean {
  if (group.unopened.size === 0) return false
  const { unfollowed } = group
  if (unfollowed !== undefined && tipOf(group).epoch - unfollowed <= MAX_REWIND) return true
  const canonical = canonicalIds(group)
  return [...group.states.values()].some(
    ({ id, edge, judged }) => judged && edge?.removedSelf !== undefined && !canonical.has(id),
  )
}

/**
 * We have joined, nobody was heard since, and several things came that can't be opened: the branch that we were invited
 * into may have lost, and of the others we hold no state (a Welcome tells of one). What is dated about when we joined
 * may be for the epoch before.
 */
function joinedAlone(group: MarmotGroup): boolean {
  const { joinedAt, unopened } = group
  if (joinedAt === undefined || unopened.size < UNHEARD_EVENTS || hearsOthers(group)) return false
  const since = joinedAt / 1000 + UNHEARD_AFTER
  const later = [...unopened.values()].filter(({ event }) => event.created_at > since)
  return later.length >= UNHEARD_EVENTS
}
