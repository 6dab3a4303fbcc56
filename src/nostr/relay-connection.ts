// NIP-01 and NIP-42 with one relay: its subscriptions and authentication survive reconnects.

import { RelayAuth } from "./relay-auth.ts"
import { RelayError } from "./error.ts"
import { parseEvent } from "./event.ts"
import type { NostrEvent } from "./event.ts"
import { matchesAny } from "./filter.ts"
import type { Filter } from "./filter.ts"
import { InOrder } from "./in-order.ts"
import { Publications } from "./publications.ts"
import type { PublishResult } from "./publications.ts"
import { parseRelayMessage } from "./relay-message.ts"
import type { RelayMessage } from "./relay-message.ts"
import { RelaySocket } from "./relay-socket.ts"
import type { ConnectionStatus, Timing, WebSocketConstructor } from "./relay-socket.ts"
import type { Timer, Timers } from "./timers.ts"

/** A relay that sends more nonsense than this in one connection is cut off. */
const MAX_OFFENCES = 100
const LONGEST_REFUSED_RETRY = 300_000

/** Refusals that time alone does not lift. */
const LASTING = /^(auth-required|restricted|blocked|invalid|unsupported|pow|mute):/

export interface RelayRequest {
  /** Asked whenever a REQ is sent; none are sent for no filters. */
  filters(): readonly Filter[]
  /** Verified, and matching the filters that were sent. */
  onEvent(event: NostrEvent): void
  onEose(): void
  onRefused(reason: string): void
  /** The connection, or the attempt at one, has failed; there will be others. */
  onDown(): void
}

export interface ConnectionOptions {
  readonly url: string
  readonly WebSocket: WebSocketConstructor
  readonly timing: Timing
  readonly timers: Timers
  readonly online: boolean
  readonly random: () => number
  /** The event, and the frame that it came in. */
  readonly verify: (event: NostrEvent, frame: string) => boolean | Promise<boolean>
  readonly auth: ((relay: string, challenge: string) => Promise<NostrEvent>) | undefined
  readonly onStatus: (status: ConnectionStatus) => void
  readonly onProblem: (error: RelayError) => void
  /** Nothing has been asked of this connection for a while. */
  readonly onUnused: () => void
}

interface Active {
  readonly request: RelayRequest
  /** The subscription id of the REQ that is open, and its filters. */
  id: string | undefined
  sent: readonly Filter[]
  authTried: boolean
  refusals: number
  retry: Timer | undefined
}

export class RelayConnection {
  readonly #options: ConnectionOptions
  readonly #socket: RelaySocket
  readonly #auth: RelayAuth
  readonly #publications: Publications
  readonly #active = new Map<RelayRequest, Active>()
  readonly #bySubscription = new Map<string, Active>()
  /** What subscriptions bring, behind the checks of signatures. */
  readonly #arrivals = new InOrder()
  #subscriptions = 0
  #offences = 0
  #unusedTimer: Timer | undefined

  constructor(options: ConnectionOptions) {
    this.#options = options
    const send = (...frame: readonly unknown[]) => this.#send(...frame)
    const { url, auth, timing, timers } = options
    this.#auth = new RelayAuth({ url, sign: auth, timeout: timing.auth, timers, send })
    this.#publications = new Publications({
      send,
      authenticate: () => this.#auth.authenticate(),
      timers,
    })
    this.#socket = new RelaySocket({
      ...options,
      probe: () => this.#send("REQ", "alive", { ids: ["00".repeat(32)], limit: 1 }),
      onOpen: () => this.#opened(),
      onFrame: (data) => this.#frame(data),
      onDown: () => this.#down(),
    })
    this.#socket.connect()
    this.#checkUse()
  }

  get status(): ConnectionStatus {
    return this.#socket.status
  }

  /** Asks, and goes on asking after each reconnect, until `cancel`. */
  request(request: RelayRequest): void {
    const active = {
      request,
      id: undefined,
      sent: [],
      authTried: false,
      refusals: 0,
      retry: undefined,
    }
    this.#active.set(request, active)
    this.#checkUse()
    this.#reach()
    this.#ask(active)
  }

  /** Asks again, with the filters of now. */
  again(request: RelayRequest): void {
    const active = this.#active.get(request)
    if (active === undefined) return
    active.authTried = false
    active.refusals = 0
    this.#ask(active)
  }

  cancel(request: RelayRequest): void {
    const active = this.#active.get(request)
    if (active === undefined) return
    this.#active.delete(request)
    this.#end(active)
    this.#checkUse()
  }

  async publish(event: NostrEvent, timeout: number): Promise<PublishResult> {
    this.#reach()
    const answer = this.#publications.publish(event, timeout)
    this.#checkUse()
    try {
      return await answer
    } finally {
      this.#checkUse()
    }
  }

  wake(): void {
    this.#socket.wake()
  }

  setOnline(online: boolean): void {
    this.#socket.setOnline(online)
  }

  close(): void {
    this.#options.timers.clearTimeout(this.#unusedTimer)
    for (const active of this.#active.values()) this.#options.timers.clearTimeout(active.retry)
    this.#active.clear()
    this.#arrivals.clear()
    this.#publications.close()
    this.#socket.close()
  }

  /** Somebody is waiting: do not sit out a pause. */
  #reach(): void {
    if (this.#socket.online) this.#socket.connect()
  }

  #opened(): void {
    this.#offences = 0
    for (const active of this.#active.values()) {
      active.authTried = false
      active.refusals = 0
      this.#ask(active)
    }
    this.#publications.opened()
  }

  #down(): void {
    this.#bySubscription.clear()
    this.#arrivals.clear()
    this.#auth.reset()
    this.#publications.down()
    for (const active of [...this.#active.values()]) {
      this.#options.timers.clearTimeout(active.retry)
      active.id = undefined
      active.request.onDown()
    }
  }

  /** Sends a REQ under a new id, so that answers to the old filters cannot pass for answers to the new ones. */
  #ask(active: Active): void {
    this.#end(active)
    if (this.#socket.status !== "connected") return
    const filters = active.request.filters()
    if (filters.length === 0) return
    this.#subscriptions += 1
    active.id = `s${this.#subscriptions}`
    active.sent = filters
    this.#bySubscription.set(active.id, active)
    this.#send("REQ", active.id, ...filters)
  }

  #end(active: Active): void {
    this.#options.timers.clearTimeout(active.retry)
    if (active.id === undefined) return
    this.#bySubscription.delete(active.id)
    this.#send("CLOSE", active.id)
    active.id = undefined
  }

  #frame(data: unknown): void {
    this.#judged(() => this.#message(parseRelayMessage(data), data as string))
  }

  /** Counts it against the relay if `work` finds something wrong. */
  #judged(work: () => void): void {
    try {
      work()
    } catch (error) {
      if (!(error instanceof RelayError)) throw error
      this.#offences += error.code === "message_too_large" ? MAX_OFFENCES : 1
      this.#options.onProblem(error)
      if (this.#offences >= MAX_OFFENCES) this.#socket.drop({ misbehaved: true })
    }
  }

  #message(message: RelayMessage, frame: string): void {
    if (message.type === "OK") {
      if (!this.#auth.answered(message)) this.#publications.answered(message)
    } else if (message.type === "AUTH") {
      this.#auth.challenged(message.challenge)
    } else if (message.type !== "NOTICE") {
      const active = this.#bySubscription.get(message.subscription)
      // Late answers to what was closed meanwhile; an EOSE says that the relay still has it open.
      if (active === undefined) {
        if (message.type === "EOSE") this.#send("CLOSE", message.subscription.slice(0, 64))
      } else if (message.type === "EVENT") this.#event(active, message.event, frame)
      else {
        this.#arrive(active, true, () => {
          if (message.type === "EOSE") active.request.onEose()
          else this.#refused(active, message.reason)
        })
      }
    }
  }

  #event(active: Active, value: unknown, frame: string): void {
    const event = parseEvent(value)
    if (!matchesAny(active.sent, event)) {
      throw new RelayError("unwanted_event", "an event that was not asked for")
    }
    this.#arrive(active, this.#options.verify(event, frame), (isValid) => {
      if (!isValid) throw new RelayError("invalid_signature", "wrong event id or signature")
      active.request.onEvent(event)
    })
  }

  /** In the order of the frames, and only while the subscription that they belong to is open. */
  #arrive(
    active: Active,
    verdict: boolean | Promise<boolean>,
    then: (isValid: boolean) => void,
  ): void {
    const { id } = active
    this.#arrivals.add(verdict, (isValid) => {
      if (active.id === id) this.#judged(() => then(isValid))
    })
  }

  #refused(active: Active, reason: string): void {
    if (active.id !== undefined) this.#bySubscription.delete(active.id)
    active.id = undefined
    if (reason.startsWith("auth-required:") && !active.authTried) {
      active.authTried = true
      void this.#authenticateFor(active, reason)
      return
    }
    if (!LASTING.test(reason)) {
      const pause = this.#options.timing.refusedRetry * 2 ** active.refusals
      active.refusals += 1
      active.retry = this.#options.timers.setTimeout(
        () => this.#ask(active),
        Math.min(pause, LONGEST_REFUSED_RETRY),
      )
    }
    active.request.onRefused(reason)
  }

  async #authenticateFor(active: Active, reason: string): Promise<void> {
    const authenticated = await this.#auth.authenticate()
    // Cancelled, asked again or disconnected meanwhile.
    if (this.#active.get(active.request) !== active || active.id !== undefined) return
    if (this.#socket.status !== "connected") return
    if (authenticated) this.#ask(active)
    else active.request.onRefused(reason)
  }

  #checkUse(): void {
    this.#options.timers.clearTimeout(this.#unusedTimer)
    if (this.#active.size > 0 || this.#publications.size > 0) return
    this.#unusedTimer = this.#options.timers.setTimeout(
      () => this.#options.onUnused(),
      this.#options.timing.linger,
    )
  }

  #send(...frame: readonly unknown[]): boolean {
    return this.#socket.send(JSON.stringify(frame))
  }
}
