// Histories for the oracle: a tree of real MLS states, made by MLS alone, and plain records of what was made.

import { createHash } from "node:crypto"
import {
  createCommit,
  encryptApplication,
  type GroupState,
  processMessage,
  type Proposal,
  proposalTypes,
} from "../../src/mls/index.ts"
import { chatEvent, encodeAppEvent } from "../../src/marmot/app-event.ts"
import { encodeGroupProfile } from "../../src/marmot/components/group-profile.ts"
import type { MarmotGroup } from "../../src/marmot/engine-types.ts"
import { sealed } from "../../src/marmot/crafted.fixture.ts"
import { type Member, stateOf, type World, worldOf } from "../../src/marmot/engine.fixture.ts"
import { componentIds } from "../../src/marmot/registry.ts"
import { mlsContext } from "../../src/marmot/transition.ts"
import type { NostrEvent } from "../../src/nostr/event.ts"
import type { PlainGroup } from "./branch-order.ts"
import { type PlainCommit } from "./branch-order.ts"

/** One thing that somebody does; numbers are taken modulo what there is. */
export interface Action {
  /** Which of the states. */
  readonly at: number
  readonly by: number
  /** `mumble`: a payload that is no event. */
  readonly kind: "rename" | "selfUpdate" | "remove" | "forbidden" | "say" | "mumble"
}

/** What came of an action: its event, and what the oracle is told. */
export interface Deed {
  readonly event: NostrEvent
  readonly commit?: PlainCommit
  readonly said?: { readonly state: string; readonly account: string; readonly content: string }
}

interface Place {
  readonly id: string
  readonly epoch: number
  /** Everybody's state there. A sender's is replaced: no message key is used twice. */
  readonly states: Map<Member, GroupState>
}

export interface History {
  readonly world: World
  /** Receives everything, by its engine. */
  readonly observer: Member
  /** The observer's group before anything happened. */
  readonly start: MarmotGroup
  readonly origin: { readonly id: string; readonly epoch: number }
  readonly deeds: readonly Deed[]
}

/** Five people and an observer; the first two are admins. `deepest`: Commits on one path. */
export async function historyOf(actions: readonly Action[], deepest = 5): Promise<History> {
  const { world, people } = await worldOf(["ada", "bo", "cy", "di", "observer"])
  const [ada, bo, cy, di, observer] = people
  await ada.want({ type: "update", admins: [ada.pubkey, bo.pubkey] })
  await world.settle()
  const makers = [ada, bo, cy, di]
  const origin = { id: observer.group.tip, epoch: observer.epoch }
  const first: Place = { ...origin, states: new Map(people.map((one) => [one, stateOf(one)])) }
  const places = [first]
  const deeds: Deed[] = []
  for (const action of actions) {
    const place = places[action.at % places.length] ?? first
    const present = makers.filter((member) => place.states.has(member))
    const admins = present.filter((member) => member === ada || member === bo)
    const others = present.filter((member) => !admins.includes(member))
    const able = { rename: admins, remove: admins, forbidden: others }[action.kind as string]
    const by = (able ?? present)[action.by % (able ?? present).length]
    if (by === undefined) continue
    if (action.kind === "say") {
      deeds.push(await say(place, by, `${deeds.length}`))
    } else if (action.kind === "mumble") {
      deeds.push({ event: await utter(place, by, Uint8Array.of(deeds.length)) })
    } else if (place.epoch - origin.epoch < deepest) {
      const victim = others.at(-1)
      if (action.kind === "remove" && victim === undefined) continue
      const made = await commit(place, by, proposalsOf(action, deeds.length, victim, place))
      deeds.push(action.kind === "forbidden" ? { event: made.deed.event } : made.deed)
      if (action.kind !== "forbidden") places.push(made.place)
    }
  }
  return { world, observer, start: observer.group, origin, deeds }
}

function proposalsOf(
  action: Action,
  count: number,
  victim: Member | undefined,
  place: Place,
): Proposal[] {
  if (action.kind === "selfUpdate") return []
  const leaf = victim && place.states.get(victim)?.ownLeafIndex
  if (action.kind === "remove" && leaf !== undefined) {
    return [{ proposalType: proposalTypes.remove, removed: leaf }]
  }
  const update = encodeGroupProfile({ name: `name ${count}`, description: "" })
  const { appDataUpdate } = proposalTypes
  return [{ proposalType: appDataUpdate, componentId: componentIds.groupProfile, update }]
}

async function commit(place: Place, by: Member, proposals: Proposal[]) {
  const context = mlsContext(by.world.env)
  const parent = stateAt(place, by)
  const made = await createCommit(context, parent, { proposals, forcePath: true })
  const id = createHash("sha256").update(made.commit).digest("hex")
  const states = new Map<Member, GroupState>([[by, made.next]])
  for (const [member, state] of place.states) {
    if (member === by) continue
    const processed = await processMessage(context, state, made.commit)
    if (processed.kind === "commit" && processed.next !== undefined) {
      states.set(member, processed.next)
    }
  }
  const record: PlainCommit = {
    id,
    parent: place.id,
    epoch: place.epoch + 1,
    committer: by.pubkey,
    privileged: proposals.length > 0,
  }
  const event = sealed(by, made.commit, parent)
  return { deed: { event, commit: record }, place: { id, epoch: place.epoch + 1, states } }
}

async function say(place: Place, by: Member, content: string): Promise<Deed> {
  const inner = chatEvent({ pubkey: by.pubkey, createdAt: by.world.seconds, content })
  const event = await utter(place, by, encodeAppEvent(inner))
  return { event, said: { state: place.id, account: by.pubkey, content } }
}

async function utter(place: Place, by: Member, payload: Uint8Array): Promise<NostrEvent> {
  const state = stateAt(place, by)
  const made = await encryptApplication(mlsContext(by.world.env), state, payload)
  place.states.set(by, made.state)
  return sealed(by, made.message, state)
}

function stateAt(place: Place, member: Member): GroupState {
  const state = place.states.get(member)
  if (state === undefined) throw new Error("nobody acts where they are no member")
  return state
}

/** The observer forgets all and goes back to the beginning. */
export function rewound(history: History): Member {
  const { observer, start } = history
  for (const kept of [observer.shown, observer.notices, observer.taken]) kept.clear()
  observer.effects.length = 0
  observer.take({ group: start, effects: [] })
  return observer
}

/** Tells the oracle of deeds; what has no parent yet waits in `early`. Gives what still waits. */
export function tell(group: PlainGroup, deeds: readonly Deed[]): readonly Deed[] {
  let early = deeds.filter(({ commit, said }) => commit !== undefined || said !== undefined)
  for (;;) {
    const ready = early.filter(({ commit, said }) =>
      group.knows(commit?.parent ?? said?.state ?? ""),
    )
    for (const { commit, said } of ready) {
      if (commit !== undefined) group.commits.set(commit.id, commit)
      if (said !== undefined) group.messages.push(said)
    }
    if (ready.length === 0) return early
    early = early.filter((deed) => !ready.includes(deed))
  }
}
