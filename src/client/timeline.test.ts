import fc from "fast-check"
import { describe, expect, test } from "vitest"
import { toRumor } from "../nostr/event.ts"
import type { Rumor } from "../nostr/event.ts"
import { openMemoryStore } from "../store/index.ts"
import { Chats } from "./chats.ts"
import type { Draft } from "./draft.ts"
import { Mailbox } from "./mailbox.ts"
import { Timeline } from "./timeline.ts"

const GROUP = "aa".repeat(16)
const AUTHOR = "f9308a019258c31049344f85f89d5229b531c845836f99b08601f113bce036f9"

const message = (created_at: number, content: string, kind = 9): Rumor =>
  toRumor({ pubkey: AUTHOR, created_at, kind, tags: [], content })

async function setup() {
  const store = await openMemoryStore()
  const clock = { ms: 5_000 }
  const announced: number[] = []
  const mailbox = new Mailbox({
    batch: (ops) => store.batch(ops),
    now: () => clock.ms,
    onChange: () => undefined,
    log: () => undefined,
  })
  const chats = new Chats()
  const timeline = new Timeline(store, chats, {
    now: () => clock.ms,
    expiring: (at) => announced.push(at),
  })
  const run = <T>(work: (draft: Draft) => Promise<T> | T) => mailbox.run(work)
  await run((draft) => chats.open(draft, GROUP, undefined))
  const deliver = (rumor: Rumor, own = false, expiresAt?: number) =>
    run((draft) =>
      timeline.deliver(draft, GROUP, {
        rumor,
        own,
        expiresAt,
        delivery: own ? { status: "pending" } : { status: "received" },
      }),
    )
  const contents = async (limit = 100, before?: string) => {
    const page = await timeline.page(GROUP, limit, before)
    return page.records.map((r) => (r.type === "message" ? r.rumor.content : r.change.type))
  }
  const unread = () => chats.get(GROUP)?.unread
  const expire = () => run((draft) => timeline.expire(draft, GROUP))
  /** Everything that is stored, in all scopes. */
  const stored = async () => {
    const scopes = [
      GROUP,
      ...["hidden", "places", "packed", "expiry", "ahead"].map((scope) => `${scope}:${GROUP}`),
    ]
    const rows = await Promise.all(scopes.map((scope) => store.range("timeline", scope)))
    return rows.flat().length
  }
  return {
    ...{ store, run, chats, timeline, deliver, contents, unread },
    ...{ clock, announced, expire, stored },
  }
}

test("a message that ends anyway gets no longer time", async () => {
  const { run, timeline, deliver, contents, clock } = await setup()
  const [said, late] = [message(1, "said before"), message(2, "never sent")]
  await deliver(said, true, 10)
  await deliver(late, true)
  for (const { id } of [said, late]) await run((draft) => timeline.endAt(draft, GROUP, id, 3_600))
  clock.ms = 11_000
  expect(await contents()).toEqual(["never sent"])
  clock.ms = 3_601_000
  expect(await contents()).toEqual([])
})

describe("order", () => {
  test("any order of arrival gives one order: by time, then by id", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.uniqueArray(fc.tuple(fc.nat(5), fc.string({ minLength: 1 })), {
          maxLength: 12,
          selector: ([time, content]) => `${time} ${content}`,
        }),
        async (drafts) => {
          const { deliver, timeline } = await setup()
          const messages = drafts.map(([time, content]) => message(time, content))
          for (const each of messages) await deliver(each)
          const { records } = await timeline.page(GROUP, 100, undefined)
          const expected = [...messages].sort(
            (a, b) => a.created_at - b.created_at || (a.id < b.id ? -1 : 1),
          )
          expect(records.map((r) => r.type === "message" && r.rumor.id)).toEqual(
            expected.map(({ id }) => id),
          )
        },
      ),
      { numRuns: 30 },
    )
  })

  test("a cursor stays where it is when a late message slots in before and after it", async () => {
    const { deliver, timeline, contents } = await setup()
    for (const time of [10, 20, 30, 40]) await deliver(message(time, String(time)))
    const newest = await timeline.page(GROUP, 2, undefined)
    expect(newest.records).toHaveLength(2)
    await deliver(message(15, "15"))
    await deliver(message(35, "35"))
    expect(await contents(10, newest.before)).toEqual(["10", "15", "20"])
    expect(await contents()).toEqual(["10", "15", "20", "30", "35", "40"])
  })

  test("pages meet without gap or overlap, and the first has no cursor", async () => {
    const { deliver, timeline } = await setup()
    for (let time = 0; time < 25; time++) await deliver(message(time, String(time)))
    const seen: string[] = []
    let before: string | undefined
    do {
      const page = await timeline.page(GROUP, 7, before)
      seen.unshift(...page.records.map((r) => (r.type === "message" ? r.rumor.content : "")))
      before = page.before
    } while (before !== undefined)
    expect(seen).toEqual(Array.from({ length: 25 }, (_, i) => String(i)))
  })
})

describe("a message from the future", () => {
  const HOUR = 3_600
  const MINUTES = 300_000

  async function afterOne() {
    const world = await setup()
    const ahead = message(HOUR, "from the future")
    await world.deliver(message(1, "before"))
    await world.deliver(ahead)
    world.clock.ms += MINUTES + 2_000
    await world.deliver(message(306, "after"))
    return { ...world, ahead }
  }

  test("is the newest for five minutes at most", async () => {
    const { contents, deliver, clock } = await afterOne()
    expect(await contents()).toEqual(["before", "from the future", "after"])
    expect(await contents(1)).toEqual(["after"])
    // Those that come together stand in the order that they claim.
    clock.ms += 1_000
    await deliver(message(3 * HOUR, "latest"))
    await deliver(message(2 * HOUR, "later"))
    await deliver(message(600, "a little later"))
    expect((await contents()).slice(3)).toEqual(["a little later", "later", "latest"])
  })

  test("is there once, and in its place, whenever and however it comes again", async () => {
    const { run, timeline, contents, unread, clock, ahead } = await afterOne()
    const again = async () => {
      await run(async (draft) => {
        const others = Array.from({ length: 9 }, (_, i) => message(HOUR - 1, `another ${i}`))
        await timeline.foresee(draft, GROUP, [ahead, ...others])
        await timeline.deliver(draft, GROUP, {
          rumor: ahead,
          own: false,
          delivery: { status: "received" },
        })
      })
      expect(await contents()).toEqual(["before", "from the future", "after"])
      expect(unread()).toBe(3)
    }
    await again()
    clock.ms = 2 * HOUR * 1_000
    await again()
    await run((draft) => timeline.withdraw(draft, GROUP, ahead.id))
    expect(await contents()).toEqual(["before", "after"])
    await again()
  })

  test("leaves nothing behind", async () => {
    const { run, timeline, ahead, stored } = await afterOne()
    await run((draft) => timeline.delete(draft, GROUP, ahead.id))
    expect(await stored()).toBe(4)
    await run((draft) => timeline.forget(draft, GROUP))
    expect(await stored()).toBe(0)
  })

  test("keeps its time where that is near, as it does on every device", async () => {
    const { deliver, contents, clock } = await setup()
    await deliver(message(300, "from a clock that is ahead"))
    clock.ms += MINUTES
    await deliver(message(299, "after"))
    expect(await contents()).toEqual(["after", "from a clock that is ahead"])
  })
})

describe("exactly once", () => {
  test("a message that is delivered twice is shown and counted once", async () => {
    const { deliver, contents, unread } = await setup()
    await deliver(message(1, "a"))
    await deliver(message(1, "a"))
    expect(await contents()).toEqual(["a"])
    expect(unread()).toBe(1)
  })

  test("two in one step as well", async () => {
    const { run, timeline, contents } = await setup()
    await run(async (draft) => {
      const entry = {
        rumor: message(1, "a"),
        own: false,
        delivery: { status: "received" } as const,
      }
      await timeline.deliver(draft, GROUP, entry)
      await timeline.deliver(draft, GROUP, entry)
    })
    expect(await contents()).toEqual(["a"])
  })

  test("rows of a commit are keyed by its digest", async () => {
    const { run, timeline, contents } = await setup()
    const notice = {
      digest: "d1",
      seenAt: 3_000,
      changes: [
        { type: "member_left", subject: AUTHOR },
        { type: "group_renamed", actor: AUTHOR, name: "x" },
      ],
    } as const
    await run((draft) => timeline.notify(draft, GROUP, notice))
    await run((draft) => timeline.notify(draft, GROUP, { ...notice, seenAt: 9_000 }))
    expect(await contents()).toEqual(["member_left", "group_renamed"])
    await run((draft) => timeline.withdrawNotices(draft, GROUP, "d1"))
    expect(await contents()).toEqual([])
    await run((draft) => timeline.notify(draft, GROUP, notice))
    expect(await contents()).toHaveLength(2)
  })

  test("are shown once where many are looked for at once, too", async () => {
    const { run, timeline, contents } = await setup()
    const notice = (digest: string, name: string) => ({
      digest,
      seenAt: 5_000,
      changes: [{ type: "group_renamed", actor: AUTHOR, name }] as const,
    })
    await run((draft) => timeline.notify(draft, GROUP, notice("d1", "one")))
    await run(async (draft) => {
      await timeline.foreseeNotices(draft, GROUP, ["d1", "d2", "d3"])
      await timeline.notify(draft, GROUP, notice("d1", "one"))
      await timeline.notify(draft, GROUP, notice("d2", "two"))
      // In the step that announced them, too, rows go and come again.
      await timeline.notify(draft, GROUP, { ...notice("d2", "two"), seenAt: 9_000 })
      await timeline.notify(draft, GROUP, notice("d3", "three"))
      await timeline.withdrawNotices(draft, GROUP, "d3")
    })
    expect(await contents()).toHaveLength(2)
    await run(async (draft) => {
      await timeline.foreseeNotices(draft, GROUP, ["d2", "d3"])
      await timeline.notify(draft, GROUP, notice("d2", "two"))
      await timeline.notify(draft, GROUP, notice("d3", "three"))
    })
    expect(await contents()).toHaveLength(3)
  })
})

describe("withdrawal", () => {
  test("hides, uncounts and restores; a new delivery restores too", async () => {
    const { run, deliver, timeline, contents, unread } = await setup()
    const a = message(1, "a")
    await deliver(a)
    await deliver(message(2, "b"))
    await run((draft) => timeline.withdraw(draft, GROUP, a.id))
    expect(await contents()).toEqual(["b"])
    expect(unread()).toBe(1)
    await run((draft) => timeline.restore(draft, GROUP, a.id))
    expect(await contents()).toEqual(["a", "b"])
    expect(unread()).toBe(2)
    await run((draft) => timeline.withdraw(draft, GROUP, a.id))
    await deliver(a)
    expect(await contents()).toEqual(["a", "b"])
    expect(unread()).toBe(2)
  })

  test("what was read does not become unread by it", async () => {
    const { run, deliver, timeline, chats, unread } = await setup()
    const a = message(1, "a")
    await deliver(a)
    await run((draft) => chats.markRead(draft, GROUP))
    await run((draft) => timeline.withdraw(draft, GROUP, a.id))
    await run((draft) => timeline.restore(draft, GROUP, a.id))
    expect(unread()).toBe(0)
  })
})

test("own messages and decorations are not unread", async () => {
  const { deliver, unread } = await setup()
  await deliver(message(1, "mine"), true)
  await deliver(message(2, "👍", 7))
  await deliver(message(3, "edited", 1009))
  expect(unread()).toBe(0)
})

test("forgetting leaves nothing behind", async () => {
  const { run, deliver, timeline, contents, store } = await setup()
  await deliver(message(1, "a"))
  await run((draft) => timeline.withdraw(draft, GROUP, message(1, "a").id))
  await deliver(message(2, "b"))
  await run((draft) =>
    timeline.notify(draft, GROUP, {
      digest: "d",
      seenAt: 0,
      changes: [{ type: "joined", actor: AUTHOR }],
    }),
  )
  await run((draft) => timeline.forget(draft, GROUP))
  expect(await contents()).toEqual([])
  for (const scope of [GROUP, `hidden:${GROUP}`, `places:${GROUP}`, `notices:${GROUP}`]) {
    expect(await store.range("timeline", scope)).toEqual([])
  }
})

describe("messages that disappear", () => {
  test("are not shown from their time on, and deleted with all that belongs to them", async () => {
    const { deliver, contents, clock, announced, expire, stored, unread } = await setup()
    await deliver(message(1, "stays"))
    await deliver(message(2, "gone at 10"), false, 10)
    await deliver(message(3, "ours, gone at 20"), true, 20)
    expect(announced).toEqual([10, 20])
    expect(await expire()).toBe(10)
    expect(await contents()).toEqual(["stays", "gone at 10", "ours, gone at 20"])
    clock.ms = 10_000
    expect(await contents()).toEqual(["stays", "ours, gone at 20"])
    expect(await expire()).toBe(20)
    expect(unread()).toBe(1)
    clock.ms = 20_000
    expect(await expire()).toBeUndefined()
    expect(await contents()).toEqual(["stays"])
    expect(await stored()).toBe(2)
  })

  test("that come when they are over leave no trace", async () => {
    const { deliver, contents, stored, unread, run, timeline } = await setup()
    const late = message(1, "too late")
    await deliver(late, false, 5)
    expect([await contents(), await stored(), unread()]).toEqual([[], 0, 0])
    expect(await run((draft) => timeline.message(draft, GROUP, late.id))).toBeUndefined()
  })

  test("are deleted while they are hidden, and do not come back", async () => {
    const { deliver, contents, clock, expire, stored, run, timeline, unread } = await setup()
    const hidden = message(1, "on a branch that lost")
    await deliver(hidden, false, 10)
    await run((draft) => timeline.withdraw(draft, GROUP, hidden.id))
    clock.ms = 10_000
    await expire()
    expect(await stored()).toBe(0)
    await run((draft) => timeline.restore(draft, GROUP, hidden.id))
    await deliver(hidden, false, 10)
    expect([await contents(), await stored(), unread()]).toEqual([[], 0, 0])
  })

  test("have the time of the epoch in which they were encrypted anew", async () => {
    const { deliver, contents, clock, expire, stored, run, timeline } = await setup()
    const [ours, theirs] = [message(1, "ours"), message(2, "theirs")]
    await deliver(ours, true, 10)
    await deliver(theirs, false, 10)
    await run((draft) => timeline.withdraw(draft, GROUP, theirs.id))
    await deliver(ours, true, 30)
    await deliver(theirs, false, undefined)
    // Said twice to us, it keeps the time that it had.
    await deliver(theirs, false, 20)
    clock.ms = 29_000
    expect(await expire()).toBe(30)
    expect(await contents()).toEqual(["ours", "theirs"])
    clock.ms = 30_000
    await expire()
    expect(await contents()).toEqual(["theirs"])
    expect(await stored()).toBe(2)
  })

  test("are deleted in portions", async () => {
    const { deliver, clock, expire, stored } = await setup()
    for (let i = 0; i < 250; i++) await deliver(message(i, String(i)), false, 10)
    clock.ms = 10_000
    expect(await expire()).toBe(10)
    expect(await expire()).toBeUndefined()
    expect(await stored()).toBe(0)
  })
})

test("a row of a Commit carries the kind 1210 event that others make of it", async () => {
  const { run, timeline } = await setup()
  await run((draft) =>
    timeline.notify(draft, GROUP, {
      digest: "ab".repeat(32),
      epoch: 3,
      changes: [
        { type: "group_renamed", actor: AUTHOR, name: "x" },
        { type: "description_changed", actor: AUTHOR },
      ],
      seenAt: 5_000,
    }),
  )
  const { records } = await timeline.page(GROUP, 10, undefined)
  expect(records.map((record) => record.type === "system" && record.row?.kind)).toEqual([
    1210,
    undefined,
  ])
})

describe("many messages at once", () => {
  const rumors = Array.from({ length: 12 }, (_, i) => message(100 + i, `message ${i}`))

  test("one look finds what is there, shown or hidden, and each message stays there once", async () => {
    const { run, timeline, deliver, contents, unread, stored } = await setup()
    const [shown, hidden] = [rumors[3], rumors[7]]
    if (shown === undefined || hidden === undefined) throw new Error("no messages")
    await deliver(shown)
    await deliver(hidden)
    await run((draft) => timeline.withdraw(draft, GROUP, hidden.id))
    const before = await stored()
    const late = message(105, "another of the same time")
    await deliver(late)
    await run(async (draft) => {
      // One of them twice in the same step.
      await timeline.foresee(draft, GROUP, [...rumors, ...rumors.slice(0, 1)])
      for (const rumor of [...rumors, ...rumors.slice(0, 1)]) {
        await timeline.deliver(draft, GROUP, {
          rumor,
          own: false,
          delivery: { status: "received" },
        })
      }
    })
    const expected = rumors.map(({ content }) => content)
    const found = await contents()
    expect(found.filter((content) => content !== late.content)).toEqual(expected)
    expect(found).toHaveLength(13)
    expect(unread()).toBe(13)
    // A record and its place for the late one and for the one that came twice, and one for the other nine.
    expect(await stored()).toBe(before + 5)
  })

  test("where more is there than is asked for, each is looked for by itself", async () => {
    const { run, timeline, deliver, contents } = await setup()
    for (const rumor of rumors) await deliver(rumor)
    const again = rumors.slice(4, 10)
    await run(async (draft) => {
      await timeline.foresee(draft, GROUP, again)
      for (const rumor of again) {
        const delivery = { status: "received" } as const
        await timeline.deliver(draft, GROUP, { rumor, own: false, delivery })
      }
    })
    expect(await contents()).toEqual(rumors.map(({ content }) => content))
  })
})
