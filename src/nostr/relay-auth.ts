// NIP-42: answers a relay's challenge, when the relay insists and not before.

import type { EventTemplate, NostrEvent } from "./event.ts"
import type { Timer, Timers } from "./timers.ts"

const RELAY_AUTH_KIND = 22242

/** What the account signs to authenticate to `relay`. `now` in Unix milliseconds. */
export function relayAuthTemplate(relay: string, challenge: string, now: number): EventTemplate {
  const tags = [
    ["relay", relay],
    ["challenge", challenge],
  ]
  return { created_at: Math.floor(now / 1000), kind: RELAY_AUTH_KIND, tags, content: "" }
}

export interface RelayAuthOptions {
  readonly url: string
  readonly sign: ((relay: string, challenge: string) => Promise<NostrEvent>) | undefined
  readonly timeout: number
  readonly timers: Timers
  readonly send: (...frame: readonly unknown[]) => boolean
}

export class RelayAuth {
  readonly #options: RelayAuthOptions
  #challenge: string | undefined
  /** The attempt at the current challenge: one for all who need it. */
  #attempt: Promise<boolean> | undefined
  #pending: { readonly id: string; readonly settle: (accepted: boolean) => void } | undefined

  constructor(options: RelayAuthOptions) {
    this.#options = options
  }

  challenged(challenge: string): void {
    if (challenge === this.#challenge) return
    this.reset()
    this.#challenge = challenge
  }

  /** Whether the relay accepts our proof. Never rejects; false if there is nothing to answer, or nobody to sign. */
  authenticate(): Promise<boolean> {
    if (this.#challenge === undefined) return Promise.resolve(false)
    this.#attempt ??= this.#answer(this.#challenge)
    return this.#attempt
  }

  /** Takes an OK; whether it was ours. */
  answered({ id, accepted }: { readonly id: string; readonly accepted: boolean }): boolean {
    if (this.#pending?.id !== id) return false
    this.#pending.settle(accepted)
    return true
  }

  /** The connection has ended, and the challenge with it. */
  reset(): void {
    this.#challenge = undefined
    this.#attempt = undefined
    this.#pending?.settle(false)
  }

  async #answer(challenge: string): Promise<boolean> {
    const { url, sign, send } = this.#options
    const event = await this.#inTime(sign?.(url, challenge).catch(() => undefined))
    if (event === undefined || this.#challenge !== challenge) return false
    const accepted = new Promise<boolean>((settle) => {
      this.#pending = { id: event.id, settle }
    })
    if (!send("AUTH", event)) return false
    const result = await this.#inTime(accepted)
    if (this.#pending?.id === event.id) this.#pending = undefined
    return result ?? false
  }

  async #inTime<T>(wait: Promise<T> | undefined): Promise<T | undefined> {
    const { timers, timeout } = this.#options
    let timer: Timer | undefined
    const late = new Promise<undefined>((resolve) => {
      timer = timers.setTimeout(() => resolve(undefined), timeout)
    })
    const result = await Promise.race([wait, late])
    timers.clearTimeout(timer)
    return result
  }
}
