import { describe, expect, test } from "vitest"
import { signed } from "../../dev/relay/test-client.ts"
import type { RelayError } from "../../src/nostr/error.ts"
import { NodeWebSocket } from "../../src/nostr/node-socket.ts"
import type { RelayPoolOptions } from "../../src/nostr/pool.ts"
import { type FrameCheck, verifyFrame } from "../../src/nostr/verify-frame.ts"
import { deadUrl, listen, malicious, newPool, timing, until } from "./pool-kit.ts"

describe("with relays that do not behave", () => {
  const problemsOf = (options: Partial<RelayPoolOptions> = {}) => {
    const problems: string[] = []
    const onProblem = (_: string, error: RelayError) => problems.push(error.code)
    return { problems, pool: newPool({ onProblem, ...options }) }
  }

  const elsewhere: FrameCheck = {
    confirm: async (frame) => {
      await new Promise((resolve) => setTimeout(resolve, 5))
      return verifyFrame(frame)
    },
  }

  test.each([
    { where: "here", options: {} },
    { where: "elsewhere", options: { elsewhere } },
  ])("forged, unwanted and malformed events are refused: $where", async ({ options }) => {
    const good = signed({ content: "good" })
    const events = [
      { ...good, content: "forged" },
      { ...good, sig: signed().sig },
      signed({ kind: 7 }),
      { ...good, tags: "none" },
      null,
      "event",
      good,
    ]
    const relay = await malicious(([type, id], socket) => {
      if (type !== "REQ") return
      for (const event of events) socket.send(JSON.stringify(["EVENT", id, event]))
      socket.send(JSON.stringify(["EVENT", "another", good]))
      socket.send(JSON.stringify(["EOSE", id]))
    })
    const { pool, problems } = problemsOf(options)
    const { complete, ids } = listen(pool, [relay.url])
    await until(() => complete.length >= 1)
    expect(ids()).toEqual([good.id])
    expect(problems.toSorted()).toEqual([
      "invalid_event",
      "invalid_event",
      "invalid_event",
      "invalid_signature",
      "invalid_signature",
      "unwanted_event",
    ])
  })

  test("a copy that was changed after its original was verified is refused", async () => {
    const good = signed({ content: "good" })
    const relay = await malicious(([type, id], socket) => {
      if (type !== "REQ") return
      for (const event of [good, { ...good, content: "changed" }, good]) {
        socket.send(JSON.stringify(["EVENT", id, event]))
      }
      socket.send(JSON.stringify(["EOSE", id]))
    })
    const { pool, problems } = problemsOf()
    const { complete, events } = listen(pool, [relay.url])
    await until(() => complete.length >= 1)
    expect(events).toEqual([good, good])
    expect(problems).toEqual(["invalid_signature"])
  })

  test("garbage is reported, and does not keep the rest from working", async () => {
    const garbage = [
      "",
      "{",
      "null",
      "[]",
      "[1]",
      '["OK"]',
      '["OK","x"]',
      '["OK","x","true"]',
      '["EVENT"]',
      '["EVENT",1,{}]',
      '["WHAT","x"]',
      '{"0":"EVENT"}',
      "[".repeat(100_000),
    ]
    const relay = await malicious(([type, id], socket) => {
      for (const frame of garbage) socket.send(frame)
      socket.send(Buffer.of(1, 2, 3))
      socket.send(JSON.stringify(["NOTICE", "hello"]))
      if (type === "REQ") socket.send(JSON.stringify(["EOSE", id]))
    })
    const { pool, problems } = problemsOf()
    const { complete } = listen(pool, [relay.url])
    await until(() => complete.length >= 1)
    expect(problems).toEqual(Array<string>(garbage.length + 1).fill("invalid_message"))
  })

  test("a relay that talks nothing but nonsense is cut off, and comes back after the longest pause", async () => {
    const relay = await malicious((_, socket) => {
      for (let i = 0; i < 1_000; i += 1) socket.send("nonsense")
    })
    const { pool, problems } = problemsOf({ timing: { ...timing, longestRetry: 60_000 } })
    listen(pool, [relay.url])
    await until(() => pool.status()[0]?.status === "disconnected")
    await new Promise((resolve) => setTimeout(resolve, 100))
    expect(problems).toHaveLength(100)
    expect(relay.connections()).toBe(1)
  })

  test("a frame above the limit costs the connection", async () => {
    const relay = await malicious((_, socket) =>
      socket.send(`["NOTICE","${"x".repeat(9_000_000)}"]`),
    )
    const { pool, problems } = problemsOf({ timing: { ...timing, longestRetry: 60_000 } })
    const result = await pool.query([relay.url], [{}])
    expect(result.failed).toEqual([relay.url])
    expect(problems).toEqual(["message_too_large"])
  })

  test("OKs for other events, and a relay that closes all subscriptions, acknowledge nothing", async () => {
    const relay = await malicious(([type, id], socket) => {
      if (type === "EVENT") socket.send(JSON.stringify(["OK", "00".repeat(32), true, ""]))
      else if (type === "REQ") socket.send(JSON.stringify(["CLOSED", id, "error: not now"]))
    })
    const pool = newPool()
    const { refused } = listen(pool, [relay.url])
    expect(await pool.publish(relay.url, signed(), { timeoutMs: 100 })).toMatchObject({
      answered: false,
      message: "no answer in time",
    })
    // A passing refusal is tried again, after growing pauses.
    await until(() => refused.length >= 2)
    expect(refused[0]).toBe("error: not now")
  })

  test("a relay that has the event already has accepted it, even if it says no", async () => {
    const event = signed()
    const verdict = JSON.stringify(["OK", event.id, false, "duplicate: have it"])
    const relay = await malicious(([type], socket) => {
      if (type === "EVENT") socket.send(verdict)
    })
    expect(await newPool().publish(relay.url, event)).toMatchObject({ accepted: true })
  })

  test("a lasting refusal is not tried again on the same connection", async () => {
    let asked = 0
    const relay = await malicious(([type, id], socket) => {
      if (type !== "REQ" || id === "alive") return
      asked += 1
      socket.send(JSON.stringify(["CLOSED", id, "restricted: \u0007not you" + "!".repeat(5_000)]))
    })
    const pool = newPool()
    const { refused } = listen(pool, [relay.url])
    await until(() => refused.length >= 1)
    await new Promise((resolve) => setTimeout(resolve, 100))
    expect(asked).toBe(1)
    expect(refused[0]).toMatch(/^restricted: {2}not you!+$/)
    expect(refused[0]?.length).toBeLessThan(1_100)
  })

  test("an endless answer to a query ends at its time limit", async () => {
    const relay = await malicious(([type, id], socket) => {
      if (type !== "REQ") return
      const timer = setInterval(
        () => socket.send(JSON.stringify(["EVENT", id, signed({ kind: 1 })])),
        20,
      )
      socket.on("close", () => clearInterval(timer))
    })
    const pool = newPool()
    const result = await pool.query([relay.url], [{ kinds: [1] }], { timeoutMs: 300 })
    expect(result.failed).toEqual([relay.url])
    expect(result.events.length).toBeGreaterThan(0)
  })

  test("a connection that closes at once is tried again with pauses", async () => {
    const relay = await malicious((_, socket) => socket.terminate())
    const pool = newPool()
    listen(pool, [relay.url])
    await until(() => relay.connections() >= 3)
    expect(pool.status()).toHaveLength(1)
  })

  test("a WebSocket that cannot even be constructed is a failed attempt", async () => {
    class Refusing extends NodeWebSocket {
      constructor(url: string) {
        super(url)
        this.terminate()
        this.on("error", () => undefined)
        throw new SyntaxError("not from this page")
      }
    }
    const pool = newPool({ WebSocket: Refusing })
    const url = await deadUrl()
    expect((await pool.query([url], [{}])).failed).toEqual([url])
    const answer = await pool.publish(url, signed(), { timeoutMs: 50 })
    expect(answer).toMatchObject({ answered: false })
  })
})
