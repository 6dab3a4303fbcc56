// What the engines of all devices have held, seen from outside: the states of the group and who was in them, by the
// authenticators that only members of a state know.

import { marmotEngine } from "../../src/client/engine.ts"
import type { Engine } from "../../src/client/engine.ts"
import type { Effect, GroupInput, MarmotGroup, StateNode } from "../../src/marmot/engine-types.ts"
import { factsOf } from "../../src/marmot/group-facts.ts"
import type { GroupState } from "../../src/mls/index.ts"
import type { Counts } from "./counts.ts"

export interface StateInfo {
  readonly authenticator: string
  readonly epoch: number
  readonly members: readonly string[]
  readonly admins: readonly string[]
  readonly name: string
  readonly description: string
  readonly routes: string
  /** Authenticator of the state before, as far as somebody has seen both. */
  parent: string | undefined
  committer: string | undefined
}

/** One copy of the group on one device: from creating or joining to leaving, and again from the next joining. */
export interface Copy {
  readonly number: number
  readonly joinEpoch: number
  /** Authenticator of the state that it began with. */
  readonly joinState: string
}

type Delivery = Effect & { readonly type: "deliver" }

/** What one device has held. */
export class Watched {
  readonly name: string
  readonly copies: Copy[] = []
  /** The state in which each message opened, by inner id; several, if it was sent again. */
  readonly opened = new Map<string, Set<string>>()
  /** Inner ids of what others sent. */
  readonly received = new Set<string>()
  /** Authenticators of all states whose secrets this device has had. */
  readonly held = new Set<string>()
  /** Those of them that were in one copy of the group with others: what an invitation would lead to was only looked at. */
  readonly weighed = new Set<string>()
  /** The tip's epoch when each event was first handed to the engine, by its id. */
  readonly arrivals = new Map<string, number>()
  /** The most that the engine has held at the end of a step. */
  readonly most = new Map<string, number>()
  group: MarmotGroup | undefined
  /** The newest copy has ended by a Commit that this device accepted. */
  hasEnded = false
  copy: Copy | undefined
  readonly #copyOf = new Map<string, Copy>()

  constructor(name: string) {
    this.name = name
  }

  join(group: MarmotGroup): void {
    const state = group.states.get(group.tip)?.mls
    if (state === undefined) return
    const joinState = authenticatorOf(state)
    const joinEpoch = Number(state.groupContext.epoch)
    const copy = { number: this.copies.length, joinEpoch, joinState }
    this.copies.push(copy)
    this.hasEnded = false
    this.copy = copy
    this.#copyOf.set(joinState, copy)
    this.group = group
  }

  restored(group: MarmotGroup): void {
    this.group = group
    for (const { mls } of group.states.values()) {
      if (mls !== undefined) this.copy = this.#copyOf.get(authenticatorOf(mls)) ?? this.copy
    }
  }

  saw(group: MarmotGroup, authenticator: string): void {
    this.group = group
    if (this.copy !== undefined) this.#copyOf.set(authenticator, this.copy)
  }
}

export class Witness {
  readonly states = new Map<string, StateInfo>()
  /** By inner id: ids of the events that each message was published in, and the state that each was sealed in. */
  readonly carriers = new Map<string, Map<string, string>>()
  readonly #counts: Counts
  readonly #tell: ((line: string) => void) | undefined
  readonly #seen = new WeakMap<StateNode, string>()

  constructor(counts: Counts, tell?: (line: string) => void) {
    this.#counts = counts
    this.#tell = tell
  }

  /** The engine of one device, `engine` with a look over its shoulder. */
  engineFor(watched: Watched, engine: Engine = marmotEngine): Engine {
    return {
      ...engine,
      apply: async (group, input, env) => {
        this.#arrived(watched, group, input)
        const step = await engine.apply(group, input, env)
        this.#look(watched, step.group, group)
        for (const { mls } of step.group.states.values()) {
          if (mls !== undefined) watched.weighed.add(authenticatorOf(mls))
        }
        for (const effect of step.effects) {
          if (effect.type === "deliver") {
            if (!effect.own) watched.received.add(effect.event.id)
            this.#delivered(watched, step.group, effect)
          } else if (effect.type === "publish" && effect.innerId !== undefined) {
            this.#carried(step.group, effect.innerId, effect.event.id)
          } else if (effect.type === "withdraw") this.#counts.add("messages withdrawn")
          else if (effect.type === "changeLost") this.#counts.add("own changes lost")
          else if (effect.type === "withdrawNotices") this.#counts.add("commits rolled back")
          else if (effect.type === "ended") watched.hasEnded = true
          else if (effect.type === "restore") this.#counts.add("messages restored")
        }
        if (step.group.lifecycle === "unrecoverable" && group.lifecycle !== "unrecoverable") {
          this.#counts.add("groups unrecoverable")
        }
        return step
      },
      createMarmotGroup: async (env, params) => {
        const step = await engine.createMarmotGroup(env, params)
        watched.join(step.group)
        this.#look(watched, step.group)
        return step
      },
      joinMarmotGroup: async (env, params) => {
        const joined = await engine.joinMarmotGroup(env, params)
        watched.join(joined.group)
        this.#look(watched, joined.group)
        return joined
      },
      restoreGroup: (records, device) => {
        const group = engine.restoreGroup(records, device)
        watched.restored(group)
        this.#look(watched, group)
        return group
      },
    }
  }

  /** From a state back to the oldest one that is known. */
  chain(authenticator: string): readonly StateInfo[] {
    const chain: StateInfo[] = []
    let at = this.states.get(authenticator)
    while (at !== undefined && !chain.includes(at)) {
      chain.push(at)
      at = at.parent === undefined ? undefined : this.states.get(at.parent)
    }
    return chain
  }

  /** How many epochs the longest branch has that did not win, for the state that won. */
  depthOfForks(winner: string): number {
    const chain = new Set(this.chain(winner).map(({ authenticator }) => authenticator))
    const depths = [...this.states.keys()].map((name) =>
      this.chain(name).findIndex(({ authenticator }) => chain.has(authenticator)),
    )
    return Math.max(0, ...depths)
  }

  /** How many states there are that have more than one successor. */
  get forks(): number {
    const parents = [...this.states.values()].flatMap(({ parent }) => parent ?? [])
    return parents.length - new Set(parents).size
  }

  /** What has changed for one device, for a trace. */
  #tellStep(watched: Watched, before: MarmotGroup | undefined, after: MarmotGroup): void {
    if (this.#tell === undefined) return
    const now = summaryOf(after)
    if (before === undefined || now !== summaryOf(before)) {
      this.#tell(`${watched.name} is at ${now}`)
    }
  }

  #look(watched: Watched, group: MarmotGroup, before?: MarmotGroup): void {
    this.#tellStep(watched, before, group)
    if (group.states !== before?.states) {
      for (const node of group.states.values()) this.#note(watched, group, node)
    }
    for (const [what, count] of sizesOf(group)) {
      watched.most.set(what, Math.max(count, watched.most.get(what) ?? 0))
    }
    const tip = group.states.get(group.tip)
    watched.group = group
    if (tip?.mls !== undefined) watched.saw(group, authenticatorOf(tip.mls))
  }

  #note(watched: Watched, group: MarmotGroup, node: StateNode): string | undefined {
    const { mls } = node
    if (mls === undefined) return undefined
    const known = this.#seen.get(node)
    if (known !== undefined) return known
    const authenticator = authenticatorOf(mls)
    this.#seen.set(node, authenticator)
    watched.held.add(authenticator)
    const parent = node.parent === undefined ? undefined : group.states.get(node.parent)
    const parentName = parent === undefined ? undefined : this.#note(watched, group, parent)
    const info = this.states.get(authenticator)
    if (info !== undefined) {
      info.parent ??= parentName
      info.committer ??= node.edge?.committer
      return authenticator
    }
    const { members, admins, name, description, components } = factsOf(mls)
    this.states.set(authenticator, {
      authenticator,
      epoch: node.epoch,
      members,
      admins,
      name,
      description,
      routes: Buffer.from(components.get(0x8004) ?? []).toString("hex"),
      parent: parentName,
      committer: node.edge?.committer,
    })
    this.#counts.atLeast("epochs", node.epoch)
    return authenticator
  }

  #arrived(watched: Watched, group: MarmotGroup, input: GroupInput): void {
    const events =
      input.type === "events" ? input.events : input.type === "event" ? [input.event] : []
    const epoch = group.states.get(group.tip)?.epoch
    if (epoch === undefined) return
    for (const { id } of events) {
      if (!watched.arrivals.has(id)) watched.arrivals.set(id, epoch)
    }
  }

  #carried({ apps, states, tip }: MarmotGroup, innerId: string, eventId: string): void {
    const app = [...apps.values()].find(({ unacknowledged }) => unacknowledged === eventId)
    const state = states.get(app?.stateId ?? tip)?.mls
    if (state === undefined) return
    const carriers = this.carriers.get(innerId) ?? new Map<string, string>()
    this.carriers.set(innerId, carriers.set(eventId, authenticatorOf(state)))
  }

  #delivered(watched: Watched, group: MarmotGroup, { event, epoch }: Delivery): void {
    const opened = watched.opened.get(event.id) ?? new Set()
    watched.opened.set(event.id, opened)
    const apps = [...group.apps.values()].filter(({ innerId }) => innerId === event.id)
    const retained = apps.flatMap(({ stateId }) => group.states.get(stateId)?.mls ?? [])
    const passed = [...(group.reading?.passed.values() ?? [])].find((node) => node.epoch === epoch)
    if (retained.length === 0 && passed?.mls !== undefined) retained.push(passed.mls)
    for (const state of retained) opened.add(authenticatorOf(state))
  }
}

/** What is in memory as long as the group is, and on the disk. */
function sizesOf(group: MarmotGroup): readonly (readonly [what: string, count: number])[] {
  const { states, unopened, intents, deferred, abandoned, reading } = group
  return [
    ["states", states.size],
    ["passed states", reading?.passed.size ?? 0],
    ["unopened", unopened.size],
    ["intents", intents.length],
    ["deferred", deferred.size],
    ["abandoned", abandoned.size],
  ]
}

function summaryOf(group: MarmotGroup): string {
  const { tip, states, standing, lifecycle, leaving, disbanding, pending, pass, intents } = group
  const node = states.get(tip)
  const changes = node?.edge?.rows.map(({ type }) => type).join("+") ?? ""
  const parts = [
    `${node?.epoch}:${tip.slice(0, 4)}`,
    `${changes} by ${node?.edge?.committer.slice(0, 4)}`,
    standing,
    lifecycle,
    ...(leaving === undefined ? [] : ["leaving"]),
    ...(disbanding === undefined ? [] : ["disbanding"]),
    ...(pending === undefined ? [] : [`staged ${pending.node.epoch}`]),
    ...(pass === undefined ? [] : ["pass"]),
    ...(intents.length === 0 ? [] : [`wishes ${intents.map(({ type }) => type).join()}`]),
    `states ${[...states.values()].map(({ epoch, id }) => `${epoch}:${id.slice(0, 4)}`).join()}`,
  ]
  return parts.join(", ")
}

const names = new WeakMap<object, string>()

function authenticatorOf(state: GroupState): string {
  const { epochSecrets } = state
  const known = names.get(epochSecrets)
  if (known !== undefined) return known
  const name = Buffer.from(epochSecrets.epochAuthenticator).toString("hex")
  names.set(epochSecrets, name)
  return name
}
