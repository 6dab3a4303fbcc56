// What happens in a run, as plain data that its seed decides: it can be printed, and shortened item by item.

import { Rng } from "./rng.ts"
import { adminActs } from "./hostile-admin.ts"
import { accountModes, groupModes, honestModes } from "./sim-relay.ts"
import type { Insistence, RelayMode } from "./sim-relay.ts"

/** Devices and relays by number. Times in milliseconds. */
export type Act =
  | { readonly type: "send"; readonly by: number; readonly times: number }
  | {
      readonly type: "selfUpdate" | "rename" | "describe" | "leave" | "disband"
      readonly by: number
    }
  | { readonly type: "invite" | "remove"; readonly by: number; readonly subject: number }
  | { readonly type: "admins"; readonly by: number; readonly admins: readonly number[] }
  /** The group moves to these relays, or to a new address on the old ones. */
  | { readonly type: "reroute"; readonly by: number; readonly relays: readonly number[] }
  | { readonly type: "accept"; readonly by: number }
  | { readonly type: "kill" | "stop"; readonly by: number; readonly off: number }
  | {
      readonly type: "killAtWrite"
      readonly by: number
      readonly writes: number
      readonly when: "before" | "after"
      readonly off: number
    }
  /** The clock of a device is set. */
  | { readonly type: "skew"; readonly by: number; readonly skew: number }
  | {
      readonly type: "partition"
      readonly devices: readonly number[]
      readonly relays: readonly number[]
      readonly how: "hangs" | "closed"
      readonly lasts: number
    }
  /** Two sides that can only talk among themselves, each over a relay of its own; with one relay, one side alone. */
  | { readonly type: "split"; readonly side: readonly number[]; readonly lasts: number }
  | { readonly type: "down"; readonly relay: number; readonly lasts: number }
  | {
      readonly type: "mode"
      readonly relay: number
      readonly mode: RelayMode
      readonly probability: number
      readonly lasts: number
    }
  | { readonly type: "forget"; readonly relay: number; readonly share: number }
  | {
      readonly type: "noise"
      readonly lose: number
      readonly duplicate: number
      readonly delay: number
      readonly lasts: number
    }
  | { readonly type: "hostile"; readonly by: number; readonly what: HostileAct }

export const hostileActs = [
  "rename",
  "remove",
  "become admin",
  "broken commit",
  "forged author",
  "replay",
  "junk",
  "garbage inside",
] as const
export type HostileAct = (typeof hostileActs)[number] | (typeof adminActs)[number]

export type Item = Act & {
  /** Since the beginning of its phase. */
  readonly at: number
}

export interface Plan {
  readonly seed: number
  /** The account of each device. */
  readonly accounts: readonly number[]
  /** Clocks of the devices, ahead of the true time. */
  readonly skews: readonly number[]
  readonly relays: number
  /** What a relay asks people's names for, if it does. */
  readonly insistences?: readonly (Insistence | undefined)[]
  /** Who is invited when the group is made. */
  readonly founders: readonly number[]
  /** Who is an admin from the beginning, beside device 0. */
  readonly admins: readonly number[]
  /** Devices whose users do what no client does; they are members as others are. */
  readonly malicious: readonly number[]
  /** After each, faults end and the group comes to rest; so no fork is deeper than the protocol allows. */
  readonly phases: readonly (readonly Item[])[]
}

/** So many changes of the group may be wished for in one phase: a fork reaches back five epochs at most. */
const MAX_CHANGES = 3
const MAX_SPLIT_CHANGES = 5
const PHASE_MS = 60_000
/** Relay 0 tells the truth, and forgets nothing: without one such relay nothing can be promised. */
const ANCHOR = 0

export function planOf(seed: number): Plan {
  const rng = Rng.of(seed, "plan")
  const devices = rng.chance(0.1) ? rng.int(7, 12) : rng.int(2, 6)
  const accounts = Array.from({ length: devices }, (_, index) => index)
  // The last device may be the second one of somebody's.
  if (devices > 2 && rng.chance(0.25)) accounts[devices - 1] = rng.int(1, devices - 2)
  const relays = rng.int(1, 3)
  const others = accounts.map((_, index) => index).slice(1)
  const founders = others.filter(() => rng.chance(0.85))
  const admins = founders.filter(() => rng.chance(0.4))
  const malicious = devices > 3 && rng.chance(0.4) ? [rng.pick(others)] : []
  const skews = accounts.map(() => (rng.chance(0.3) ? rng.int(-120_000, 120_000) : 0))
  const shape = { devices, relays, malicious, admins: [0, ...admins] }
  const phases = Array.from({ length: rng.int(2, 4) }, () => phaseOf(rng, shape))
  const plan = { seed, accounts, skews, relays, founders, admins, malicious, phases }
  return withNames(withRarities(plan, Rng.of(seed, "rarities")), Rng.of(seed, "names"))
}

/** Some relays want to know who they talk to; the first one no less than others. */
function withNames(plan: Plan, rng: Rng): Plan {
  if (!rng.chance(0.15)) return plan
  const insistences = Array.from({ length: plan.relays }, () =>
    rng.chance(0.6) ? rng.pick(["reading", "writing", "everything"] as const) : undefined,
  )
  return { ...plan, insistences }
}

/** What happens seldom, from a stream of its own: a plan is the same but for it. */
function withRarities(plan: Plan, rng: Rng): Plan {
  const { accounts, malicious, relays } = plan
  const isAdmin = rng.chance(0.5)
  const phases = plan.phases.map((items, index) => {
    const more: Item[] = []
    const at = () => rng.int(0, PHASE_MS)
    for (const by of malicious) {
      if (rng.chance(0.6)) more.push({ at: at(), type: "hostile", by, what: adminAct(rng) })
    }
    if (rng.chance(0.12)) {
      const by = rng.pick([0, ...plan.admins])
      const others = Array.from({ length: relays }, (_, relay) => relay).slice(1)
      const targets = rng.chance(0.5) ? [] : [ANCHOR, ...rng.some(others, rng.int(0, relays - 1))]
      more.push({ at: at(), type: "reroute", by, relays: targets })
    }
    if (relays > 1 && rng.chance(0.15)) {
      const [mode, relay] = [rng.pick(accountModes), rng.int(1, relays - 1)]
      const probability = rng.pick([0.5, 1])
      more.push({
        at: at(),
        type: "mode",
        relay,
        mode,
        probability,
        lasts: rng.int(5_000, PHASE_MS),
      })
    }
    const isLast = index === plan.phases.length - 1
    if (isLast && rng.chance(0.04)) {
      more.push({ at: at(), type: "disband", by: rng.int(0, accounts.length - 1) })
    }
    return [...items, ...more].sort((a, b) => a.at - b.at)
  })
  const admins = isAdmin ? [...new Set([...plan.admins, ...malicious])] : plan.admins
  return { ...plan, admins: admins.filter((each) => plan.founders.includes(each)), phases }
}

/** To remove everybody is an admin's right, and leaves little to look at. */
const adminAct = (rng: Rng) =>
  rng.chance(0.04) ? "remove everybody" : rng.pick(adminActs.slice(0, -1))

interface Shape {
  readonly devices: number
  readonly relays: number
  readonly malicious: readonly number[]
  readonly admins: readonly number[]
}

function phaseOf(rng: Rng, shape: Shape): readonly Item[] {
  const items: Item[] = []
  const device = () => rng.int(0, shape.devices - 1)
  const at = () => rng.int(0, PHASE_MS)
  // Changes come close together more often than not: they are to meet.
  const moment = at()
  const together = () => (rng.chance(0.7) ? moment + rng.skewed(0, 3_000) : at())
  const changes = rng.int(1, MAX_CHANGES)
  const everyone = Array.from({ length: shape.devices }, (_, index) => index)
  if (rng.chance(0.35)) {
    items.push(...splitOf(rng, shape))
  } else if (rng.chance(0.6)) {
    // At once, by different people: they can't know of each other.
    for (const by of rng.some(everyone, Math.max(2, changes))) {
      items.push({ at: moment + rng.skewed(0, 400), ...changeOf(rng, shape, by) })
      if (rng.chance(0.25)) items.push({ at: moment, ...deathAtWrite(rng, by) })
    }
  } else {
    for (let count = changes; count > 0; count--) {
      const by = rng.chance(0.5) ? 0 : device()
      items.push({ at: together(), ...changeOf(rng, shape, by) })
    }
  }
  for (let count = rng.int(2, 8); count > 0; count--) {
    items.push({ at: rng.chance(0.5) ? together() : at(), type: "send", by: device(), times: 1 })
  }
  if (rng.chance(0.2)) {
    items.push({ at: at(), type: "send", by: device(), times: rng.int(5, 20) })
  }
  for (let count = rng.int(0, 2); count > 0; count--) {
    items.push({ at: at(), type: "accept", by: device() })
  }
  for (let count = rng.int(0, 5); count > 0; count--) {
    items.push({ at: rng.chance(0.5) ? together() : at(), ...faultOf(rng, shape) })
  }
  for (const by of shape.malicious) {
    for (let count = rng.int(1, 3); count > 0; count--) {
      items.push({ at: together(), type: "hostile", by, what: rng.pick(hostileActs) })
    }
  }
  return items.sort((a, b) => a.at - b.at)
}

/** Two sides that go on without each other: each makes a branch of its own, of several epochs, with messages on it. */
function splitOf(rng: Rng, shape: Shape): readonly Item[] {
  const everyone = Array.from({ length: shape.devices }, (_, index) => index)
  const side = rng.some(everyone, rng.int(1, Math.max(1, shape.devices - 1)))
  const items: Item[] = [{ at: 500, type: "split", side, lasts: rng.int(20_000, PHASE_MS) }]
  for (let count = rng.int(2, MAX_SPLIT_CHANGES); count > 0; count--) {
    const at = 1_000 + rng.int(0, 25_000)
    const by = rng.int(0, shape.devices - 1)
    items.push({ at, ...changeOf(rng, shape, by) })
    if (rng.chance(0.15)) items.push({ at, ...deathAtWrite(rng, by) })
  }
  for (const by of everyone) {
    if (rng.chance(0.6)) items.push({ at: rng.int(1_000, 35_000), type: "send", by, times: 1 })
  }
  return items
}

function changeOf(rng: Rng, { devices, admins }: Shape, someone: number): Act {
  // Others may do little.
  const by = rng.chance(0.6) ? rng.pick(admins) : someone
  const subject = rng.int(0, devices - 1)
  const dice = rng.next()
  if (dice < 0.25) return { type: "selfUpdate", by: someone }
  if (dice < 0.4) return { type: "rename", by }
  if (dice < 0.45) return { type: "describe", by }
  if (dice < 0.65) return { type: "invite", by, subject }
  if (dice < 0.8) return { type: "remove", by, subject }
  if (dice < 0.87) return { type: "leave", by }
  const everyone = Array.from({ length: devices }, (_, index) => index)
  return { type: "admins", by, admins: [0, ...rng.some(everyone.slice(1), rng.int(1, 3))] }
}

function faultOf(rng: Rng, { devices, relays }: Shape): Act {
  const by = rng.int(0, devices - 1)
  const relay = rng.int(0, relays - 1)
  const lasts = rng.int(1_000, PHASE_MS)
  const off = absence(rng)
  const dice = rng.next()
  if (dice < 0.1) return { type: "kill", by, off }
  if (dice < 0.4) return deathAtWrite(rng, by)
  if (dice < 0.45) return { type: "stop", by, off }
  if (dice < 0.5) return { type: "skew", by, skew: rng.int(-120_000, 120_000) }
  if (dice < 0.68) {
    const everyone = Array.from({ length: devices }, (_, index) => index)
    const everywhere = Array.from({ length: relays }, (_, index) => index)
    return {
      type: "partition",
      devices: rng.some(everyone, rng.int(1, Math.max(1, devices - 1))),
      relays: rng.chance(0.5) ? everywhere : rng.some(everywhere, rng.int(1, relays)),
      how: rng.chance(0.5) ? "hangs" : "closed",
      lasts,
    }
  }
  if (dice < 0.73) return { type: "down", relay, lasts }
  if (dice < 0.88) {
    const mode = rng.pick(relay === ANCHOR ? honestModes : groupModes)
    return { type: "mode", relay, mode, probability: rng.pick([0.2, 0.6, 1]), lasts }
  }
  if (dice < 0.91 && relay !== ANCHOR)
    return { type: "forget", relay, share: rng.pick([0.3, 0.7, 1]) }
  const level = () => rng.pick([0, 0.05, 0.2, 0.4])
  return { type: "noise", lose: level(), duplicate: level(), delay: level(), lasts }
}

function deathAtWrite(rng: Rng, by: number): Act {
  const when = rng.chance(0.5) ? "before" : "after"
  return { type: "killAtWrite", by, writes: rng.skewed(0, 20), when, off: absence(rng) }
}

/** Some stay away for longer than a phase. */
const absence = (rng: Rng) => (rng.chance(0.2) ? rng.int(60_000, 400_000) : rng.int(0, 20_000))

/** A short script of a plan. */
export function scriptOf(plan: Plan): string {
  const { phases, ...rest } = plan
  const lines = phases.flatMap((items, index) => [
    `phase ${index}:`,
    ...items.map(({ at, ...act }) => `  ${(at / 1000).toFixed(3)} s ${JSON.stringify(act)}`),
  ])
  return [JSON.stringify(rest), ...lines].join("\n")
}
