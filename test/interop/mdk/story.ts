// One group from its creation to its members' leaving, with each part played by either implementation.

import type { Member } from "./member.ts"
import { equal, eventually } from "./report.ts"
import type { Report } from "./report.ts"
import { agree, heard, sameHistory, seen, talk } from "./together.ts"

/** MDK waits for quiet and some jitter, about 100 s, before it publishes an Update it was asked for. */
const KEYS_PATIENCE_MS = 300_000

export interface Cast {
  /** Creates the group. */
  readonly founder: Member
  /** On the other implementation: there from the start, later an admin. */
  readonly friend: Member
  /** Added later by the founder, and leaves by itself. */
  readonly third: Member
  /** Added later by the friend, and is removed. */
  readonly fourth: Member
}

/** Everything is written as it would be by people who wait for each other, but for the last steps. */
export async function tellStory(report: Report, title: string, cast: Cast): Promise<void> {
  const { founder, friend, third, fourth } = cast
  const step = (name: string, run: () => Promise<void>) => report.step(title, name, run)
  let groupId = ""
  let first = ""

  await step(`${founder.name} creates the group and invites ${friend.name}`, async () => {
    groupId = await founder.createGroup("Interop", [friend])
    await friend.accept(groupId)
    const { members } = await agree(groupId, [founder, friend], { name: "Interop" })
    equal(members, [founder.pubkey, friend.pubkey].sort(), "members")
  })
  if (groupId === "") return
  const two = [founder, friend]
  await step("messages both ways", () => talk(groupId, two, "hello"))
  await step("text with emoji, newlines, right-to-left marks", async () => {
    const text = 'línea 1\nשלום 🧑‍🌾 \u{202e}x\u{202c} "\\'
    await founder.send(groupId, text)
    first = (await heard(groupId, two, text)).messageId
    await friend.send(groupId, `${text}!`)
    await heard(groupId, two, `${text}!`)
  })
  await step("replies both ways", async () => {
    await friend.send(groupId, "an answer", first)
    const { messageId } = await heard(groupId, two, "an answer")
    await seen(groupId, two, { messageId, replyTo: first })
    await founder.send(groupId, "an answer to the answer", messageId)
    const answer = await heard(groupId, two, "an answer to the answer")
    await seen(groupId, two, { messageId: answer.messageId, replyTo: messageId })
  })
  await step("reactions both ways", async () => {
    await friend.react(groupId, first, "👍")
    await founder.react(groupId, first, "+")
    const reactions = [`+ ${founder.pubkey}`, `👍 ${friend.pubkey}`].sort()
    await seen(groupId, two, { messageId: first, reactions })
  })
  for (const author of two) {
    const reader = author === founder ? friend : founder
    const text = `draft of ${author.name}`
    await step(`${author.name} edits, ${reader.name} sees it`, async () => {
      await author.send(groupId, text)
      const { messageId } = await heard(groupId, two, text)
      await author.edit(groupId, messageId, `${text}, better`)
      await seen(groupId, two, { messageId, text: `${text}, better` })
    })
    await step(`${author.name} deletes, ${reader.name} sees it`, async () => {
      await author.send(groupId, `${text} 2`)
      const { messageId } = await heard(groupId, two, `${text} 2`)
      await author.erase(groupId, messageId)
      await seen(groupId, two, { messageId, deleted: true })
    })
  }
  await step(`${founder.name} renames`, async () => {
    await founder.rename(groupId, "Renamed")
    await agree(groupId, two, { name: "Renamed" })
    await talk(groupId, two, "renamed")
  })
  await step(`${founder.name} makes ${friend.name} an admin, who renames`, async () => {
    await founder.promote(groupId, friend)
    await agree(groupId, two, { admins: [founder.pubkey, friend.pubkey].sort() })
    await friend.rename(groupId, "Renamed again")
    await agree(groupId, two, { name: "Renamed again" })
  })
  for (const member of two) {
    await step(`${member.name} changes its own keys`, async () => {
      const { epoch } = await agree(groupId, two)
      await member.selfUpdate(groupId)
      await eventually(async () => {
        const facts = await agree(groupId, two)
        if (facts.epoch <= epoch) throw new Error(`still epoch ${facts.epoch}`)
      }, KEYS_PATIENCE_MS)
      await talk(groupId, two, `new keys of ${member.name}`)
    })
  }
  await step(`${founder.name} adds ${third.name}`, async () => {
    await founder.invite(groupId, [third])
    await third.accept(groupId)
    await agree(groupId, [...two, third])
    await talk(groupId, [...two, third], "three")
  })
  const all = [founder, friend, third, fourth]
  await step(`${friend.name} adds ${fourth.name}`, async () => {
    await friend.invite(groupId, [fourth])
    await fourth.accept(groupId)
    await agree(groupId, all)
    await talk(groupId, all, "four")
  })
  for (const member of [friend, founder]) {
    for (const how of ["stop", "kill"] as const) {
      await step(`${member.name} is away (${how}), and back`, async () => {
        const rest = all.filter((each) => each !== member)
        await member[how]()
        await talk(groupId, rest, `without ${member.name} (${how})`)
        const admin = member === founder ? friend : founder
        await admin.rename(groupId, `Without ${member.name} (${how})`)
        await agree(groupId, rest, { name: `Without ${member.name} (${how})` })
        await talk(groupId, rest, `later, without ${member.name} (${how})`)
        await member.start()
        await agree(groupId, all, { name: `Without ${member.name} (${how})` })
        for (const { name } of rest) {
          await heard(groupId, all, `without ${member.name} (${how}): ${name}`)
          await heard(groupId, all, `later, without ${member.name} (${how}): ${name}`)
        }
        await talk(groupId, all, `${member.name} is back (${how})`)
      })
    }
  }
  for (const round of [1, 2, 3]) {
    await step(`both admins rename at once, round ${round}`, async () => {
      // The one whose change lost may be told so.
      await Promise.allSettled([
        founder.rename(groupId, `Rivals ${round} of ${founder.name}`),
        friend.rename(groupId, `Rivals ${round} of ${friend.name}`),
      ])
      const { name } = await agree(groupId, all)
      if (!name.startsWith(`Rivals ${round} `)) throw new Error(`the name is "${name}"`)
      await talk(groupId, all, `after rivals ${round}`)
    })
  }
  await step("both admins commit at once while all talk", async () => {
    const talking = all.map((member, at) => member.send(groupId, `in between ${at}`))
    await Promise.allSettled([
      founder.rename(groupId, "At once"),
      friend.selfUpdate(groupId),
      ...talking,
    ])
    await agree(groupId, all)
    for (const at of all.keys()) await heard(groupId, all, `in between ${at}`)
    await talk(groupId, all, "after all at once")
  })
  await step(`${friend.name} removes ${fourth.name}`, async () => {
    await friend.remove(groupId, [fourth])
    await agree(groupId, [...two, third])
    await eventually(async () => equal(await fourth.isMember(groupId), false, "still a member"))
    await founder.send(groupId, "among us")
    await heard(groupId, [...two, third], "among us")
    const texts = (await fourth.said(groupId)).map(({ text }) => text)
    equal(texts.includes("among us"), false, "the removed member reads on")
  })
  await step(`${third.name} leaves`, async () => {
    await third.leave(groupId)
    const members = [founder.pubkey, friend.pubkey].sort()
    await agree(groupId, two, { members })
    await eventually(async () => equal(await third.isMember(groupId), false, "still a member"))
    await talk(groupId, two, "two again")
  })
  await step(`${founder.name} takes ${friend.name} out of the admins and in again`, async () => {
    await founder.demote(groupId, friend)
    await agree(groupId, two, { admins: [founder.pubkey] })
    await founder.promote(groupId, friend)
    await agree(groupId, two, { admins: [founder.pubkey, friend.pubkey].sort() })
  })
  await step("equal histories", () => sameHistory(groupId, two))
  await step(`${founder.name} steps down and leaves`, async () => {
    await founder.demote(groupId, founder)
    await agree(groupId, two, { admins: [friend.pubkey] })
    await founder.leave(groupId)
    await agree(groupId, [friend], { members: [friend.pubkey] })
    await eventually(async () => equal(await founder.isMember(groupId), false, "still a member"))
  })
}
