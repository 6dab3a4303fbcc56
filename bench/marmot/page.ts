// What the benchmark drives inside of a real browser: it fills the database, then talks to the app's own worker.

import { holdTabLock, portChannel } from "../../src/client/channels.ts"
import type { ClientApi } from "../../src/client/api.ts"
import { offerHelper } from "../../src/client/helper-source.ts"
import { RpcClient } from "../../src/client/rpc.ts"
import type { Hello } from "../../src/client/worker.ts"
import { openIndexedDbStore } from "../../src/store/index.ts"
import { measureFloor } from "./floor.ts"
import { fill, type PlainRecord } from "./recording-store.ts"

let api: ClientApi | undefined

function client(): ClientApi {
  if (api === undefined) throw new Error("not connected")
  return api
}

const wait = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds))

const page = {
  async fill(records: readonly PlainRecord[]): Promise<void> {
    const store = await openIndexedDbStore("burrow")
    await fill(store, records)
    await store.close()
  },

  /** Starts the production build's worker, as the app does. */
  async connect(script: string, relays: readonly string[]): Promise<void> {
    const hello: Hello = { type: "hello", tab: crypto.randomUUID(), relays, blossom: [] }
    // Without it, the worker takes us for a page that was closed.
    await holdTabLock(hello.tab)
    const rpc: RpcClient = new RpcClient({
      timers: {
        setTimeout: (run, milliseconds) => setTimeout(run, milliseconds),
        clearTimeout: (timer) => clearTimeout(timer),
      },
      connect: () => {
        const worker = new SharedWorker(script, { type: "module", name: "burrow" })
        const channel = portChannel(worker.port)
        channel.send(hello)
        return channel
      },
      other: (message) => offerHelper(message, (offer, transfer) => rpc.send(offer, transfer)),
    })
    api = rpc.api
  },

  /** Milliseconds until all is settled, the progress that was told, and how long a reading took meanwhile. */
  async catchUp(): Promise<{ wall: number; progress: number[]; latencies: number[] }> {
    const start = performance.now()
    const progress: number[] = []
    const latencies: number[] = []
    let isDone = false
    client().subscribe(({ topic }) => {
      if (topic !== "connection") return
      void client()
        .connection()
        .then(({ pendingInbound }) => progress.push(pendingInbound))
    })
    const look = async () => {
      while (!isDone) {
        const asked = performance.now()
        await client().chats()
        latencies.push(performance.now() - asked)
        await wait(100)
      }
    }
    const looking = look()
    await client().sync({ timeoutMs: 900_000 })
    const wall = performance.now() - start
    isDone = true
    await looking
    return { wall, progress, latencies }
  },

  timeline: (groupId: string, options: { limit: number; before?: string }) =>
    client().timeline(groupId, options),

  floor: measureFloor,

  fingerprint: (groupId: string) => client().fingerprint(groupId),
}

export type BenchPage = typeof page

Object.assign(globalThis, { benchPage: page })
