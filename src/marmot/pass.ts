// Marmot convergence §8.4–8.7: collecting rival Commits for a bounded time, selecting a branch, applying it.

import { hexToBytes } from "../nostr/event.ts"
import { type Branch, selectBranch } from "./convergence.ts"
import type { AppRecord, MarmotGroup, StateNode } from "./engine-types.ts"
import { branchesFrom, canonicalIds, forkRoot, hasFork, tipOf, unresolved } from "./graph.ts"
import { transition } from "./lifecycle.ts"
import { APP_WINDOW, CATCH_UP_WINDOW, MAX_PASS_MS, QUIESCENCE_MS } from "./limits.ts"
import { isDue } from "./pass-time.ts"
import { applied } from "./settle.ts"
import type { Transition } from "./transition.ts"
import { becomeUnrecoverable } from "./unrecoverable.ts"

/** Opens a pass, or lets its quiet period begin anew, after input that can change the selection. */
export function admit(t: Transition): void {
  const { lifecycle, pass } = t.group
  if (lifecycle !== "stable" && lifecycle !== "recovering") return
  const now = t.env.now
  const absoluteDeadline = pass?.absoluteDeadline ?? now + MAX_PASS_MS
  t.set({
    pass: {
      baseEpoch: pass?.baseEpoch ?? t.tip.epoch,
      absoluteDeadline,
      quietDeadline: Math.min(now + QUIESCENCE_MS, absoluteDeadline),
    },
    // Stable -> Recovering inside the same pass once an edge leaves the canonical path (§8.4.3).
    lifecycle: needsRecovery(t) ? transition(lifecycle, "recovering") : lifecycle,
  })
}

/** Opens a pass for what came while a publication of ours was under way. */
export function admitRetained(t: Transition): void {
  if (unresolved(t.group).some((node) => !node.judged) || selectionMoves(t.group)) admit(t)
}

/** A disband candidate is never applied by simple advance (behaviour §5.3). */
function needsRecovery(t: Transition): boolean {
  return hasFork(t.group) || unresolved(t.group).some((node) => !node.judged && node.edge?.disbands)
}

/**
 * Stored history is read as fast as we can: its Commits follow each other at once, and a pass would grow with them
 * until its deadline, hundreds of states wide. So a pass over it weighs what is within reach of its base, as the
 * reference does, and ends when a Commit on `parent` would lead beyond. That moves its cutoff only, which never
 * decides anything (§8.2, §8.4.7): a rival that comes later is within the horizon of the next pass. Returns whether
 * the pass was ended.
 */
export function closeFullPass(t: Transition, parent: StateNode): boolean {
  const { pass } = t.group
  if (!t.isCatchingUp || pass === undefined) return false
  if (parent.epoch - pass.baseEpoch < CATCH_UP_WINDOW) return false
  resolvePass(t)
  return true
}

export function passIsDue(t: Transition): boolean {
  return t.group.pass !== undefined && isDue(t.group.pass, t.env.now)
}

/** An app message can move the decision only where Commits compete at an earlier epoch (§8.9). */
export function reconsiderWitness(t: Transition, record: AppRecord): void {
  if (record.innerId === undefined || !competesBefore(t.group, record.epoch)) return
  if (t.group.pass === undefined) {
    // What only confirms the selection is dominated input (§8.4.2); most messages after a fork are.
    if (selectionMoves(t.group)) admit(t)
    return
  }
  const accounts = new Set(
    [...t.group.apps.values()]
      .filter((app) => app.stateId === record.stateId && app.messageId !== record.messageId)
      .filter((app) => app.innerId !== undefined)
      .map((app) => app.account),
  )
  // At the cap, or from an account that counts already, nothing changes (§8.6).
  if (accounts.size < 2 && !accounts.has(record.account)) admit(t)
}

/** Two retained Commits of one source epoch before `epoch`. */
function competesBefore(group: MarmotGroup, epoch: number): boolean {
  const sources = [...group.states.values()]
    .filter((node) => node.edge !== undefined && node.epoch - 1 < epoch)
    .map((node) => node.epoch)
  return new Set(sources).size < sources.length
}

/** A pass over what is retained would make another state the tip. */
function selectionMoves(group: MarmotGroup): boolean {
  const candidates = candidatesOf(group)
  if (candidates === undefined) return true
  const winner = selectBranch(candidates, tipOf(group).epoch)
  return winner !== undefined && (winner.path.at(-1)?.id ?? group.tip) !== group.tip
}

/** Selects among everything that is retained and applies the winner. */
export function resolvePass(t: Transition): void {
  const { pass } = t.group
  if (pass === undefined) return
  const branches = candidatesOf(t.group)
  if (branches === undefined) {
    // MissingRetainedAnchor: nothing else is changed, and no other branch is picked (§8.7).
    becomeUnrecoverable(t)
    return
  }
  const winner = selectBranch(branches, pass.baseEpoch)
  const before = canonicalIds(t.group)
  const newTip = winner?.path.at(-1)?.id ?? t.group.tip
  const states = new Map(
    [...t.group.states].map(([id, node]) => [id, node.judged ? node : { ...node, judged: true }]),
  )
  t.set({ states, tip: newTip, pass: undefined })
  applied(t, before)
  if (t.group.lifecycle === "recovering") t.set({ lifecycle: transition("recovering", "stable") })
}

/** A branch with its states, after the shared root. */
export interface Candidate extends Branch {
  readonly path: readonly StateNode[]
}

/** All branches that a pass over what is retained now would weigh; `undefined`: their root is lost. */
export function candidatesOf(group: MarmotGroup): readonly Candidate[] | undefined {
  const root = forkRoot(group)
  if (root === undefined) return undefined
  return branchesFrom(group.states, root).map((path) => branchOf(group, root, path))
}

function branchOf(group: MarmotGroup, root: StateNode, path: readonly StateNode[]): Candidate {
  const tip = path.at(-1) ?? root
  const onBranch = new Set(path.map((node) => node.id))
  const witnesses = [...group.apps.values()]
    .filter((app) => app.innerId !== undefined && onBranch.has(app.stateId))
    .filter((app) => tip.epoch - app.epoch <= APP_WINDOW)
    .map((app) => ({ epoch: app.epoch, account: app.account }))
  return {
    forkEpoch: root.epoch,
    tipEpoch: tip.epoch,
    tipPrivileged: tip.edge?.privileged ?? false,
    tipCommitter: hexToBytes(tip.edge?.committer ?? ""),
    tipDigest: tip.edge === undefined ? new Uint8Array() : hexToBytes(tip.id),
    witnesses,
    path,
  }
}
