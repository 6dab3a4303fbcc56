// The network between devices and relays: WebSockets whose frames take time and get lost, and links that break.

import type { WebSocketConstructor, WebSocketLike } from "../../src/nostr/relay-socket.ts"
import type { Clock, Owner } from "./clock.ts"
import type { Counts } from "./counts.ts"
import type { Rng } from "./rng.ts"
import type { SimRelay } from "./sim-relay.ts"

/** What a link does to frames while it lasts; probabilities. */
export interface Noise {
  readonly lose: number
  readonly duplicate: number
  readonly delay: number
}

const QUIET: Noise = { lose: 0, duplicate: 0, delay: 0 }
const LATE_MS = 12_000

type Listener = Parameters<WebSocketLike["addEventListener"]>[1]
type EventType = Parameters<WebSocketLike["addEventListener"]>[0]

/** `hangs`: frames vanish and nobody is told. `closed`: connections end, and new ones fail. */
export type LinkState = "up" | "hangs" | "closed"

export class Network {
  readonly clock: Clock
  readonly rng: Rng
  readonly counts: Counts
  readonly relays = new Map<string, SimRelay>()
  noise = QUIET
  readonly #links = new Map<string, LinkState>()
  readonly #sockets = new Set<SimSocket>()

  constructor(clock: Clock, rng: Rng, counts: Counts) {
    this.clock = clock
    this.rng = rng
    this.counts = counts
  }

  link(device: string, url: string): LinkState {
    return this.relays.get(url)?.isDown === true
      ? "closed"
      : (this.#links.get(`${device} ${url}`) ?? "up")
  }

  setLink(device: string, url: string, state: LinkState): void {
    this.#links.set(`${device} ${url}`, state)
    if (state === "closed") this.cut((socket) => socket.device === device && socket.url === url)
  }

  /** Frames on their way are lost, and both sides are told. */
  cut(which: (socket: SimSocket) => boolean): void {
    for (const socket of [...this.#sockets]) if (which(socket)) socket.break()
  }

  heal(): void {
    this.#links.clear()
    this.noise = QUIET
    // Whoever hung learns it now instead of after their own patience.
    this.cut(({ hasLost }) => hasLost)
  }

  constructorFor(device: string, owner: Owner): WebSocketConstructor {
    const connect = (url: string) => new SimSocket(this, { device, url, owner })
    return function Socket(url: string) {
      return connect(url)
    } as unknown as WebSocketConstructor
  }

  opened(socket: SimSocket): void {
    this.#sockets.add(socket)
  }

  ended(socket: SimSocket): void {
    this.#sockets.delete(socket)
  }

  latency(): number {
    return this.rng.skewed(2, 300)
  }
}

export class SimSocket implements WebSocketLike {
  readonly bufferedAmount = 0
  /** Frames have vanished here without an end of the connection. */
  hasLost = false
  readonly device: string
  readonly url: string
  readonly #network: Network
  readonly #owner: Owner
  readonly #listeners: { readonly type: EventType; readonly listener: Listener }[] = []
  #state: "connecting" | "open" | "ended" = "connecting"
  #session: ReturnType<SimRelay["connect"]> | undefined
  /** Frames of one direction arrive in order, but for those that are late. */
  #upAt = 0
  #downAt = 0

  constructor(
    network: Network,
    at: { readonly device: string; readonly url: string; readonly owner: Owner },
  ) {
    this.#network = network
    this.device = at.device
    this.url = at.url
    this.#owner = at.owner
    network.opened(this)
    network.clock.after(network.latency(), () => this.#connected(), at.owner)
  }

  addEventListener(type: EventType, listener: Listener): void {
    this.#listeners.push({ type, listener })
  }

  send(data: string): void {
    if (this.#state !== "open") throw new Error("not open")
    const { clock, noise, rng, counts } = this.#network
    if (this.#isSilent()) return
    if (isEvent(data) && rng.chance(noise.lose)) {
      this.hasLost = true
      counts.add("frames lost")
      return
    }
    this.#upAt = Math.max(this.#upAt, clock.now + this.#network.latency())
    const deliver = () => {
      if (this.#state === "open" && !this.#isSilent()) this.#session?.receive(data)
    }
    clock.after(this.#upAt - clock.now, deliver)
    if (isEvent(data) && rng.chance(noise.duplicate)) {
      counts.add("frames doubled")
      clock.after(this.#upAt - clock.now + rng.skewed(1, LATE_MS), deliver)
    }
  }

  close(): void {
    this.#end()
  }

  terminate(): void {
    this.#end()
  }

  /** The connection fails. */
  break(): void {
    if (this.#state === "ended") return
    this.#end()
    this.#network.counts.add("connections cut")
    this.#emit("close")
  }

  #connected(): void {
    if (this.#state !== "connecting") return
    const { network, url } = { network: this.#network, url: this.url }
    const state = network.link(this.device, url)
    if (state === "hangs") {
      this.hasLost = true
      return
    }
    const relay = network.relays.get(url)
    if (relay === undefined || state === "closed") {
      this.#end()
      this.#emit("error")
      return
    }
    this.#state = "open"
    this.#session = relay.connect((frame, late) => this.#receive(frame, late))
    this.#emit("open")
  }

  #receive(frame: string, mayBeLate: boolean): void {
    if (this.#isSilent()) return
    const { clock, noise, rng, counts } = this.#network
    if (mayBeLate && rng.chance(noise.lose)) {
      this.hasLost = true
      counts.add("frames lost")
      return
    }
    const deliver = () => {
      if (this.#state === "open" && !this.#isSilent()) this.#emit("message", frame)
    }
    if (mayBeLate && rng.chance(noise.delay)) {
      counts.add("frames out of order")
      clock.after(rng.skewed(1, LATE_MS), deliver, this.#owner)
    } else {
      this.#downAt = Math.max(this.#downAt, clock.now + this.#network.latency())
      clock.after(this.#downAt - clock.now, deliver, this.#owner)
    }
    if (mayBeLate && rng.chance(noise.duplicate)) {
      counts.add("frames doubled")
      clock.after(rng.skewed(1, LATE_MS), deliver, this.#owner)
    }
  }

  #isSilent(): boolean {
    const isSilent = this.#network.link(this.device, this.url) === "hangs"
    this.hasLost ||= isSilent
    return isSilent
  }

  #end(): void {
    this.#state = "ended"
    this.#network.ended(this)
    this.#session?.close()
  }

  #emit(type: EventType, data?: string): void {
    if (!this.#owner.isAlive) return
    for (const each of this.#listeners) if (each.type === type) each.listener({ type, data })
  }
}

const isEvent = (frame: string) => frame.startsWith('["EVENT"')
