// What people do all day: messages with all that hangs on them, and files.

import { createHash, randomBytes } from "node:crypto"
import { readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import type { Scene } from "./cast.ts"
import type { Member } from "./member.ts"
import { equal, eventually } from "./report.ts"
import { heard, seen } from "./together.ts"

export async function everyday(scene: Scene): Promise<void> {
  const { cast, groupId, step } = scene
  const { founder, friend } = cast
  const two = [founder, friend]
  let first = ""
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
  for (const [author, reader] of [two, [...two].reverse()] as [Member, Member][]) {
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
    await step(`${author.name} sends a file, ${reader.name} fetches it`, () =>
      file(scene, author, reader),
    )
  }
}

async function file({ groupId, scratch }: Scene, author: Member, reader: Member): Promise<void> {
  const bytes = randomBytes(70_001)
  const sha256 = createHash("sha256").update(bytes).digest("hex")
  const path = join(scratch, `${sha256.slice(0, 8)}.txt`)
  writeFileSync(path, bytes)
  const caption = `a file of ${author.name}`
  await author.sendFile(groupId, path, caption)
  const { messageId } = await heard(groupId, [author, reader], caption)
  const copy = `${path}.copy`
  await eventually(() => reader.fetchFile(groupId, { messageId, sha256 }, copy))
  equal(readFileSync(copy).equals(bytes), true, "the file is the same")
}
