// The client's contract across a message channel: bounded, typed failures, and no promise that never settles.

import { ClientError } from "./api.ts"
import type { ClientApi, ClientChange, ClientErrorCode, ClientFailure } from "./api.ts"
import type { Timer, Timers } from "./ports.ts"

/** One end of a channel. `MessagePort`, a worker and a relayed `BroadcastChannel` fit behind it. */
export interface Channel {
  /** What is transferred reaches the other end only where the channel is a port. */
  send(message: unknown, transfer?: readonly Transferable[]): void
  listen(receive: (message: unknown) => void): void
  close(): void
}

export type Method = Exclude<keyof ClientApi, "subscribe">

export const methods = [
  "session",
  "connection",
  "createAccount",
  "importAccount",
  "loginWithExtension",
  "revealSecretKey",
  "markKeySaved",
  "setProfileName",
  "ensureReachable",
  "logout",
  "chats",
  "group",
  "timeline",
  "markRead",
  "checkInvitees",
  "createGroup",
  "invite",
  "reinvite",
  "removeMembers",
  "updateGroup",
  "selfUpdate",
  "upgradeGroup",
  "leave",
  "disband",
  "forget",
  "invites",
  "acceptInvite",
  "declineInvite",
  "sendMessage",
  "retryMessage",
  "sendAttachments",
  "uploads",
  "retryUpload",
  "discardUpload",
  "attachment",
  "setGroupImage",
  "groupImage",
  "showWebPicture",
  "fingerprint",
  "sync",
] as const satisfies readonly Method[]

/** What may be asked again without doing anything twice. */
const readings: ReadonlySet<Method> = new Set<Method>([
  "session",
  "connection",
  "chats",
  "group",
  "timeline",
  "invites",
  "fingerprint",
  "checkInvitees",
  "uploads",
  "attachment",
  "groupImage",
])

export type ToWorker =
  | {
      readonly type: "call"
      readonly id: number
      readonly method: Method
      readonly args: unknown[]
    }
  | { readonly type: "ping" }

export type ToPage =
  | { readonly type: "result"; readonly id: number; readonly value: unknown }
  | { readonly type: "failure"; readonly id: number; readonly failure: ClientFailure }
  | { readonly type: "change"; readonly change: ClientChange }
  | { readonly type: "pong" }

const MAX_OUTSTANDING = 256
/** A worker that is alive answers a ping at once; a step of a very large group may keep it busy for a while. */
const PING_MS = 5_000
/** So many pings in a row without any word. Counted, not timed: a frozen page's clock runs on without it. */
const MISSES = 6

interface Outstanding {
  readonly call: ToWorker & { readonly type: "call" }
  readonly resolve: (value: unknown) => void
  readonly reject: (error: ClientError) => void
}

export interface RpcOptions {
  readonly timers: Timers
  /** Opens a channel to a worker; called again when the one before is dead. */
  connect(): Channel
  /** Other messages that share the channel. */
  other?(message: unknown): void
}

/** The page's end: a `ClientApi` that outlives the death of the worker behind it. */
export class RpcClient {
  readonly api: ClientApi
  readonly #options: RpcOptions
  readonly #outstanding = new Map<number, Outstanding>()
  readonly #listeners = new Set<(change: ClientChange) => void>()
  #channel: Channel
  #timer: Timer | undefined
  #nextId = 1
  #misses = 0
  #closed = false

  constructor(options: RpcOptions) {
    this.#options = options
    this.#channel = this.#open()
    const calls = methods.map((method) => [
      method,
      (...args: unknown[]) => this.#call(method, args),
    ])
    this.api = {
      ...(Object.fromEntries(calls) as Omit<ClientApi, "subscribe">),
      subscribe: (listener) => {
        this.#listeners.add(listener)
        return () => this.#listeners.delete(listener)
      },
    }
  }

  send(message: unknown, transfer?: readonly Transferable[]): void {
    this.#channel.send(message, transfer)
  }

  close(): void {
    this.#closed = true
    this.#stopPinging()
    this.#channel.close()
    this.#rejectAll("The page is closing.")
  }

  /** The worker is gone: reading goes on with its successor, what may have been done is answered with a failure. */
  reconnect(): void {
    if (this.#closed) return
    this.#channel.close()
    this.#misses = 0
    const repeated = [...this.#outstanding].filter(([, { call }]) => readings.has(call.method))
    for (const [id] of repeated) this.#outstanding.delete(id)
    this.#rejectAll("Burrow was restarted. Look whether this was done, and try again if not.")
    this.#channel = this.#open()
    for (const [id, outstanding] of repeated) {
      this.#outstanding.set(id, outstanding)
      this.#channel.send(outstanding.call)
    }
    if (repeated.length === 0) this.#stopPinging()
    // All that was read from the predecessor may be out of date.
    for (const topic of ["session", "connection", "chats", "invites"] as const)
      this.#tell({ topic })
  }

  #open(): Channel {
    const channel = this.#options.connect()
    channel.listen((message) => {
      if (channel === this.#channel) this.#receive(message as ToPage)
    })
    return channel
  }

  #call(method: Method, args: unknown[]): Promise<unknown> {
    return new Promise((resolve, reject) => {
      if (this.#closed) reject(new ClientError("internal", "The page is closing."))
      else if (this.#outstanding.size >= MAX_OUTSTANDING) {
        reject(new ClientError("timeout", "Too much is going on at once."))
      } else {
        const call = { type: "call", id: this.#nextId++, method, args } as const
        this.#outstanding.set(call.id, { call, resolve, reject })
        this.#channel.send(call)
        this.#timer ??= this.#options.timers.setTimeout(() => this.#ping(), PING_MS)
      }
    })
  }

  #receive(message: ToPage): void {
    this.#misses = 0
    switch (message.type) {
      case "result":
        this.#take(message.id)?.resolve(message.value)
        return
      case "failure": {
        const { code, message: words } = message.failure
        this.#take(message.id)?.reject(new ClientError(code satisfies ClientErrorCode, words))
        return
      }
      case "change":
        this.#tell(message.change)
        return
      case "pong":
        return
      default:
        this.#options.other?.(message)
    }
  }

  #ping(): void {
    this.#timer = undefined
    if (this.#closed || this.#outstanding.size === 0) return
    this.#misses++
    if (this.#misses > MISSES) this.reconnect()
    else {
      this.#channel.send({ type: "ping" } satisfies ToWorker)
      this.#timer = this.#options.timers.setTimeout(() => this.#ping(), PING_MS)
    }
  }

  #take(id: number): Outstanding | undefined {
    const outstanding = this.#outstanding.get(id)
    this.#outstanding.delete(id)
    return outstanding
  }

  #tell(change: ClientChange): void {
    for (const listener of [...this.#listeners]) listener(change)
  }

  #stopPinging(): void {
    if (this.#timer !== undefined) this.#options.timers.clearTimeout(this.#timer)
    this.#timer = undefined
    this.#misses = 0
  }

  #rejectAll(words: string): void {
    const all = [...this.#outstanding.values()]
    this.#outstanding.clear()
    for (const { reject } of all) reject(new ClientError("timeout", words))
  }
}
