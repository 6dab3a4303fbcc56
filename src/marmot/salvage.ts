// Marmot durability §8.10: what can still be said of a stored group whose required records are lost or damaged.

import { decodeGroupState, MlsError } from "../mls/index.ts"
import type { DeviceIdentity, MarmotGroup, StateNode, Tombstone } from "./engine-types.ts"
import { MarmotError } from "./error.ts"
import { pathTo, tipOf } from "./graph.ts"
import { parseRecord } from "./record-json.ts"
import { tombstoneOf } from "./settle.ts"

/** What the group was when it was stored last; kept apart from the states, so that it outlives them. */
interface Card extends Tombstone {
  readonly epoch: number
}

const NOTHING: Card = { epoch: 0, name: "", description: "", members: [], admins: [], retention: 0 }

/** The card and the value that it changes with; `undefined` for a group of which nothing more is kept than that. */
export function cardOf(group: MarmotGroup): { card: Card; identity: unknown } | undefined {
  if (group.tombstone !== undefined) return undefined
  const state = pathTo(group.states, group.tip).findLast((node) => node.mls !== undefined)?.mls
  if (state === undefined) return undefined
  const card = { epoch: tipOf(group).epoch, ...tombstoneOf(state) }
  return { card, identity: group.tip }
}

/**
 * A copy that can do nothing but say what it was: `unrecoverable`, and never stored, so that records which can be read
 * again one day find themselves as they were. `records`: those that can still be read, by name.
 */
export function salvageGroup(
  groupId: string,
  records: ReadonlyMap<string, Uint8Array>,
  device: DeviceIdentity,
): MarmotGroup {
  const { epoch, ...tombstone } = storedCard(records) ?? newestState(records) ?? NOTHING
  const last: StateNode = {
    id: "lost",
    parent: undefined,
    epoch,
    mls: undefined,
    edge: undefined,
    judged: true,
  }
  const none = new Map<string, never>()
  return {
    groupId,
    device,
    lifecycle: "unrecoverable",
    isSalvaged: true,
    tombstone,
    tip: last.id,
    states: new Map([[last.id, last]]),
    apps: none,
    seen: none,
    deferred: none,
    unopened: none,
    intents: [],
    pending: undefined,
    abandoned: none,
    welcomes: [],
    pass: undefined,
    leaving: undefined,
    autoCommitAt: undefined,
    standing: "active",
    refetchSince: undefined,
    priorRoutes: [],
  }
}

function storedCard(records: ReadonlyMap<string, Uint8Array>): Card | undefined {
  const bytes = records.get("card")
  return bytes === undefined ? undefined : attempt(() => parseRecord(bytes) as Card)
}

function newestState(records: ReadonlyMap<string, Uint8Array>): Card | undefined {
  const cards = [...records].flatMap(([name, epoch]) => {
    if (!name.startsWith("state-epoch/")) return []
    const messageKeys = records.get(name.replace("-epoch/", "-keys/"))
    if (messageKeys === undefined) return []
    const card = attempt(() => {
      const state = decodeGroupState({ epoch, messageKeys })
      return { epoch: Number(state.groupContext.epoch), ...tombstoneOf(state) }
    })
    return card ?? []
  })
  return cards.sort((a, b) => b.epoch - a.epoch)[0]
}

function attempt<T>(read: () => T): T | undefined {
  try {
    return read()
  } catch (error) {
    if (error instanceof MlsError || error instanceof MarmotError) return undefined
    throw error
  }
}
