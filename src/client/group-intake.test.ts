// Stored events that wait for their turn: when their group hears of the silence behind them.

import { expect, test } from "vitest"
import type { GroupInput, Silence } from "../marmot/engine-types.ts"
import type { NostrEvent } from "../nostr/event.ts"
import type { Filter } from "../nostr/filter.ts"
import { openMemoryStore } from "../store/index.ts"
import { Chats } from "./chats.ts"
import { Cursors } from "./cursors.ts"
import type { Draft } from "./draft.ts"
import { GroupIntake } from "./group-intake.ts"
import type { Groups } from "./groups.ts"
import { Mailbox } from "./mailbox.ts"
import type { Outbox } from "./outbox.ts"
import type { World } from "./ports.ts"
import { SeenEvents } from "./seen-events.ts"
import { FakePool, fakeWorld, someEvent, until } from "./world.fixture.ts"

const URL = "wss://relay.example"
const GROUP = "ab".repeat(16)

interface Asked {
  readonly filters: (url: string) => readonly Filter[]
  readonly onEvent: (event: NostrEvent, url: string) => void
  readonly onEose: (url: string) => void
}

/** An intake with one group on one relay. A step of the engine takes three seconds; `during` happens meanwhile. */
async function open(during: () => void = () => undefined) {
  const store = await openMemoryStore()
  const clock = { now: 1_800_000_000_000 }
  const told: { readonly silence: Silence; readonly at: number }[] = []
  const steps: GroupInput[] = []
  let asked: Asked | undefined
  const relay = {
    subscribe: (options: Asked) => {
      asked = options
      return { update: () => undefined, close: () => undefined }
    },
    status: () => [{ url: URL, status: "connected" }],
  }
  const summary = {
    standing: "active",
    routes: [{ nostrGroupId: "00".repeat(32), relays: [URL] }],
  }
  const engine = { summary: () => summary } as unknown as World["engine"]
  const world: World = {
    ...fakeWorld(store, new FakePool()),
    pool: relay as unknown as World["pool"],
    engine,
    now: () => clock.now,
  }
  const mailbox = new Mailbox({
    batch: (ops) => store.batch(ops),
    now: () => clock.now,
    onChange: () => undefined,
    log: () => undefined,
  })
  const group = { groupId: GROUP }
  const groups = {
    all: () => [group],
    get: () => group,
    apply: (_draft: Draft, _groupId: string, input: GroupInput) => {
      steps.push(input)
      clock.now += 3_000
      during()
      return Promise.resolve([])
    },
    tellSilence: (_groupId: string, silence: Silence) => {
      told.push({ silence, at: clock.now })
      return Promise.resolve()
    },
  } as unknown as Groups
  const outbox = { get: () => undefined, wake: () => undefined } as unknown as Outbox
  const intake = new GroupIntake({
    world,
    mailbox,
    groups,
    outbox,
    chats: new Chats(),
    cursors: new Cursors(),
    seen: new SeenEvents(store),
    progressed: () => undefined,
  })
  intake.refresh()
  if (asked === undefined) throw new Error("nothing was asked for")
  const { onEvent, onEose } = asked
  const send = (event: NostrEvent) => onEvent(event, URL)
  return { clock, told, steps, intake, send, end: () => onEose(URL) }
}

test("once all is read and taken in, and with the time at which it was received", async () => {
  const { clock, told, steps, intake, send, end } = await open()
  const start = clock.now
  send(someEvent("first"))
  send(someEvent("second"))
  expect(steps).toEqual([])
  end()
  await until(() => intake.isComplete(URL) && intake.pending === 0)
  await until(() => told.length > 0)
  expect(steps).toMatchObject([{ type: "events", areStored: true }])
  expect(told).toEqual([{ silence: { receivedAt: start, takenAt: start }, at: start + 3_000 }])
})

test("not of what comes live, nor while more waits for its turn", async () => {
  const { told, steps, intake, send, end } = await open(() => {
    if (steps.length === 1) send(someEvent("live"))
  })
  send(someEvent("stored"))
  end()
  await until(() => intake.isComplete(URL) && intake.pending === 0 && steps.length === 2)
  send(someEvent("later"))
  await until(() => steps.length === 3 && intake.pending === 0)
  expect(steps.map((step) => step.type === "events" && step.areStored)).toEqual([
    true,
    false,
    false,
  ])
  expect(told).toEqual([])
})
