// What the conformance cases are written with. No test runner: a page has none.

import type { Driver } from "./driver.ts"
import { StoreError } from "./error.ts"
import type { StoreErrorCode } from "./error.ts"
import { SealedStore } from "./sealed-store.ts"
import { Sealer } from "./sealing.ts"
import type { RangeOptions, Store, StoreOp, TableName } from "./types.ts"

/** Opens one storage, empty at first, as often as it is called; the suite closes before it opens again. */
export type OpenDriver = () => Promise<Driver>

export interface ConformanceCase {
  readonly name: string
  run(open: OpenDriver): Promise<void>
}

export interface Parts {
  readonly store: Store
  readonly driver: Driver
  readonly sealer: Sealer
}

export function onSealed(work: (parts: Parts) => Promise<void>): ConformanceCase["run"] {
  return async (open) => {
    const driver = await open()
    const store = await SealedStore.open(driver)
    await work({ store, driver, sealer: await Sealer.create(await driver.dataKey()) })
    await store.close()
  }
}

export function onStore(work: (store: Store) => Promise<void>): ConformanceCase["run"] {
  return onSealed(({ store }) => work(store))
}

export const encode = (value: string) => new TextEncoder().encode(value)
export const decode = (value: Uint8Array) => new TextDecoder().decode(value)
export const key = (scope: string, sort: string) => ({ scope, sort })

export const put = (name: TableName, scope: string, sort: string, value: string): StoreOp => ({
  table: name,
  key: key(scope, sort),
  value: encode(value),
})

export const remove = (name: TableName, scope: string, sort: string): StoreOp => ({
  table: name,
  key: key(scope, sort),
  value: undefined,
})

export async function text(store: Store, name: TableName, scope: string, sort: string) {
  const value = await store.get(name, key(scope, sort))
  return value === undefined ? undefined : decode(value)
}

export const sorts = async (store: Store, options?: RangeOptions) =>
  (await store.range("meta", "s", options)).map(({ sort }) => sort)

export const same = (left: Uint8Array | undefined, right: Uint8Array) =>
  left?.length === right.length && left.every((byte, n) => byte === right[n])

export function contains(bytes: Uint8Array, part: Uint8Array): boolean {
  return bytes.some((_, at) => same(bytes.subarray(at, at + part.length), part))
}

export function equal(actual: unknown, expected: unknown, what = ""): void {
  const [left, right] = [JSON.stringify(actual), JSON.stringify(expected)]
  if (left !== right) throw new Error(`${what}: expected ${right}, got ${left}`)
}

export async function rejects(code: StoreErrorCode, work: Promise<unknown>): Promise<void> {
  const outcome = await work.then(
    () => "no error",
    (error: unknown) => (error instanceof StoreError ? error.code : String(error)),
  )
  equal(outcome, code)
}

/** A repeatable row of integers below the bound given each time. */
export function lcg(seed: number): (bound: number) => number {
  let state = seed
  return (bound) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return Math.floor((state / 2 ** 32) * bound)
  }
}
