// Marmot convergence §8.7: what follows from a new canonical path, as one observer-atomic change.

import type { GroupState } from "../mls/index.ts"
import { scheduleDeparture } from "./departure.ts"
import type {
  AppRecord,
  MarmotGroup,
  PendingWelcome,
  StateId,
  StateNode,
  Tombstone,
} from "./engine-types.ts"
import { factsOf, routeKey, routeOf } from "./group-facts.ts"
import { canonicalIds, pathTo, retained } from "./graph.ts"
import { endDisbandRequest, fulfilDisbandRequest } from "./disbanding.ts"
import { APP_WINDOW, MAX_PRIOR_ROUTES, MAX_REWIND } from "./limits.ts"
import { mediaKeysOf } from "./media-file.ts"
import { pass } from "./reading.ts"
import { dropResend, resend, resendStale } from "./resend.ts"
import type { Transition } from "./transition.ts"
import { withoutSecrets } from "./wipe.ts"

/**
 * Withdraws what only the old path carried, shows what the new one brings, ends the membership if it says so, and
 * releases what left the horizon. `before`: the canonical states until now.
 */
export function applied(t: Transition, before: ReadonlySet<StateId>): void {
  const path = pathTo(t.group.states, t.group.tip)
  const after = new Set(path.map((node) => node.id))
  const superseded = [...t.group.states.values()]
    .filter((node) => before.has(node.id) && !after.has(node.id))
    .sort((a, b) => b.epoch - a.epoch)
  const adopted = path.filter((node) => !before.has(node.id))

  for (const node of superseded) withdrawState(t, node, after)
  for (const node of adopted) announce(t, node)
  rememberRoutes(t, path)
  deliverHeld(t)
  resendStale(t)
  // A Welcome into a branch that lost would strand its reader.
  t.set({ welcomes: t.group.welcomes.filter((welcome) => after.has(welcome.stateId)) })
  for (const node of adopted) endMembership(t, node)
  release(t)
  scheduleDeparture(t)
}

/** Shows what opened on the canonical path and was held back or withdrawn; oldest state first. */
function deliverHeld(t: Transition): void {
  const canonical = canonicalIds(t.group)
  const held = [...t.group.apps.values()]
    .filter((app) => app.shown !== "shown" && canonical.has(app.stateId))
    .sort((a, b) => a.epoch - b.epoch)
  for (const app of held) deliver(t, app)
}

/**
 * A payload is delivered iff it opened on the selected branch within the window (behaviour §7). The window ends with
 * the state that opens it (`release`). It is not measured from the tip that a pass ends at: one that catches up walks
 * over each of its epochs, and what a slow pass brings must be what many quick ones would have brought (§8.2).
 */
export function deliver(t: Transition, app: AppRecord): void {
  if (app.innerId === undefined) return
  if (app.shown === "withdrawn") {
    t.emit({ type: "restore", innerId: app.innerId })
    // Was it recalled before any relay had it, it has to be said again all the same.
    if (app.unacknowledged === undefined) dropResend(t, app.innerId)
  } else show(t, app, t.group.states.get(app.stateId)?.mls)
  putApp(t, { ...app, shown: "shown", event: app.own ? app.event : undefined })
}

/** `mls`: the state that opened it, for the keys of its attachments. */
export function show(t: Transition, app: AppRecord, mls: GroupState | undefined): void {
  const { event, epoch, own, expiresAt } = app
  if (event === undefined) return
  const mediaKeys = mls && mediaKeysOf(t.env.crypto, mls, event)
  t.emit({
    type: "deliver",
    event,
    epoch,
    own,
    expiresAt,
    ...(mediaKeys === undefined || Object.keys(mediaKeys).length === 0 ? {} : { mediaKeys }),
  })
}

export function putApp(t: Transition, app: AppRecord): void {
  t.putApp(app)
}

function withdrawState(t: Transition, node: StateNode, after: ReadonlySet<StateId>): void {
  if (node.edge !== undefined) {
    t.emit({ type: "withdrawNotices", commitDigest: node.id })
    // A renewed leaf, or someone's departure that another member has committed as well, is no loss to the user.
    const wished = node.edge.rows.filter((row) => row.type !== "member_left")
    if (node.edge.own && wished.length > 0) {
      t.emit({ type: "changeLost", commitDigest: node.id, changes: wished })
    }
  }
  for (const app of t.group.apps.values()) {
    if (app.stateId !== node.id || app.shown !== "shown" || app.innerId === undefined) continue
    if (isSaidElsewhere(t, app, after)) putApp(t, { ...app, shown: "held" })
    else {
      t.emit({ type: "withdraw", innerId: app.innerId, own: app.own })
      putApp(t, { ...app, shown: "withdrawn" })
    }
    // What the user said must not vanish with the branch: it is said again on the selected one.
    if (app.own) resend(t, app)
  }
}

/** The same event, sent before or again, is shown because of a state that stays. */
function isSaidElsewhere(t: Transition, app: AppRecord, after: ReadonlySet<StateId>): boolean {
  return [...t.group.apps.values()].some(
    (other) => other.innerId === app.innerId && other.shown === "shown" && after.has(other.stateId),
  )
}

function announce(t: Transition, node: StateNode): void {
  if (node.edge === undefined || node.edge.rows.length === 0) return
  const { rows: changes, seenAt } = node.edge
  t.emit({ type: "notify", commitDigest: node.id, epoch: node.epoch, changes, seenAt })
}

/** The accepted Commit removed this device, or ended the group: terminal for this copy (behaviour §5). */
function endMembership(t: Transition, node: StateNode): void {
  const { edge } = node
  if (edge === undefined) return
  const how = edge.disbands ? "disbanded" : edge.removedSelf
  if (how === undefined) return
  t.emit({ type: "ended", how, actor: how === "left" ? undefined : edge.committer })
  if (how === "disbanded") fulfilDisbandRequest(t)
  else endDisbandRequest(t, "not_active", "you are no longer a member of this group")
  for (const intent of t.group.intents) {
    t.failIntent(intent.intentId, "not_active", "you are no longer a member of this group")
  }
  t.set({
    ...(how === "disbanded" ? { lifecycle: "disbanded" as const } : { standing: how }),
    intents: [],
    welcomes: [],
    leaving: undefined,
    autoCommitAt: undefined,
    ...(how === "disbanded" ? buried(t.group, node) : retired(t.group)),
  })
}

/** Nothing can be opened or decided here any more: who was in the group is kept, and no secret (behaviour §9.1). */
export function retired(group: MarmotGroup): Partial<MarmotGroup> {
  const path = pathTo(group.states, group.tip)
  const kept = [path.findLast((node) => node.mls !== undefined), path.at(-1)]
  const none = new Map<string, never>()
  return {
    states: new Map(
      kept.flatMap((node) => {
        if (node === undefined) return []
        return [[node.id, { ...node, mls: node.mls && withoutSecrets(node.mls) }] as const]
      }),
    ),
    apps: none,
    seen: none,
    proposalIds: undefined,
    deferred: none,
    unopened: none,
    abandoned: none,
    reading: undefined,
  }
}

/**
 * A group that was ended keeps no key at all, only what it was called and who was in it; nothing is sent or received
 * any more at its addresses (behaviour §5.3).
 */
function buried(group: MarmotGroup, end: StateNode): Partial<MarmotGroup> {
  const before = group.states.get(end.parent ?? "")?.mls
  return {
    ...retired(group),
    tip: end.id,
    states: new Map([[end.id, { ...end, parent: undefined, mls: undefined }]]),
    tombstone: before && tombstoneOf(before),
    priorRoutes: [],
  }
}

export function tombstoneOf(state: GroupState): Tombstone {
  const { name, description, members, admins, retention } = factsOf(state)
  return { name, description, members, admins, retention: Number(retention) }
}

/** Members go on at an old address until they have the Commit that rotates it (marmot-wire §6.5). */
function rememberRoutes(t: Transition, path: readonly StateNode[]): void {
  const routes = new Map(t.group.priorRoutes.map((route) => [routeKey(route), route]))
  for (const node of path) {
    if (node.mls === undefined) continue
    const route = routeOf(node.mls)
    // Set anew, so that the newest address comes last.
    routes.delete(routeKey(route))
    routes.set(routeKey(route), { ...route, lastEpoch: node.epoch })
  }
  if (t.tip.mls !== undefined) routes.delete(routeKey(routeOf(t.tip.mls)))
  const oldest = t.tip.epoch - MAX_REWIND
  const priorRoutes = [...routes.values()]
    .filter((route) => route.lastEpoch >= oldest)
    .slice(-MAX_PRIOR_ROUTES)
  t.set({ priorRoutes })
}

/**
 * Material with no remaining function must not stay usable (behaviour §9.1). A Commit that leaves the horizon can lose no
 * more, so whoever it has added is told now, if they were not yet: in a fast group its quiet second may never come.
 */
function release(t: Transition): void {
  const path = pathTo(t.group.states, t.group.tip)
  t.set(withinHorizon(t.group, t.tip.epoch))
  const left = path.filter(({ id }) => !t.group.states.has(id))
  const final = new Set(left.map(({ id }) => id))
  sendWelcomes(t, ({ stateId }) => final.has(stateId))
  pass(t, left)
}

/** Those that `isDue`; the others wait on. */
export function sendWelcomes(t: Transition, isDue: (welcome: PendingWelcome) => boolean): void {
  const due = t.group.welcomes.filter(isDue)
  if (due.length === 0) return
  for (const { stateId, recipient, keyPackageEventId, welcome, relays } of due) {
    t.emit({ type: "welcome", stateId, recipient, keyPackageEventId, welcome, relays })
  }
  t.set({ welcomes: t.group.welcomes.filter((welcome) => !due.includes(welcome)) })
}

function withinHorizon(group: MarmotGroup, tipEpoch: number): Partial<MarmotGroup> {
  const states = retained(group, MAX_REWIND)
  const oldest = tipEpoch - APP_WINDOW
  const seen = new Map([...group.seen].filter(([, epoch]) => epoch >= oldest))
  const proposalIds = group.proposalIds && [...group.proposalIds].filter(([, id]) => seen.has(id))
  return {
    states,
    apps: new Map([...group.apps].filter(([, app]) => states.has(app.stateId))),
    seen,
    proposalIds: proposalIds && new Map(proposalIds),
    deferred: new Map([...group.deferred].filter(([, input]) => states.has(input.stateId))),
    abandoned: new Map(
      [...group.abandoned].filter(([, { node }]) => states.has(node.parent ?? "")),
    ),
  }
}
