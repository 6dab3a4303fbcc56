// One relay's WebSocket, kept open: reconnects with growing pauses, and notices when the other side has gone.

import { MAX_FRAME_LENGTH } from "./relay-message.ts"
import type { Timer, Timers } from "./timers.ts"

/** What the pool needs of a WebSocket: the browser's, or that of `ws`. */
export interface WebSocketLike {
  readonly bufferedAmount: number
  send(data: string): void
  close(): void
  /** `ws` only: closes without waiting for the other side. */
  terminate?(): void
  addEventListener(
    type: "open" | "message" | "close" | "error",
    listener: (event: { readonly type: string; readonly data?: unknown }) => void,
  ): void
}

export type WebSocketConstructor = new (url: string) => WebSocketLike

export type ConnectionStatus = "connecting" | "connected" | "disconnected"

/** All in milliseconds. */
export interface Timing {
  readonly connect: number
  /** Silence after which the relay is asked for a sign of life, and how long that may take. */
  readonly silence: number
  readonly answer: number
  readonly firstRetry: number
  readonly longestRetry: number
  /** A connection that lasted this long was a good one: the next retry is a quick one again. */
  readonly stable: number
  /** How long the user may take to allow an authentication. */
  readonly auth: number
  /** How long a connection without use stays open. */
  readonly linger: number
  /** The first pause after a relay refused a subscription for the moment. */
  readonly refusedRetry: number
}

export const defaultTiming: Timing = {
  connect: 10_000,
  silence: 30_000,
  answer: 10_000,
  firstRetry: 250,
  longestRetry: 30_000,
  stable: 5_000,
  auth: 60_000,
  linger: 30_000,
  refusedRetry: 5_000,
}

export interface SocketOptions {
  readonly url: string
  readonly WebSocket: WebSocketConstructor
  readonly timing: Timing
  readonly timers: Timers
  readonly online: boolean
  /** 0..1, for jitter. */
  readonly random: () => number
  /** Asks the relay for any answer. */
  readonly probe: () => void
  readonly onOpen: () => void
  readonly onFrame: (data: unknown) => void
  /** A connection, or an attempt at one, has ended. */
  readonly onDown: () => void
  readonly onStatus: (status: ConnectionStatus) => void
}

export class RelaySocket {
  readonly #options: SocketOptions
  #socket: WebSocketLike | undefined
  #status: ConnectionStatus = "disconnected"
  #online: boolean
  #closed = false
  #attempts = 0
  #heard = false
  /** One timer at a time: connecting, watching or waiting for the next attempt. */
  #timer: Timer | undefined
  #stableTimer: Timer | undefined

  constructor(options: SocketOptions) {
    this.#options = options
    this.#online = options.online
  }

  get status(): ConnectionStatus {
    return this.#status
  }

  get online(): boolean {
    return this.#online
  }

  /** Connects now, unless that is done or under way; pending pauses are cut short. */
  connect(): void {
    if (this.#closed || !this.#online || this.#socket !== undefined) return
    this.#options.timers.clearTimeout(this.#timer)
    this.#setStatus("connecting")
    const socket = this.#create()
    if (socket === undefined) {
      this.#down()
      return
    }
    this.#socket = socket
    const current = () => this.#socket === socket
    socket.addEventListener("open", () => current() && this.#opened())
    socket.addEventListener("message", ({ data }) => {
      if (!current()) return
      this.#heard = true
      this.#options.onFrame(data)
    })
    socket.addEventListener("close", () => current() && this.drop())
    socket.addEventListener("error", () => current() && this.drop())
    this.#timer = this.#options.timers.setTimeout(() => this.drop(), this.#options.timing.connect)
  }

  /** Whether the frame went into an open socket. */
  send(frame: string): boolean {
    if (this.#status !== "connected" || this.#socket === undefined) return false
    if (this.#socket.bufferedAmount > 4 * MAX_FRAME_LENGTH) return false
    try {
      this.#socket.send(frame)
      return true
    } catch {
      return false
    }
  }

  /** After sleep, or when the user is back: connect now, or make sure that the connection still lives. */
  wake(): void {
    this.#attempts = 0
    if (this.#status === "connected") this.#probe()
    else this.connect()
  }

  setOnline(online: boolean): void {
    this.#online = online
    if (online) this.wake()
    else this.drop()
  }

  /** Ends this connection; the next attempt comes after a pause, a long one if the relay `misbehaved`. */
  drop({ misbehaved = false } = {}): void {
    if (misbehaved) this.#attempts = 16
    const socket = this.#socket
    this.#socket = undefined
    if (socket !== undefined) abandon(socket)
    this.#down()
  }

  close(): void {
    this.#closed = true
    this.drop()
  }

  #create(): WebSocketLike | undefined {
    try {
      return new this.#options.WebSocket(this.#options.url)
    } catch {
      // Browsers throw for URLs that a page may not open (ws: from https:).
      return undefined
    }
  }

  #opened(): void {
    this.#options.timers.clearTimeout(this.#timer)
    this.#stableTimer = this.#options.timers.setTimeout(
      () => (this.#attempts = 0),
      this.#options.timing.stable,
    )
    this.#setStatus("connected")
    this.#watch()
    this.#options.onOpen()
  }

  #watch(): void {
    this.#heard = false
    this.#timer = this.#options.timers.setTimeout(() => {
      if (this.#heard) this.#watch()
      else this.#probe()
    }, this.#options.timing.silence)
  }

  #probe(): void {
    this.#options.timers.clearTimeout(this.#timer)
    this.#heard = false
    this.#options.probe()
    const decide = () => {
      if (this.#heard) this.#watch()
      else this.drop()
    }
    // Once more around the event loop: after a long computation the answer may be waiting behind this timer.
    this.#timer = this.#options.timers.setTimeout(() => {
      this.#timer = this.#options.timers.setTimeout(decide, 0)
    }, this.#options.timing.answer)
  }

  #down(): void {
    this.#options.timers.clearTimeout(this.#timer)
    this.#options.timers.clearTimeout(this.#stableTimer)
    const was = this.#status
    this.#setStatus("disconnected")
    if (!this.#closed && this.#online) {
      this.#timer = this.#options.timers.setTimeout(() => this.connect(), this.#pause())
    }
    if (was !== "disconnected") this.#options.onDown()
  }

  #pause(): number {
    const { firstRetry, longestRetry } = this.#options.timing
    const pause = Math.min(longestRetry, firstRetry * 2 ** this.#attempts)
    this.#attempts = Math.min(this.#attempts + 1, 16)
    return pause * (0.5 + this.#options.random() / 2)
  }

  #setStatus(status: ConnectionStatus): void {
    if (status === this.#status) return
    this.#status = status
    this.#options.onStatus(status)
  }
}

function abandon(socket: WebSocketLike): void {
  try {
    if (socket.terminate === undefined) socket.close()
    else socket.terminate()
  } catch {
    // It is given up either way.
  }
}
