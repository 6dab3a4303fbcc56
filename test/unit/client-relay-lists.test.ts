import { afterEach, beforeEach, expect, test } from "vitest"
import { startRelay } from "../../dev/relay/server.ts"
import type { RunningRelay } from "../../dev/relay/server.ts"
import type { Client, ClientOptions } from "../../src/client/client.ts"
import { nsecOf } from "../../src/nostr/address.ts"
import { finalizeEvent, generateSecretKey, publicKeyOf } from "../../src/nostr/event.ts"
import type { NostrEvent } from "../../src/nostr/event.ts"
import { Memory, openMemoryStore } from "../../src/store/index.ts"
import { startClient } from "./client.fixture.ts"
import { openDesk } from "./relay-desk.fixture.ts"
import type { RelayDesk } from "./relay-desk.fixture.ts"
import { Wire } from "./wire.fixture.ts"

/** What a user of other clients has published. */
const secretKey = generateSecretKey()
const pubkey = publicKeyOf(secretKey)
const nsec = nsecOf(secretKey)
const signed = (kind: number, tags: string[][], created_at = 1_700_000_000) =>
  finalizeEvent({ kind, tags, created_at, content: "" }, secretKey)

let relays: readonly RunningRelay[]
let desk: RelayDesk
const clients: Client[] = []

beforeEach(async () => {
  relays = await Promise.all([startRelay(), startRelay()])
  desk = openDesk()
})
afterEach(async () => {
  await Promise.all(clients.splice(0).map((client) => client.close()))
  desk.close()
  await Promise.all(relays.map((relay) => relay.close()))
})

const urls = () => relays.map(({ url }) => url) as [string, string]

const listsOn = async (url: string): Promise<readonly NostrEvent[]> =>
  (await desk.read(url, { kinds: [10002, 10050], authors: [pubkey] })).filter(
    ({ kind }) => kind !== 30443,
  )

async function imported(options: Partial<ClientOptions> = {}): Promise<Client> {
  const client = await startClient(urls(), options)
  clients.push(client)
  await client.importAccount({ nsec })
  return client
}

test("lists that a silent relay may hold are not replaced by newer ones; once it answers, they are used", async () => {
  const [one, two] = urls()
  const lists = [signed(10002, [["r", one]]), signed(10050, [["relay", two]])]
  for (const event of lists) await desk.put(two, event)
  const wire = new Wire()
  wire.block(two)
  const client = await imported({ WebSocket: wire.WebSocket })
  await expect(client.ensureReachable()).rejects.toMatchObject({
    code: "publish_failed",
    message: expect.stringContaining("do not answer") as string,
  })
  expect(await client.session()).toMatchObject({ reachable: { relayLists: false } })
  expect(await listsOn(one)).toEqual([])

  wire.block(undefined)
  client.setOnline(false)
  client.setOnline(true)
  await expect.poll(() => client.ensureReachable().catch(() => undefined)).toBeDefined()
  expect(await listsOn(one)).toEqual([])
  expect(await listsOn(two)).toEqual(expect.arrayContaining(lists))
  // The KeyPackage lies where the list says.
  expect(await desk.read(one, { kinds: [30443], authors: [pubkey] })).toHaveLength(1)
  expect(await desk.read(two, { kinds: [30443], authors: [pubkey] })).toHaveLength(0)
}, 60_000)

test("a relay that is silent for a day does not keep the user out for ever, across restarts", async () => {
  const [one, two] = urls()
  const wire = new Wire()
  wire.block(two)
  const memory = new Memory()
  const openStore = () => openMemoryStore(memory)
  const first = await imported({ WebSocket: wire.WebSocket, openStore })
  await expect(first.ensureReachable()).rejects.toMatchObject({ code: "publish_failed" })
  await first.close()
  const now = () => Date.now() + 25 * 3_600_000
  await relays[0]?.close()
  const later = await startRelay({
    port: relays[0]?.port ?? 0,
    now: () => Math.floor(now() / 1000),
  })
  relays = [later, ...relays.slice(1)]
  const client = await startClient([one, two], { WebSocket: wire.WebSocket, openStore, now })
  clients.push(client)
  await client.ensureReachable()
  desk.close()
  desk = openDesk()
  expect((await listsOn(one)).map(({ kind }) => kind).sort()).toEqual([10002, 10050])
}, 60_000)

test("entries of the user's that are of no use to us stay in the list", async () => {
  const [one, two] = urls()
  await desk.put(one, signed(10002, [["r", "wss://read.example", "read"]]))
  const client = await imported()
  await client.ensureReachable()
  const [list] = (await listsOn(one)).filter(({ kind }) => kind === 10002)
  expect(list?.tags).toEqual([
    ["r", "wss://read.example", "read"],
    ["r", one],
    ["r", two],
  ])
})

test("an account that was made here has no older lists: it waits for nobody", async () => {
  const [, two] = urls()
  const wire = new Wire()
  wire.block(two)
  const client = await startClient(urls(), { WebSocket: wire.WebSocket })
  clients.push(client)
  await client.createAccount({ name: "New" })
  await client.ensureReachable()
  expect(await client.session()).toMatchObject({ reachable: { relayLists: true } })
}, 60_000)
