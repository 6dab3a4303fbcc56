import "fake-indexeddb/auto"
import { deleteDB, openDB } from "idb"
import { beforeEach, describe, expect, test, vi } from "vitest"
import { conformanceCases } from "./conformance.fixture.ts"
import { StoreError } from "./error.ts"
import { IndexedDbDriver, openIndexedDbStore } from "./indexeddb.ts"
import { headerKey, schemaVersion } from "./schema.ts"

let name = ""
let count = 0
beforeEach(() => {
  name = `store-${count++}`
})

const key = { scope: "s", sort: "1" }
const op = { table: "meta", key, value: Uint8Array.of(1, 2, 3) } as const

const codeOf = (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => "none",
    (error: unknown) => (error instanceof StoreError ? error.code : String(error)),
  )

/** A database that holds one record, as this program leaves it. */
async function makeDatabase(): Promise<void> {
  const store = await openIndexedDbStore(name)
  await store.batch([op])
  await store.close()
}

/** Changes the header as nobody should. */
async function replaceHeader(change: (header: Record<string, unknown>) => unknown): Promise<void> {
  const database = await openDB(name)
  const header = (await database.get("unsealed", headerKey)) as Record<string, unknown>
  const changed = change(header)
  if (changed === undefined) await database.delete("unsealed", headerKey)
  else await database.put("unsealed", changed, headerKey)
  database.close()
}

describe("IndexedDB store", () => {
  test.each(conformanceCases)("$name", async (each) => {
    await expect(each.run(() => IndexedDbDriver.open(name, {}))).resolves.toBeUndefined()
  })

  test("opens what it wrote, with the wrapping key that cannot leave", async () => {
    await makeDatabase()
    const again = await openIndexedDbStore(name)
    expect(await again.get("meta", key)).toEqual(op.value)
    await again.close()
    await replaceHeader((header) => {
      expect(header).toMatchObject({ format: 1, wrappingKey: { extractable: false } })
      expect(Object.keys(header).sort()).toEqual(["format", "wrappedDataKey", "wrappingKey"])
      return header
    })
  })

  test("two that open a new database at once get one data key", async () => {
    const [first, second] = await Promise.all([openIndexedDbStore(name), openIndexedDbStore(name)])
    await first.batch([op])
    expect(await second.get("meta", key)).toEqual(op.value)
    await Promise.all([first.close(), second.close()])
  })

  test("looks that are asked for at once share a transaction, and later ones have their own", async () => {
    const store = await openIndexedDbStore(name)
    await store.batch([op, { ...op, table: "inputs", value: Uint8Array.of(4) }])
    const begun = vi.spyOn(IDBDatabase.prototype, "transaction")
    const look = () =>
      Promise.all([
        store.get("meta", key),
        store.get("meta", { ...key, sort: "2" }),
        store.get("inputs", key),
        store.get("meta", key),
      ])
    const found = [op.value, undefined, Uint8Array.of(4), op.value]
    expect(await look()).toEqual(found)
    expect(begun).toHaveBeenCalledTimes(2)
    expect(await look()).toEqual(found)
    expect(begun).toHaveBeenCalledTimes(4)
    begun.mockRestore()
    await store.close()
  })

  test("a write that fails halfway changes nothing", async () => {
    const driver = await IndexedDbDriver.open(name, {})
    const good = { table: "meta", token: "t", sort: "1", value: Uint8Array.of(1) } as const
    const unclonable = (() => undefined) as unknown as Uint8Array
    expect(await codeOf(driver.write([good, { ...good, value: unclonable }]))).toBe("unavailable")
    expect(await driver.get("meta", "t", "1")).toBeUndefined()
    await driver.write([good])
    expect(await driver.get("meta", "t", "1")).toEqual(good.value)
    await driver.close()
  })

  test("a transaction that aborts for want of room is `quota`, and changes nothing", async () => {
    const store = await openIndexedDbStore(name)
    const spy = vi.spyOn(IDBObjectStore.prototype, "put")
    spy.mockImplementation(function (this: IDBObjectStore, value: unknown) {
      const request = this.add(value)
      queueMicrotask(() => {
        Object.defineProperty(this.transaction, "error", {
          value: new DOMException("full", "QuotaExceededError"),
        })
        this.transaction.abort()
      })
      return request
    })
    expect(await codeOf(store.batch([op]))).toBe("quota")
    spy.mockRestore()
    expect(await store.get("meta", key)).toBeUndefined()
    await store.batch([op])
    expect(await store.get("meta", key)).toEqual(op.value)
    await store.close()
  })

  test("a database of a later version is refused and left alone", async () => {
    await makeDatabase()
    const later = await openDB(name, schemaVersion + 1)
    later.close()
    expect(await codeOf(openIndexedDbStore(name))).toBe("version")
    expect((await openDB(name)).version).toBe(schemaVersion + 1)
  })

  test("a later format of the records is refused", async () => {
    await makeDatabase()
    await replaceHeader((header) => ({ ...header, format: 2 }))
    expect(await codeOf(openIndexedDbStore(name))).toBe("version")
  })

  test.each<[string, (header: Record<string, unknown>) => unknown]>([
    ["is gone", () => undefined],
    ["is no object", () => 7],
    ["is null", () => null],
    ["has no format", ({ wrappingKey, wrappedDataKey }) => ({ wrappingKey, wrappedDataKey })],
    ["has no wrapping key", (header) => ({ ...header, wrappingKey: new Uint8Array(32) })],
    ["has a short data key", (header) => ({ ...header, wrappedDataKey: new Uint8Array(12) })],
    ["has another data key", (header) => ({ ...header, wrappedDataKey: new Uint8Array(60) })],
  ])("a header that %s is `corrupt`, and no new key is made", async (_, change) => {
    await makeDatabase()
    await replaceHeader(change)
    expect(await codeOf(openIndexedDbStore(name))).toBe("corrupt")
    expect(await codeOf(openIndexedDbStore(name))).toBe("corrupt")
  })

  test("rows that are no records are `corrupt`", async () => {
    await makeDatabase()
    const database = await openDB(name)
    const [row] = (await database.getAll("meta")) as { k: [string, string] }[]
    await database.put("meta", { k: row?.k, v: "text" })
    database.close()
    const store = await openIndexedDbStore(name)
    expect(await codeOf(store.get("meta", key))).toBe("corrupt")
    expect(await codeOf(store.range("meta", "s"))).toBe("corrupt")
    await store.close()
  })

  test("lets go when a newer version wants the database, and says so once", async () => {
    let lost = 0
    const store = await openIndexedDbStore(name, { onLost: () => lost++ })
    const underWay = store.batch([op])
    await underWay
    const newer = await openDB(name, schemaVersion + 1)
    expect(lost).toBe(1)
    expect(await codeOf(store.get("meta", key))).toBe("closed")
    expect(await codeOf(store.range("meta", "s"))).toBe("closed")
    expect(await codeOf(store.batch([op]))).toBe("closed")
    expect(await newer.count("meta")).toBe(1)
    await store.close()
    newer.close()
  })

  test("another tab that destroys the store closes this one", async () => {
    let lost = 0
    const here = await openIndexedDbStore(name, { onLost: () => lost++ })
    const there = await openIndexedDbStore(name)
    await there.destroy()
    expect(lost).toBe(1)
    expect(await codeOf(here.batch([op]))).toBe("closed")
  })

  test("a tab that does not let go makes destroying `unavailable`, and opening behind it", async () => {
    const store = await openIndexedDbStore(name, { timeout: 20 })
    const stubborn = await openDB(name)
    expect(await codeOf(store.destroy())).toBe("unavailable")
    expect(await codeOf(openIndexedDbStore(name, { timeout: 20 }))).toBe("unavailable")
    stubborn.close()
    // Both requests end now; what came too late holds nothing up.
    await deleteDB(name)
    const again = await openIndexedDbStore(name)
    expect(await again.range("meta", "s")).toEqual([])
    await again.close()
  })

  test("without IndexedDB it is `unavailable`", async () => {
    const real = globalThis.indexedDB
    Reflect.deleteProperty(globalThis, "indexedDB")
    try {
      expect(await codeOf(openIndexedDbStore(name))).toBe("unavailable")
    } finally {
      globalThis.indexedDB = real
    }
  })
})
