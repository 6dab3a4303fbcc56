// One step of the mailbox: all that it changes becomes durable in one batch and visible afterwards, or neither.

import type { StoreKey, StoreOp, TableName } from "../store/types.ts"
import type { ClientChange } from "./api.ts"

/** Collects a step. Memory and the world change in `swap` and `after` only, which run once the batch is durable. */
export class Draft {
  /** Milliseconds since 1970: the step's one idea of the time. */
  readonly now: number
  readonly #ops = new Map<string, Write>()
  readonly #closing = new Set<() => Promise<void>>()
  readonly #swaps: (() => void)[] = []
  readonly #effects: (() => void)[] = []
  readonly #changes = new Map<string, ClientChange>()

  constructor(now: number) {
    this.now = now
  }

  /** `undefined` deletes. The last write to a key counts. */
  put(table: TableName, key: StoreKey, value: Uint8Array | undefined): void {
    this.#ops.set(opName(table, key), { table, key, encode: () => value })
  }

  /** For what may be written often in one step: only the last value is encoded. `encode` must not depend on the time. */
  putEncoded(table: TableName, key: StoreKey, encode: () => Uint8Array): void {
    this.#ops.set(opName(table, key), { table, key, encode })
  }

  /** Takes back what this step would write to a key. */
  drop(table: TableName, key: StoreKey): void {
    this.#ops.delete(opName(table, key))
  }

  /** Runs once all else is drafted; it drafts nothing but other forms of that. */
  closing(run: () => Promise<void>): void {
    this.#closing.add(run)
  }

  async close(): Promise<void> {
    for (const run of this.#closing) await run()
  }

  /** This step's own write to a key: a value, `null` for a deletion, `undefined` if there is none. */
  written(table: TableName, key: StoreKey): Uint8Array | null | undefined {
    const op = this.#ops.get(opName(table, key))
    return op === undefined ? undefined : (op.encode() ?? null)
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
    return [...this.#ops.values()].map(({ table, key, encode }) => ({
      table,
      key,
      value: encode(),
    }))
  }

  get isEmpty(): boolean {
    return this.#ops.size === 0
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

interface Write {
  readonly table: TableName
  readonly key: StoreKey
  readonly encode: () => Uint8Array | undefined
}

/** Different for different keys: the length says where the scope ends. */
const opName = (table: TableName, { scope, sort }: StoreKey) =>
  `${table} ${scope.length} ${scope} ${sort}`
