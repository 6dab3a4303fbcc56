// Who is a member at the end: in their own eyes, in those of the others, and who was left behind.

import type { GroupView, MessageItem } from "../../src/client/api.ts"
import type { Device } from "./device.ts"
import type { StateInfo } from "./witness.ts"
import type { World } from "./world.ts"

/** A member at the end. */
export interface Member {
  readonly device: Device
  readonly view: GroupView
  readonly fingerprint: string
  readonly messages: readonly MessageItem[]
  readonly joinEpoch: number
}

/** In its own eyes: whoever has asked to leave, or to end the group, is one until that is done. */
const isMember = ({ standing }: GroupView) =>
  standing === "active" || standing === "leaving" || standing === "disbanding"

/** Honest devices that take themselves for members. */
export async function membersOf(world: World): Promise<readonly Member[]> {
  const members: Member[] = []
  for (const device of world.devices.filter(({ isHonest }) => isHonest)) {
    const view = await world.groupOf(device)
    if (view === undefined || !isMember(view)) continue
    const messages = await device.messages(world.groupId)
    const fingerprint = JSON.stringify(await device.client?.fingerprint(world.groupId))
    const joinEpoch = device.watched.copy?.joinEpoch ?? 0
    members.push({ device, view, fingerprint, messages, joinEpoch })
  }
  return members
}

/**
 * The members by what most of them hold, who can't follow the others because a Commit is broken for them, and who takes
 * itself for a member and is none in the eyes of the others.
 */
export function sorted(world: World, members: readonly Member[]) {
  const votes = (member: Member) =>
    members.filter(({ fingerprint }) => fingerprint === member.fingerprint).length
  // Whoever could take the Commits that others can't sees every branch.
  const broken = brokenStates(world, members)
  const sees = ({ device: { watched } }: Member) =>
    broken.filter((name) => watched.held.has(name)).length
  // Whoever holds the states of others beside its own has compared the branches; who can't read one could not.
  const tips = new Set(members.map(({ fingerprint }) => authenticatorIn(fingerprint)))
  const weighs = ({ device: { watched } }: Member) =>
    [...tips].filter((tip) => watched.weighed.has(tip)).length
  const listed = ({ device }: Member) =>
    members.filter(({ view }) => view.members.some(({ pubkey }) => pubkey === device.pubkey)).length
  const [first] = members.toSorted(
    (a, b) =>
      sees(b) - sees(a) || weighs(b) - weighs(a) || votes(b) - votes(a) || listed(b) - listed(a),
  )
  if (first === undefined) return { knowing: members, strays: [], victims: [], guests: [] }
  const everyoneElse = members.filter((member) => member !== first)
  const guests = everyoneElse.filter((member) => isGuest(world, member, first))
  const others = everyoneElse.filter((member) => !guests.includes(member))
  const victims = others.filter((member) => brokenFor(world, member, first) !== undefined)
  const isListed = ({ device }: Member) =>
    first.view.members.some(({ pubkey }) => pubkey === device.pubkey)
  const rest = others.filter((member) => !victims.includes(member))
  return {
    knowing: [first, ...rest.filter(isListed)],
    strays: rest.filter((member) => !isListed(member)),
    victims,
    guests,
  }
}

/**
 * It was invited into a branch that has lost since, so it has no state of the one that won, nor any state before the
 * fork: no protocol tells it more than that it can open nothing.
 */
function isGuest(world: World, { device }: Member, first: Member): boolean {
  const joined = device.watched.copy?.joinState
  if (joined === undefined) return false
  const chain = world.witness.chain(authenticatorIn(first.fingerprint))
  const its = world.witness.chain(joined)
  return !chain.some((state) => state === its[0]) && its.some((state) => chain.includes(state))
}

/** The state that a member of bad faith has made in the history of `first` so that `member`, who held its parent, can't enter. */
export function brokenFor(world: World, member: Member, first: Member): StateInfo | undefined {
  const isBroken = isBrokenFor(world, member)
  return world.witness.chain(authenticatorIn(first.fingerprint)).find(isBroken)
}

/** Authenticators of all such states, on whatever branch. */
function brokenStates(world: World, members: readonly Member[]): readonly string[] {
  const isBroken = members.map((member) => isBrokenFor(world, member))
  return [...world.witness.states.values()]
    .filter((state) => isBroken.some((isBrokenForOne) => isBrokenForOne(state)))
    .map(({ authenticator }) => authenticator)
}

function isBrokenFor(world: World, { device, joinEpoch }: Member) {
  const dishonest = new Set(
    world.devices.filter(({ isHonest }) => !isHonest).map(({ pubkey }) => pubkey),
  )
  const { held } = device.watched
  return ({ authenticator, parent, committer, members, epoch }: StateInfo) =>
    epoch > joinEpoch &&
    committer !== undefined &&
    dishonest.has(committer) &&
    members.includes(device.pubkey) &&
    !held.has(authenticator) &&
    parent !== undefined &&
    held.has(parent)
}

export function authenticatorIn(fingerprint: string): string {
  return (JSON.parse(fingerprint) as { readonly epochAuthenticator: string }).epochAuthenticator
}
