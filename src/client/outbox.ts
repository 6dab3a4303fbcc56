// Marmot transport §7.9: the same signed event is owed to every relay that was chosen for it, across restarts.

import type { NostrEvent } from "../nostr/event.ts"
import type { PublishOutcome } from "../marmot/engine-types.ts"
import type { RelayReceipt } from "./api.ts"
import type { Draft } from "./draft.ts"
import type { Mailbox } from "./mailbox.ts"
import type { World } from "./ports.ts"
import { RecordMap } from "./record-map.ts"
import { RelayLane } from "./relay-lane.ts"

type Purpose = "commit" | "proposal" | "application" | "welcome" | "account"

export interface Target {
  readonly url: string
  readonly state: "owed" | "accepted" | "refused"
  /** The relay's own words when it refused. */
  readonly message: string
}

/** One event on its way. Stored before the first attempt, in the batch of the step that wants it published. */
export interface Publication {
  readonly event: NostrEvent
  readonly purpose: Purpose
  readonly groupId: string | undefined
  /** For a message: the inner event's id. */
  readonly innerId: string | undefined
  readonly targets: readonly Target[]
  /** Milliseconds. */
  readonly createdAt: number
  /** Milliseconds of the first acceptance. */
  readonly acceptedAt: number | undefined
}

/** How long the relays beyond the first are tried (MDK keeps its fan-out rows as long). */
export const FANOUT_MS = 24 * 3_600_000
const STUCK_MS = 120_000

/** A full disk, say. */
const EXPIRY_RETRY_MS = 5_000

const MAX_WRITTEN = 1_024

/** Told of each answer, in the step that stores it. */
export interface PublicationObserver {
  /** The first acceptance, or refusal by all. Once per event; a crash may repeat it. */
  concluded(draft: Draft, publication: Publication, outcome: PublishOutcome): Promise<void>
  /** Whether the relay may have it now; whoever says no wakes the outbox when the answer is another. */
  isDue(publication: Publication, url: string): boolean
  /** Any target's state has changed. */
  progressed(draft: Draft, publication: Publication): Promise<void>
}

export class Outbox {
  readonly #world: World
  readonly #mailbox: Mailbox
  readonly #observer: PublicationObserver
  readonly #records = new RecordMap<Publication>({
    table: "outbox",
    scope: "publications",
    keyOf: (publication) => publication.event.id,
  })
  readonly #lanes = new Map<string, RelayLane>()
  /** Signatures of our newest events, by id. */
  readonly #written = new Map<string, string>()
  #closed = false

  constructor(world: World, mailbox: Mailbox, observer: PublicationObserver) {
    this.#world = world
    this.#mailbox = mailbox
    this.#observer = observer
  }

  load(): Promise<void> {
    return this.#records.load(this.#world.store)
  }

  /** Takes up what a former run still owed. */
  start(): void {
    for (const publication of this.#records.values()) {
      this.#dispatch(publication)
      this.#watchExpiry(publication)
    }
  }

  close(): void {
    this.#closed = true
    for (const lane of this.#lanes.values()) lane.close()
  }

  /** Publications that some relay is still owed. */
  get size(): number {
    return this.#records.size
  }

  /** Something has no acknowledgement at all, or is owed to one of these relays. */
  isOwed(relays: readonly string[]): boolean {
    return this.#records
      .values()
      .some(
        ({ acceptedAt, targets }) =>
          acceptedAt === undefined ||
          targets.some(({ url, state }) => state === "owed" && relays.includes(url)),
      )
  }

  /** Messages that some relay has taken and others are still owed: their inner ids, by group. */
  halfPublished(): ReadonlyMap<string, readonly string[]> {
    const found = new Map<string, string[]>()
    for (const { groupId, innerId, acceptedAt } of this.#records.values()) {
      if (groupId === undefined || innerId === undefined || acceptedAt === undefined) continue
      const ids = found.get(groupId) ?? []
      ids.push(innerId)
      found.set(groupId, ids)
    }
    return found
  }

  get(eventId: string, draft?: Draft): Publication | undefined {
    return this.#records.get(eventId, draft)
  }

  find(match: (publication: Publication) => boolean): Publication | undefined {
    return this.#records.values().find(match)
  }

  /** Owes `event` to each of `relays`. Adding an event that is owed already changes nothing. */
  add(
    draft: Draft,
    entry: Pick<Publication, "event" | "purpose" | "groupId" | "innerId"> & {
      readonly relays: readonly string[]
    },
  ): void {
    if (this.#records.get(entry.event.id, draft) !== undefined) return
    const { relays, event, purpose, groupId, innerId } = entry
    const publication: Publication = {
      event,
      purpose,
      groupId,
      innerId,
      targets: [...new Set(relays)].map((url) => ({ url, state: "owed", message: "" })),
      createdAt: draft.now,
      acceptedAt: undefined,
    }
    this.#records.put(draft, publication)
    draft.change({ topic: "connection" })
    draft.after(() => {
      this.#remember(event)
      this.#dispatch(publication)
    })
  }

  /** Ours, signature and all, if its id is the hash of its content: that need not be verified when it comes back. */
  wrote({ id, sig }: NostrEvent): boolean {
    return this.#written.get(id) === sig
  }

  /** Our own event came back from a relay: it has accepted it, whatever became of its answer. */
  async seen(draft: Draft, eventId: string, url: string): Promise<void> {
    await this.#record(draft, eventId, url, { state: "accepted", message: "" })
  }

  /** Gives up a group's messages that no relay has taken yet; the ids of their inner events. */
  giveUpMessages(draft: Draft, groupId: string): readonly string[] {
    const unsent = this.#records
      .values(draft)
      .filter((each) => each.groupId === groupId && each.acceptedAt === undefined)
    draft.change({ topic: "connection" })
    return unsent.flatMap(({ event, innerId }) => {
      if (innerId === undefined) return []
      this.#records.delete(draft, event.id)
      return [innerId]
    })
  }

  /** Nobody may get it any more who has not got it yet. */
  cancel(draft: Draft, eventId: string): void {
    this.#records.delete(draft, eventId)
    draft.change({ topic: "connection" })
  }

  /** A group's publications that nobody waits for any more. */
  forget(draft: Draft, groupId: string): void {
    for (const { event, groupId: owner } of this.#records.values(draft)) {
      if (owner === groupId) this.#records.delete(draft, event.id)
    }
    draft.change({ topic: "connection" })
  }

  /** A relay can be reached (again): nobody waits for a timer. */
  connected(url: string): void {
    this.#lanes.get(url)?.connected()
  }

  /** What a relay has to say was heard: it is one that answers. */
  wake(url: string): void {
    this.#lanes.get(url)?.wake()
  }

  /** Something that was not due may be so now. */
  look(): void {
    for (const lane of this.#lanes.values()) lane.look()
  }

  wakeAll(): void {
    for (const lane of this.#lanes.values()) lane.wake()
  }

  #remember({ id, sig }: NostrEvent): void {
    const [oldest] = this.#written.keys()
    if (this.#written.size >= MAX_WRITTEN && oldest !== undefined) this.#written.delete(oldest)
    this.#written.set(id, sig)
  }

  #dispatch(publication: Publication): void {
    if (this.#closed) return
    for (const { url, state } of publication.targets) {
      if (state === "owed") this.#lane(url).enqueue(publication.event)
    }
  }

  #lane(url: string): RelayLane {
    const known = this.#lanes.get(url)
    if (known !== undefined) return known
    const lane = new RelayLane({
      url,
      world: this.#world,
      answered: (eventId, answer) => this.#answered(eventId, url, answer),
      wanted: (eventId) => this.#isOwed(eventId, url),
      due: (eventId) => {
        const publication = this.#records.get(eventId)
        return publication === undefined || this.#observer.isDue(publication, url)
      },
    })
    this.#lanes.set(url, lane)
    return lane
  }

  /** Nothing is tried at a relay that can't be reached, so nobody would see that its time is over. */
  #watchExpiry(publication: Publication): void {
    const { timers, now } = this.#world
    const left = waitsUntil(publication) - now()
    if (left > STUCK_MS) return
    timers.setTimeout(() => !this.#closed && this.look(), Math.max(0, left) + 1)
  }

  #isOwed(eventId: string, url: string): boolean {
    const publication = this.#records.get(eventId)
    const target = publication?.targets.find((each) => each.url === url)
    if (publication === undefined || target?.state !== "owed") return false
    if (this.#world.now() < waitsUntil(publication)) return true
    const expired = { state: "refused", message: "not reached in time" } as const
    void this.#mailbox
      .run((draft) => this.#record(draft, eventId, url, expired))
      .catch((error: unknown) => {
        this.#world.log("an expiry was not stored", error)
        // The lane has forgotten it, and nobody has been told.
        this.#world.timers.setTimeout(() => this.#dispatch(publication), EXPIRY_RETRY_MS)
      })
    return false
  }

  #answered(
    eventId: string,
    url: string,
    answer: { readonly accepted: boolean; readonly message: string },
  ): Promise<void> {
    const state = answer.accepted ? "accepted" : "refused"
    return this.#mailbox.run((draft) =>
      this.#record(draft, eventId, url, { state, message: answer.message }),
    )
  }

  async #record(
    draft: Draft,
    eventId: string,
    url: string,
    answer: Pick<Target, "state" | "message">,
  ): Promise<void> {
    const before = this.#records.get(eventId, draft)
    const target = before?.targets.find((each) => each.url === url)
    if (before === undefined || target === undefined) return
    // An acceptance is final; a refusal can still be followed by one.
    if (target.state === "accepted" || target.state === answer.state) return
    const targets = before.targets.map((each) =>
      each === target ? { ...target, ...answer } : each,
    )
    const first = answer.state === "accepted" && before.acceptedAt === undefined
    const acceptedAt = first ? draft.now : before.acceptedAt
    const publication: Publication = { ...before, targets, acceptedAt }
    const open = targets.some(({ state }) => state === "owed")
    if (open) {
      this.#records.put(draft, publication)
      draft.after(() => this.#watchExpiry(publication))
    } else this.#records.delete(draft, eventId)
    draft.change({ topic: "connection" })
    await this.#observer.progressed(draft, publication)
    if (first) await this.#observer.concluded(draft, publication, "accepted")
    else if (!open && acceptedAt === undefined) {
      await this.#observer.concluded(draft, publication, "rejected")
    }
  }
}

/**
 * Until when the relays that are silent are waited for (milliseconds). Once one has the event, the others have their
 * time to get it. A Commit that one refuses must not hold up its group for ever because another is dead: it is given
 * up after a while, and adopted if the silent relay turns out to have stored it. Nor must a departure: it is offered
 * again.
 */
function waitsUntil({ event, acceptedAt, createdAt, purpose, targets }: Publication): number {
  // Wire §7.9: what is over is owed to nobody any more.
  const [, expiration] = event.tags.find(([name]) => name === "expiration") ?? []
  const end = expiration === undefined ? Infinity : Number(expiration) * 1000
  if (acceptedAt !== undefined) return Math.min(end, acceptedAt + FANOUT_MS)
  const refused = targets.some(({ state }) => state === "refused")
  const isWaitedFor = purpose === "commit" || purpose === "proposal"
  return Math.min(end, isWaitedFor && refused ? createdAt + STUCK_MS : Infinity)
}

/** What the relays have said so far, for the eyes of the user. */
export function receiptsOf(publication: Publication): readonly RelayReceipt[] {
  return publication.targets
    .filter(({ state }) => state !== "owed")
    .map(({ url, state, message }) => ({ url, accepted: state === "accepted", message }))
}
