// Marmot transport §7.8: kind 445 events of all groups, from each group's relays, into the mailbox.

import type { NostrEvent } from "../nostr/event.ts"
import type { Filter } from "../nostr/filter.ts"
import type { Subscription } from "../nostr/pool.ts"
import type { CatchUpView } from "./api.ts"
import type { Chats } from "./chats.ts"
import { OVERLAP } from "./cursors.ts"
import type { Cursors } from "./cursors.ts"
import type { Draft } from "./draft.ts"
import { drained } from "./drained.ts"
import { asClientError } from "./failure.ts"
import type { Groups } from "./groups.ts"
import type { Mailbox } from "./mailbox.ts"
import type { Outbox } from "./outbox.ts"
import type { World } from "./ports.ts"
import type { SeenEvents } from "./seen-events.ts"
import { StoredEvents } from "./stored-events.ts"

const GROUP_EVENT_KIND = 445

/** Events in one step: one batch of the store, one moment for others to get their turn. */
const CHUNK = 512
/** So many stored events may wait for their turn while more are read: a part takes about as long as two steps. */
const READ_AHEAD = 4 * CHUNK
/** So many stored events come with a subscription, the newest ones; if there are more, they are read in parts. */
const FIRST_ANSWER = 200
/** News that wait for their turn; relays keep the others. */
const MAX_QUEUE = 20_000
const RETRY_MS = 2_000
/** Fewer events than this are read before a number could be. */
const WORTH_TELLING = 100
/** A cursor is moved on at most this often while events come in live (seconds). */
const CURSOR_STEP = 60
/** What is on its way while a range is read to its end (seconds). */
const SETTLING = 10

/**
 * What waits for its turn: an event, or the news that a relay has sent all that it held at a time (Unix seconds), or as
 * much of it as we can take.
 */
type Arrival =
  | { readonly event: NostrEvent; readonly url: string; readonly isStored: boolean }
  | {
      readonly completeAt: number | undefined
      readonly url: string
      /** What the relay was asked for, and when: the routes may be others by the time this has its turn. */
      readonly asked: Asked
    }

interface Asked {
  readonly round: number
  readonly addresses: readonly string[]
}

/** Events of one group that follow each other. */
interface Run {
  readonly groupId: string
  readonly isStored: boolean
  readonly events: Map<string, NostrEvent>
}

export interface IntakeOptions {
  readonly world: World
  readonly mailbox: Mailbox
  readonly groups: Groups
  readonly chats: Chats
  readonly outbox: Outbox
  readonly cursors: Cursors
  readonly seen: SeenEvents
  /** `pendingInbound` has changed. */
  readonly progressed: () => void
}

export class GroupIntake {
  readonly #options: IntakeOptions
  readonly #queue: Arrival[] = []
  readonly #stored: StoredEvents
  readonly #complete = new Set<string>()
  /** Of these, nothing was left unread: what comes in live may move their cursors on. */
  readonly #whole = new Set<string>()
  /** Groups by address: whoever may set one group's address can set it to another's. */
  #owners = new Map<string, readonly string[]>()
  #routes = new Map<string, readonly string[]>()
  #wanted = ""
  /** Counts how often the routes have changed. */
  #round = 0
  #subscription: Subscription | undefined
  #pumping = false
  /** Since there was nothing to do. */
  #processed = 0
  /** Something was not taken for lack of room. */
  #missed = false
  #closed = false

  constructor(options: IntakeOptions) {
    this.#options = options
    this.#stored = new StoredEvents({
      world: options.world,
      filters: (url) => this.#filters(url),
      found: (events, url) => {
        this.#enqueue(...events.map((event) => ({ event, url, isStored: true })))
      },
      complete: (url, completeAt) => {
        const asked = { round: this.#round, addresses: this.#routes.get(url) ?? [] }
        this.#enqueue({ completeAt, url, asked })
      },
      gaveUp: (url) => options.outbox.wake(url),
      drained: () => this.#drained(),
    })
  }

  close(): void {
    this.#closed = true
    this.#stored.close()
    this.#subscription?.close()
  }

  /** Stored events that are waiting here. */
  get pending(): number {
    return this.#queue.length + this.#stored.size
  }

  /** How far we are, once there is enough to read for anyone to ask. */
  get catchUp(): CatchUpView | undefined {
    const { pending } = this
    const known = this.#processed + pending + this.#stored.expected
    return pending > 0 && known >= WORTH_TELLING ? { processed: this.#processed, known } : undefined
  }

  /** The relay has delivered all that it held when it was asked last. */
  isComplete(url: string): boolean {
    return !this.#routes.has(url) || this.#complete.has(url)
  }

  /** Relays of all groups. */
  get relays(): readonly string[] {
    return [...this.#routes.keys()]
  }

  /** We know what the relay holds, or will not learn it soon: what we publish there is made for the group of now. */
  isReadUp(url: string): boolean {
    return this.isComplete(url) || this.#stored.hasGivenUp(url)
  }

  connected(url: string): void {
    if (!this.#closed && !this.isComplete(url)) this.#stored.begin(url, true)
  }

  disconnected(url: string): void {
    this.#complete.delete(url)
    this.#whole.delete(url)
    if (!this.#closed) this.#stored.interrupted(url)
  }

  /** Listens where the groups are now; `again` asks for the stored events once more. */
  refresh(again = false): void {
    if (this.#closed) return
    const { owners, routes } = this.#addresses()
    const wanted = JSON.stringify([[...routes].sort(), [...owners].sort()])
    if (wanted === this.#wanted && !again) return
    this.#wanted = wanted
    this.#owners = owners
    this.#routes = routes
    this.#round++
    this.#complete.clear()
    this.#whole.clear()
    const relays = [...routes.keys()]
    for (const url of relays) this.#stored.begin(url, this.#isConnected(url))
    const filters = (url: string) =>
      this.#filters(url).map((filter) => ({ ...filter, limit: FIRST_ANSWER }))
    if (this.#subscription !== undefined) this.#subscription.update({ relays, filters })
    else if (relays.length > 0) {
      this.#subscription = this.#options.world.pool.subscribe({
        relays,
        filters,
        onEvent: (event, url) => this.receive(event, url),
        onEose: (url) => void this.#stored.ended(url, this.#seconds() - SETTLING),
      })
    }
  }

  /** The filters that read the newest minutes again, through the same door: a fence for `sync`. */
  recent(url: string, since: number): readonly Filter[] {
    const ids = this.#routes.get(url) ?? []
    return ids.length === 0 ? [] : [{ kinds: [GROUP_EVENT_KIND], "#h": ids, since }]
  }

  receive(event: NostrEvent, url: string): void {
    if (this.#ownersOf(event).length === 0 || this.#closed) return
    if (this.#stored.take(event, url)) this.#options.progressed()
    else if (this.#isFull) this.#overflown(url)
    else this.#enqueue({ event, url, isStored: false })
  }

  #enqueue(...arrivals: readonly Arrival[]): void {
    if (this.#closed) return
    for (const arrival of arrivals) this.#queue.push(arrival)
    this.#options.progressed()
    void this.#pump()
  }

  #isConnected(url: string): boolean {
    const { pool } = this.#options.world
    return pool.status().some((relay) => relay.url === url && relay.status === "connected")
  }

  #isClosed(): boolean {
    return this.#closed
  }

  #seconds(): number {
    return Math.floor(this.#options.world.now() / 1000)
  }

  #addresses() {
    const { groups, world } = this.#options
    const owners = new Map<string, string[]>()
    const routes = new Map<string, string[]>()
    for (const group of groups.all()) {
      const { standing, routes: addresses } = world.engine.summary(group)
      if (standing === "removed" || standing === "left" || standing === "disbanded") continue
      for (const { nostrGroupId, relays } of addresses) {
        const there = owners.get(nostrGroupId) ?? []
        if (!there.includes(group.groupId)) there.push(group.groupId)
        owners.set(nostrGroupId, there)
        for (const url of relays) {
          const ids = routes.get(url) ?? []
          if (!ids.includes(nostrGroupId)) ids.push(nostrGroupId)
          routes.set(url, ids)
        }
      }
    }
    return { owners, routes }
  }

  /** One filter for all groups that are read from about the same time on; relays bound the number of filters. */
  #filters(url: string): readonly Filter[] {
    const { cursors, chats } = this.#options
    const byHour = new Map<number, string[]>()
    for (const id of this.#routes.get(url) ?? []) {
      const owners = this.#owners.get(id) ?? []
      const known = Math.min(
        ...owners.map(
          (owner) => cursors.get({ owner, address: id, url }) ?? chats.get(owner)?.createdAt ?? 0,
        ),
      )
      // A clock that was ahead for a while must not make us deaf until its time has come.
      const at = Math.min(known, this.#seconds())
      const since = Math.max(0, Math.floor((at - OVERLAP) / 3600) * 3600)
      byHour.set(since, [...(byHour.get(since) ?? []), id])
    }
    return [...byHour].map(([since, ids]) => ({ kinds: [GROUP_EVENT_KIND], "#h": ids, since }))
  }

  #ownersOf(event: NostrEvent): readonly string[] {
    if (event.kind !== GROUP_EVENT_KIND) return []
    const id = event.tags.find(([name]) => name === "h")?.[1]
    return (id === undefined ? undefined : this.#owners.get(id)) ?? []
  }

  async #pump(): Promise<void> {
    if (this.#pumping) return
    this.#pumping = true
    const { mailbox, world, progressed } = this.#options
    let size = CHUNK
    while (this.#queue.length > 0 && !this.#closed) {
      const chunk = this.#queue.slice(0, size)
      try {
        await mailbox.run((draft) => this.#process(draft, chunk))
        this.#queue.splice(0, chunk.length)
        this.#processed += chunk.length
        size = CHUNK
      } catch (error) {
        if (this.#isClosed()) break
        world.log("events were not processed", error)
        // One by one, so that an event which breaks us can't take others along. What can't be stored stays.
        if (asClientError(error).code === "storage_failed") await this.#pause()
        else if (size === 1) this.#queue.shift()
        size = 1
      }
      progressed()
    }
    this.#pumping = false
    if (this.pending === 0) this.#processed = 0
    if (this.#missed && !this.#closed) {
      this.#missed = false
      this.refresh(true)
    }
  }

  get #isFull(): boolean {
    return this.#queue.length >= MAX_QUEUE
  }

  /** More comes than can be processed. It is read again once the rest is done; until then no cursor is moved. */
  #overflown(url: string): void {
    this.#missed = true
    this.#complete.delete(url)
    this.#whole.delete(url)
  }

  /** While some steps are taken, as much is read. */
  #drained(): Promise<void> {
    const { timers } = this.#options.world
    return drained(timers, () => this.#queue.length > READ_AHEAD && !this.#closed)
  }

  async #process(draft: Draft, chunk: readonly Arrival[]): Promise<void> {
    const { groups, outbox, seen } = this.#options
    const heard = new Map<string, readonly [groupId: string, url: string]>()
    let run: Run | undefined
    const end = async () => {
      if (run !== undefined) await this.#take(draft, run)
      run = undefined
    }
    for (const arrival of chunk) {
      if (!("event" in arrival)) {
        await end()
        this.#finished(draft, arrival)
        continue
      }
      const { event, url, isStored } = arrival
      const isOwn = outbox.get(event.id, draft) !== undefined
      if (isOwn) {
        await end()
        await outbox.seen(draft, event.id, url)
      }
      for (const groupId of this.#ownersOf(event)) {
        if (groups.get(groupId, draft) === undefined) continue
        heard.set(`${groupId} ${url}`, [groupId, url])
        if (isOwn || seen.has(groupId, event.id)) continue
        if (run?.groupId !== groupId || run.isStored !== isStored) {
          await end()
          run = { groupId, isStored, events: new Map() }
        }
        run.events.set(event.id, event)
      }
    }
    await end()
    for (const [groupId, url] of heard.values()) this.#moveOn(draft, groupId, url)
  }

  /** What belongs to one group, in one step of the engine. */
  async #take(draft: Draft, { groupId, isStored, events }: Run): Promise<void> {
    const { groups, outbox, seen } = this.#options
    const input = { type: "events", events: [...events.values()], areStored: isStored } as const
    const refused = new Set<string>()
    for (const effect of await groups.apply(draft, groupId, input)) {
      if (effect.type !== "disposition") continue
      // What was put aside may have had to make room before the step was over.
      if (effect.category === "resource_refused") refused.add(effect.eventId)
    }
    if (groups.get(groupId, draft)?.pending !== undefined) draft.after(() => outbox.look())
    const taken = input.events.filter(({ id }) => !refused.has(id))
    seen.remember(draft, groupId, taken)
  }

  #moveOn(draft: Draft, groupId: string, url: string): void {
    if (!this.#whole.has(url)) return
    const at = Math.floor(draft.now / 1000) - SETTLING
    for (const address of this.#routes.get(url) ?? []) {
      if (this.#owners.get(address)?.includes(groupId) !== true) continue
      const known = this.#options.cursors.get({ owner: groupId, address, url }) ?? 0
      if (at - known > CURSOR_STEP) this.#advance(draft, { owner: groupId, address, url }, at)
    }
  }

  /** What came before is processed, or drafted in this very step: the range is behind us. */
  #finished(
    draft: Draft,
    { url, completeAt: at, asked }: Extract<Arrival, { readonly asked: Asked }>,
  ): void {
    for (const address of asked.addresses) {
      if (at === undefined) break
      for (const owner of this.#owners.get(address) ?? []) {
        this.#advance(draft, { owner, address, url }, at)
      }
    }
    draft.swap(() => {
      // There is more to ask for by now: the relay has yet to say that it has sent that, too.
      if (asked.round !== this.#round) return
      this.#complete.add(url)
      if (at !== undefined) this.#whole.add(url)
    })
    // Messages wait until we know where the group is.
    draft.after(() => this.#options.outbox.wake(url))
  }

  /** Not beyond what the engine still wants to be asked for again. */
  #advance(draft: Draft, place: Parameters<Cursors["advance"]>[1], at: number): void {
    const since = this.#options.groups.get(place.owner, draft)?.refetchSince
    this.#options.cursors.advance(draft, place, since === undefined ? at : Math.min(at, since))
  }

  #pause(): Promise<void> {
    return new Promise((resolve) => this.#options.world.timers.setTimeout(resolve, RETRY_MS))
  }
}
