// Marmot inbound processing §7, convergence §8.7: the current disposition of what a group has taken in, read off its state.

import type { MarmotGroup, MessageId, StateId } from "./engine-types.ts"
import { canonicalIds } from "./graph.ts"
import {
  accepted,
  categorised,
  deferred,
  type InputVerdict,
  invalidated,
  MissingRetainedAnchor,
} from "./verdict.ts"

/**
 * What became of an input so far; it changes as branches win and lose. `undefined`: the group holds nothing of it, or no
 * longer. A proposal waits for a Commit that consumes it; once its epoch is over, that Commit stands for it.
 */
export function dispositionOf(group: MarmotGroup, id: MessageId): InputVerdict | undefined {
  const { states, apps, seen, deferred: waiting, pending, abandoned } = group
  if (pending?.node.id === id || abandoned.has(id)) return deferred
  if (waiting.has(id)) {
    return group.lifecycle === "unrecoverable" ? MissingRetainedAnchor : deferred
  }
  const canonical = canonicalIds(group)
  const node = states.get(id)
  if (node !== undefined) return canonical.has(id) ? accepted : deferred
  const app = apps.get(id)
  if (app !== undefined) {
    if (app.innerId === undefined) return categorised("invalid_encoding")
    return payloadOf(group, canonical, app)
  }
  const epoch = seen.get(id)
  const tip = states.get(group.tip)
  return epoch !== undefined && tip !== undefined && epoch >= tip.epoch ? deferred : undefined
}

function payloadOf(
  group: MarmotGroup,
  canonical: ReadonlySet<StateId>,
  app: { readonly stateId: StateId; readonly shown: "held" | "shown" | "withdrawn" },
): InputVerdict {
  if (canonical.has(app.stateId)) return app.shown === "shown" ? accepted : deferred
  // On a branch that no pass has weighed yet, or only on one that lost.
  return group.states.get(app.stateId)?.judged === true ? invalidated : deferred
}
