// Marmot durability §9.2: a group as named records, so that a step stores only what it changed.

import { decodeGroupState, encodeGroupState, MlsError } from "../mls/index.ts"
import type {
  AppRecord,
  CommitEdge,
  DeferredEvent,
  DeferredMessage,
  DeviceIdentity,
  Intent,
  MarmotGroup,
  MessageId,
  PendingCommit,
  PendingWelcome,
  StateId,
  StateNode,
} from "./engine-types.ts"
import { MarmotError } from "./error.ts"
import { parseRecord, writeRecord } from "./record-json.ts"
import { cardOf } from "./salvage.ts"

/** One record; two of the same name are equal exactly if their identities are the same value (`===`). */
export interface GroupRecord {
  readonly identity: unknown
  encode(): Uint8Array
}

const VERSION = 1

/** The small facts, rewritten whenever one of them changes. */
type Head = Pick<
  MarmotGroup,
  | "groupId"
  | "lifecycle"
  | "tip"
  | "pass"
  | "leaving"
  | "disbanding"
  | "tombstone"
  | "autoCommitAt"
  | "standing"
  | "joinedAt"
  | "refetchSince"
  | "backfill"
  | "sweeps"
  | "unfollowed"
  | "priorRoutes"
> & {
  readonly version: number
  /** What must be there (§9.2). Absent in records of earlier versions. */
  readonly manifest?: Manifest
}

interface Manifest {
  readonly states: readonly StateId[]
  readonly abandoned: readonly StateId[]
  readonly pending: StateId | undefined
}

interface StoredNode {
  readonly parent: StateId | undefined
  readonly epoch: number
  readonly edge: CommitEdge | undefined
  readonly judged: boolean
  readonly readable: boolean
}

type StoredPending = Omit<PendingCommit, "node"> & { readonly id: StateId }

/** All records of a group, by name. Names are unique within the group and hold no secret. */
export function groupRecords(group: MarmotGroup): ReadonlyMap<string, GroupRecord> {
  const records = new Map<string, GroupRecord>()
  const put = (name: string, value: unknown, identity: unknown = value) =>
    records.set(name, { identity, encode: () => writeRecord(value) })

  const head = headOf(group)
  put("head", head, JSON.stringify(head))
  const stored = cardOf(group)
  if (stored !== undefined) put("card", stored.card, stored.identity)
  put("intents", group.intents)
  put("welcomes", group.welcomes)
  put("seen", [...group.seen], group.seen)
  const { proposalIds } = group
  if (proposalIds !== undefined) put("proposals", [...proposalIds], proposalIds)
  for (const node of group.states.values()) putNode(records, "state", node)
  for (const [name, record] of appRecords(group.apps.values())) records.set(name, record)
  for (const input of group.deferred.values()) put(`deferred/${input.messageId}`, input)
  for (const [id, input] of group.unopened) put(`unopened/${id}`, input)
  for (const commit of group.abandoned.values()) {
    const { node, ...rest } = commit
    put(`abandoned/${node.id}`, { ...rest, id: node.id }, commit)
    putNode(records, "aside", node)
  }
  if (group.pending !== undefined) {
    const { node, ...rest } = group.pending
    put("pending", { ...rest, id: node.id }, group.pending)
    putNode(records, "staged", node)
  }
  return records
}

/** The group that `records` describe. Throws `MarmotError` `corrupt_state`: nothing is guessed. */
export function restoreGroup(
  records: ReadonlyMap<string, Uint8Array>,
  device: DeviceIdentity,
): MarmotGroup {
  try {
    return restore(records, device)
  } catch (error) {
    if (!(error instanceof MlsError) && !(error instanceof MarmotError)) throw error
    throw new MarmotError("corrupt_state", `a stored group can't be read: ${error.message}`)
  }
}

/** Messages in one record: to store one costs more than what is in it, and the last one is written for each message. */
const APPS_AT_ONCE = 16
/** Digits of the place in its state's order at which a record begins. */
const PLACE_DIGITS = 8

/** Messages of one state, as many as fit into a record, in the order in which they came. */
function* appRecords(apps: Iterable<AppRecord>): Generator<readonly [string, GroupRecord]> {
  const byState = new Map<StateId, AppRecord[]>()
  for (const app of apps) {
    const known = byState.get(app.stateId)
    if (known === undefined) byState.set(app.stateId, [app])
    else known.push(app)
  }
  for (const [stateId, all] of byState) {
    for (let place = 0; place < all.length; place += APPS_AT_ONCE) {
      const name = `apps/${stateId}/${String(place).padStart(PLACE_DIGITS, "0")}`
      const identity = interned(all.slice(place, place + APPS_AT_ONCE))
      yield [name, { identity, encode: () => writeRecord(identity) }]
    }
  }
}

/** Lists that were made before, by their first item. */
const lists = new WeakMap<AppRecord, readonly AppRecord[]>()

/** The same list for the same items: there are as many as messages, and every step asks for all of them. */
function interned(apps: readonly AppRecord[]): readonly AppRecord[] {
  const [first] = apps
  const known = first && lists.get(first)
  if (known?.length === apps.length && known.every((app, i) => app === apps[i])) return known
  if (first !== undefined) lists.set(first, apps)
  return apps
}

/** In the order of `appRecords`. Earlier versions wrote a record for each message. */
function readApps(records: ReadonlyMap<string, Uint8Array>): ReadonlyMap<MessageId, AppRecord> {
  const single = idsOf(records, "app/").map((id) => read(records, `app/${id}`) as AppRecord)
  const shared = idsOf(records, "apps/")
    .sort()
    .map((id) => read(records, `apps/${id}`) as readonly AppRecord[])
  return new Map([...single, ...shared.flat()].map((app) => [app.messageId, app]))
}

function headOf(group: MarmotGroup): Head {
  const { groupId, lifecycle, tip, pass, leaving, autoCommitAt, standing, joinedAt } = group
  const { refetchSince, backfill, sweeps, unfollowed, priorRoutes, disbanding, tombstone } = group
  const gates = { leaving, disbanding, tombstone }
  const waiting = { pass, ...gates, autoCommitAt, refetchSince, backfill, sweeps, unfollowed }
  const manifest: Manifest = {
    states: [...group.states.keys()],
    abandoned: [...group.abandoned.keys()],
    pending: group.pending?.node.id,
  }
  const membership = { standing, joinedAt, priorRoutes }
  return { version: VERSION, groupId, lifecycle, tip, ...membership, manifest, ...waiting }
}

function storedNode(node: StateNode): StoredNode {
  const { parent, epoch, edge, judged } = node
  return { parent, epoch, edge, judged, readable: node.mls !== undefined }
}

function putNode(records: Map<string, GroupRecord>, prefix: string, node: StateNode): void {
  const { id, mls } = node
  const stored = storedNode(node)
  // All else is fixed by the Commit that made the state.
  const identity = JSON.stringify([stored.judged, stored.readable, stored.parent])
  records.set(`${prefix}/${id}`, { identity, encode: () => writeRecord(stored) })
  if (mls === undefined) return
  records.set(`${prefix}-epoch/${id}`, {
    identity: mls.proposals,
    encode: () => encodeGroupState(mls).epoch,
  })
  records.set(`${prefix}-keys/${id}`, {
    identity: mls.secretTree,
    encode: () => encodeGroupState(mls).messageKeys,
  })
}

function restore(records: ReadonlyMap<string, Uint8Array>, device: DeviceIdentity): MarmotGroup {
  const { version, manifest, ...head } = read(records, "head") as Head
  if (version !== VERSION) {
    throw new MarmotError("corrupt_state", `version ${version} of a group record is not known`)
  }
  if (manifest !== undefined) requireAll(records, manifest)
  const states = new Map<StateId, StateNode>()
  for (const id of idsOf(records, "state/")) states.set(id, restoreNode(records, "state", id))
  if (!states.has(head.tip)) {
    throw new MarmotError("corrupt_state", "the canonical state is missing")
  }
  const byId = <T>(prefix: string) =>
    new Map(idsOf(records, prefix).map((id) => [id, read(records, prefix + id) as T]))
  return {
    ...head,
    device,
    states,
    apps: readApps(records),
    deferred: byId<DeferredMessage>("deferred/"),
    unopened: byId<DeferredEvent>("unopened/"),
    seen: new Map(read(records, "seen") as [MessageId, number][]),
    proposalIds: records.has("proposals")
      ? new Map(read(records, "proposals") as [string, MessageId][])
      : undefined,
    intents: read(records, "intents") as readonly Intent[],
    welcomes: read(records, "welcomes") as readonly PendingWelcome[],
    pending: records.has("pending") ? restoreCommit(records, "pending", "staged") : undefined,
    abandoned: new Map(
      idsOf(records, "abandoned/").map((id) => [
        id,
        restoreCommit(records, `abandoned/${id}`, "aside"),
      ]),
    ),
  }
}

/** A state that is gone could have won or lost; a Commit of ours that is gone may have been published (§9.3). */
function requireAll(records: ReadonlyMap<string, Uint8Array>, manifest: Manifest): void {
  const { states, abandoned, pending } = manifest
  const names = [
    ...states.map((id) => `state/${id}`),
    ...abandoned.map((id) => `abandoned/${id}`),
    ...(pending === undefined ? [] : ["pending", `staged/${pending}`]),
  ]
  for (const name of names) bytesOf(records, name)
}

function restoreCommit(
  records: ReadonlyMap<string, Uint8Array>,
  name: string,
  prefix: string,
): PendingCommit {
  const { id, ...commit } = read(records, name) as StoredPending
  return { ...commit, node: restoreNode(records, prefix, id) }
}

function restoreNode(
  records: ReadonlyMap<string, Uint8Array>,
  prefix: string,
  id: StateId,
): StateNode {
  const { readable, ...node } = read(records, `${prefix}/${id}`) as StoredNode
  if (!readable) return { ...node, id, mls: undefined }
  const epoch = bytesOf(records, `${prefix}-epoch/${id}`)
  const messageKeys = bytesOf(records, `${prefix}-keys/${id}`)
  return { ...node, id, mls: decodeGroupState({ epoch, messageKeys }) }
}

function idsOf(records: ReadonlyMap<string, Uint8Array>, prefix: string): string[] {
  return [...records.keys()]
    .filter((name) => name.startsWith(prefix))
    .map((name) => name.slice(prefix.length))
}

function bytesOf(records: ReadonlyMap<string, Uint8Array>, name: string): Uint8Array {
  const bytes = records.get(name)
  if (bytes === undefined) throw new MarmotError("corrupt_state", `the record ${name} is missing`)
  return bytes
}

/** The store authenticates its records, so what parses is what this module wrote. */
function read(records: ReadonlyMap<string, Uint8Array>, name: string): unknown {
  return parseRecord(bytesOf(records, name))
}
