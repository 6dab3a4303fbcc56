// Memory and storage stay bounded: what an engine held at any time, and what is left on the disk at the end.

import { MAX_SLOTS } from "../../src/client/key-packages.ts"
import {
  MAX_ABANDONED,
  MAX_DEFERRED,
  MAX_INTENTS,
  MAX_PASSED_STATES,
  MAX_PRIOR_ROUTES,
  MAX_STATES,
  MAX_UNOPENED,
} from "../../src/marmot/limits.ts"
import type { TableName } from "../../src/store/types.ts"
import type { Device } from "./device.ts"
import type { Fail } from "./failure.ts"
import type { World } from "./world.ts"

/** At the end of each step. */
const ALWAYS: Readonly<Record<string, number>> = {
  states: MAX_STATES,
  "passed states": MAX_PASSED_STATES,
  unopened: MAX_UNOPENED,
  intents: MAX_INTENTS,
  deferred: MAX_DEFERRED,
  abandoned: MAX_ABANDONED,
}

export async function checkBounds(world: World, device: Device, fail: Fail): Promise<void> {
  const { group, most } = device.watched
  if (group === undefined) return
  const { states, intents, apps, standing, tip } = group
  const epoch = states.get(tip)?.epoch ?? 0
  const old = [...states.values()].filter((state) => state.epoch < epoch - 6)
  const items = await device.timeline(world.groupId)
  const messages = items.filter(({ type }) => type === "message")
  const tables = device.disk.counts()
  const bounds: readonly (readonly [string, number, number])[] = [
    ...[...most].map(([what, count]) => [`${what} at once`, count, ALWAYS[what] ?? 0] as const),
    ["states beyond the horizon", standing === "active" ? old.length : 0, 0],
    ["intents", intents.length, 0],
    ["apps", apps.size, messages.length + 100],
    ...Object.entries(recordsOf(world, device, items.length)).map(
      ([table, bound]) =>
        [`records in ${table}`, tables.get(table as TableName) ?? 0, bound] as const,
    ),
  ]
  for (const [what, count, bound] of bounds) {
    if (count > bound) fail("unbounded", `${device.name}: ${count} ${what}, ${bound} at most`)
  }
}

/** By table, the most that a run may leave. What is bounded by thousands only is bounded here by what there has been. */
function recordsOf(
  { witness, relays, devices, counts }: World,
  { pubkey, watched }: Device,
  items: number,
): Readonly<Record<TableName, number>> {
  const seen = (isMeant: (kind: number, tags: readonly (readonly string[])[]) => boolean) =>
    new Set(
      relays.flatMap(({ events }) =>
        [...events.events()].filter(({ kind, tags }) => isMeant(kind, tags)).map(({ id }) => id),
      ),
    ).size
  const wraps = seen(
    (kind, tags) => kind === 1059 && tags.some(([tag, to]) => tag === "p" && to === pubkey),
  )
  const forgotten = counts.get("events forgotten")
  const said = witness.carriers.size
  const routes = new Set([...witness.states.values()].map((state) => state.routes)).size
  return {
    account: 1,
    // The chat list.
    meta: 1,
    // Slots of our own. Those of other people for one use are remembered, and no client here offers one.
    keyPackages: MAX_SLOTS,
    groups: 700 + (watched.group?.apps.size ?? 0),
    // Nothing is written there.
    epochs: 0,
    inputs: seen((kind) => kind === 445) + wraps + forgotten,
    // Events, invitations that wait to be sent, and those that are to be repeated.
    outbox: 0,
    // A message has its record, its place, and one where it would stand; a Commit has the place of its rows.
    timeline: 3 * (items + said) + witness.states.size,
    invites: wraps + forgotten,
    contacts: devices.length,
    // The inbox, and each address of the group.
    cursors: relays.length * (1 + Math.min(routes, 1 + MAX_PRIOR_ROUTES)),
    media: 0,
  }
}
