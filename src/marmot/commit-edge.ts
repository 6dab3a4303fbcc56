// Marmot convergence §8.3: a valid Commit as an edge between two states, with all that is shown for it.

import {
  type CommitSummary,
  type GroupState,
  type LeafIndex,
  type ProcessedProposal,
  proposalTypes,
} from "../mls/index.ts"
import { bytesToHex } from "../nostr/event.ts"
import { accountOf } from "./account-service.ts"
import { authorizeCommit, authorizeProposal, disbands, requiresAdmin } from "./authorization.ts"
import type { CommitEdge, GroupChange } from "./engine-types.ts"
import { MarmotError } from "./error.ts"
import { accountOfLeaf, factsOf, type Route, routeOf } from "./group-facts.ts"
import { sameAvatar } from "./group-image.ts"
import { sameRequirements, validateGroupState, validateUnseenResult } from "./group-rules.ts"

/**
 * Judges a Commit that MLS has accepted: its author against the parent, then the whole result. `next` undefined: it
 * removed this device, and the result can't be looked into. Throws `MarmotError`; such a Commit is no edge.
 */
export function judgeCommit(
  parent: GroupState,
  next: GroupState | undefined,
  summary: CommitSummary,
  seenAt: number,
): CommitEdge {
  authorizeCommit(parent, summary)
  if (next === undefined) validateUnseenResult(parent, summary)
  else {
    checkDictionary(parent, next, summary)
    const changed = [...summary.added, summary.committer]
    validateGroupState(next, sameRequirements(parent, next) ? changed : undefined)
  }
  const committer = bytesToHex(accountOf(summary.committerLeaf.credential))
  return {
    committer,
    privileged: requiresAdmin(summary),
    rows: rowsOf(parent, next, summary, committer),
    removedSelf: removalOf(parent, summary),
    disbands: disbands(summary),
    seenAt,
    own: false,
  }
}

/** Throws `MarmotError` `authorization_failed` for a standalone proposal that its sender may not make. */
export function judgeProposal(parent: GroupState, processed: ProcessedProposal): void {
  authorizeProposal(parent, processed.proposal, processed.sender)
}

/** A component differs only where the Commit has an operation on it (marmot-wire §6.1). */
function checkDictionary(parent: GroupState, next: GroupState, summary: CommitSummary): void {
  const operated = new Set(
    summary.proposals.flatMap(({ proposal }) =>
      proposal.proposalType === proposalTypes.appDataUpdate ? [proposal.componentId] : [],
    ),
  )
  const [before, after] = [factsOf(parent).components, factsOf(next).components]
  for (const id of new Set([...before.keys(), ...after.keys()])) {
    if (operated.has(id)) continue
    const [old, now] = [before.get(id), after.get(id)]
    if (old === undefined || now === undefined || bytesToHex(old) !== bytesToHex(now)) {
      throw new MarmotError(
        "authorization_failed",
        "a component changes without an operation on it",
      )
    }
  }
}

function removalOf(parent: GroupState, summary: CommitSummary): CommitEdge["removedSelf"] {
  if (!summary.selfRemoved) return undefined
  return departed(summary).has(parent.ownLeafIndex) ? "left" : "removed"
}

/** Leaves that the Commit removes at their own wish. */
function departed(summary: CommitSummary): ReadonlySet<LeafIndex> {
  return new Set(
    summary.proposals.flatMap(({ proposal, sender }) =>
      proposal.proposalType === proposalTypes.selfRemove && "leafIndex" in sender
        ? [sender.leafIndex]
        : [],
    ),
  )
}

function rowsOf(
  parent: GroupState,
  next: GroupState | undefined,
  summary: CommitSummary,
  actor: string,
): GroupChange[] {
  if (disbands(summary)) return [{ type: "group_disbanded", actor }]
  const before = factsOf(parent)
  if (next === undefined)
    return departures(before.members, removedAccounts(parent, summary), summary, actor)
  const after = factsOf(next)
  const gone = before.members.filter((account) => !after.members.includes(account))
  const stayed = (account: string) =>
    before.members.includes(account) && after.members.includes(account)
  return [
    ...departures(before.members, gone, summary, actor),
    ...after.members
      .filter((subject) => !before.members.includes(subject))
      .map((subject): GroupChange => ({ type: "member_added", actor, subject })),
    ...after.admins
      .filter((subject) => stayed(subject) && !before.admins.includes(subject))
      .map((subject): GroupChange => ({ type: "admin_added", actor, subject })),
    ...before.admins
      .filter((subject) => stayed(subject) && !after.admins.includes(subject))
      .map((subject): GroupChange => ({ type: "admin_removed", actor, subject })),
    ...(before.name === after.name ? [] : [renamedRow(actor, before.name, after.name)]),
    ...(before.description === after.description
      ? []
      : [{ type: "description_changed", actor } as const]),
    ...(sameAvatar(parent, next) ? [] : [{ type: "group_avatar_changed", actor } as const]),
    ...(before.retention === after.retention
      ? []
      : [retentionRow(actor, before.retention, after.retention)]),
    ...(sameRoute(routeOf(parent), routeOf(next))
      ? []
      : [{ type: "routing_changed", actor } as const]),
  ]
}

function renamedRow(actor: string, oldName: string, name: string): GroupChange {
  return { type: "group_renamed", actor, name, ...(oldName === "" ? {} : { oldName }) }
}

function retentionRow(actor: string, before: bigint, after: bigint): GroupChange {
  const [from, to] = [Number(before), Number(after)]
  return { type: "disappearing_timer_changed", actor, before: from, after: to }
}

function sameRoute(a: Route, b: Route): boolean {
  return a.nostrGroupId === b.nostrGroupId && a.relays.join() === b.relays.join()
}

function departures(
  members: readonly string[],
  gone: readonly string[],
  summary: CommitSummary,
  actor: string,
): GroupChange[] {
  const leaving = departed(summary)
  const left = new Set(
    summary.removed
      .filter((member) => leaving.has(member.leafIndex))
      .map((member) => bytesToHex(accountOf(member.credential))),
  )
  return members
    .filter((subject) => gone.includes(subject))
    .map((subject) =>
      left.has(subject)
        ? { type: "member_left", subject }
        : { type: "member_removed", actor, subject },
    )
}

/**
 * Who is gone by a Commit that removes this device: whose last leaf goes, and who does not come back by the same
 * Commit. For the user of this device, that is this account in any case.
 */
function removedAccounts(parent: GroupState, summary: CommitSummary): string[] {
  const gone = new Set(summary.removed.map(({ leafIndex }) => leafIndex))
  const { leaves, members } = factsOf(parent)
  const stay = new Set(
    leaves.filter((leaf) => !gone.has(leaf.leafIndex)).map((leaf) => leaf.account),
  )
  for (const { proposal } of summary.proposals) {
    if (proposal.proposalType !== proposalTypes.add) continue
    stay.add(bytesToHex(accountOf(proposal.keyPackage.leafNode.credential)))
  }
  const self = accountOfLeaf(parent, parent.ownLeafIndex)
  return members.filter((account) => account === self || !stay.has(account))
}
