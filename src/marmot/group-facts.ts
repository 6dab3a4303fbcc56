// Marmot group state: what the components and the tree of one MLS state say, read once per state.

import {
  appDataDictionary,
  type GroupState,
  type LeafIndex,
  leafNodeOf,
  members,
} from "../mls/index.ts"
import { bytesToHex } from "../nostr/event.ts"
import { decodeAdminPolicy } from "./components/admin-policy.ts"
import { decodeGroupLifecycle } from "./components/group-lifecycle.ts"
import { decodeGroupProfile } from "./components/group-profile.ts"
import { decodeMessageRetention } from "./components/message-retention.ts"
import { decodeNostrRouting } from "./components/nostr-routing.ts"
import { MarmotError } from "./error.ts"
import { componentIds } from "./registry.ts"

export interface GroupLeaf {
  readonly leafIndex: LeafIndex
  /** Account, 64 hex. */
  readonly account: string
}

export interface GroupFacts {
  readonly leaves: readonly GroupLeaf[]
  /** Accounts in the order of their first leaf, each once. */
  readonly members: readonly string[]
  /** Accounts of the admin policy, 64 hex each, in its order. */
  readonly admins: readonly string[]
  readonly name: string
  readonly description: string
  readonly disbanded: boolean
  /** Seconds; 0n: messages stay. */
  readonly retention: bigint
  /** All component states, by id. */
  readonly components: ReadonlyMap<number, Uint8Array>
}

/** An address where a group's events are published. */
export interface Route {
  /** 64 hex. */
  readonly nostrGroupId: string
  readonly relays: readonly string[]
}

/** An address is the id together with the relays: either may change (marmot-wire §6.5). */
export function routeKey({ nostrGroupId, relays }: Route): string {
  return [nostrGroupId, ...relays].join(" ")
}

const facts = new WeakMap<GroupState["groupContext"], GroupFacts>()
const routes = new WeakMap<GroupState["groupContext"], Route>()

/** Throws `MarmotError` where a component is missing or malformed: such a state is never retained. */
export function factsOf(state: GroupState): GroupFacts {
  const known = facts.get(state.groupContext)
  if (known !== undefined) return known
  const read = readFacts(state)
  facts.set(state.groupContext, read)
  return read
}

/** Throws `MarmotError` like `factsOf`. Asked of every retained state for every event. */
export function routeOf(state: GroupState): Route {
  const known = routes.get(state.groupContext)
  if (known !== undefined) return known
  const routing = decodeNostrRouting(component(componentsOf(state), componentIds.nostrRouting))
  const route = { nostrGroupId: bytesToHex(routing.nostrGroupId), relays: routing.relays }
  routes.set(state.groupContext, route)
  return route
}

/** The account of a leaf, 64 hex. Throws `MarmotError` `invalid_identity` for a blank leaf or another credential. */
export function accountOfLeaf(state: GroupState, leaf: LeafIndex): string {
  const node = leafNodeOf(state, leaf)
  if (node.credential.kind !== "basic") {
    throw new MarmotError("invalid_identity", "a leaf without a basic credential")
  }
  return bytesToHex(node.credential.identity)
}

/** An admin that still has a leaf (behaviour §4). */
export function isActiveAdmin(state: GroupState, account: string): boolean {
  const { admins, members: accounts } = factsOf(state)
  return admins.includes(account) && accounts.includes(account)
}

function readFacts(state: GroupState): GroupFacts {
  const components = componentsOf(state)
  const leaves = [...members(state)].map(({ leafIndex }) => ({
    leafIndex,
    account: accountOfLeaf(state, leafIndex),
  }))
  const profile = components.get(componentIds.groupProfile)
  const lifecycle = components.get(componentIds.groupLifecycle)
  const retention = components.get(componentIds.messageRetention)
  const { name, description } =
    profile === undefined ? { name: "", description: "" } : decodeGroupProfile(profile)
  return {
    leaves,
    members: [...new Set(leaves.map((leaf) => leaf.account))],
    admins: decodeAdminPolicy(component(components, componentIds.adminPolicy)).admins.map(
      bytesToHex,
    ),
    name,
    description,
    disbanded: lifecycle !== undefined && decodeGroupLifecycle(lifecycle) === "disbanded",
    retention: retention === undefined ? 0n : decodeMessageRetention(retention),
    components,
  }
}

function componentsOf(state: GroupState): ReadonlyMap<number, Uint8Array> {
  return appDataDictionary(state.groupContext.extensions) ?? new Map()
}

function component(components: ReadonlyMap<number, Uint8Array>, id: number): Uint8Array {
  const data = components.get(id)
  if (data === undefined) {
    throw new MarmotError("missing_component", `the group has no component 0x${id.toString(16)}`)
  }
  return data
}
