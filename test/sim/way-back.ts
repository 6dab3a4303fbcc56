// Whoever the protocol leaves behind comes back by an admin's invitation, and then there are no exceptions.

import {
  checkAgreement,
  checkDepartures,
  checkRest,
  checkSecrecy,
  checkShownOnce,
} from "./properties.ts"
import type { Device } from "./device.ts"
import type { Fail, Failure, Property } from "./failure.ts"
import { membersOf, sorted } from "./members.ts"
import type { Member } from "./members.ts"
import type { World } from "./world.ts"

/**
 * Invites those again who take themselves for members and are none, and those who are members and had to take themselves
 * for removed; lets them accept, and checks that all agree then. For whom the group has ended on a branch that lost, it
 * stays so: they are removed.
 */
export async function wayBack(world: World): Promise<readonly Failure[]> {
  const failures: Failure[] = []
  const fail = (property: Property, text: string) => failures.push({ property, text })
  const lost = await lostDevices(world)
  if (lost.length === 0) return failures
  const invited: Device[] = []
  let helped = 0
  for (const each of lost) {
    const isBuried = hasBuried(each)
    // An invitation reaches one device of an account, and there is none for the other.
    const isInvited = invited.some(({ pubkey }) => pubkey === each.device.pubkey)
    const done =
      isInvited || (isBuried ? await remove(world, each, fail) : await invite(world, each, fail))
    if (done) helped += 1
    if (done && !isBuried) invited.push(each.device)
  }
  const unrest = await world.rest()
  if (unrest !== undefined) fail("stuck", `after the way back: ${unrest}`)
  const members = await membersOf(world)
  const { knowing: all } = sorted(world, members)
  const left = all.filter((member) => isLeftForAnother(member, all, invited))
  const knowing = all.filter((member) => !left.includes(member))
  world.counts.add("lost devices of whose account another came back", left.length)
  for (const { device, view } of left) {
    if (!view.mayBeStranded)
      fail("divergent", `${device.name} was left behind and suspects nothing`)
  }
  for (const device of invited) {
    if (!knowing.some((member) => member.device.pubkey === device.pubkey)) {
      fail("stuck", `${device.name} has found no way back`)
    }
  }
  // Whoever had nobody to ask is where they were.
  const others = members.filter((member) => !invited.includes(member.device))
  if (helped === lost.length) checkAgreement(world, knowing, fail)
  else checkAgreement(world, knowing, fail, others)
  checkDepartures(knowing, fail)
  for (const { device, view, messages } of members) {
    checkShownOnce(device, messages, fail)
    checkSecrecy(world, device, messages, fail)
    await checkRest(world, device, view, messages, fail)
  }
  return failures
}

/** Another device of its account has got the invitation that was for both, and agrees with the others now. */
function isLeftForAnother(
  member: Member,
  [first, ...rest]: readonly Member[],
  invited: readonly Device[],
): boolean {
  const { device, fingerprint } = member
  if (first === undefined || !invited.includes(device) || fingerprint === first.fingerprint) {
    return false
  }
  return [first, ...rest].some(
    (other) => other.device.pubkey === device.pubkey && other.fingerprint === first.fingerprint,
  )
}

interface Lost {
  readonly device: Device
  /** In the eyes of the others. */
  readonly isMember: boolean
}

async function lostDevices(world: World): Promise<readonly Lost[]> {
  const { knowing, strays, victims, guests } = sorted(world, await membersOf(world))
  const [first] = knowing
  if (first === undefined) return []
  const known = new Set([...knowing, ...victims, ...guests].map(({ device }) => device.pubkey))
  const ghosts = world.devices.filter(
    ({ isHonest, pubkey, watched }) =>
      isHonest &&
      watched.hasEnded &&
      !known.has(pubkey) &&
      first.view.members.some((member) => member.pubkey === pubkey),
  )
  return [
    // Whoever had asked to leave wants no way back.
    ...strays
      .filter(({ view }) => view.standing !== "leaving")
      .map(({ device }) => ({ device, isMember: false })),
    ...[...victims, ...guests].map(({ device }) => ({
      device,
      isMember: first.view.members.some(({ pubkey }) => pubkey === device.pubkey),
    })),
    ...ghosts.map((device) => ({ device, isMember: true })),
  ]
}

/** Behaviour §5.3: the end of a group is absorbing, and its id is never joined again. */
const hasBuried = ({ device }: Lost) => device.watched.group?.lifecycle === "disbanded"

async function remove(world: World, { device }: Lost, fail: Fail): Promise<boolean> {
  const [admin] = await adminsOf(world)
  if (admin === undefined) {
    world.counts.add("lost devices without an admin to ask")
    return false
  }
  const done = await admin.device.call("way back", (client) =>
    client.removeMembers(world.groupId, [device.pubkey]),
  )
  if (done === undefined) {
    fail("stuck", `${device.name}, for whom the group has ended, can't be removed`)
  } else world.counts.add("devices for whom a branch that lost has ended the group")
  return done !== undefined
}

async function adminsOf(world: World) {
  const { knowing } = sorted(world, await membersOf(world))
  return knowing.filter(({ view, device: { pubkey } }) =>
    view.members.some((member) => member.isAdmin && member.pubkey === pubkey),
  )
}

/**
 * By an admin whom the invited device knows as one: it takes no other's word for it that its copy is outdated, unless
 * it is alone in it.
 */
async function invite(world: World, { device, isMember }: Lost, fail: Fail): Promise<boolean> {
  const own = await world.groupOf(device)
  const isAlone = own?.members.length === 1
  const trusted = own?.members.filter(({ isAdmin }) => isAdmin) ?? []
  const admins = await adminsOf(world)
  const admin =
    admins.find(({ device: { pubkey } }) => trusted.some((each) => each.pubkey === pubkey)) ??
    (device.watched.hasEnded || isAlone ? admins[0] : undefined)
  if (admin === undefined) {
    world.counts.add("lost devices without an admin to ask")
    return false
  }
  const done = await admin.device.call("way back", (client) =>
    isMember
      ? client.reinvite(world.groupId, device.pubkey)
      : client.invite(world.groupId, [device.pubkey]),
  )
  if (done === undefined) fail("stuck", `${device.name} can't be invited again`)
  else world.counts.add("lost devices that came back")
  return done !== undefined
}
