// Marmot convergence §8.3: the retained states as a graph; edges are Commits. Pure questions about it.

import { MarmotError } from "./error.ts"
import type { MarmotGroup, StateId, StateNode } from "./engine-types.ts"

type States = ReadonlyMap<StateId, StateNode>

/** The canonical state. Throws `MarmotError` `internal` if it is missing: no step may let that happen. */
export function tipOf(group: MarmotGroup): StateNode {
  const tip = group.states.get(group.tip)
  if (tip === undefined) throw new MarmotError("internal", "the canonical state is missing")
  return tip
}

/** A state and its retained ancestors, oldest first. */
export function pathTo(states: States, id: StateId): StateNode[] {
  const path: StateNode[] = []
  let node = states.get(id)
  while (node !== undefined) {
    path.push(node)
    node = node.parent === undefined ? undefined : states.get(node.parent)
  }
  return path.reverse()
}

/** Ids of the canonical state and its retained ancestors. */
export function canonicalIds(group: MarmotGroup): ReadonlySet<StateId> {
  return new Set(pathTo(group.states, group.tip).map((node) => node.id))
}

/** Valid Commits off the canonical path: rivals, parked losers and what follows the tip but is not applied yet. */
export function unresolved(group: MarmotGroup): StateNode[] {
  const canonical = canonicalIds(group)
  return [...group.states.values()].filter((node) => !canonical.has(node.id))
}

/** Commits that no pass has weighed yet do not simply continue the canonical path one after the other. */
export function hasFork(group: MarmotGroup): boolean {
  const fresh = unresolved(group)
    .filter((node) => !node.judged)
    .sort((a, b) => a.epoch - b.epoch)
  return fresh.some((node, i) => node.parent !== (i === 0 ? group.tip : fresh[i - 1]?.id))
}

/**
 * The shared fork root of all candidates (behaviour §8.9): the canonical state at the smallest source epoch of an
 * unresolved Commit below the tip, else the tip. `undefined`: that state is no longer retained.
 */
export function forkRoot(group: MarmotGroup): StateNode | undefined {
  const tip = tipOf(group)
  const sources = unresolved(group).map((node) => node.epoch - 1)
  const rootEpoch = Math.min(tip.epoch, ...sources)
  return pathTo(group.states, group.tip).find((node) => node.epoch === rootEpoch)
}

/** All maximal paths from `root`, without `root` itself; one empty path if nothing follows it. */
export function branchesFrom(states: States, root: StateNode): StateNode[][] {
  const children = new Map<StateId, StateNode[]>()
  for (const node of states.values()) {
    if (node.parent !== undefined) {
      children.set(node.parent, [...(children.get(node.parent) ?? []), node])
    }
  }
  const grow = (path: StateNode[], id: StateId): StateNode[][] => {
    const next = children.get(id) ?? []
    return next.length === 0 ? [path] : next.flatMap((node) => grow([...path, node], node.id))
  }
  return grow([], root.id)
}

/**
 * What is still needed at the tip (behaviour §8.5, §9.1): canonical states within `horizon` epochs and, on other
 * branches, states whose parent is kept and whose Commit's source epoch is within it.
 */
export function retained(group: MarmotGroup, horizon: number): States {
  const oldest = tipOf(group).epoch - horizon
  const canonical = canonicalIds(group)
  const kept = new Map<StateId, StateNode>()
  // Parents come before children by epoch, whatever the order of arrival.
  for (const node of [...group.states.values()].sort((a, b) => a.epoch - b.epoch)) {
    const keep = canonical.has(node.id)
      ? node.epoch >= oldest
      : node.parent !== undefined && kept.has(node.parent) && node.epoch - 1 >= oldest
    if (keep) kept.set(node.id, node)
  }
  return kept
}
