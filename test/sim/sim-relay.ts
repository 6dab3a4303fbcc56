// A relay in memory, NIP-01, which may be down, forget, lie or keep things to itself for a while.

import { EventIndex } from "../../dev/relay/index.ts"
import { storageOf } from "../../dev/relay/kinds.ts"
import { parseEvent, verifyEvent } from "../../src/nostr/event.ts"
import type { NostrEvent } from "../../src/nostr/event.ts"
import { matchesAny, parseFilter } from "../../src/nostr/filter.ts"
import type { Filter } from "../../src/nostr/filter.ts"
import type { Clock } from "./clock.ts"
import type { Counts } from "./counts.ts"
import type { Rng } from "./rng.ts"

/** Each with a probability of its own, for each event or question. */
const relayModes = [
  /** `OK true`, and nothing is stored. */
  "lies: stored",
  /** `OK false`, but stored and handed on. */
  "lies: refused",
  /** Not stored, and says so. */
  "refuses",
  /** Not stored for now, at most twice in a row for one event. */
  "rate-limits",
  /** Stored, but never answered. */
  "mute",
  /** Live events are stored but not handed on. */
  "withholds",
  /** Some stored events are left out before EOSE. */
  "hides",
  /** EOSE comes before the stored events do. */
  "early EOSE",
  /** What makes accounts reachable: `OK true`, and nothing is stored. */
  "lies: account stored",
  /** The same is left out of answers. */
  "hides accounts",
] as const
export type RelayMode = (typeof relayModes)[number]
export const accountModes: readonly RelayMode[] = ["lies: account stored", "hides accounts"]
export const groupModes = relayModes.filter((mode) => !accountModes.includes(mode))
/** What an honest relay may do too. */
export const honestModes: readonly RelayMode[] = ["rate-limits", "mute"]

/** `mayBeLate`: the network may lose, double or delay this frame. */
type Send = (frame: string, mayBeLate: boolean) => void

/** What a relay does for nobody but those who have said who they are (NIP-42). */
export type Insistence = "reading" | "writing" | "everything"

const AUTH_KIND = 22242

interface Session {
  readonly challenge: string
  isKnown: boolean
  readonly send: Send
  readonly subscriptions: Map<string, readonly Filter[]>
}

const EARLY_EOSE_MS = 1_500

export class SimRelay {
  readonly url: string
  events = new EventIndex()
  isDown = false
  readonly modes = new Map<RelayMode, number>()
  readonly #insistence: Insistence | undefined
  #challenges = 0
  readonly #clock: Clock
  readonly #rng: Rng
  readonly #counts: Counts
  readonly #sessions = new Set<Session>()
  readonly #limited = new Map<string, number>()

  constructor(
    url: string,
    world: { readonly clock: Clock; readonly rng: Rng; readonly counts: Counts },
    insistence?: Insistence,
  ) {
    this.url = url
    this.#insistence = insistence
    this.#clock = world.clock
    this.#rng = world.rng
    this.#counts = world.counts
  }

  connect(send: Send): { receive(frame: string): void; close(): void } {
    const challenge = `challenge ${++this.#challenges}`
    const session: Session = { challenge, isKnown: false, send, subscriptions: new Map() }
    this.#sessions.add(session)
    if (this.#insistence !== undefined) send(JSON.stringify(["AUTH", challenge]), false)
    return {
      receive: (frame) => this.#receive(session, frame),
      close: () => {
        session.subscriptions.clear()
        this.#sessions.delete(session)
      },
    }
  }

  heal(): void {
    this.isDown = false
    this.modes.clear()
  }

  /** Loses a share of what it holds, by its own rng. */
  forget(share: number): void {
    const kept = [...this.events.events()].filter(() => !this.#rng.chance(share))
    this.#counts.add("events forgotten", this.events.size - kept.length)
    const fresh = new EventIndex()
    for (const event of kept) fresh.add(event, this.#seconds)
    this.events = fresh
  }

  /** Stores and hands on, as if somebody had published it here. */
  post(event: NostrEvent): void {
    if (storageOf(event.kind) === "ephemeral") return
    if (this.events.add(event, this.#seconds) !== "stored") return
    if (this.#does("withholds")) return
    this.#handOn(event)
  }

  get #seconds(): number {
    return Math.floor(this.#clock.now / 1000)
  }

  #does(mode: RelayMode): boolean {
    const probability = this.modes.get(mode)
    if (probability === undefined || !this.#rng.chance(probability)) return false
    this.#counts.add(`relay ${mode}`)
    return true
  }

  #receive(session: Session, frame: string): void {
    if (this.isDown) return
    const [type, ...rest] = JSON.parse(frame) as readonly unknown[]
    if (type === "EVENT") this.#event(session, rest[0])
    else if (type === "REQ") this.#req(session, rest)
    else if (type === "AUTH") this.#authenticate(session, rest[0])
    else if (type === "CLOSE") session.subscriptions.delete(String(rest[0]))
  }

  /** The answer is not lost by noise: the connection would be, and noise spares that. */
  #authenticate(session: Session, value: unknown): void {
    const event = parseEvent(value)
    const has = (name: string, wanted: string) =>
      event.tags.some(([tag, given]) => tag === name && given === wanted)
    session.isKnown =
      event.kind === AUTH_KIND &&
      verifyEvent(event) &&
      has("relay", this.url) &&
      has("challenge", session.challenge)
    if (session.isKnown) this.#counts.add("devices told a relay who they are")
    const message = session.isKnown ? "" : "invalid: not an answer to the challenge"
    session.send(JSON.stringify(["OK", event.id, session.isKnown, message]), false)
  }

  #turnsAway(session: Session, what: Insistence): boolean {
    if (session.isKnown || this.#insistence === undefined) return false
    return this.#insistence === "everything" || this.#insistence === what
  }

  #event(session: Session, value: unknown): void {
    const event = parseEvent(value)
    const ok = (accepted: boolean, message: string) =>
      session.send(JSON.stringify(["OK", event.id, accepted, message]), true)
    if (this.#turnsAway(session, "writing")) {
      ok(false, "auth-required: who are you?")
      return
    }
    if (!verifyEvent(event)) {
      ok(false, "invalid: wrong id or signature")
      return
    }
    const isGroup = event.kind === 445
    if (!isGroup) {
      if (!this.#does("lies: account stored")) this.post(event)
      ok(true, "")
      return
    }
    const times = this.#limited.get(event.id) ?? 0
    if (times < 2 && this.#does("rate-limits")) {
      this.#limited.set(event.id, times + 1)
      ok(false, "rate-limited: slow down")
    } else if (this.#does("lies: stored")) ok(true, "")
    else if (this.#does("refuses")) ok(false, "blocked: not here")
    else {
      const known = this.events.has(event.id)
      this.post(event)
      if (this.#does("lies: refused")) ok(false, "blocked: not here")
      else if (!this.#does("mute")) ok(true, known ? "duplicate: already stored" : "")
    }
  }

  #req(session: Session, [id, ...values]: readonly unknown[]): void {
    const subscription = String(id)
    if (this.#turnsAway(session, "reading")) {
      session.send(JSON.stringify(["CLOSED", subscription, "auth-required: who are you?"]), false)
      return
    }
    const filters = values.map(parseFilter)
    session.subscriptions.set(subscription, filters)
    const found = this.events.query(filters, { limit: 500, now: this.#seconds })
    const isLate = this.#does("early EOSE")
    const shown = found.filter(({ kind }) => !this.#does(kind === 445 ? "hides" : "hides accounts"))
    const send = (late: boolean) => {
      for (const event of shown) {
        session.send(eventFrame(subscription, event), late)
      }
    }
    if (!isLate) send(false)
    session.send(JSON.stringify(["EOSE", subscription]), false)
    if (!isLate) return
    this.#clock.after(EARLY_EOSE_MS, () => {
      if (session.subscriptions.has(subscription)) send(true)
    })
  }

  #handOn(event: NostrEvent): void {
    for (const session of this.#sessions) {
      for (const [id, filters] of session.subscriptions) {
        if (matchesAny(filters, event)) session.send(eventFrame(id, event), true)
      }
    }
  }
}

const texts = new WeakMap<NostrEvent, string>()

/** An event goes out many times, and is written once. */
function eventFrame(subscription: string, event: NostrEvent): string {
  const text = texts.get(event) ?? JSON.stringify(event)
  texts.set(event, text)
  return `["EVENT",${JSON.stringify(subscription)},${text}]`
}
