import { afterEach, describe, expect, test, vi } from "vitest"
import type { ClientApi, ClientChange } from "./api.ts"
import { ClientError } from "./api.ts"
import { portChannel } from "./channels.ts"
import type { Channel } from "./rpc.ts"
import { methods, RpcClient } from "./rpc.ts"
import { serve } from "./rpc-server.ts"
import { systemTimers, until } from "./world.fixture.ts"

const opened: (() => void)[] = []
afterEach(() => {
  for (const close of opened.splice(0)) close()
  vi.useRealTimers()
})

function pair(): [Channel, Channel] {
  const { port1, port2 } = new MessageChannel()
  const channels = [portChannel(port1), portChannel(port2)] as const
  opened.push(() => channels.forEach((channel) => channel.close()))
  return [...channels]
}

function fakeApi(overrides: Partial<ClientApi> = {}) {
  const listeners = new Set<(change: ClientChange) => void>()
  const api = {
    chats: () => Promise.resolve([]),
    subscribe: (listener: (change: ClientChange) => void) => {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    ...overrides,
  } as ClientApi
  return {
    api,
    emit: (change: ClientChange) => listeners.forEach((each) => each(change)),
    listeners,
  }
}

function connected(api: Promise<ClientApi>) {
  const [page, worker] = pair()
  const stop = serve(api, worker)
  const rpc = new RpcClient({ timers: systemTimers, connect: () => page })
  opened.push(() => rpc.close())
  return { rpc, stop }
}

describe("calls", () => {
  test("arguments, results and `this` cross over", async () => {
    const { api } = fakeApi({
      sendMessage(groupId, message) {
        expect(this).toBe(api)
        return Promise.resolve({ messageId: `${groupId} ${message.content}` })
      },
    })
    const { rpc } = connected(Promise.resolve(api))
    const sent = await rpc.api.sendMessage("g", { content: "hello" })
    expect(sent).toEqual({ messageId: "g hello" })
  })

  test("failures are ClientErrors with their code; the text of others stays inside", async () => {
    const { api } = fakeApi({
      leave: () => Promise.reject(new ClientError("last_admin", "Name another admin first.")),
      forget: () => Promise.reject(new TypeError("secret detail")),
    })
    const { rpc } = connected(Promise.resolve(api))
    const failure = await rpc.api.leave("g").catch((error: unknown) => error)
    expect(failure).toBeInstanceOf(ClientError)
    expect(failure).toMatchObject({ code: "last_admin", message: "Name another admin first." })
    const inner = await rpc.api.forget("g").catch((error: unknown) => error)
    expect(inner).toMatchObject({ code: "internal" })
    expect(String(inner)).not.toContain("secret")
  })

  test("a client that cannot start fails every call with its reason", async () => {
    const broken = Promise.reject(new ClientError("storage_failed", "No room."))
    const { rpc } = connected(broken)
    await expect(rpc.api.chats()).rejects.toMatchObject({ code: "storage_failed" })
  })

  test("only methods of the contract can be called", async () => {
    const [page, worker] = pair()
    const { api } = fakeApi()
    serve(Promise.resolve(api), worker)
    const answer = new Promise((resolve) => page.listen(resolve))
    page.send({ type: "call", id: 1, method: "constructor", args: [] })
    expect(await answer).toMatchObject({ type: "failure", failure: { code: "not_implemented" } })
  })

  test("there is a method for everything in the contract", () => {
    const all: Record<Exclude<keyof ClientApi, "subscribe">, true> = Object.fromEntries(
      methods.map((method) => [method, true]),
    ) as Record<(typeof methods)[number], true>
    expect(Object.keys(all)).toHaveLength(40)
  })

  test("too many at once are refused, not queued without end", async () => {
    const { api } = fakeApi({ chats: () => new Promise(() => undefined) })
    const { rpc } = connected(Promise.resolve(api))
    const calls = Array.from({ length: 257 }, () => rpc.api.chats().catch((e: unknown) => e))
    expect(await calls.at(-1)).toMatchObject({ code: "timeout" })
    rpc.close()
    expect(await calls[0]).toMatchObject({ code: "timeout" })
  })
})

describe("changes", () => {
  test("reach every listener until it stops, and no page that is gone", async () => {
    const { api, emit, listeners } = fakeApi()
    const { rpc, stop } = connected(Promise.resolve(api))
    const seen: ClientChange[] = []
    const unsubscribe = rpc.api.subscribe((change) => seen.push(change))
    await rpc.api.chats()
    emit({ topic: "group", groupId: "g" })
    await until(() => seen.length === 1)
    unsubscribe()
    emit({ topic: "chats" })
    await rpc.api.chats()
    expect(seen).toEqual([{ topic: "group", groupId: "g" }])
    stop()
    expect(listeners.size).toBe(0)
  })
})

describe("death of the worker", () => {
  /** A page whose first worker never answers; its second one does. */
  function dying(api: ClientApi) {
    const channels: Channel[] = []
    const rpc = new RpcClient({
      timers: systemTimers,
      connect: () => {
        const [page, worker] = pair()
        if (channels.length > 0) serve(Promise.resolve(api), worker)
        channels.push(page)
        return page
      },
    })
    opened.push(() => rpc.close())
    return { rpc, channels }
  }

  test("is noticed by its silence; every promise settles", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] })
    const { api } = fakeApi({ chats: () => Promise.resolve([]) })
    const { rpc, channels } = dying(api)
    const read = rpc.api.chats()
    const sent = rpc.api.sendMessage("g", { content: "x" }).catch((error: unknown) => error)
    await vi.advanceTimersByTimeAsync(60_000)
    vi.useRealTimers()
    // Reading is repeated with the next worker; what may have been done is not.
    expect(await read).toEqual([])
    expect(await sent).toMatchObject({ code: "timeout" })
    expect(channels).toHaveLength(2)
  })

  test("a page that was frozen for hours does not take a living worker for dead", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] })
    let answer = (_: unknown) => {}
    const { api } = fakeApi({
      ensureReachable: () =>
        new Promise((resolve) => {
          answer = () => resolve({ keyPackageEventId: "k" })
        }),
    })
    const [page, worker] = pair()
    serve(Promise.resolve(api), worker)
    let connections = 0
    const rpc = new RpcClient({
      timers: systemTimers,
      connect: () => {
        connections++
        return page
      },
    })
    opened.push(() => rpc.close())
    const waiting = rpc.api.ensureReachable()
    for (let round = 0; round < 50; round++) {
      await vi.advanceTimersByTimeAsync(5_000)
      // One turn of the real event loop: pongs arrive.
      await new Promise((resolve) => setImmediate(resolve))
    }
    expect(connections).toBe(1)
    answer(undefined)
    vi.useRealTimers()
    expect(await waiting).toEqual({ keyPackageEventId: "k" })
  })
})
