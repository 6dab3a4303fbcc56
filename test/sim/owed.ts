// What every member owes its user: which messages all have to show, and in which order.

import type { Device } from "./device.ts"
import type { Fail } from "./failure.ts"
import { authenticatorIn } from "./members.ts"
import type { Member } from "./members.ts"
import { isOvertaken } from "./overtaken.ts"
import type { World } from "./world.ts"

type History = ReturnType<typeof historyOf>

export async function checkMessages(
  world: World,
  members: readonly Member[],
  victims: readonly Member[],
  fail: Fail,
): Promise<void> {
  const [first] = members
  if (first === undefined) return
  const history = historyOf(world, first)
  const owed = new Map([
    ...owedAsShown(world, { members, victims, history }, fail),
    ...owedOfMembers(world, members, history),
    ...(await owedOfOthers(world, { members, victims, history })),
  ])
  const texts = new Map([
    ...members.flatMap(({ messages }) =>
      messages.map(({ messageId, content }) => [messageId, content] as const),
    ),
    ...world.devices.flatMap(({ accepted }) =>
      accepted.map(({ messageId, content }) => [messageId, content] as const),
    ),
  ])
  for (const { device, messages, joinEpoch } of members) {
    const shown = new Set(messages.map(({ messageId }) => messageId))
    for (const [id, epoch] of owed) {
      if (epoch < joinEpoch || shown.has(id)) continue
      if (isOvertaken(world, device, { id, epoch }, history.chain.values())) {
        world.counts.add("messages of a removed author that came beyond their window")
      } else {
        fail("lost", `${device.name} (since ${joinEpoch}) lacks ${texts.get(id) ?? id} of ${epoch}`)
      }
    }
  }
  checkOrder(members, first, fail)
}

/** The states of the winning branch by their authenticators, and the last of their epochs in which each message opened. */
function historyOf(world: World, first: Member) {
  const tip = authenticatorIn(first.fingerprint)
  const chain = new Map(world.witness.chain(tip).map((state) => [state.authenticator, state]))
  const epochs = new Map<string, number>()
  for (const { watched } of world.devices) {
    for (const [id, names] of watched.opened) {
      for (const name of names) {
        const epoch = chain.get(name)?.epoch
        if (epoch !== undefined) epochs.set(id, Math.max(epoch, epochs.get(id) ?? 0))
      }
    }
  }
  return { chain, epochs }
}

interface Scene {
  readonly members: readonly Member[]
  readonly victims: readonly Member[]
  readonly history: History
}

/** What is said by one who can't leave an epoch reaches those who have just left it, if anyone. */
function isOfVictim({ victims, history }: Scene, pubkey: string, id: string): boolean {
  const victim = victims.find(({ device }) => device.pubkey === pubkey)
  return victim !== undefined && (history.epochs.get(id) ?? 0) >= victim.view.epoch
}

/** All that any member shows of somebody honest. */
function owedAsShown(world: World, scene: Scene, fail: Fail): ReadonlyMap<string, number> {
  const owed = new Map<string, number>()
  const dishonest = new Set(
    world.devices.filter(({ isHonest }) => !isHonest).map(({ pubkey }) => pubkey),
  )
  for (const { device, messages } of scene.members) {
    for (const { messageId, content, author, own, delivery } of messages) {
      if (dishonest.has(author.pubkey) || isOfVictim(scene, author.pubkey, messageId)) continue
      // Nobody else has it, and its author is told so.
      const isReceived = world.devices.some(({ watched }) => watched.received.has(messageId))
      if (own && delivery.status !== "sent" && !isReceived) continue
      const epoch = scene.history.epochs.get(messageId)
      // Written in a copy of its own that another invitation has replaced since: kept for its author to read.
      if (own && epoch === undefined && isOfEarlierCopy(device, messageId)) continue
      if (epoch === undefined) fail("divergent", `${device.name} shows ${content} of a lost branch`)
      else owed.set(messageId, epoch)
    }
  }
  return owed
}

/** All that was accepted of members, who could always say it again. */
function owedOfMembers(
  world: World,
  members: readonly Member[],
  { epochs }: History,
): ReadonlyMap<string, number> {
  const owed = new Map<string, number>()
  for (const { device } of members) {
    for (const { messageId, copy } of device.accepted) {
      if (copy !== device.watched.copy?.number) continue
      owed.set(messageId, epochs.get(messageId) ?? Infinity)
    }
  }
  world.counts.add("messages owed to all", owed.size)
  return owed
}

/**
 * Of those who are no members any more, or were it in an earlier copy: what was sealed in a state of the winning branch
 * and is on the relay that forgets nothing. Who was removed can't say anything again, so what no relay had by then, or
 * only one that forgot or lied, is owed to nobody. Whoever leaves waits until relays have what they said.
 */
async function owedOfOthers(world: World, scene: Scene): Promise<ReadonlyMap<string, number>> {
  const owed = new Map<string, number>()
  const { chain } = scene.history
  const [anchor] = world.relays
  for (const device of world.devices.filter(({ isHonest }) => isHonest)) {
    const { copy: newest, group } = device.watched
    const isMember = scene.members.some((member) => member.device === device)
    const sent = group?.standing === "left" ? await sentBy(world, device) : new Set<string>()
    for (const { messageId, copy } of device.accepted) {
      if (isMember && copy === newest?.number) continue
      if (isOfVictim(scene, device.pubkey, messageId)) continue
      const hasWaited = copy === newest?.number && sent.has(messageId)
      const epochs = [...(world.witness.carriers.get(messageId) ?? [])]
        .filter(([eventId]) => hasWaited || anchor?.events.has(eventId))
        .flatMap(([, state]) => chain.get(state)?.epoch ?? [])
      if (epochs.length === 0) continue
      owed.set(messageId, Math.max(...epochs))
      const how = hasWaited ? "left" : isMember ? "came back" : "have gone"
      world.counts.add(`messages of those who ${how} that are owed to all`)
    }
  }
  return owed
}

/** What its user was told to be sent. */
async function sentBy(world: World, device: Device): Promise<ReadonlySet<string>> {
  const messages = await device.messages(world.groupId)
  const sent = messages.filter(({ own, delivery }) => own && delivery.status === "sent")
  return new Set(sent.map(({ messageId }) => messageId))
}

const isOfEarlierCopy = ({ accepted, watched }: Device, id: string) =>
  accepted.some(({ messageId, copy }) => messageId === id && copy !== watched.copy?.number)

function checkOrder(members: readonly Member[], first: Member, fail: Fail): void {
  const theirs = new Set(first.messages.map(({ messageId }) => messageId))
  for (const { device, messages } of members) {
    const common = messages.map(({ messageId }) => messageId).filter((id) => theirs.has(id))
    const own = new Set(common)
    const expected = first.messages.map(({ messageId }) => messageId).filter((id) => own.has(id))
    if (common.join() !== expected.join()) {
      fail("order", `${device.name} shows another order than ${first.device.name}`)
    }
  }
}
