// What the store's test drives inside of a real browser.

import { conformanceCases } from "../../src/store/conformance.fixture.ts"
import { StoreError } from "../../src/store/error.ts"
import { IndexedDbDriver, openIndexedDbStore } from "../../src/store/indexeddb.ts"
import type { Store } from "../../src/store/types.ts"

let store: Store | undefined
let lost = 0
let acknowledged = 0

const codeOf = (error: unknown) => (error instanceof StoreError ? error.code : String(error))

const page = {
  cases: () => conformanceCases.map(({ name }) => name),

  /** Runs one case on a database of its own; what went wrong, or nothing. */
  async runCase(index: number): Promise<string> {
    const name = `case-${index}`
    try {
      await conformanceCases[index]?.run(() => IndexedDbDriver.open(name, {}))
      return ""
    } catch (error) {
      return error instanceof Error ? (error.stack ?? error.message) : String(error)
    }
  },

  async open(name: string): Promise<string> {
    try {
      store = await openIndexedDbStore(name, { onLost: () => lost++ })
      return "open"
    } catch (error) {
      return codeOf(error)
    }
  },

  async put(sort: string, length: number): Promise<string> {
    try {
      const value = new Uint8Array(length)
      await store?.batch([
        { table: "meta", key: { scope: "s", sort }, value },
        { table: "groups", key: { scope: "s", sort }, value },
      ])
      return "done"
    } catch (error) {
      return codeOf(error)
    }
  },

  async sorts(): Promise<readonly string[] | string> {
    try {
      return ((await store?.range("meta", "s")) ?? []).map(({ sort }) => sort)
    } catch (error) {
      return codeOf(error)
    }
  },

  async destroy(): Promise<void> {
    await store?.destroy()
  },

  lost: () => lost,

  /** Writes batches for ever: batch n says n in three tables. */
  write(): void {
    const next = async (n: number): Promise<void> => {
      const value = new TextEncoder().encode(`${n}`)
      const key = { scope: "s", sort: "n" }
      await store?.batch([
        { table: "meta", key, value },
        { table: "groups", key, value },
        { table: "timeline", key: { scope: "s", sort: `${n}` }, value: new Uint8Array(2_000) },
      ])
      acknowledged = n
      return next(n + 1)
    }
    void next(1)
  },

  acknowledged: () => acknowledged,

  async numbers(): Promise<readonly number[]> {
    const key = { scope: "s", sort: "n" }
    const meta = new TextDecoder().decode(await store?.get("meta", key))
    const groups = new TextDecoder().decode(await store?.get("groups", key))
    const rows = await store?.range("timeline", "s")
    return [Number(meta), Number(groups), rows?.length ?? 0]
  },
}

export type StorePage = typeof page

Object.assign(globalThis, { storePage: page })
