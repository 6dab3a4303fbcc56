import { afterAll, beforeAll, expect, test } from "vitest"
import { startRelay } from "../../dev/relay/server.ts"
import type { RunningRelay } from "../../dev/relay/server.ts"
import { acceptOnly, contents, rows, startPerson, syncAll } from "./client.fixture.ts"
import type { Person } from "./client.fixture.ts"

let relay: RunningRelay
let people: Person[]

beforeAll(async () => {
  relay = await startRelay()
  people = await Promise.all(
    ["Alice", "Bob", "Carol", "Dan"].map((name) => startPerson([relay.url], name)),
  )
})
afterAll(async () => {
  await Promise.all(people.map(({ client }) => client.close()))
  await relay.close()
})

test("changes and messages of everyone at once end in one state and one history", async () => {
  const [alice, ...others] = people
  if (alice === undefined) throw new Error("nobody is there")
  const { groupId } = await alice.client.createGroup({
    name: "All",
    members: others.map(({ npub }) => npub),
  })
  await alice.client.sync()
  for (const other of others) await acceptOnly(other)
  await alice.client.updateGroup(groupId, { admins: people.map(({ pubkey }) => pubkey) })
  await syncAll(...people)

  const said: string[] = []
  await Promise.all(
    people.map(async ({ client }, index) => {
      for (let round = 0; round < 5; round++) {
        const content = `${index}.${round}`
        said.push(content)
        await client.sendMessage(groupId, { content })
        if (round % 2 === 1) {
          await client.updateGroup(groupId, { name: `${index} ${round}` }).catch(() => undefined)
        }
      }
    }),
  )
  await syncAll(...people)
  await syncAll(...people)

  const print = await alice.client.fingerprint(groupId)
  const texts = await contents(alice.client, groupId)
  const notices = await rows(alice.client, groupId)
  expect([...texts].sort()).toEqual([...said].sort())
  for (const { client } of others) {
    expect(await client.fingerprint(groupId)).toEqual(print)
    expect(await contents(client, groupId)).toEqual(texts)
    const renames = (await rows(client, groupId)).filter((row) => row === "group_renamed")
    expect(renames).toEqual(notices.filter((row) => row === "group_renamed"))
  }
})
