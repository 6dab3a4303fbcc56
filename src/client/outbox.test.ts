import { describe, expect, test } from "vitest"
import { Memory, openMemoryStore } from "../store/index.ts"
import { unsafeWithCrashPoints } from "../store/crash-points.ts"
import type { Store } from "../store/index.ts"
import { Mailbox } from "./mailbox.ts"
import { FANOUT_MS, Outbox } from "./outbox.ts"
import type { Publication } from "./outbox.ts"
import {
  accepted,
  fakeWorld,
  FakePool,
  refused,
  someEvent,
  unanswered,
  until,
} from "./world.fixture.ts"

const A = "wss://a.example"
const B = "wss://b.example"

interface Run {
  readonly outbox: Outbox
  readonly mailbox: Mailbox
  /** `concluded` as the group would store it: written in the same batch. */
  readonly outcomes: () => Promise<Record<string, string>>
}

async function open(
  store: Store,
  pool: FakePool,
  now?: () => number,
  isDue: (url: string) => boolean = () => true,
): Promise<Run> {
  const world = { ...fakeWorld(store, pool), ...(now === undefined ? {} : { now }) }
  const mailbox = new Mailbox({
    batch: (ops) => store.batch(ops),
    now: () => world.now(),
    onChange: () => undefined,
    log: () => undefined,
  })
  const outbox: Outbox = new Outbox(world, mailbox, {
    concluded: (draft, { event }, outcome) => {
      const key = { scope: "outcomes", sort: event.id }
      draft.put("meta", key, new TextEncoder().encode(outcome))
      return Promise.resolve()
    },
    progressed: () => Promise.resolve(),
    isDue: (_, url) => isDue(url),
  })
  await outbox.load()
  outbox.start()
  const outcomes = async () => {
    const rows = await store.range("meta", "outcomes")
    return Object.fromEntries(rows.map((r) => [r.sort, new TextDecoder().decode(r.value)]))
  }
  return { outbox, mailbox, outcomes }
}

const entry = (event: Publication["event"], relays: readonly string[]) =>
  ({ event, relays, purpose: "commit", groupId: "g", innerId: undefined }) as const

describe("answers", () => {
  test.each([
    ["a Commit", "commit"],
    ["a departure", "proposal"],
  ] as const)("%s that one relay refuses waits not for ever for a dead one", async (_, purpose) => {
    const pool = new FakePool()
    pool.answer = (url) => (url === A ? refused : unanswered)
    let time = 1_000_000
    const { outbox, mailbox, outcomes } = await open(await openMemoryStore(), pool, () => time)
    const event = someEvent()
    await mailbox.run((draft) => outbox.add(draft, { ...entry(event, [A, B]), purpose }))
    await until(() => pool.published.some(({ url }) => url === B))
    expect(await outcomes()).toEqual({})
    time += 119_000
    outbox.wake(B)
    await until(() => pool.published.filter(({ url }) => url === B).length > 1)
    expect(await outcomes()).toEqual({})
    time += 2_000
    outbox.wake(B)
    await until(async () => (await outcomes())[event.id] === "rejected")
    expect(outbox.size).toBe(0)
    outbox.close()
  })

  test("nor for one that never was there to be asked", async () => {
    const pool = new FakePool()
    pool.answer = () => refused
    let time = 1_000_000
    const isReadUp = (url: string) => url === A
    const { outbox, mailbox, outcomes } = await open(
      await openMemoryStore(),
      pool,
      () => time,
      isReadUp,
    )
    const event = someEvent()
    await mailbox.run((draft) => outbox.add(draft, entry(event, [A, B])))
    await until(() => outbox.get(event.id)?.targets[0]?.state === "refused")
    time += 121_000
    outbox.look()
    await until(async () => (await outcomes())[event.id] === "rejected")
    expect(pool.published.map(({ url }) => url)).toEqual([A])
    outbox.close()
  })

  test("the first acceptance concludes, the same event goes on to the other relay", async () => {
    const pool = new FakePool()
    let reachable = false
    pool.answer = (url) => (url === A ? accepted : reachable ? accepted : unanswered)
    const { outbox, mailbox, outcomes } = await open(await openMemoryStore(), pool)
    const event = someEvent()
    await mailbox.run((draft) => outbox.add(draft, entry(event, [A, B])))
    await until(async () => (await outcomes())[event.id] === "accepted")
    expect(outbox.size).toBe(1)
    expect(outbox.isOwed([A])).toBe(false)
    expect(outbox.isOwed([B])).toBe(true)
    reachable = true
    outbox.wake(B)
    await until(() => outbox.size === 0)
    expect(new Set(pool.published.map((p) => p.event))).toEqual(new Set([event]))
    outbox.close()
  })

  test("a refusal by all is conclusive; as long as one is silent nothing is", async () => {
    const pool = new FakePool()
    let answerB = unanswered
    pool.answer = (url) => (url === A ? refused : answerB)
    const { outbox, mailbox, outcomes } = await open(await openMemoryStore(), pool)
    const event = someEvent()
    await mailbox.run((draft) => outbox.add(draft, entry(event, [A, B])))
    await until(() => outbox.get(event.id)?.targets[0]?.state === "refused")
    expect(await outcomes()).toEqual({})
    answerB = refused
    outbox.wake(B)
    await until(() => outbox.size === 0)
    expect(await outcomes()).toEqual({ [event.id]: "rejected" })
    outbox.close()
  })

  test("our own event that comes back counts as acceptance", async () => {
    const pool = new FakePool()
    pool.answer = () => unanswered
    const { outbox, mailbox, outcomes } = await open(await openMemoryStore(), pool)
    const event = someEvent()
    await mailbox.run((draft) => outbox.add(draft, entry(event, [A])))
    await mailbox.run((draft) => outbox.seen(draft, event.id, A))
    expect(await outcomes()).toEqual({ [event.id]: "accepted" })
    expect(outbox.size).toBe(0)
    outbox.close()
  })

  test("an acceptance after a refusal still counts", async () => {
    const pool = new FakePool()
    pool.answer = (url) => (url === A ? refused : unanswered)
    const { outbox, mailbox, outcomes } = await open(await openMemoryStore(), pool)
    const event = someEvent()
    await mailbox.run((draft) => outbox.add(draft, entry(event, [A, B])))
    await until(() => outbox.get(event.id)?.targets[0]?.state === "refused")
    await mailbox.run((draft) => outbox.seen(draft, event.id, A))
    expect(await outcomes()).toEqual({ [event.id]: "accepted" })
    outbox.close()
  })

  test("relays beyond the first are given up after a day, an event that nobody has is not", async () => {
    const pool = new FakePool()
    pool.answer = (url, event) => (event.content === "has" && url === A ? accepted : unanswered)
    let now = 1_000_000
    const { outbox, mailbox } = await open(await openMemoryStore(), pool, () => now)
    const has = someEvent("has")
    const none = someEvent("none")
    await mailbox.run((draft) => {
      outbox.add(draft, entry(has, [A, B]))
      outbox.add(draft, entry(none, [A, B]))
    })
    await until(() => outbox.get(has.id)?.acceptedAt !== undefined)
    now += 2 * FANOUT_MS
    outbox.wakeAll()
    await until(() => outbox.get(has.id) === undefined)
    expect(outbox.get(none.id)).toBeDefined()
    outbox.close()
  })

  test("giving up is done again if it could not be stored", async () => {
    let now = 0
    let isFull = false
    const store = await openMemoryStore()
    const full: Store = {
      range: (...args) => store.range(...args),
      get: (...args) => store.get(...args),
      close: () => store.close(),
      destroy: () => store.destroy(),
      batch: (ops) => (isFull ? Promise.reject(new Error("full")) : store.batch(ops)),
    }
    const pool = new FakePool()
    pool.answer = (url) => (url === A ? accepted : unanswered)
    const { outbox, mailbox } = await open(full, pool, () => now)
    const event = someEvent()
    await mailbox.run((draft) => outbox.add(draft, entry(event, [A, B])))
    await until(() => outbox.get(event.id)?.acceptedAt !== undefined)
    isFull = true
    now += 2 * FANOUT_MS
    outbox.wakeAll()
    await new Promise((resolve) => setTimeout(resolve, 50))
    expect(outbox.get(event.id)).toBeDefined()
    isFull = false
    await until(() => outbox.get(event.id) === undefined)
    outbox.close()
  })
})

/** Two events, one of which all refuse; A knows both from the start, B cannot be reached in the first run. */
async function scenario(memory: Memory, failAt: number, when: "before" | "after") {
  const events = [someEvent("good"), someEvent("bad")] as const
  const answers = (url: string, content: string, reachable: boolean) =>
    url === B && !reachable ? unanswered : content === "good" ? accepted : refused
  const store = unsafeWithCrashPoints(await openMemoryStore(memory), { failAt, when })
  const pool = new FakePool()
  pool.answer = (url, event) => answers(url, event.content, false)
  const first = await open(store, pool)
  const added = events.map((event) =>
    first.mailbox.run((draft) => first.outbox.add(draft, entry(event, [A, B]))),
  )
  let acknowledged = 0
  for (const each of added) void each.then(() => acknowledged++)
  await Promise.race([
    store.crashed,
    until(() => events.every((e) => first.outbox.get(e.id)?.targets[0]?.state !== "owed")),
  ])
  await new Promise((resolve) => setTimeout(resolve, 5))
  first.outbox.close()
  return { events, answers, store, acknowledged, publishedThen: pool.published }
}

describe("crashes", () => {
  const points = [1, 2, 3, 4].flatMap((failAt) =>
    (["before", "after"] as const).map((when) => ({ failAt, when })),
  )
  test.each(points)(
    "nothing is lost when batch $failAt dies $when it",
    async ({ failAt, when }) => {
      const memory = new Memory()
      const { events, answers, acknowledged, publishedThen } = await scenario(memory, failAt, when)
      // Nothing was published that a restart would not know about.
      const pool = new FakePool()
      pool.answer = (url, event) => answers(url, event.content, true)
      const second = await open(await openMemoryStore(memory), pool)
      for (const { event } of publishedThen) {
        const known = second.outbox.get(event.id) ?? (await second.outcomes())[event.id]
        expect(known).toBeDefined()
      }
      await until(() => second.outbox.size === 0)
      const outcomes = await second.outcomes()
      const [good, bad] = events
      // What was answered before the crash is there; what was not may be there as well.
      if (acknowledged > 0) expect(outcomes[good.id]).toBe("accepted")
      if (acknowledged > 1) expect(outcomes[bad.id]).toBe("rejected")
      expect(outcomes[good.id] ?? "accepted").toBe("accepted")
      expect(outcomes[bad.id] ?? "rejected").toBe("rejected")
      second.outbox.close()
    },
  )

  test("a failed write leaves the answer owed, and it is asked for again", async () => {
    const store = unsafeWithCrashPoints(await openMemoryStore(), { failAt: 2, how: "throw" })
    const pool = new FakePool()
    const { outbox, mailbox, outcomes } = await open(store, pool)
    const event = someEvent()
    await mailbox.run((draft) => outbox.add(draft, entry(event, [A])))
    await until(() => outbox.size === 0)
    expect(await outcomes()).toEqual({ [event.id]: "accepted" })
    expect(pool.published.length).toBe(2)
    outbox.close()
  })
})
