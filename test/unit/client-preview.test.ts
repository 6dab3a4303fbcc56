// A chat's line in the list, when what is newest is nothing to show.

import { expect, test } from "vitest"
import { startRelay } from "../../dev/relay/server.ts"
import { startPerson } from "./client.fixture.ts"

test("behind many reactions the newest message is found", async () => {
  const relay = await startRelay({ port: 0 })
  const { client } = await startPerson([relay.url], "Ada")
  const { groupId } = await client.createGroup({ name: "x", members: [] })
  const { messageId } = await client.sendMessage(groupId, { content: "words" })
  for (let count = 0; count < 60; count++) {
    const tags = [["e", messageId]]
    await client.sendMessage(groupId, { kind: 7, content: String(count), tags })
  }
  expect(await client.chats()).toMatchObject([{ preview: { text: "words" } }])
  await client.close()
  await relay.close()
})
