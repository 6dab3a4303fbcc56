import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { WebSocket } from "ws"
import { Relay as ToolsRelay, useWebSocketImplementation } from "nostr-tools/relay"
import { afterEach, describe, expect, test } from "vitest"
import { generateSecretKey, publicKeyOf } from "../../src/nostr/event.ts"
import type { NostrEvent } from "../../src/nostr/event.ts"
import { attachRelay, startRelay } from "./server.ts"
import type { RelayServerOptions, RunningRelay } from "./server.ts"
import { RawClient, nowSeconds, signed } from "./test-client.ts"

const open: { close(): unknown }[] = []

afterEach(async () => {
  for (const thing of open.splice(0).reverse()) await thing.close()
})

const start = async (options: RelayServerOptions = {}): Promise<RunningRelay> => {
  const relay = await startRelay(options)
  open.push(relay)
  return relay
}

const connect = async (url: string): Promise<RawClient> => {
  const client = await RawClient.connect(url)
  open.push(client)
  return client
}

const fresh = async (options: RelayServerOptions = {}) => {
  const relay = await start(options)
  return { relay, client: await connect(relay.url) }
}

const authEvent = (client: RawClient, relay: string, key: Uint8Array, changes: object = {}) => {
  const challenge = String(client.frames.find(([type]) => type === "AUTH")?.[1])
  const tags = [
    ["relay", relay],
    ["challenge", challenge],
  ]
  return signed({ kind: 22242, tags, ...changes }, key)
}

const authenticate = async (client: RawClient, event: NostrEvent): Promise<unknown> => {
  client.send("AUTH", event)
  return (await client.frame("OK", event.id))[2]
}

describe("NIP-01", () => {
  test("with the client of nostr-tools: publish, stored events, EOSE, live events", async () => {
    useWebSocketImplementation(WebSocket)
    const { url } = await start()
    const [alice, bob] = [await ToolsRelay.connect(url), await ToolsRelay.connect(url)]
    open.push(alice, bob)
    const publish = (content: string) => alice.publish({ ...signed({ content }), tags: [] })
    await publish("first")
    let second: Promise<string> | undefined
    const seen: string[] = []
    await new Promise<void>((resolve) => {
      bob.subscribe([{ kinds: [1] }], {
        onevent: (event) => {
          seen.push(event.content)
          if (event.content === "second") resolve()
        },
        oneose: () => {
          seen.push("EOSE")
          second = publish("second")
        },
      })
    })
    await second
    expect(seen).toEqual(["first", "EOSE", "second"])
  })

  test("newest first, the lower id on ties, and the limit", async () => {
    const { client } = await fresh()
    const events = [5, 3, 9, 5, 5].map((n) => signed({ created_at: n }))
    for (const event of events) expect(await client.publish(event)).toEqual([true, ""])
    const sorted = events
      .sort((a, b) => b.created_at - a.created_at || (a.id < b.id ? -1 : 1))
      .map(({ id }) => id)
    expect(await client.query({})).toEqual(sorted)
    expect(await client.query({ limit: 3 })).toEqual(sorted.slice(0, 3))
    expect(await client.query({ since: 4, until: 5 })).toEqual(sorted.slice(1, 4))
    expect(await client.query({ limit: 0 })).toEqual([])
  })

  test("filters by id, author, kind and tag; several filters give each event once", async () => {
    const { client } = await fresh()
    const key = generateSecretKey()
    const group = signed({ kind: 445, tags: [["h", "aa"]], created_at: 3 }, key)
    const wrap = signed({ kind: 1059, tags: [["p", publicKeyOf(key)]], created_at: 2 })
    const other = signed({ kind: 445, tags: [["h", "bb"]], created_at: 1 })
    for (const event of [group, wrap, other]) await client.publish(event)
    expect(await client.query({ kinds: [445], "#h": ["aa", "cc"] })).toEqual([group.id])
    expect(await client.query({ "#p": [publicKeyOf(key)] })).toEqual([wrap.id])
    expect(await client.query({ authors: [publicKeyOf(key)] })).toEqual([group.id])
    expect(await client.query({ ids: [other.id] })).toEqual([other.id])
    expect(await client.query({ "#h": ["aa"] }, { kinds: [445] })).toEqual([group.id, other.id])
    expect(await client.query({ kinds: [445], authors: [] })).toEqual([])
  })

  test("a repeated event is accepted as a duplicate, and delivered once", async () => {
    const { client } = await fresh()
    client.send("REQ", "live", {})
    await client.frame("EOSE", "live")
    const event = signed()
    expect(await client.publish(event)).toEqual([true, ""])
    expect(await client.publish(event)).toEqual([true, "duplicate: already stored"])
    expect(client.delivered("live")).toEqual([event.id])
  })

  test("replaceable and addressable events: the newest stays, of equals the lower id", async () => {
    const { client } = await fresh()
    const key = generateSecretKey()
    const at = (kind: number, created_at: number, d?: string, content = "") =>
      signed({ kind, created_at, content, tags: d === undefined ? [] : [["d", d]] }, key)
    for (const kind of [0, 3, 10002, 30443]) {
      const d = kind === 30443 ? "slot" : undefined
      const [older, newer] = [at(kind, 10, d), at(kind, 20, d)]
      expect(await client.publish(newer)).toEqual([true, ""])
      expect((await client.publish(older))[0]).toBe(false)
      expect(await client.query({ kinds: [kind] })).toEqual([newer.id])
      const ties = [at(kind, 30, d, "a"), at(kind, 30, d, "b")]
      for (const event of ties) await client.publish(event)
      const lower = ties.map(({ id }) => id).sort()[0]
      expect(await client.query({ kinds: [kind] })).toEqual([lower])
    }
    await client.publish(at(30443, 5, "other slot"))
    expect(await client.query({ kinds: [30443] })).toHaveLength(2)
  })

  test("ephemeral events are delivered and not stored", async () => {
    const { client } = await fresh()
    client.send("REQ", "live", { kinds: [20001] })
    await client.frame("EOSE", "live")
    const event = signed({ kind: 20001 })
    expect(await client.publish(event)).toEqual([true, ""])
    expect(client.delivered("live")).toEqual([event.id])
    expect(await client.query({ kinds: [20001] })).toEqual([])
  })

  test("CLOSE ends a subscription, a REQ of the same id replaces it", async () => {
    const { client } = await fresh()
    client.send("REQ", "s", { kinds: [1] })
    client.send("REQ", "s", { kinds: [2] })
    await client.publish(signed({ kind: 1 }))
    const second = signed({ kind: 2 })
    await client.publish(second)
    client.send("CLOSE", "s")
    await client.publish(signed({ kind: 2 }))
    expect(client.delivered("s")).toEqual([second.id])
  })

  test("forged, future-dated and malformed events are refused by name", async () => {
    const { client } = await fresh()
    const event = signed({ content: "right" })
    const wrong = await client.publish({ ...event, content: "wrong" })
    expect(wrong).toEqual([false, "invalid: wrong id or signature"])
    const later = signed({ created_at: nowSeconds() + 10_000 })
    expect((await client.publish(later))[0]).toBe(false)
    client.send("EVENT", { id: event.id })
    expect(await client.frame("OK", event.id)).toContain(false)
  })

  test("malformed frames are answered and kill nothing", async () => {
    const { client, relay } = await fresh({ limits: { subscriptions: 2, filters: 2 } })
    const bad = [
      "",
      "{",
      "null",
      "{}",
      "[]",
      "[7]",
      '["EVENT"]',
      '["REQ"]',
      '["REQ",""]',
      "[".repeat(1e5),
    ]
    for (const frame of [...bad, '["CLOSE"]', '["AUTH"]', '["COUNT","x",{}]'])
      client.socket.send(frame)
    client.socket.send(Buffer.of(0, 255, 254), { binary: true })
    for (const filter of [
      7,
      null,
      [],
      { kinds: ["1"] },
      { ids: ["x"] },
      { "#hh": [] },
      { search: "x" },
    ]) {
      expect(await client.query(filter as object)).toMatch(/^invalid: /)
    }
    expect(await client.query({}, {}, {})).toMatch(/^invalid: /)
    client.send("REQ", "a", {})
    client.send("REQ", "b", {})
    expect(await client.query({})).toMatch(/^error: /)
    expect(client.frames.filter(([type]) => type === "NOTICE").length).toBeGreaterThan(8)
    expect(await client.publish(signed())).toEqual([true, ""])
    expect(await (await connect(relay.url)).query({ kinds: [1] })).toHaveLength(1)
  })

  test("a large event passes, a larger frame than the limit costs the connection only", async () => {
    const { client, relay } = await fresh()
    const large = signed({ kind: 1059, content: "A".repeat(3_900_000) })
    expect(await client.publish(large)).toEqual([true, ""])
    const dead = await connect(relay.url)
    dead.socket.send("x".repeat(4 * 1024 * 1024 + 1))
    await expect(dead.until(() => undefined)).rejects.toThrow("closed")
    expect(await client.query({ kinds: [1059] })).toEqual([large.id])
  })
})

describe("NIP-09 deletions", () => {
  test("by id and by address, their author's events only, and for what comes later", async () => {
    const { client } = await fresh()
    const [key, other] = [generateSecretKey(), generateSecretKey()]
    const mine = signed({ content: "mine" }, key)
    const theirs = signed({ content: "theirs" }, other)
    const later = signed({ content: "not here yet" }, key)
    const slot = signed({ kind: 30443, created_at: 100, tags: [["d", "x"]] }, key)
    const foreignSlot = signed({ kind: 30443, created_at: 100, tags: [["d", "x"]] }, other)
    for (const event of [mine, theirs, slot, foreignSlot]) await client.publish(event)
    const deletion = signed(
      {
        kind: 5,
        created_at: 150,
        tags: [
          ...[mine, theirs, later].map(({ id }) => ["e", id]),
          ["a", `30443:${publicKeyOf(key)}:x`],
          ["a", `30443:${publicKeyOf(other)}:x`],
        ],
      },
      key,
    )
    expect(await client.publish(deletion)).toEqual([true, ""])
    expect(await client.query({ kinds: [1] })).toEqual([theirs.id])
    expect(await client.query({ kinds: [30443] })).toEqual([foreignSlot.id])
    for (const event of [mine, later, slot]) {
      expect(await client.publish(event)).toEqual([false, "blocked: deleted by its author"])
    }
    const renewed = signed({ kind: 30443, created_at: 151, tags: [["d", "x"]] }, key)
    expect(await client.publish(renewed)).toEqual([true, ""])
    const undo = signed({ kind: 5, tags: [["e", deletion.id]] }, key)
    await client.publish(undo)
    expect(await client.query({ ids: [deletion.id] })).toEqual([deletion.id])
  })
})

test("NIP-11: the description, CORS, and a page for everyone else", async () => {
  const { url } = await start({ auth: "everything" })
  const http = url.replace("ws:", "http:")
  const answer = await fetch(http, { headers: { accept: "application/nostr+json" } })
  expect(answer.headers.get("access-control-allow-origin")).toBe("*")
  expect(await answer.json()).toMatchObject({
    supported_nips: [1, 9, 11, 40, 42, 70],
    limitation: { max_message_length: 4 * 1024 * 1024, auth_required: true },
  })
  const preflight = await fetch(http, { method: "OPTIONS" })
  expect(preflight.headers.get("access-control-allow-headers")).toBe("*")
  expect(await (await fetch(http)).text()).toContain("relay")
})

test("NIP-40: not served after its time, refused if it is past already", async () => {
  let now = nowSeconds()
  const { client } = await fresh({ now: () => now })
  const expiring = signed({ tags: [["expiration", String(now + 10)]] })
  const lasting = signed({ tags: [["expiration", "never"]] })
  for (const event of [expiring, lasting]) expect((await client.publish(event))[0]).toBe(true)
  expect(await client.query({})).toHaveLength(2)
  const expired = signed({ tags: [["expiration", String(now)]] })
  expect(await client.publish(expired)).toEqual([false, "invalid: expired"])
  now += 10
  expect(await client.query({})).toEqual([lasting.id])
  expect(await client.query({ ids: [expiring.id] })).toEqual([])
})

describe("NIP-42 and NIP-70", () => {
  test("`everything`: nothing without authentication, everything after it", async () => {
    const { client, relay } = await fresh({ auth: "everything" })
    const key = generateSecretKey()
    const event = signed({}, key)
    expect((await client.publish(event))[1]).toMatch(/^auth-required: /)
    expect(await client.query({})).toMatch(/^auth-required: /)
    expect(await authenticate(client, authEvent(client, relay.url, key))).toBe(true)
    expect(await client.publish(event)).toEqual([true, ""])
    expect(await client.query({})).toEqual([event.id])
  })

  test("a proof for another relay, challenge, kind or time is none", async () => {
    const { client, relay } = await fresh({ auth: "everything" })
    await client.frame("AUTH")
    const key = generateSecretKey()
    const elsewhere = authEvent(client, "wss://elsewhere.example", key)
    const tags = [
      ["relay", relay.url],
      ["challenge", "another"],
    ]
    const bad = [
      elsewhere,
      authEvent(client, relay.url, key, { tags }),
      authEvent(client, relay.url, key, { kind: 1 }),
      authEvent(client, relay.url, key, { created_at: nowSeconds() - 3600 }),
      { ...authEvent(client, relay.url, key), pubkey: publicKeyOf(generateSecretKey()) },
    ]
    for (const event of bad) expect(await authenticate(client, event)).toBe(false)
    expect(await client.query({})).toMatch(/^auth-required: /)
  })

  test("`gift-wraps`: for their recipient only, also live and through wide filters", async () => {
    const { client: sender, relay } = await fresh({ auth: "gift-wraps" })
    const [key, other] = [generateSecretKey(), generateSecretKey()]
    const wrapFor = (to: Uint8Array) => signed({ kind: 1059, tags: [["p", publicKeyOf(to)]] })
    const [mine, theirs] = [wrapFor(key), wrapFor(other)]
    for (const event of [mine, theirs]) expect(await sender.publish(event)).toEqual([true, ""])
    const own = { kinds: [1059], "#p": [publicKeyOf(key)] }
    expect(await sender.query(own)).toMatch(/^auth-required: /)
    expect(await sender.query({})).toEqual([])

    const receiver = await connect(relay.url)
    await receiver.frame("AUTH")
    expect(await authenticate(receiver, authEvent(receiver, relay.url, key))).toBe(true)
    expect(await receiver.query(own)).toEqual([mine.id])
    expect(await receiver.query({ kinds: [1059] })).toMatch(/^restricted: /)
    expect(await receiver.query({})).toEqual([mine.id])
    receiver.send("REQ", "live", { "#p": [publicKeyOf(key), publicKeyOf(other)] })
    await receiver.frame("EOSE", "live")
    const [next, hidden] = [wrapFor(key), wrapFor(other)]
    for (const event of [hidden, next]) await sender.publish(event)
    expect(await receiver.query({ ids: [next.id] })).toEqual([next.id])
    expect(receiver.delivered("live").sort()).toEqual([mine.id, next.id].sort())
  })

  test("a protected event needs its author", async () => {
    const { client, relay } = await fresh()
    const key = generateSecretKey()
    const event = signed({ tags: [["-"]] }, key)
    expect((await client.publish(event))[1]).toMatch(/^auth-required: /)
    await authenticate(client, authEvent(client, relay.url, generateSecretKey()))
    expect((await client.publish(event))[1]).toMatch(/^restricted: /)
    await authenticate(client, authEvent(client, relay.url, key))
    expect(await client.publish(event)).toEqual([true, ""])
  })
})

test("attached to a path of an existing server, it leaves the rest alone", async () => {
  const server = createServer()
  const relay = await attachRelay(server, { path: "/relay" })
  server.on("request", (request, response) => {
    if (!relay.handleRequest(request, response)) response.end("the app")
  })
  let others = 0
  server.on("upgrade", (request, socket) => {
    if (request.url === "/relay") return
    others += 1
    socket.destroy()
  })
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  open.push({ close: () => server.close() }, relay)
  const origin = `127.0.0.1:${(server.address() as AddressInfo).port}`
  const client = await connect(`ws://${origin}/relay`)
  expect(await client.publish(signed())).toEqual([true, ""])
  const key = generateSecretKey()
  const proof = authEvent(client, `ws://${origin}/relay`, key)
  expect(await authenticate(client, proof)).toBe(true)
  await expect(RawClient.connect(`ws://${origin}/hmr`)).rejects.toThrow()
  expect(others).toBe(1)
  const accept = { headers: { accept: "application/nostr+json" } }
  expect(await (await fetch(`http://${origin}/`, accept)).text()).toBe("the app")
  expect((await fetch(`http://${origin}/relay`, accept)).ok).toBe(true)
})
