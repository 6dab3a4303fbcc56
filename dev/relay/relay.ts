// NIP-01: the relay's side of the protocol, without sockets: frames in, frames out.

import { parseEvent, verifyEvent } from "../../src/nostr/event.ts"
import type { NostrEvent } from "../../src/nostr/event.ts"
import { matchesAny, parseFilter } from "../../src/nostr/filter.ts"
import type { Filter } from "../../src/nostr/filter.ts"
import { RelayError } from "../../src/nostr/error.ts"
import { Authentication } from "./auth.ts"
import type { AuthMode } from "./auth.ts"
import type { Outcome } from "./index.ts"
import { AUTH_KIND, isExpired, storageOf } from "./kinds.ts"
import type { EventStore } from "./store.ts"

export interface RelayLimits {
  /** Bytes of a frame. */
  readonly messageLength: number
  readonly subscriptions: number
  readonly filters: number
  /** Stored events for one filter, whatever it asks for. */
  readonly limit: number
  /** How far ahead of the relay's clock an event may be dated, in seconds. */
  readonly future: number
}

export const defaultLimits: RelayLimits = {
  messageLength: 4 * 1024 * 1024,
  subscriptions: 200,
  filters: 50,
  limit: 10_000,
  future: 900,
}

const MAX_SUBSCRIPTION_ID = 64

export interface RelayOptions {
  readonly store: EventStore
  readonly auth: AuthMode
  readonly limits: RelayLimits
  /** Unix seconds. */
  readonly now: () => number
}

/** What the relay knows of one connected client. */
export interface Peer {
  send(frame: string): void
  /** The URL under which this client reached the relay. */
  readonly url: string
}

/** Why an event was not stored, as NIP-01 words it; undefined if that counts as accepted. */
const refusals: Record<Exclude<Outcome, "stored" | "duplicate">, string> = {
  replaced: "invalid: a newer version is stored",
  deleted: "blocked: deleted by its author",
  expired: "invalid: expired",
}

export class Relay {
  readonly options: RelayOptions
  readonly #connections = new Set<RelayConnection>()

  constructor(options: RelayOptions) {
    this.options = options
  }

  connect(peer: Peer): RelayConnection {
    const connection = new RelayConnection(this, peer)
    this.#connections.add(connection)
    return connection
  }

  disconnect(connection: RelayConnection): void {
    this.#connections.delete(connection)
  }

  /** Stores and delivers a verified event; returns what OK says: accepted, and a message. */
  async publish(event: NostrEvent): Promise<readonly [boolean, string]> {
    const { store, now, limits } = this.options
    if (event.created_at > now() + limits.future) return [false, "invalid: dated in the future"]
    if (event.kind === AUTH_KIND) return [false, "invalid: not an event to publish"]
    if (storageOf(event.kind) === "ephemeral") {
      if (isExpired(event, now())) return [false, refusals.expired]
      this.#deliver(event)
      return [true, ""]
    }
    const outcome = await store.add(event)
    if (outcome === "duplicate") return [true, "duplicate: already stored"]
    if (outcome !== "stored") return [false, refusals[outcome]]
    this.#deliver(event)
    return [true, ""]
  }

  #deliver(event: NostrEvent): void {
    for (const connection of this.#connections) connection.deliver(event)
  }
}

export class RelayConnection {
  readonly #relay: Relay
  readonly #peer: Peer
  readonly #authentication: Authentication
  readonly #subscriptions = new Map<string, readonly Filter[]>()

  constructor(relay: Relay, peer: Peer) {
    this.#relay = relay
    this.#peer = peer
    this.#authentication = new Authentication(relay.options.auth)
    this.#send("AUTH", this.#authentication.challenge)
  }

  /** One frame of the client. Never throws and never rejects: what is wrong is answered. */
  async receive(text: string): Promise<void> {
    try {
      await this.#handle(text)
    } catch (error) {
      this.#send("NOTICE", `invalid: ${error instanceof RelayError ? error.message : "not JSON"}`)
    }
  }

  close(): void {
    this.#subscriptions.clear()
    this.#relay.disconnect(this)
  }

  /** Sends a new event to the subscriptions that match it. */
  deliver(event: NostrEvent): void {
    if (!this.#authentication.maySee(event)) return
    for (const [id, filters] of this.#subscriptions) {
      if (matchesAny(filters, event)) this.#send("EVENT", id, event)
    }
  }

  async #handle(text: string): Promise<void> {
    const frame: unknown = JSON.parse(text)
    if (!Array.isArray(frame)) throw new RelayError("invalid_message", "not an array")
    const [type, ...rest] = frame as readonly unknown[]
    if (type === "EVENT") return this.#event(rest[0])
    if (type === "AUTH") {
      this.#auth(rest[0])
      return
    }
    if (type === "REQ") {
      this.#req(rest)
      return
    }
    if (type === "CLOSE" && typeof rest[0] === "string")
      return void this.#subscriptions.delete(rest[0])
    throw new RelayError("invalid_message", "not a message of NIP-01")
  }

  async #event(value: unknown): Promise<void> {
    const event = this.#verified(value)
    if (event === undefined) return
    const refusal = this.#authentication.refusesEvent(event)
    if (refusal !== undefined) {
      this.#send("OK", event.id, false, refusal)
      return
    }
    try {
      const [accepted, message] = await this.#relay.publish(event)
      this.#send("OK", event.id, accepted, message)
    } catch {
      this.#send("OK", event.id, false, "error: could not be stored")
    }
  }

  #auth(value: unknown): void {
    const event = this.#verified(value)
    if (event === undefined) return
    const { now } = this.#relay.options
    const refusal = this.#authentication.accept(event, { relayUrl: this.#peer.url, now: now() })
    this.#send("OK", event.id, refusal === undefined, refusal ?? "")
  }

  #req([id, ...values]: readonly unknown[]): void {
    const { limits, store, now } = this.#relay.options
    if (typeof id !== "string" || id.length === 0 || id.length > MAX_SUBSCRIPTION_ID) {
      throw new RelayError("invalid_message", "not a subscription id of 1 to 64 characters")
    }
    const closed = (reason: string) => {
      this.#subscriptions.delete(id)
      this.#send("CLOSED", id, reason)
    }
    const filters = filtersOf(values, limits.filters)
    if (filters === undefined) {
      closed(`invalid: 1 to ${limits.filters} filters of NIP-01`)
      return
    }
    if (!this.#subscriptions.has(id) && this.#subscriptions.size >= limits.subscriptions) {
      closed(`error: at most ${limits.subscriptions} subscriptions`)
      return
    }
    const refusal = this.#authentication.refusesFilters(filters)
    if (refusal !== undefined) {
      closed(refusal)
      return
    }
    this.#subscriptions.set(id, filters)
    for (const event of store.index.query(filters, { limit: limits.limit, now: now() })) {
      if (this.#authentication.maySee(event)) this.#send("EVENT", id, event)
    }
    this.#send("EOSE", id)
  }

  /** The event, or undefined after a refusal that names it as well as can be. */
  #verified(value: unknown): NostrEvent | undefined {
    const event = safeParse(value)
    if (event !== undefined && verifyEvent(event)) return event
    const id = typeof value === "object" && value !== null && "id" in value ? value.id : ""
    const reason = event === undefined ? "not an event" : "wrong id or signature"
    this.#send("OK", typeof id === "string" ? id.slice(0, 64) : "", false, `invalid: ${reason}`)
    return undefined
  }

  #send(...frame: readonly unknown[]): void {
    this.#peer.send(JSON.stringify(frame))
  }
}

function safeParse(value: unknown): NostrEvent | undefined {
  try {
    return parseEvent(value)
  } catch {
    return undefined
  }
}

function filtersOf(values: readonly unknown[], max: number): readonly Filter[] | undefined {
  if (values.length === 0 || values.length > max) return undefined
  try {
    return values.map(parseFilter)
  } catch {
    return undefined
  }
}
