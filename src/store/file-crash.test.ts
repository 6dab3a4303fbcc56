import { describe, expect, test } from "vitest"
import { SimulatedDisk } from "./disk.fixture.ts"
import type { Loss } from "./disk.fixture.ts"
import { StoreError } from "./error.ts"
import { openFileStore } from "./file.ts"
import type { Store, StoreOp } from "./types.ts"

const batches = 14
const losses: readonly Loss[] = [
  "all",
  "nothing",
  { seed: 1 },
  { seed: 2 },
  { seed: 3 },
  { seed: 4 },
]
const codeOf = (error: unknown) => (error instanceof StoreError ? error.code : String(error))

/** Three tables at once; a batch adds, replaces and deletes. */
function batch(n: number): readonly StoreOp[] {
  const op = (table: StoreOp["table"], sort: string, value?: Uint8Array): StoreOp => ({
    table,
    key: { scope: "s", sort },
    value,
  })
  return [
    op("meta", "n", Uint8Array.of(n)),
    op("timeline", `${n}`.padStart(3, "0"), new Uint8Array(20 + n * 7).fill(n)),
    op("timeline", `${n - 3}`.padStart(3, "0")),
    op("groups", `${n % 4}`, Uint8Array.of(n, n)),
  ]
}

async function dump(store: Store): Promise<string> {
  const tables = await Promise.all(
    (["meta", "timeline", "groups"] as const).map(async (table) =>
      (await store.range(table, "s")).map(({ sort, value }) => `${table} ${sort} ${value.join()}`),
    ),
  )
  return tables.flat().join("\n")
}

/** `expected[k]`: what a store holds after k batches. */
async function expectations(): Promise<readonly string[]> {
  const store = await openFileStore("d", { unsafeDisk: new SimulatedDisk() })
  const expected = [await dump(store)]
  for (let n = 1; n <= batches + 1; n++) {
    await store.batch(batch(n))
    expected.push(await dump(store))
  }
  return expected
}

/** Runs until the end or the first failure; says how many batches were acknowledged. */
async function work(disk: SimulatedDisk): Promise<{ acknowledged: number; error: unknown }> {
  let acknowledged = 0
  try {
    const store = await openFileStore("d", { unsafeDisk: disk, compactAbove: 900 })
    for (let n = 1; n <= batches; n++) {
      await store.batch(batch(n))
      acknowledged = n
    }
    await store.close()
  } catch (error) {
    return { acknowledged, error }
  }
  return { acknowledged, error: undefined }
}

async function operationsOfWork(): Promise<number> {
  const disk = new SimulatedDisk()
  expect(await work(disk)).toEqual({ acknowledged: batches, error: undefined })
  return disk.operations
}

describe("file store, when the power goes", () => {
  test("at any operation: the acknowledged is there, and nothing is half applied", async () => {
    const expected = await expectations()
    const operations = await operationsOfWork()
    expect(operations).toBeGreaterThan(batches * 2 + 12)
    for (let at = 1; at <= operations; at++) {
      const disk = new SimulatedDisk({ at })
      const { acknowledged, error } = await work(disk)
      // A lock that could not be removed in the end is no loss; everything else shows.
      expect(error === undefined ? acknowledged : codeOf(error)).toBe(
        error === undefined ? batches : "io",
      )
      for (const loss of losses) {
        const after = disk.afterPowerLoss(loss)
        const store = await openFileStore("d", { unsafeDisk: after, compactAbove: 900 })
        const found = await dump(store)
        const place = `operation ${at}, loss ${JSON.stringify(loss)}, acknowledged ${acknowledged}`
        expect([expected[acknowledged], expected[acknowledged + 1]], place).toContain(found)
        // The next process goes on where this one is.
        const next = expected.indexOf(found) + 1
        await store.batch(batch(next))
        await store.close()
        const again = await openFileStore("d", { unsafeDisk: after.afterPowerLoss("all") })
        expect(await dump(again), place).toBe(expected[next])
      }
    }
  })

  test("again while the next process recovers", async () => {
    const expected = await expectations()
    const operations = await operationsOfWork()
    for (let at = operations - 12; at <= operations; at++) {
      const disk = new SimulatedDisk({ at })
      const { acknowledged } = await work(disk)
      for (const loss of losses) {
        for (let second = 1; second <= 6; second++) {
          const broken = disk.afterPowerLoss(loss, { at: second })
          await openFileStore("d", { unsafeDisk: broken }).catch((error: unknown) => {
            expect(codeOf(error)).toBe("io")
          })
          const store = await openFileStore("d", { unsafeDisk: broken.afterPowerLoss(loss) })
          const places = [expected[acknowledged], expected[acknowledged + 1]]
          expect(places).toContain(await dump(store))
        }
      }
    }
  })
})

describe("file store, when an operation fails", () => {
  test.each([
    ["ENOSPC", "quota"],
    ["EDQUOT", "quota"],
    ["EIO", "io"],
    ["EROFS", "unavailable"],
  ])(
    "%s is `%s`; nothing acknowledged is lost, nothing else is there",
    async (code, expectedCode) => {
      const expected = await expectations()
      const operations = await operationsOfWork()
      for (let at = 1; at <= operations; at++) {
        const disk = new SimulatedDisk({ at, code })
        const { acknowledged, error } = await work(disk)
        const place = `operation ${at}, acknowledged ${acknowledged}`
        // A failed compaction is no failure of the batch; a rename in doubt shows at the next one.
        if (error !== undefined) expect([expectedCode, "io"], place).toContain(codeOf(error))
        for (const loss of losses) {
          const store = await openFileStore("d", { unsafeDisk: disk.afterPowerLoss(loss) })
          expect([expected[acknowledged], expected[acknowledged + 1]], place).toContain(
            await dump(store),
          )
        }
      }
    },
  )

  test("a full disk refuses a batch; the next one that fits is taken", async () => {
    const probe = new SimulatedDisk()
    const store = await openFileStore("d", { unsafeDisk: probe })
    const writing = probe.operations + 1
    await store.close()
    const disk = new SimulatedDisk({ at: writing, code: "ENOSPC" })
    const full = await openFileStore("d", { unsafeDisk: disk })
    await expect(full.batch(batch(1))).rejects.toMatchObject({ code: "quota" })
    expect(await dump(full)).toBe("")
    await full.batch(batch(2))
    const held = await dump(full)
    await full.close()
    const again = await openFileStore("d", { unsafeDisk: disk.afterPowerLoss("all") })
    expect(await dump(again)).toBe(held)
  })

  test("after a sync that failed nothing more is written, and reading goes on", async () => {
    const probe = new SimulatedDisk()
    const store = await openFileStore("d", { unsafeDisk: probe })
    await store.batch(batch(1))
    const held = await dump(store)
    const syncing = probe.operations + 2
    const disk = new SimulatedDisk({ at: syncing, code: "EIO" })
    const broken = await openFileStore("d", { unsafeDisk: disk })
    await broken.batch(batch(1))
    await expect(broken.batch(batch(2))).rejects.toMatchObject({ code: "io" })
    await expect(broken.batch(batch(3))).rejects.toMatchObject({ code: "io" })
    expect(await dump(broken)).toBe(held)
    await broken.close()
  })
})
