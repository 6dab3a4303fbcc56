// What must hold when all is over: said naively, from what the devices show and what their engines were seen to hold.

import { ClientError } from "../../src/client/api.ts"
import type { GroupView, MessageItem } from "../../src/client/api.ts"
import { checkBounds } from "./bounds.ts"
import type { Device } from "./device.ts"
import type { Fail, Failure, Property } from "./failure.ts"
import { authenticatorIn, brokenFor, membersOf, sorted } from "./members.ts"
import type { Member } from "./members.ts"
import { checkMessages } from "./owed.ts"
import type { StateInfo } from "./witness.ts"
import type { World } from "./world.ts"

export async function check(world: World): Promise<readonly Failure[]> {
  const failures: Failure[] = []
  const fail = (property: Property, text: string) => failures.push({ property, text })
  for (const device of world.devices) for (const text of device.defects) fail("defect", text)
  if (world.unrest !== undefined) fail("stuck", world.unrest)

  for (const device of world.devices.filter(({ isHonest }) => isHonest)) {
    const view = await world.groupOf(device)
    if (view === undefined) continue
    const messages = await device.messages(world.groupId)
    checkShownOnce(device, messages, fail)
    checkSecrecy(world, device, messages, fail)
    await checkRest(world, device, view, messages, fail)
    await checkBounds(world, device, fail)
  }
  const { knowing, strays, victims, guests } = sorted(world, await membersOf(world))
  world.counts.add("devices invited into a branch that lost", guests.length)
  for (const stray of strays) checkStray(world, knowing, stray, fail)
  for (const victim of victims) checkVictim(world, knowing, victim, fail)
  checkAgreement(world, knowing, fail, [...victims, ...guests])
  checkDepartures(knowing, fail)
  await checkMessages(world, knowing, victims, fail)
  checkRules(world, knowing, fail)
  return failures
}

/** RFC 9420 §7.5 has no proof that a path opens for everyone: who can't open it can only suspect that others did. */
function checkVictim(world: World, [first]: readonly Member[], victim: Member, fail: Fail): void {
  const broken = first && brokenFor(world, victim, first)
  if (first === undefined || broken === undefined) return
  if (first.view.epoch > broken.epoch && !victim.view.mayBeStranded) {
    fail("divergent", `${victim.device.name} can't follow the others and suspects nothing`)
  } else world.counts.add("devices left behind by a broken Commit")
}

/**
 * Of a branch that removes a device, the device can weigh nothing beyond the removal: it has no keys there. So it may
 * take itself for a member only if its own branch is no shorter than the other one up to the Commit that removed it (a
 * quorum of witnesses counts for one), and it has to tell its user that something is wrong.
 */
function checkStray(world: World, [first]: readonly Member[], stray: Member, fail: Fail): void {
  if (first === undefined) return
  const { name, pubkey, watched } = stray.device
  const chain = [...world.witness.chain(authenticatorIn(first.fingerprint))].reverse()
  const own = world.witness.chain(authenticatorIn(stray.fingerprint))
  const common = own.find((state) => chain.includes(state))
  const removal = chain.find(
    ({ epoch, members }) => epoch > (common?.epoch ?? Infinity) && !members.includes(pubkey),
  )
  const tip = own[0]
  const followed = chain.filter(
    ({ epoch }) => epoch > (common?.epoch ?? 0) && epoch < (removal?.epoch ?? 0),
  )
  if (common === undefined || removal === undefined || tip === undefined) {
    fail("divergent", `${name} is no member in the eyes of others, and nothing has removed it`)
  } else if (followed.some(({ authenticator }) => !watched.held.has(authenticator))) {
    fail("divergent", `${name} does not follow the others to its removal`)
  } else if (tip.epoch + 1 < removal.epoch) {
    fail("divergent", `${name} keeps to a branch that is shorter than the one that removed it`)
  } else if (
    first.device.watched.weighed.has(tip.authenticator) &&
    first.view.epoch + 1 < tip.epoch
  ) {
    fail("divergent", `${first.device.name} prefers a branch shorter than that of ${name}`)
  } else if (!stray.view.mayBeStranded) {
    fail("divergent", `${name} was removed by others, can't know it and suspects nothing`)
  } else world.counts.add("devices removed without being able to know")
}

/** Whoever wants to leave goes once somebody else is there to commit it; whoever ends the group needs nobody. */
export function checkDepartures(members: readonly Member[], fail: Fail): void {
  for (const { device, view, fingerprint } of members) {
    const canHelp = members.some(
      (other) => other.view.standing === "active" && other.fingerprint === fingerprint,
    )
    if (view.standing === "disbanding" || (view.standing === "leaving" && canHelp)) {
      fail("stuck", `${device.name} is ${view.standing} for ever`)
    }
  }
}

export function checkAgreement(
  world: World,
  members: readonly Member[],
  fail: Fail,
  excused: readonly Member[] = [],
): void {
  const [first] = members
  if (first === undefined) return
  const facts = ({ view, fingerprint }: Member) =>
    JSON.stringify([
      fingerprint,
      view.name,
      view.description,
      view.members.map(({ pubkey, isAdmin }) => [pubkey, isAdmin]),
    ])
  for (const member of members) {
    if (facts(member) !== facts(first)) {
      fail(
        "divergent",
        `${first.device.name} ${facts(first)} ≠ ${member.device.name} ${facts(member)}`,
      )
    }
  }
  // Who is a member in the eyes of the others must be one in their own.
  for (const { pubkey } of first.view.members) {
    const devices = world.devices.filter((device) => device.pubkey === pubkey)
    if (devices.some(({ isHonest }) => !isHonest)) continue
    if (excused.some(({ device }) => device.pubkey === pubkey)) continue
    const joined = devices.filter((device) => device.watched.group !== undefined)
    // An invitation that never came is told by "stuck": it is owed until it is sent.
    if (joined.length === 0) continue
    if (members.some(({ device }) => device.pubkey === pubkey)) continue
    // Behaviour §1.3: an accepted removal is terminal for the copy, though its branch may lose afterwards.
    const chain = world.witness.chain(authenticatorIn(first.fingerprint))
    const isUnbroken = ({ watched }: Device) =>
      chain.every(
        ({ epoch, members: there }) =>
          epoch < (watched.copy?.joinEpoch ?? 0) || there.includes(pubkey),
      )
    if (joined.some((device) => device.watched.hasEnded && isUnbroken(device))) {
      world.counts.add("devices removed by a branch that lost")
    } else {
      fail("divergent", `${devices.map(({ name }) => name).join()} is a member and does not know`)
    }
  }
}

export function checkShownOnce(device: Device, messages: readonly MessageItem[], fail: Fail): void {
  const ids = new Set<string>()
  const texts = new Set<string>()
  for (const { messageId, content } of messages) {
    if (ids.has(messageId) || texts.has(content)) {
      fail("duplicated", `${device.name} shows ${content} twice`)
    }
    ids.add(messageId)
    texts.add(content)
  }
}

/** Nothing is shown, and no secret is held, of a state of which the account is no member. */
export function checkSecrecy(
  world: World,
  device: Device,
  messages: readonly MessageItem[],
  fail: Fail,
): void {
  const { states } = world.witness
  for (const authenticator of device.watched.held) {
    const state = states.get(authenticator)
    if (state !== undefined && !state.members.includes(device.pubkey)) {
      fail("leaked", `${device.name} holds epoch ${state.epoch}, without being in it`)
    }
  }
  for (const { messageId, author, content } of messages) {
    if (author.pubkey === device.pubkey) continue
    // In which states the others have opened it.
    const where = new Set(
      world.devices.flatMap(({ watched }) => [...(watched.opened.get(messageId) ?? [])]),
    )
    const mayRead = [...where].some((name) => states.get(name)?.members.includes(device.pubkey))
    if (!mayRead) fail("leaked", `${device.name} shows ${content}`)
  }
}

/** The history of the winning branch, Commit by Commit, by rules that know nothing of the engine's. */
function checkRules(world: World, members: readonly Member[], fail: Fail): void {
  const [first] = members
  if (first === undefined) return
  const chain = [...world.witness.chain(authenticatorIn(first.fingerprint))].reverse()
  world.counts.add("epochs of winning branches", chain.length)
  const depth = world.witness.depthOfForks(authenticatorIn(first.fingerprint))
  world.counts.atLeast("epochs of a branch that lost", depth)
  if (depth > 1) world.counts.add("runs with forks of several epochs")
  for (const [index, state] of chain.entries()) {
    const parent = chain[index - 1]
    for (const admin of state.admins) {
      if (!state.members.includes(admin))
        fail("rule", `epoch ${state.epoch}: an admin is no member`)
    }
    if (state.admins.length === 0) fail("rule", `epoch ${state.epoch}: no admin`)
    if (parent !== undefined) checkCommit(parent, state, fail)
  }
}

function checkCommit(parent: StateInfo, state: StateInfo, fail: Fail): void {
  const { committer } = state
  if (state.epoch !== parent.epoch + 1) fail("rule", `epoch ${state.epoch} follows ${parent.epoch}`)
  if (committer === undefined || parent.admins.includes(committer)) return
  // Whoever is no admin may renew their leaf, and commit what others asked for to leave.
  const changed = (["name", "description", "routes"] as const).filter(
    (field) => state[field] !== parent[field],
  )
  const added = state.members.filter((each) => !parent.members.includes(each))
  const admins = state.admins.join() !== parent.admins.join()
  if (changed.length > 0 || added.length > 0 || admins) {
    fail("rule", `epoch ${state.epoch} was made by no admin: ${changed.join()} ${added.join()}`)
  }
}

export async function checkRest(
  world: World,
  device: Device,
  view: GroupView,
  messages: readonly MessageItem[],
  fail: Fail,
): Promise<void> {
  const { name } = device
  for (const call of device.waiting) fail("stuck", `${call} is not answered`)
  const connection = await device.client?.connection()
  if (connection === undefined) fail("stuck", `${name} is not open`)
  else if (connection.pendingInbound + connection.pendingOutbound > 0) {
    const { pendingInbound, pendingOutbound } = connection
    fail("stuck", `${name} has ${pendingInbound} to take and ${pendingOutbound} to send`)
  }
  if (view.busy && view.standing === "active") fail("stuck", `${name}: the group is busy`)
  if (view.standing === "unrecoverable") fail("stuck", `${name}: the group is unrecoverable`)
  for (const { content, delivery } of messages) {
    if (delivery.status === "pending" && view.standing === "active") {
      fail("stuck", `${name}: ${content} is still pending`)
    }
  }
  try {
    await device.client?.fingerprint(world.groupId)
  } catch (error) {
    if (!(error instanceof ClientError)) fail("stuck", `${name}: ${String(error)}`)
  }
}
