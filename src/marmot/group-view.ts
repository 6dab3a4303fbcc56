// Marmot group state as an application reads it.

import { bytesToHex } from "../nostr/event.ts"
import { type GroupState, leafNodeOf } from "../mls/index.ts"
import type { GroupRequirements } from "./capabilities.ts"
import { MarmotError } from "./error.ts"
import type { GroupSummary, MarmotGroup } from "./engine-types.ts"
import { featureStatus, type FeatureStatus, groupRequirements } from "./features.ts"
import { factsOf } from "./group-facts.ts"
import { pathTo, tipOf, unresolved } from "./graph.ts"
import { convergenceStatus } from "./lifecycle.ts"
import { hearsOthers, mayHaveLostTouch } from "./lost-touch.ts"
import { MAX_PRIOR_ROUTES, MAX_REWIND } from "./limits.ts"
import { type FeatureName, featureNames } from "./registry.ts"
import { routesOf } from "./routes.ts"

/**
 * The canonical group; of a copy that has ended, the last state that this device could read. `now` (milliseconds)
 * tells a pass that collects from one whose time is up.
 */
export function summary(group: MarmotGroup, now?: number): GroupSummary {
  const { groupId, tombstone } = group
  const standing = {
    standing: standingOf(group),
    lifecycle: group.lifecycle,
    status: convergenceStatus(group, now),
    settled: isSettled(group),
    seemsStranded: group.standing === "active" && mayHaveLostTouch(group),
    hearsOthers: hearsOthers(group),
  }
  const { epoch } = tipOf(group)
  if (tombstone !== undefined) return { groupId, epoch, ...tombstone, ...standing, routes: [] }
  const state = readableState(group)
  const { name, description, members, admins, retention } = factsOf(state)
  return {
    groupId,
    name,
    description,
    epoch,
    members,
    admins,
    retention: Number(retention),
    ...standing,
    routes: routesOf(group, state).slice(0, 1 + MAX_PRIOR_ROUTES),
  }
}

/** A Commit of ours waits for its answer, and others are ahead of it by more than anyone goes back. */
export function isOutrun(group: MarmotGroup): boolean {
  const { pending } = group
  if (pending === undefined) return false
  return unresolved(group).some(({ epoch }) => epoch > pending.node.epoch + MAX_REWIND)
}

/** A Commit of ours waits for its answer, and others have come that are weighed once it is there. */
export function isContested(group: MarmotGroup): boolean {
  return group.pending !== undefined && unresolved(group).some(({ judged }) => !judged)
}

/** What somebody who is to be added must be able to do. */
export function requirements(group: MarmotGroup): GroupRequirements {
  return groupRequirements(readableState(group))
}

/** Where each feature stands, by name. */
export function featuresOf(group: MarmotGroup): ReadonlyMap<FeatureName, FeatureStatus> {
  // Nobody can do anything together any more.
  if (group.tombstone !== undefined) return new Map()
  const state = readableState(group)
  return new Map(featureNames.map((name) => [name, featureStatus(state, name)]))
}

/** The key of this device's leaf, hex: another one once the leaf is renewed. */
export function ownLeafKey(group: MarmotGroup): string {
  const state = readableState(group)
  return bytesToHex(leafNodeOf(state, state.ownLeafIndex).encryptionKey)
}

/** Hex values that are equal for two members exactly if they hold the same state (RFC 9420 §8). */
export interface Fingerprint {
  readonly epoch: number
  readonly treeHash: string
  readonly confirmedTranscriptHash: string
  readonly epochAuthenticator: string
}

export function fingerprint(group: MarmotGroup): Fingerprint {
  const { groupContext, epochSecrets } = readableState(group)
  return {
    epoch: Number(groupContext.epoch),
    treeHash: bytesToHex(groupContext.treeHash),
    confirmedTranscriptHash: bytesToHex(groupContext.confirmedTranscriptHash),
    epochAuthenticator: bytesToHex(epochSecrets.epochAuthenticator),
  }
}

/** Nothing is being collected, published, queued or owed. */
function isSettled(group: MarmotGroup): boolean {
  const { lifecycle, pass, pending, intents, welcomes, autoCommitAt, disbanding } = group
  const quiet = [pass, pending, autoCommitAt, disbanding].every((each) => each === undefined)
  return lifecycle !== "recovering" && quiet && intents.length === 0 && welcomes.length === 0
}

function standingOf(group: MarmotGroup): GroupSummary["standing"] {
  if (group.standing !== "active") return group.standing
  if (group.lifecycle === "disbanded" || group.lifecycle === "unrecoverable") return group.lifecycle
  if (group.disbanding !== undefined) return "disbanding"
  return group.leaving === undefined ? "active" : "leaving"
}

/** Throws `MarmotError` `disbanded` where none is kept. */
function readableState(group: MarmotGroup): GroupState {
  for (const node of pathTo(group.states, group.tip).reverse()) {
    if (node.mls !== undefined) return node.mls
  }
  if (group.lifecycle === "disbanded") throw new MarmotError("disbanded", "the group has ended")
  throw new MarmotError("internal", "no readable state is retained")
}
