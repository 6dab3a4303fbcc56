// Storage for tests: a store that dies, or fails, at a batch of the test's choice.

import { StoreError } from "./error.ts"
import type { Store, StoreOp } from "./types.ts"

export interface CrashPoints {
  /** The batch that it happens at, counted from 1; empty batches count. */
  readonly failAt: number
  /** `after`: the batch is in the store, but its caller is not told. `before` if absent. */
  readonly when?: "before" | "after"
  /**
   * `freeze`: the process is dead from here on, nothing resolves or rejects any more, and nothing is written.
   * `throw`: this one batch rejects with `io`; the store goes on. `freeze` if absent.
   */
  readonly how?: "freeze" | "throw"
}

export interface CrashingStore extends Store {
  /** Batches called so far: run a scenario once without a crash to learn how many points there are. */
  readonly batches: number
  /** Resolves when the point has been reached. */
  readonly crashed: Promise<void>
}

/**
 * Wraps a store. Earlier batches that are under way still end, as they may in a real crash. `close` and `destroy` always
 * reach the store below, so that a test can clean up and open it again.
 */
export function unsafeWithCrashPoints(store: Store, points: CrashPoints): CrashingStore {
  const { failAt, when = "before", how = "freeze" } = points
  const { promise: crashed, resolve: crash } = promiseWithResolver()
  let batches = 0
  let dead = false
  const isDead = () => dead

  const alive = async <T>(work: () => Promise<T>): Promise<T> => {
    if (isDead()) return never()
    const outcome = await Promise.allSettled([work()])
    if (isDead()) return never()
    if (outcome[0].status === "rejected") throw outcome[0].reason
    return outcome[0].value
  }

  const fail = async (ops: readonly StoreOp[]): Promise<void> => {
    // No batch that is called after this one is written any more, while earlier ones end.
    dead = how === "freeze"
    if (when === "after") await store.batch(ops)
    crash()
    if (how === "throw") throw new StoreError("io", "a crash point of a test")
  }

  return {
    get: (table, key) => alive(() => store.get(table, key)),
    range: (table, scope, options) => alive(() => store.range(table, scope, options)),
    batch: (ops) =>
      alive(() => {
        batches++
        return batches === failAt ? fail(ops) : store.batch(ops)
      }),
    purge: () => alive(async () => store.purge?.()),
    close: () => store.close(),
    destroy: () => store.destroy(),
    get batches() {
      return batches
    },
    crashed,
  }
}

const never = () => new Promise<never>(() => undefined)

function promiseWithResolver(): { readonly promise: Promise<void>; readonly resolve: () => void } {
  let resolve: () => void = () => undefined
  const promise = new Promise<void>((done) => {
    resolve = done
  })
  return { promise, resolve }
}
