import { describe, expect, test } from "vitest"
import { startRelay } from "../../dev/relay/server.ts"
import { nowSeconds, signed } from "../../dev/relay/test-client.ts"
import {
  finalizeEvent,
  generateSecretKey,
  type NostrEvent,
  publicKeyOf,
  verifyEvent,
} from "../../src/nostr/event.ts"
import type { RelayStatus } from "../../src/nostr/pool.ts"
import { relayAuthTemplate } from "../../src/nostr/relay-auth.ts"
import { verifyFrame } from "../../src/nostr/verify-frame.ts"
import { deadUrl, listen, malicious, newPool, start, timing, until } from "./pool-kit.ts"

describe("with relays that behave", () => {
  test("publish, stored and live events, several relays, update and close", async () => {
    const [one, two] = [await start(), await start()]
    const pool = newPool()
    const [stored, live, late] = ["stored", "live", "late"].map((content) => signed({ content }))
    if (!stored || !live || !late) throw new Error("unreachable")
    const accepted = { answered: true, accepted: true, message: "" }
    expect(await pool.publish(one.url, stored)).toEqual(accepted)
    const { complete, ids, subscription } = listen(pool, [one.url])
    await until(() => complete.length >= 1)
    expect(ids()).toEqual([stored.id])
    await pool.publish(one.url, live)
    await until(() => ids().length >= 2)
    await pool.publish(two.url, late)
    subscription.update({ relays: [two.url] })
    await until(() => complete.length >= 2)
    expect(ids()).toEqual([stored.id, live.id, late.id])
    subscription.update({ filters: () => [{ kinds: [1], limit: 0 }] })
    await until(() => complete.length >= 3)
    expect(complete).toEqual([one.url, two.url, two.url])
    subscription.close()
    await pool.publish(two.url, signed({ content: "unheard" }))
    expect((await pool.query([two.url], [{ kinds: [1] }])).events).toHaveLength(2)
    expect(ids()).toHaveLength(3)
  })

  test("signatures that are checked elsewhere: in order, and what is not confirmed is checked here", async () => {
    const relay = await start()
    const events = Array.from({ length: 12 }, (_, i) =>
      signed({ content: `${i}`, created_at: 1000 - i }),
    )
    for (const event of events) await newPool().publish(relay.url, event)
    const frames: string[] = []
    const elsewhere = {
      // The later a frame comes, the sooner it is answered; one in three is not confirmed.
      confirm: (frame: string) => {
        const n = frames.push(frame)
        if (n % 4 === 0) return undefined
        const confirmed = verifyFrame(frame) && n % 3 > 0
        return new Promise<boolean>((resolve) => setTimeout(() => resolve(confirmed), 50 - 4 * n))
      },
    }
    const here: string[] = []
    const verify = (event: NostrEvent) => here.push(event.id) > 0 && verifyEvent(event)
    const pool = newPool({ elsewhere, verify })
    const { complete, ids } = listen(pool, [relay.url])
    await until(() => complete.length >= 1)
    expect(ids()).toEqual(events.map(({ id }) => id))
    expect(frames).toHaveLength(12)
    expect(new Set(here)).toEqual(new Set([2, 3, 5, 7, 8, 11].map((i) => events[i]?.id)))
  })

  test("a refusal and a duplicate are told apart", async () => {
    const relay = await start()
    const pool = newPool()
    const event = signed()
    await pool.publish(relay.url, event)
    expect(await pool.publish(relay.url, event)).toMatchObject({ answered: true, accepted: true })
    const late = signed({ created_at: nowSeconds() + 100_000 })
    const refusal = await pool.publish(relay.url, late)
    expect(refusal).toMatchObject({ answered: true, accepted: false })
    expect(refusal.message).toMatch(/^invalid: /)
  })

  test("one event to one relay twice at once: both callers get the answer", async () => {
    const relay = await start()
    const pool = newPool()
    const event = signed()
    const answers = await Promise.all([1, 2].map(() => pool.publish(relay.url, event)))
    expect(answers.map(({ accepted }) => accepted)).toEqual([true, true])
  })

  test("query: newest first, once each, and a dead relay fails alone and at once", async () => {
    const [one, two, dead] = [await start(), await start(), await deadUrl()]
    const pool = newPool()
    const [older, newer] = [signed({ created_at: 1 }), signed({ created_at: 2 })]
    await pool.publish(one.url, older)
    await Promise.all([one, two].map(({ url }) => pool.publish(url, newer)))
    const urls = [one.url, dead, two.url, "https://no.example"]
    const result = await pool.query(urls, [{ kinds: [1] }], { timeoutMs: 60_000 })
    expect(result.events.map(({ id }) => id)).toEqual([newer.id, older.id])
    expect(result.answered).toEqual([one.url, two.url])
    expect(result.failed).toEqual([dead, "https://no.example"])
  })

  test("a URL outside the profile is refused without a connection", async () => {
    const pool = newPool()
    const url = "http://relay.example"
    const { refused } = listen(pool, [url])
    await until(() => refused.length >= 1)
    expect(await pool.publish(url, signed())).toMatchObject({ answered: false, accepted: false })
    expect(pool.status()).toEqual([])
  })

  test("an unused connection is closed after a while, a used one is not", async () => {
    const [one, two] = [await start(), await start()]
    const pool = newPool({ timing: { ...timing, linger: 50 } })
    listen(pool, [two.url])
    await pool.publish(one.url, signed())
    await until(() => pool.status().length === 1)
    expect(pool.status()).toEqual([{ url: two.url, status: "connected" }])
    expect(await pool.publish(one.url, signed())).toMatchObject({ accepted: true })
  })
})

describe("outages", () => {
  test("after a restart of the relay, subscriptions are asked again with the filters of now", async () => {
    const first = await startRelay()
    const pool = newPool()
    const seen: string[] = []
    const asked: number[] = []
    let since = 0
    let complete = 0
    pool.subscribe({
      relays: [first.url],
      filters: () => {
        asked.push(since)
        return [{ kinds: [1], since }]
      },
      onEvent: ({ content }) => seen.push(content),
      onEose: () => (complete += 1),
    })
    await until(() => complete >= 1)
    since = 10
    await first.close()
    const second = await start({ port: first.port })
    await until(() => complete >= 2)
    const other = newPool()
    await other.publish(second.url, signed({ content: "old", created_at: 5 }))
    await other.publish(second.url, signed({ content: "new", created_at: 15 }))
    await until(() => seen.length >= 1)
    expect(seen).toEqual(["new"])
    expect(asked).toEqual([0, 10])
  })

  test("what is published during an outage arrives if the relay is back in time", async () => {
    const first = await startRelay()
    const pool = newPool()
    await pool.publish(first.url, signed())
    await first.close()
    const event = signed()
    expect(await pool.publish(first.url, event, { timeoutMs: 50 })).toMatchObject({
      answered: false,
      accepted: false,
    })
    const answer = pool.publish(first.url, event, { timeoutMs: 30_000 })
    const second = await start({ port: first.port })
    expect(await answer).toMatchObject({ answered: true, accepted: true })
    expect((await pool.query([second.url], [{}])).events).toEqual([event])
  })

  test("what was on its way when the connection ended is not sent again by itself", async () => {
    const frames: string[] = []
    const relay = await malicious(([type = ""], socket) => {
      frames.push(type)
      if (type === "EVENT") socket.terminate()
    })
    const pool = newPool()
    pool.subscribe({ relays: [relay.url], filters: () => [{}], onEvent: () => undefined })
    const answer = await pool.publish(relay.url, signed(), { timeoutMs: 30_000 })
    expect(answer).toMatchObject({ answered: false, message: "the connection has ended" })
    await until(() => frames.filter((type) => type === "REQ").length >= 2)
    expect(frames.filter((type) => type === "EVENT")).toHaveLength(1)
  })

  test("status tells of each change; offline stops everything, online resumes it", async () => {
    const relay = await start()
    const pool = newPool()
    const changes: RelayStatus["status"][] = []
    pool.onStatus(({ status }) => changes.push(status))
    const { complete } = listen(pool, [relay.url])
    await until(() => complete.length >= 1)
    pool.setOnline(false)
    expect(pool.status()).toEqual([{ url: relay.url, status: "disconnected" }])
    expect(await pool.publish(relay.url, signed())).toMatchObject({ message: "offline" })
    expect((await pool.query([relay.url], [{}])).failed).toEqual([relay.url])
    pool.setOnline(true)
    await until(() => complete.length >= 2)
    pool.wake()
    expect(changes).toEqual(["connecting", "connected", "disconnected", "connecting", "connected"])
  })

  test("a connection that has silently died is noticed and replaced", async () => {
    // The first connection never says a word.
    const relay = await malicious(([type, id], socket) => {
      if (relay.connections() > 1 && type === "REQ") socket.send(JSON.stringify(["EOSE", id]))
    })
    const pool = newPool({ timing: { ...timing, silence: 300, answer: 300 } })
    const { complete } = listen(pool, [relay.url])
    await until(() => complete.length >= 1)
    expect(relay.connections()).toBe(2)
    await new Promise((resolve) => setTimeout(resolve, 500))
    expect(relay.connections()).toBe(2)
  })

  test("close answers what is waiting, and nothing comes after it", async () => {
    const pool = newPool()
    const waiting = pool.publish(await deadUrl(), signed(), { timeoutMs: 60_000 })
    pool.close()
    expect(await waiting).toMatchObject({ answered: false, message: "closed" })
    expect(await pool.publish("ws://127.0.0.1:1", signed())).toMatchObject({ message: "closed" })
  })
})

describe("authentication", () => {
  const key = generateSecretKey()
  const answering = (asked: string[] = []) => ({
    auth: (relay: string, challenge: string) => {
      asked.push(challenge)
      return Promise.resolve(finalizeEvent(relayAuthTemplate(relay, challenge, Date.now()), key))
    },
  })

  test("one answer serves publications, subscriptions and queries that need it", async () => {
    const relay = await start({ auth: "everything" })
    const asked: string[] = []
    const pool = newPool(answering(asked))
    const { complete, refused } = listen(pool, [relay.url])
    const [answer, result] = await Promise.all([
      pool.publish(relay.url, signed()),
      pool.query([relay.url], [{ kinds: [7] }]),
    ])
    await until(() => complete.length >= 1)
    expect(answer).toMatchObject({ accepted: true })
    expect(result.answered).toEqual([relay.url])
    expect(refused).toEqual([])
    expect(asked).toHaveLength(1)
  })

  test("a relay that does not insist learns nothing", async () => {
    const relay = await start()
    const asked: string[] = []
    const pool = newPool(answering(asked))
    await pool.publish(relay.url, signed())
    expect(asked).toEqual([])
  })

  test("gift wraps behind authentication, also after a reconnect", async () => {
    const first = await startRelay({ auth: "gift-wraps" })
    const asked: string[] = []
    const pool = newPool(answering(asked))
    const recipient = publicKeyOf(key)
    const seen: string[] = []
    pool.subscribe({
      relays: [first.url],
      filters: () => [{ kinds: [1059], "#p": [recipient] }],
      onEvent: ({ id }) => seen.push(id),
    })
    const wraps = [1, 2].map(() => signed({ kind: 1059, tags: [["p", recipient]] }))
    const [one, two] = wraps
    if (!one || !two) throw new Error("unreachable")
    const sender = newPool()
    await sender.publish(first.url, one)
    await until(() => seen.length >= 1)
    await first.close()
    const second = await start({ port: first.port, auth: "gift-wraps" })
    // What the dying connection takes has no answer.
    while (!(await sender.publish(second.url, two)).answered);
    await until(() => seen.length >= 2)
    expect(asked).toHaveLength(2)
  })

  test.each([
    ["without a signer", {}],
    ["with a signer that refuses", { auth: () => Promise.reject(new Error("no")) }],
    ["with an answer that the relay refuses", { auth: () => Promise.resolve(signed()) }],
  ])("%s the refusal is reported", async (_, options) => {
    const relay = await start({ auth: "everything" })
    const pool = newPool(options)
    const { refused } = listen(pool, [relay.url])
    const answer = await pool.publish(relay.url, signed())
    expect(answer).toMatchObject({ answered: true, accepted: false })
    expect(answer.message).toMatch(/^auth-required: /)
    expect((await pool.query([relay.url], [{}])).failed).toEqual([relay.url])
    await until(() => refused.length >= 1)
    expect(refused[0]).toMatch(/^auth-required: /)
  })
})
