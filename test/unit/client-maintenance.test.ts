import { afterAll, beforeAll, expect, test } from "vitest"
import { startRelay } from "../../dev/relay/server.ts"
import type { RunningRelay } from "../../dev/relay/server.ts"
import type { ClientOptions } from "../../src/client/client.ts"
import { marmotEngine } from "../../src/client/engine.ts"
import { ROUND_MS } from "../../src/client/maintenance.ts"
import { NodeWebSocket } from "../../src/nostr/node-socket.ts"
import { Memory, openMemoryStore } from "../../src/store/index.ts"
import { acceptOnly, startClient, startPerson, syncAll } from "./client.fixture.ts"

const HOUR = 3_600_000
const DAY = 24 * HOUR

let relay: RunningRelay
/** The time of everyone, ahead of the clock on the wall. */
let ahead = 0
/** The relay's clock is as far behind theirs: what is dated ahead of it, it refuses. */
let behind = 0

beforeAll(async () => {
  relay = await startRelay({ now: () => Math.floor((Date.now() + ahead - behind) / 1000) })
})
afterAll(() => relay.close())

/** Maintenance comes round quickly. */
const hurried = {
  now: () => Date.now() + ahead,
  timers: {
    setTimeout: (run: () => void, ms: number) => setTimeout(run, ms === ROUND_MS ? 100 : ms),
    clearTimeout: (timer: ReturnType<typeof setTimeout>) => clearTimeout(timer),
  },
}

async function pair() {
  ahead = 0
  const memory = new Memory()
  const openStore = () => openMemoryStore(memory)
  const alice = await startPerson([relay.url], "Alice", { now: hurried.now })
  let refused = 0
  class Listening extends NodeWebSocket {
    constructor(url: string) {
      super(url)
      this.on("message", (data) => {
        if (Buffer.isBuffer(data) && data.includes("dated in the future")) refused++
      })
    }
  }
  const options = { ...hurried, openStore, WebSocket: Listening }
  const bob = await startPerson([relay.url], "Bob", options)
  const { groupId } = await alice.client.createGroup({ name: "Us", members: [bob.npub] })
  await alice.client.sync()
  await acceptOnly(bob)
  await syncAll(alice, bob)
  const epoch = async () => (await alice.client.group(groupId)).epoch
  const reborn = async (more: Partial<ClientOptions> = {}) => ({
    ...bob,
    client: await startClient([relay.url], { ...hurried, openStore, ...more }),
  })
  return { alice, bob, epoch, reborn, refusals: () => refused }
}

test("a leaf is renewed within a day of joining, and then every 24 to 36 days, restarts or not", async () => {
  const { alice, bob, epoch, reborn } = await pair()
  expect(await epoch()).toBe(1)
  ahead = 13 * HOUR
  await expect.poll(epoch, { timeout: 10_000 }).toBe(2)
  // Seen to have come about, it is not due again for weeks.
  ahead += 2 * HOUR
  await syncAll(alice, bob)
  await bob.client.close()
  ahead += 23 * DAY
  const again = await reborn()
  await syncAll(alice, again)
  expect(await epoch()).toBe(2)
  await again.client.close()
  // Alice founded the group 36 days ago at the latest: both are due.
  ahead += 14 * DAY
  const later = await reborn()
  await expect.poll(epoch, { timeout: 10_000 }).toBeGreaterThan(2)
  await later.client.close()
  await alice.client.close()
}, 60_000)

test("one that is due after an absence is made where the group is by then", async () => {
  const { alice, bob, epoch, reborn } = await pair()
  await bob.client.close()
  ahead = 13 * HOUR
  const { groupId } = (await alice.client.chats())[0] ?? { groupId: "" }
  for (let i = 0; i < 8; i++) await alice.client.selfUpdate(groupId)
  await alice.client.sync()
  const before = await epoch()
  const renewedAt: number[] = []
  const engine: typeof marmotEngine = {
    ...marmotEngine,
    apply: (group, input, env) => {
      if (input.type === "intent") renewedAt.push(marmotEngine.summary(group).epoch)
      return marmotEngine.apply(group, input, env)
    },
  }
  const again = await reborn({ engine })
  await expect.poll(epoch, { timeout: 10_000 }).toBe(before + 1)
  expect(renewedAt).toEqual([before])
  await again.client.close()
  await alice.client.close()
}, 60_000)

test("a renewal that relays refuse is made again, and not weeks later", async () => {
  const { alice, bob, epoch, refusals } = await pair()
  ahead = 13 * HOUR
  behind = 13 * HOUR
  await expect.poll(refusals, { timeout: 10_000 }).toBe(1)
  expect(await epoch()).toBe(1)
  behind = 0
  ahead += HOUR + 60_000
  await expect.poll(epoch, { timeout: 10_000 }).toBe(2)
  await bob.client.close()
  await alice.client.close()
}, 60_000)
