// One step of the mailbox: all that it changes becomes durable in one batch and visible afterwards, or neither.

import type { StoreKey, StoreOp, TableName } from "../store/types.ts"
import type { ClientChange } from "./api.ts"

/** Collects a step. Memory and the world change in `swap` and `after` only, which run once the batch is durable. */
export class Draft {
  /** Milliseconds since 1970: the step's one idea of the time. */
  readonly now: number
  readonly #ops = new Map<string, StoreOp>()
  readonly #swaps: (() => void)[] = []
  readonly #effects: (() => void)[] = []
  readonly #changes = new Map<string, ClientChange>()

  constructor(now: number) {
    this.now = now
  }

  /** `undefined` deletes. The last write to a key counts. */
  put(table: TableName, key: StoreKey, value: Uint8Array | undefined): void {
    this.#ops.set(opName(table, key), { table, key, value })
  }

  /** This step's own write to a key: a value, `null` for a deletion, `undefined` if there is none. */
  written(table: TableName, key: StoreKey): Uint8Array | null | undefined {
    const op = this.#ops.get(opName(table, key))
    return op === undefined ? undefined : (op.value ?? null)
  }

  /** Lets memory follow the store. Must not throw. */
  swap(run: () => void): void {
    this.#swaps.push(run)
  }

  /** An effect on the world. */
  after(run: () => void): void {
    this.#effects.push(run)
  }

  change(change: ClientChange): void {
    this.#changes.set(JSON.stringify(change), change)
  }

  get ops(): readonly StoreOp[] {
    return [...this.#ops.values()]
  }

  get changes(): readonly ClientChange[] {
    return [...this.#changes.values()]
  }

  settle(): void {
    for (const swap of this.#swaps) swap()
  }

  get effects(): readonly (() => void)[] {
    return this.#effects
  }
}

const opName = (table: TableName, key: StoreKey) => JSON.stringify([table, key.scope, key.sort])
