// A device's disk: writing takes time, and the device may die at any write, before or after it.

import { SortedRecords } from "../../src/store/sorted-records.ts"
import { tableNames } from "../../src/store/types.ts"
import type { Store, StoreOp } from "../../src/store/types.ts"
import type { Clock, Owner } from "./clock.ts"
import type { Rng } from "./rng.ts"

/** What outlives a crash. */
export class Disk {
  readonly records = new SortedRecords()
  writes = 0

  /** Records by table. */
  counts(): ReadonlyMap<string, number> {
    const counts = new Map<string, number>(tableNames.map((name) => [name, 0]))
    for (const { table } of this.records.all()) counts.set(table, (counts.get(table) ?? 0) + 1)
    return counts
  }
}

export interface CrashAt {
  /** How many writes from now on still succeed. */
  left: number
  readonly when: "before" | "after"
  readonly onDeath: () => void
}

export interface SimStoreOptions {
  readonly disk: Disk
  readonly clock: Clock
  readonly rng: Rng
  readonly owner: Owner
  /** Looked at before each write. */
  readonly crash: () => CrashAt | undefined
  readonly die: () => void
}

export class SimStore implements Store {
  readonly #options: SimStoreOptions
  #tail: Promise<unknown> = Promise.resolve()

  constructor(options: SimStoreOptions) {
    this.#options = options
  }

  get(...[table, { scope, sort }]: Parameters<Store["get"]>): ReturnType<Store["get"]> {
    const { disk, owner } = this.#options
    if (!owner.isAlive) return never()
    return Promise.resolve(disk.records.get(table, scope, sort)?.slice())
  }

  range(...[table, scope, options = {}]: Parameters<Store["range"]>): ReturnType<Store["range"]> {
    const { disk, owner } = this.#options
    if (!owner.isAlive) return never()
    const { after, before, limit } = options
    if (limit === 0 || (before !== undefined && before <= (after ?? ""))) return Promise.resolve([])
    const rows = disk.records.range(table, scope, options)
    return Promise.resolve(rows.map(({ sort, value }) => ({ sort, value: value.slice() })))
  }

  batch(ops: readonly StoreOp[]): Promise<void> {
    const copies = ops.map(({ table, key, value }) => ({
      table,
      token: key.scope,
      sort: key.sort,
      value: value?.slice(),
    }))
    const turn = this.#tail.then(() => this.#write(copies))
    this.#tail = turn
    return turn
  }

  purge(): Promise<void> {
    return Promise.resolve()
  }

  async close(): Promise<void> {
    await this.#tail
  }

  async destroy(): Promise<void> {
    await this.close()
    this.#options.disk.records.clear()
  }

  async #write(ops: Parameters<SortedRecords["apply"]>[0]): Promise<void> {
    const { disk, clock, rng, owner, crash, die } = this.#options
    if (ops.length === 0) return
    await clock.sleep(rng.skewed(0, 20))
    if (!owner.isAlive) return never()
    const point = crash()
    const dies = point !== undefined && point.left-- <= 0
    if (!dies || point.when === "after") {
      disk.records.apply(ops)
      disk.writes++
    }
    if (!dies) return
    die()
    point.onDeath()
    return never()
  }
}

const never = () => new Promise<never>(() => undefined)
