import fc from "fast-check"
import { expect, test } from "vitest"
import { toRumor } from "../nostr/event.ts"
import { openMemoryStore } from "../store/index.ts"
import { Chats } from "./chats.ts"
import type { Draft } from "./draft.ts"
import { Mailbox } from "./mailbox.ts"
import { Timeline } from "./timeline.ts"
import { messageSort } from "./timeline-records.ts"

const GROUP = "aa".repeat(16)
const AUTHOR = "f9308a019258c31049344f85f89d5229b531c845836f99b08601f113bce036f9"
const RUMORS = Array.from({ length: 160 }, (_, i) =>
  // Some share their second.
  toRumor({
    pubkey: AUTHOR,
    created_at: 100 + ((i * 7) % 120),
    kind: 9,
    tags: [],
    content: `words ${i}`,
  }),
)

async function setup() {
  const store = await openMemoryStore()
  const mailbox = new Mailbox({
    batch: (ops) => store.batch(ops),
    now: () => 5_000,
    onChange: () => undefined,
    log: () => undefined,
  })
  const chats = new Chats()
  const open = () => new Timeline(store, chats, { now: () => 5_000, expiring: () => undefined })
  const run = <T>(work: (draft: Draft) => Promise<T> | T) => mailbox.run(work)
  await run((draft) => chats.open(draft, GROUP, undefined))
  const records = async (scope: string) => store.range("timeline", scope)
  return { run, chats, records, timeline: open() }
}

type Op = { readonly type: "deliver" | "withdraw" | "restore" | "keys"; readonly index: number }

/** In `deliver`, so many messages in a row. */
interface Step {
  readonly from: number
  readonly count: number
  readonly stride: number
  readonly ops: readonly Op[]
}

const rumorAt = (index: number) => {
  const rumor = RUMORS[index % RUMORS.length]
  if (rumor === undefined) throw new Error("no rumor")
  return rumor
}

async function perform(draft: Draft, timeline: Timeline, { type, index }: Op): Promise<void> {
  const rumor = rumorAt(index)
  if (type === "withdraw") return timeline.withdraw(draft, GROUP, rumor.id)
  if (type === "restore") return timeline.restore(draft, GROUP, rumor.id)
  const mediaKeys = type === "keys" ? { mediaKeys: { 0: ["ab"] } } : {}
  const delivery = { status: "received" } as const
  return timeline.deliver(draft, GROUP, { rumor, own: false, delivery, ...mediaKeys })
}

function opsOf({ from, count, stride, ops }: Step): readonly Op[] {
  const delivered = Array.from({ length: count }, (_, i): Op => ({
    type: "deliver",
    index: from + i * stride,
  }))
  return [...delivered, ...ops]
}

/** What anyone can see, page by page. */
async function everything(timeline: Timeline, limit: number) {
  const found = []
  let before: string | undefined
  do {
    const page = await timeline.page(GROUP, limit, before)
    found.unshift(...page.records)
    before = page.before
  } while (before !== undefined)
  return found
}

const op = fc.record({
  type: fc.constantFrom("deliver", "withdraw", "restore", "keys"),
  index: fc.nat(159),
})
const step = fc.record({
  from: fc.nat(159),
  count: fc.constantFrom(0, 1, 12, 40, 90),
  stride: fc.constantFrom(1, 3),
  ops: fc.array(op, { maxLength: 4 }),
})

test("packed or not, a timeline says the same", async () => {
  let packed = 0
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 6 }), fc.nat(70), async (steps, more) => {
      const [one, many] = [await setup(), await setup()]
      for (const each of steps) {
        const ops = opsOf(each)
        for (const single of ops) await one.run((draft) => perform(draft, one.timeline, single))
        await many.run(async (draft) => {
          const rumors = ops.map(({ index }) => rumorAt(index))
          await many.timeline.foresee(draft, GROUP, rumors)
          for (const each of ops) await perform(draft, many.timeline, each)
        })
      }
      expect(await one.records(`packed:${GROUP}`)).toEqual([])
      packed += (await many.records(`packed:${GROUP}`)).length
      expect(await everything(many.timeline, more + 1)).toEqual(await everything(one.timeline, 500))
      expect(many.chats.get(GROUP)).toEqual(one.chats.get(GROUP))
      for (const rumor of RUMORS.filter((_, i) => i % 9 === 0)) {
        const expected = await one.run((draft) => one.timeline.message(draft, GROUP, rumor.id))
        for (const sort of [undefined, messageSort(rumor)]) {
          const read = (draft: Draft) => many.timeline.message(draft, GROUP, rumor.id, sort)
          expect(await many.run(read)).toEqual(expected)
        }
      }
      await many.run((draft) => many.timeline.forget(draft, GROUP))
      for (const scope of [GROUP, ...["packed", "places", "hidden"].map((s) => `${s}:${GROUP}`)]) {
        expect(await many.records(scope)).toEqual([])
      }
    }),
    { numRuns: 12 },
  )
  expect(packed).toBeGreaterThan(5)
})

test("a hundred messages are a few records; one that is deleted is in none of them", async () => {
  const { run, records, timeline } = await setup()
  const hundred = RUMORS.slice(0, 100)
  await run(async (draft) => {
    for (const [index] of hundred.entries())
      await perform(draft, timeline, { type: "deliver", index })
  })
  expect(await records(GROUP)).toEqual([])
  expect(await records(`places:${GROUP}`)).toEqual([])
  expect(await records(`packed:${GROUP}`)).toHaveLength(2)
  await run((draft) => timeline.delete(draft, GROUP, rumorAt(17).id))
  const left = await records(`packed:${GROUP}`)
  const text = left.map(({ value }) => new TextDecoder().decode(value)).join()
  expect(text).not.toContain(rumorAt(17).id)
  expect(text).toContain(rumorAt(18).id)
  expect([...(await records(GROUP)), ...(await records(`places:${GROUP}`))]).toEqual([])
  expect(await everything(timeline, 30)).toHaveLength(99)
})

test("what is ours, and what will be over, has a record of its own", async () => {
  const { run, records, timeline } = await setup()
  await run(async (draft) => {
    for (const [i, rumor] of RUMORS.slice(0, 40).entries()) {
      const own = i % 2 === 0
      const delivery = own ? ({ status: "pending" } as const) : ({ status: "received" } as const)
      const expiresAt = own ? undefined : 1_000
      await timeline.deliver(draft, GROUP, { rumor, own, delivery, expiresAt })
    }
  })
  expect(await records(`packed:${GROUP}`)).toEqual([])
  expect(await records(GROUP)).toHaveLength(40)
})

test("what is deleted and comes again in one step has one record, and is in no pack", async () => {
  const { run, records, timeline } = await setup()
  await run((draft) => perform(draft, timeline, { type: "deliver", index: 0 }))
  await run(async (draft) => {
    await timeline.delete(draft, GROUP, rumorAt(0).id)
    for (let index = 0; index < 20; index++)
      await perform(draft, timeline, { type: "deliver", index })
  })
  expect(await records(GROUP)).toHaveLength(1)
  const packs = await records(`packed:${GROUP}`)
  const text = packs.map(({ value }) => new TextDecoder().decode(value)).join()
  expect(text).toContain(rumorAt(1).id)
  expect(text).not.toContain(rumorAt(0).id)
  expect(await everything(timeline, 30)).toHaveLength(20)
})
