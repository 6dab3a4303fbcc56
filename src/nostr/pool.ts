// NIP-01: many relays at once. Every event that leaves the pool is verified; refusals are values or typed reports.

import type { RelayError } from "./error.ts"
import { compareEvents, verifyEvent } from "./event.ts"
import type { NostrEvent } from "./event.ts"
import type { Filter } from "./filter.ts"
import type { PublishResult } from "./publications.ts"
import { RelayConnection } from "./relay-connection.ts"
import type { RelayRequest } from "./relay-connection.ts"
import { defaultTiming } from "./relay-socket.ts"
import type { ConnectionStatus, Timing, WebSocketConstructor } from "./relay-socket.ts"
import { isRelayUrl } from "./relay-url.ts"
import { SignatureCache } from "./signature-cache.ts"
import { systemTimers } from "./timers.ts"
import type { Timers } from "./timers.ts"
import type { FrameCheck } from "./verify-frame.ts"

export type { Filter, PublishResult }

export interface RelayPoolOptions {
  /** The browser's `WebSocket`, or that of `ws`. */
  readonly WebSocket: WebSocketConstructor
  /** Checks id and signature; `verifyEvent` by default. */
  readonly verify?: (event: NostrEvent) => boolean
  /** Does the same in another thread, where there is one; what it does not confirm is checked here. */
  readonly elsewhere?: FrameCheck | undefined
  /** Signs NIP-42 answers (`relayAuthTemplate`); without it, relays that insist on them refuse us. */
  readonly auth?: (relay: string, challenge: string) => Promise<NostrEvent>
  /** What relays did wrong: forged events, garbage, oversized frames. Nothing needs doing about it. */
  readonly onProblem?: (relay: string, error: RelayError) => void
  /** 0..1, for jitter. */
  readonly random?: () => number
  readonly timing?: Partial<Timing>
  readonly timers?: Timers
}

export interface RelayStatus {
  readonly url: string
  readonly status: ConnectionStatus
}

export interface SubscribeParams {
  readonly relays: readonly string[]
  /** Asked for each REQ, also after a reconnect, so that `since` can move on. No filters: nothing is asked. */
  readonly filters: (relay: string) => readonly Filter[]
  /** A verified event that matches the filters; each relay's copy is delivered. */
  readonly onEvent: (event: NostrEvent, relay: string) => void
  /** The relay has delivered what it had stored; comes again after each reconnect and update. */
  readonly onEose?: (relay: string) => void
  readonly onRefused?: (relay: string, reason: string) => void
}

export interface Subscription {
  /** With `filters`, every relay is asked anew; with `relays` alone, only the new ones are. */
  update(change: {
    readonly relays?: readonly string[]
    readonly filters?: (relay: string) => readonly Filter[]
  }): void
  close(): void
}

export interface QueryResult {
  /** Verified, without duplicates, newest first. */
  readonly events: readonly NostrEvent[]
  /** Relays that have delivered all that they had, and those that have not. */
  readonly answered: readonly string[]
  readonly failed: readonly string[]
}

const DEFAULT_TIMEOUT = 10_000
/** A query waits this many times as long for a relay that goes on sending. */
const MAX_LOOKS = 10
/** A query takes no more than this from one relay. */
const MAX_QUERY_EVENTS = 20_000

export class RelayPool {
  readonly #options: RelayPoolOptions
  readonly #signatures: SignatureCache
  readonly #timers: Timers
  readonly #connections = new Map<string, RelayConnection>()
  readonly #statusListeners = new Set<(status: RelayStatus) => void>()
  #online = true
  #closed = false

  constructor(options: RelayPoolOptions) {
    this.#options = options
    this.#timers = options.timers ?? systemTimers
    this.#signatures = new SignatureCache(options.verify ?? verifyEvent, options.elsewhere)
  }

  subscribe({ relays, filters, onEvent, onEose, onRefused }: SubscribeParams): Subscription {
    const requests = new Map<string, RelayRequest>()
    let currentFilters = filters
    let closed = false
    const add = (relay: string) => {
      const request: RelayRequest = {
        filters: () => currentFilters(relay),
        onEvent: (event) => onEvent(event, relay),
        onEose: () => onEose?.(relay),
        onRefused: (reason) => onRefused?.(relay, reason),
        onDown: () => undefined,
      }
      requests.set(relay, request)
      const connection = this.#connection(relay)
      if (connection !== undefined) connection.request(request)
      else queueMicrotask(() => onRefused?.(relay, "invalid: not a relay URL"))
    }
    const remove = (relay: string, request: RelayRequest) => {
      requests.delete(relay)
      this.#connections.get(relay)?.cancel(request)
    }
    for (const relay of new Set(relays)) add(relay)
    return {
      update: (change) => {
        if (closed) return
        currentFilters = change.filters ?? currentFilters
        const wanted = new Set(change.relays ?? requests.keys())
        for (const [relay, request] of [...requests]) {
          if (!wanted.has(relay)) remove(relay, request)
          else if (change.filters) this.#connections.get(relay)?.again(request)
        }
        for (const relay of wanted) if (!requests.has(relay)) add(relay)
      },
      close: () => {
        closed = true
        for (const [relay, request] of [...requests]) remove(relay, request)
      },
    }
  }

  /**
   * Sends `event` as it stands, now or when the connection opens, and waits for the relay's OK; an `auth-required:`
   * refusal is answered once. There is no answer if the connection ends before it. Never rejects.
   */
  publish(
    relay: string,
    event: NostrEvent,
    { timeoutMs = DEFAULT_TIMEOUT }: { readonly timeoutMs?: number } = {},
  ): Promise<PublishResult> {
    const connection = this.#online ? this.#connection(relay) : undefined
    if (connection !== undefined) return connection.publish(event, timeoutMs)
    const message = this.#closed ? "closed" : this.#online ? "not a relay URL" : "offline"
    return Promise.resolve({ answered: false, accepted: false, message })
  }

  /**
   * Asks each relay once; never rejects. Events of relays that failed halfway are among the results. A relay has failed
   * when nothing came from it for `timeoutMs`, or not everything in ten times as long.
   */
  async query(
    relays: readonly string[],
    filters: readonly Filter[],
    { timeoutMs = DEFAULT_TIMEOUT }: { readonly timeoutMs?: number } = {},
  ): Promise<QueryResult> {
    const events = new Map<string, NostrEvent>()
    const urls = [...new Set(relays)]
    if (filters.length === 0) return { events: [], answered: urls, failed: [] }
    const complete = await Promise.all(
      urls.map((relay) =>
        this.#queryOne(relay, { filters, timeoutMs, onEvent: (e) => events.set(e.id, e) }),
      ),
    )
    return {
      events: [...events.values()].sort(compareEvents),
      answered: urls.filter((_, i) => complete[i]),
      failed: urls.filter((_, i) => !complete[i]),
    }
  }

  /** `false` closes all connections and stops trying; `true` connects at once. */
  setOnline(online: boolean): void {
    if (online === this.#online) return
    this.#online = online
    for (const connection of [...this.#connections.values()]) connection.setOnline(online)
  }

  /** Connects at once where there is no connection, and makes sure of those that there are. */
  wake(): void {
    for (const connection of [...this.#connections.values()]) connection.wake()
  }

  status(): readonly RelayStatus[] {
    return [...this.#connections].map(([url, { status }]) => ({ url, status }))
  }

  /** Calls back for each change; returns the way to stop. */
  onStatus(listener: (status: RelayStatus) => void): () => void {
    this.#statusListeners.add(listener)
    return () => this.#statusListeners.delete(listener)
  }

  /** Ends everything; what is waiting is answered with a failure. */
  close(): void {
    this.#closed = true
    for (const connection of this.#connections.values()) connection.close()
    this.#connections.clear()
    this.#statusListeners.clear()
  }

  #queryOne(
    relay: string,
    options: {
      readonly filters: readonly Filter[]
      readonly timeoutMs: number
      readonly onEvent: (event: NostrEvent) => void
    },
  ): Promise<boolean> {
    const connection = this.#online ? this.#connection(relay) : undefined
    if (connection === undefined) return Promise.resolve(false)
    const timers = this.#timers
    return new Promise((resolve) => {
      let events = 0
      const settle = (complete: boolean) => {
        timers.clearTimeout(timer)
        connection.cancel(request)
        resolve(complete)
      }
      let before = 0
      let looks = 0
      const look = () => {
        // One that is still sending is waited for.
        if (events === before || ++looks === MAX_LOOKS) settle(false)
        else timer = timers.setTimeout(look, options.timeoutMs)
        before = events
      }
      let timer = timers.setTimeout(look, options.timeoutMs)
      const request: RelayRequest = {
        filters: () => options.filters,
        onEvent: (event) => {
          options.onEvent(event)
          events += 1
          if (events >= MAX_QUERY_EVENTS) settle(false)
        },
        onEose: () => settle(true),
        onRefused: () => settle(false),
        onDown: () => settle(false),
      }
      connection.request(request)
    })
  }

  #connection(url: string): RelayConnection | undefined {
    if (this.#closed || !isRelayUrl(url)) return undefined
    const known = this.#connections.get(url)
    if (known !== undefined) return known
    const connection = new RelayConnection({
      url,
      WebSocket: this.#options.WebSocket,
      timing: { ...defaultTiming, ...this.#options.timing },
      timers: this.#timers,
      online: this.#online,
      random: this.#options.random ?? Math.random,
      verify: (event, frame) => this.#signatures.verify(event, frame),
      auth: this.#options.auth,
      onStatus: (status) => this.#announce({ url, status }),
      onProblem: (error) => this.#options.onProblem?.(url, error),
      onUnused: () => {
        this.#connections.delete(url)
        connection.close()
      },
    })
    this.#connections.set(url, connection)
    return connection
  }

  #announce(status: RelayStatus): void {
    for (const listener of [...this.#statusListeners]) listener(status)
  }
}
