// Promises of wishes that are met later, by another step: each settles exactly once, at the latest after its time.

import { ClientError } from "./api.ts"
import type { Timer, Timers } from "./ports.ts"

interface Waiter<T> {
  resolve(value: T): void
  reject(error: ClientError): void
  readonly timer: Timer
}

export class Waiters<T> {
  readonly #timers: Timers
  readonly #waiting = new Map<string, Waiter<T>>()

  constructor(timers: Timers) {
    this.#timers = timers
  }

  wait(id: string, milliseconds: number, late: string): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      const timer = this.#timers.setTimeout(() => {
        this.reject(id, new ClientError("timeout", late))
      }, milliseconds)
      this.#waiting.set(id, { resolve, reject, timer })
    })
  }

  resolve(id: string, value: T): void {
    this.#take(id)?.resolve(value)
  }

  reject(id: string, error: ClientError): void {
    this.#take(id)?.reject(error)
  }

  rejectAll(error: ClientError): void {
    for (const id of [...this.#waiting.keys()]) this.reject(id, error)
  }

  #take(id: string): Waiter<T> | undefined {
    const waiter = this.#waiting.get(id)
    if (waiter !== undefined) this.#timers.clearTimeout(waiter.timer)
    this.#waiting.delete(id)
    return waiter
  }
}
