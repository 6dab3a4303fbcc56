import { mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { afterEach, beforeEach, describe, expect, test } from "vitest"
import { conformanceCases } from "./conformance.fixture.ts"
import { StoreError } from "./error.ts"
import { FileDriver, openFileStore } from "./file.ts"
import { decodeLog, logHeader } from "./file-log.ts"
import type { StoreOp } from "./types.ts"

let directory = ""
beforeEach(async () => {
  directory = await mkdtemp(`${tmpdir()}/burrow-store-`)
})
afterEach(() => rm(directory, { recursive: true }))

const put = (sort: string, length = 10): StoreOp => ({
  table: "meta",
  key: { scope: "s", sort },
  value: new Uint8Array(length).fill(sort.length),
})

const codeOf = (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => "none",
    (error: unknown) => (error instanceof StoreError ? error.code : String(error)),
  )

const logPath = () => `${directory}/log`

/** Fills a new store with one batch for each name; the log's length after each. */
async function fill(names: readonly string[]): Promise<readonly number[]> {
  const store = await openFileStore(directory)
  const lengths = [(await stat(logPath())).size]
  for (const name of names) {
    await store.batch([put(name), put(`${name}'`)])
    lengths.push((await stat(logPath())).size)
  }
  await store.close()
  return lengths
}

async function sorts(): Promise<readonly string[]> {
  const store = await openFileStore(directory)
  const found = (await store.range("meta", "s")).map(({ sort }) => sort)
  await store.close()
  return found
}

describe("file store", () => {
  test.each(conformanceCases)("$name", async (each) => {
    await expect(each.run(() => FileDriver.open(directory, {}))).resolves.toBeUndefined()
  })

  test.each(conformanceCases)("compacting all the time: $name", async (each) => {
    const open = () => FileDriver.open(directory, { compactAbove: 0 })
    await expect(each.run(open)).resolves.toBeUndefined()
  })

  test("makes its directory; only the owner may read it", async () => {
    const store = await openFileStore(`${directory}/a/b`)
    await store.batch([put("1")])
    expect((await stat(`${directory}/a/b`)).mode & 0o777).toBe(0o700)
    for (const name of await readdir(`${directory}/a/b`)) {
      expect((await stat(`${directory}/a/b/${name}`)).mode & 0o777).toBe(0o600)
    }
    await store.close()
    expect((await readdir(`${directory}/a/b`)).sort()).toEqual(["key", "log"])
    const again = await openFileStore(`${directory}/a/b`)
    await again.destroy()
    expect(await readdir(`${directory}/a/b`)).toEqual([])
  })

  test("a second one in the same directory is `unavailable` until the first is closed", async () => {
    const first = await openFileStore(directory)
    expect(await codeOf(openFileStore(directory))).toBe("unavailable")
    await first.batch([put("1")])
    await first.close()
    expect(await sorts()).toEqual(["1"])
  })

  test("locks of the dead, and of others that had our number, do not hold", async () => {
    await fill(["1"])
    // No process has a number above 2^22 on Linux.
    await writeFile(`${directory}/lock-999999999-1-0123456789abcdef`, "")
    await writeFile(`${directory}/lock-${process.pid}-1-0123456789abcdef`, "")
    expect(await sorts()).toEqual(["1", "1'"])
    expect((await readdir(directory)).sort()).toEqual(["key", "log"])
  })

  test("of several that open at once one has it at most", async () => {
    const stores = await Promise.allSettled(
      Array.from({ length: 8 }, () => openFileStore(directory)),
    )
    const open = stores.flatMap((each) => (each.status === "fulfilled" ? [each.value] : []))
    expect(open.length).toBeLessThanOrEqual(1)
    await Promise.all(open.map((store) => store.close()))
    expect(await sorts()).toEqual([])
  })

  test("the log stays small while records are replaced", async () => {
    const store = await openFileStore(directory, { compactAbove: 10_000 })
    for (let n = 0; n < 200; n++) await store.batch([put("1", 1_000), put(`${n % 3}`, 100)])
    expect((await stat(logPath())).size).toBeLessThan(12_000)
    await store.close()
    expect(await sorts()).toEqual(["0", "1", "2"])
  })

  test("a log that was mostly dead is compacted by the next process", async () => {
    const store = await openFileStore(directory)
    for (let n = 0; n < 30; n++) await store.batch([put("1", 1_000)])
    await store.close()
    const again = await openFileStore(directory, { compactAbove: 2_000 })
    await again.batch([put("2")])
    expect((await stat(logPath())).size).toBeLessThan(2_000)
    await again.close()
    expect(await sorts()).toEqual(["1", "2"])
  })
})

describe("file store, damaged", () => {
  test("cut at every byte of the last two records: the whole ones before are there", async () => {
    const names = ["1", "2", "3", "4"]
    const lengths = await fill(names)
    const log = await readFile(logPath())
    for (let length = lengths[2] ?? 0; length <= log.length; length++) {
      await writeFile(logPath(), log.subarray(0, length))
      const whole = lengths.filter((end) => end <= length).length - 1
      expect(await sorts()).toEqual(names.slice(0, whole).flatMap((name) => [name, `${name}'`]))
      expect((await stat(logPath())).size).toBe(lengths[whole])
    }
  })

  test("after a cut the next batch is kept", async () => {
    const lengths = await fill(["1", "2"])
    const log = await readFile(logPath())
    await writeFile(logPath(), log.subarray(0, (lengths[1] ?? 0) + 20))
    const store = await openFileStore(directory)
    await store.batch([put("3")])
    await store.close()
    expect(await sorts()).toEqual(["1", "1'", "3"])
  })

  test.each([
    ["zeros", Buffer.alloc(5_000)],
    ["ones", Buffer.alloc(77, 0xff)],
    ["markers", Buffer.from("BRW\u0001".repeat(500), "latin1")],
    ["a record that would be valid elsewhere", undefined],
  ])("%s behind the last record are cut off", async (_, garbage) => {
    const lengths = await fill(["1", "2"])
    const log = await readFile(logPath())
    const again = log.subarray(lengths[0], lengths[1])
    await writeFile(logPath(), Buffer.concat([log, garbage ?? again]))
    expect(await sorts()).toEqual(["1", "1'", "2", "2'"])
    expect((await stat(logPath())).size).toBe(log.length)
  })

  test("a byte changed before the last record is `corrupt`, and nothing is thrown away", async () => {
    const lengths = await fill(["1", "2", "3"])
    const log = await readFile(logPath())
    for (let at = lengths[0] ?? 0; at < (lengths[2] ?? 0); at++) {
      const changed = Buffer.from(log)
      changed.writeUInt8((log[at] ?? 0) ^ 0x10, at)
      expect(() => decodeLog(changed)).toThrow(StoreError)
    }
    const changed = Buffer.from(log)
    changed.writeUInt8((log[(lengths[1] ?? 0) + 30] ?? 0) ^ 0x10, (lengths[1] ?? 0) + 30)
    await writeFile(logPath(), changed)
    expect(await codeOf(openFileStore(directory))).toBe("corrupt")
    expect(await readFile(logPath())).toEqual(changed)
    expect((await readdir(directory)).sort()).toEqual(["key", "log"])
  })

  test.each<[string, string, string, (file: Buffer) => Buffer | undefined]>([
    ["a log of a later format", "version", "log", (log) => withByte(log, 10, 2)],
    ["a log of no format", "corrupt", "log", (log) => withByte(log, 10, 0)],
    ["a log of something else", "corrupt", "log", (log) => withByte(log, 0, 0)],
    ["an empty log", "corrupt", "log", () => Buffer.alloc(0)],
    ["half a header", "corrupt", "log", (log) => log.subarray(0, logHeader.length - 1)],
    ["a key of a later format", "version", "key", (key) => withByte(key, 10, 2)],
    ["a key of something else", "corrupt", "key", (key) => withByte(key, 0, 0)],
    ["a key that is too short", "corrupt", "key", (key) => key.subarray(0, -1)],
    ["no key", "corrupt", "key", () => undefined],
  ])("%s is `%s`", async (_, code, name, change) => {
    await fill(["1"])
    const changed = change(await readFile(`${directory}/${name}`))
    if (changed === undefined) await rm(`${directory}/${name}`)
    else await writeFile(`${directory}/${name}`, changed)
    expect(await codeOf(openFileStore(directory))).toBe(code)
    expect(await codeOf(openFileStore(directory))).toBe(code)
  })

  test("another key opens no record", async () => {
    await fill(["1"])
    const key = await readFile(`${directory}/key`)
    await writeFile(`${directory}/key`, withByte(key, 20, (key[20] ?? 0) ^ 1))
    expect(await sorts()).toEqual([])
  })

  test("a path that is no directory is `unavailable`", async () => {
    await writeFile(`${directory}/file`, "")
    expect(await codeOf(openFileStore(`${directory}/file`))).toBe("unavailable")
    expect(await codeOf(openFileStore(`${directory}/file/below`))).toBe("unavailable")
  })
})

function withByte(file: Buffer, at: number, byte: number): Buffer {
  const changed = Buffer.from(file)
  changed.writeUInt8(byte, at)
  return changed
}
