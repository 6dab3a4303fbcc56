// The one mailbox of an account: steps run one after the other, each on what the last one left durable.

import type { StoreOp } from "../store/types.ts"
import type { ClientChange } from "./api.ts"
import { ClientError } from "./api.ts"
import { Draft } from "./draft.ts"
import type { Log } from "./ports.ts"

export interface MailboxOptions {
  readonly batch: (ops: readonly StoreOp[]) => Promise<void>
  readonly now: () => number
  readonly onChange: (change: ClientChange) => void
  readonly log: Log
}

export class Mailbox {
  readonly #options: MailboxOptions
  #tail: Promise<unknown> = Promise.resolve()
  #waiting = 0
  #closed = false
  #steps = 0

  constructor(options: MailboxOptions) {
    this.#options = options
  }

  /**
   * Runs `work` when its turn comes, writes what it drafted in one batch, then lets memory follow and the effects
   * happen. If `work` or the batch fails, nothing has changed, and the failure is the caller's.
   */
  run<T>(work: (draft: Draft) => Promise<T> | T): Promise<T> {
    if (this.#closed) return Promise.reject(new ClientError("no_account", "The session has ended."))
    this.#waiting++
    const turn = this.#tail.then(() => this.#step(work))
    this.#tail = turn.then(
      () => this.#waiting--,
      () => this.#waiting--,
    )
    return turn
  }

  /** No step is running or waiting. */
  get idle(): boolean {
    return this.#waiting === 0
  }

  /** How many steps have changed something. */
  get steps(): number {
    return this.#steps
  }

  /** Takes no more steps; resolves when the last one has ended. */
  async close(): Promise<void> {
    this.#closed = true
    await this.#tail
  }

  async #step<T>(work: (draft: Draft) => Promise<T> | T): Promise<T> {
    const { batch, now, onChange, log } = this.#options
    const draft = new Draft(now())
    const result = await work(draft)
    await draft.close()
    if (!draft.isEmpty) {
      await batch(draft.ops)
      this.#steps++
    }
    draft.settle()
    for (const effect of draft.effects) {
      try {
        effect()
      } catch (error) {
        log("an effect failed", error)
      }
    }
    draft.changes.forEach(onChange)
    return result
  }
}
