// Removed, invited again, and leaving.

import { everybody } from "./cast.ts"
import type { Scene } from "./cast.ts"
import type { Member } from "./member.ts"
import { equal, eventually } from "./report.ts"
import { agree, heard, sameHistory, talk } from "./together.ts"

/** MDK lets a good minute pass before it commits someone's SelfRemove. */
const LEAVING_PATIENCE_MS = 300_000

export async function departure(scene: Scene): Promise<void> {
  const { cast, groupId, step } = scene
  const { founder, friend, third, fourth } = cast
  const two = [founder, friend]
  const three = [...two, third]
  await step(`${friend.name} removes ${fourth.name}`, async () => {
    await friend.remove(groupId, [fourth])
    await agree(groupId, three)
    await gone(groupId, fourth)
    await founder.send(groupId, "among us")
    await heard(groupId, three, "among us")
    const texts = (await fourth.said(groupId)).map(({ text }) => text)
    equal(texts.includes("among us"), false, "the removed member reads on")
  })
  await step(`${founder.name} invites ${fourth.name} again`, () => again(scene, founder))
  await step(`${fourth.name} is removed and invited again while it is away`, async () => {
    await fourth.stop()
    await friend.remove(groupId, [fourth])
    await agree(groupId, three)
    await founder.invite(groupId, [fourth])
    await agree(groupId, three)
    await talk(groupId, three, "away meanwhile")
    await fourth.start()
    await fourth.accept(groupId).catch(() => undefined)
    await agree(groupId, everybody(cast))
    await talk(groupId, everybody(cast), "back meanwhile")
  })
  await step(`${friend.name} removes ${fourth.name} and invites it again`, async () => {
    await friend.remove(groupId, [fourth])
    await agree(groupId, three)
    await again(scene, friend)
  })
  await step(`${friend.name} removes ${fourth.name} while ${founder.name} renames`, async () => {
    await Promise.allSettled([
      friend.remove(groupId, [fourth]),
      founder.rename(groupId, "While one is removed"),
    ])
    const { members } = await agree(groupId, three)
    if (members.includes(fourth.pubkey)) {
      await agree(groupId, everybody(cast))
      await talk(groupId, everybody(cast), "the removal lost")
      await friend.remove(groupId, [fourth])
    } else await gone(groupId, fourth)
    await agree(groupId, three, { members: three.map(({ pubkey }) => pubkey).sort() })
    await talk(groupId, three, "the removal stands")
  })
  await step(`${third.name} leaves`, async () => {
    await third.leave(groupId)
    const members = two.map(({ pubkey }) => pubkey).sort()
    await agree(groupId, two, { members }, LEAVING_PATIENCE_MS)
    await gone(groupId, third)
    await talk(groupId, two, "two again")
  })
  await step("equal histories", () => sameHistory(groupId, two))
  await step(`${founder.name} steps down and leaves`, async () => {
    await founder.demote(groupId, founder)
    await agree(groupId, two, { admins: [friend.pubkey] })
    await founder.leave(groupId)
    await agree(groupId, [friend], { members: [friend.pubkey] }, LEAVING_PATIENCE_MS)
    await gone(groupId, founder)
  })
}

async function again({ cast, groupId }: Scene, admin: Member): Promise<void> {
  await admin.invite(groupId, [cast.fourth])
  await cast.fourth.accept(groupId)
  await agree(groupId, everybody(cast))
  await talk(groupId, everybody(cast), `again, by ${admin.name}`)
}

const gone = (groupId: string, member: Member) =>
  eventually(async () => equal(await member.isMember(groupId), false, "still a member"))
