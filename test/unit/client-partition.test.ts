// A network that falls apart: each side goes on with its own relay, and all must agree once it is whole again.
// BURROW_SEED repeats a run's choices.

import { afterAll, beforeAll, expect, test } from "vitest"
import { startRelay } from "../../dev/relay/server.ts"
import type { RunningRelay } from "../../dev/relay/server.ts"
import { acceptOnly, contents, startPerson, syncAll } from "./client.fixture.ts"
import type { Person } from "./client.fixture.ts"
import { Wire } from "./wire.fixture.ts"

const ROUNDS = 4
const seed = Number(process.env["BURROW_SEED"] ?? Math.floor(Math.random() * 2 ** 31))

let relays: readonly RunningRelay[]

beforeAll(async () => {
  relays = await Promise.all([startRelay(), startRelay()])
})
afterAll(() => Promise.all(relays.map((relay) => relay.close())))

const pause = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds))

async function fingerprints(people: readonly Person[], groupId: string) {
  const prints = await Promise.all(people.map(({ client }) => client.fingerprint(groupId)))
  return new Set(prints.map((print) => JSON.stringify(print)))
}

function seededRandom(from: number): () => number {
  let state = from
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return state / 2 ** 32
  }
}

test(`both sides of a cut agree when it heals (BURROW_SEED=${seed})`, async () => {
  const random = seededRandom(seed)
  const urls = relays.map(({ url }) => url)
  const wires = ["Alice", "Bob", "Carol"].map(() => new Wire())
  const people = await Promise.all(
    wires.map((wire, i) => startPerson(urls, `person ${i}`, { WebSocket: wire.WebSocket })),
  )
  const [alice, ...others] = people as [Person, Person, Person]
  const members = others.map(({ npub }) => npub)
  const { groupId } = await alice.client.createGroup({ name: "Us", members })
  await alice.client.sync()
  for (const other of others) await acceptOnly(other)
  await alice.client.updateGroup(groupId, { admins: people.map(({ pubkey }) => pubkey) })
  await syncAll(...people)

  const said: string[] = []
  let splits = 0
  for (let round = 0; round < ROUNDS; round++) {
    wires.forEach((wire, i) => wire.block(urls[i === round % 3 ? 0 : 1]))
    await pause(50)
    // One side is a single client, the other has two. No branch gets longer than the horizon.
    await Promise.all(
      people.map(async ({ client }, i) => {
        const changes = Math.floor(random() * (i === round % 3 ? 5 : 3))
        for (let turn = 0; turn < 4; turn++) {
          const content = `${round}.${i}.${turn}`
          said.push(content)
          await client.sendMessage(groupId, { content })
          if (turn >= changes) continue
          if (random() < 0.4) await client.selfUpdate(groupId)
          else await client.updateGroup(groupId, { name: content })
          await pause(random() * 400)
        }
      }),
    )
    await pause(random() * 1_500)
    splits += (await fingerprints(people, groupId)).size > 1 ? 1 : 0
    for (const wire of wires) wire.block(undefined)
    for (const { client } of people) client.setOnline(true)
    await syncAll(...people)
  }
  await syncAll(...people)
  expect(splits).toBeGreaterThan(0)
  const groups = await Promise.all(people.map(({ client }) => client.group(groupId)))
  const lists = await Promise.all(people.map(({ client }) => contents(client, groupId)))
  expect([...(lists[0] ?? [])].sort()).toEqual(said.sort())
  expect((await fingerprints(people, groupId)).size).toBe(1)
  expect(new Set(groups.map(({ name, epoch }) => `${name} ${epoch}`)).size).toBe(1)
  for (const list of lists) expect(list).toEqual(lists[0])
  await Promise.all(people.map(({ client }) => client.close()))
})
