import { spawn } from "node:child_process"
import { appendFile, mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterEach, beforeEach, expect, test } from "vitest"
import { generateSecretKey } from "../../src/nostr/event.ts"
import { EventStore } from "./store.ts"
import { startRelay } from "./server.ts"
import { RawClient, signed } from "./test-client.ts"

let dataDir = ""
beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), "relay-"))
})
afterEach(() => rm(dataDir, { recursive: true, force: true }))

const log = () => join(dataDir, "events.log")
const openStore = (compactAbove = 5_000) =>
  EventStore.open({ dataDir, now: () => 1_000, compactAbove })

const idsAfterReopening = async (): Promise<string[]> => {
  const store = await openStore()
  const ids = [...store.index.events()].map(({ id }) => id)
  await store.close()
  return ids.sort()
}

test("a restart keeps events, replacements and deletions", async () => {
  const key = generateSecretKey()
  const store = await openStore()
  const [kept, deleted] = [signed({ content: "kept" }, key), signed({ content: "deleted" }, key)]
  const [old, current] = [1, 2].map((created_at) => signed({ kind: 10002, created_at }, key))
  const deletion = signed({ kind: 5, tags: [["e", deleted.id]] }, key)
  const events = [kept, deleted, old, current, deletion].filter((event) => event !== undefined)
  expect(await Promise.all(events.map((event) => store.add(event)))).toEqual(
    Array<string>(5).fill("stored"),
  )
  await store.close()
  const left = [kept, current, deletion].map((event) => event?.id).sort()
  expect(await idsAfterReopening()).toEqual(left)
  const again = await openStore()
  expect(await again.add(deleted)).toBe("deleted")
  expect(await again.add(kept)).toBe("duplicate")
  await again.close()
})

test("a log cut at any byte gives the whole lines before the cut, and can be written on", async () => {
  const store = await openStore()
  const events = [signed({ created_at: 1 }), signed({ created_at: 2, content: "ü\n" })]
  for (const event of events) await store.add(event)
  await store.close()
  const bytes = await readFile(log())
  const firstEnd = bytes.indexOf(10) + 1
  const next = signed({ created_at: 3 })
  for (let cut = 0; cut < bytes.length; cut += 1) {
    await writeFile(log(), bytes.subarray(0, cut))
    const torn = await openStore()
    const whole = cut < firstEnd ? [] : events.slice(0, 1)
    expect([...torn.index.events()]).toEqual(whole)
    if (cut % 50 === 0) {
      await torn.add(next)
      await torn.close()
      expect(await idsAfterReopening()).toEqual([...whole, next].map(({ id }) => id).sort())
    } else {
      await torn.close()
    }
  }
})

test("a damaged line in the middle costs itself only", async () => {
  const store = await openStore()
  const events = [1, 2, 3].map((created_at) => signed({ created_at }))
  for (const event of events) await store.add(event)
  await store.close()
  const bytes = await readFile(log())
  bytes[bytes.indexOf(10) + 40] = 0
  await writeFile(log(), bytes)
  await appendFile(log(), "garbage\n")
  const left = [events[0]?.id, events[2]?.id].sort()
  expect(await idsAfterReopening()).toEqual(left)
  expect(await idsAfterReopening()).toEqual(left)
})

test("compaction, while running and at start, loses nothing but dead lines", async () => {
  const key = generateSecretKey()
  const store = await openStore(10)
  const kept = signed({ content: "kept" })
  await store.add(kept)
  let largest = 0
  let newest = kept
  for (let created_at = 1; created_at <= 60; created_at += 1) {
    newest = signed({ kind: 10002, created_at, content: "x".repeat(100) }, key)
    await store.add(newest)
    largest = Math.max(largest, (await stat(log())).size)
  }
  const after = signed({ content: "after" })
  await store.add(after)
  await store.close()
  expect(largest).toBeLessThan(20 * 500)
  expect(await idsAfterReopening()).toEqual([kept.id, newest.id, after.id].sort())
  const lines = await readFile(log(), "utf8")
  await writeFile(log(), lines.repeat(10))
  await (await openStore(10)).close()
  expect((await readFile(log(), "utf8")).trim().split("\n")).toHaveLength(3)
  expect(await idsAfterReopening()).toEqual([kept.id, newest.id, after.id].sort())
})

test("killed while it writes, it keeps every event that it acknowledged", async () => {
  const main = new URL("main.ts", import.meta.url).pathname
  const child = spawn(
    process.execPath,
    ["--import", "tsx", main, "--port", "0", "--data", dataDir],
    { stdio: ["ignore", "pipe", "inherit"] },
  )
  const url = await new Promise<string>((resolve) => {
    child.stdout.on("data", (text: Buffer) => {
      const match = /ws:\S+/.exec(text.toString())
      if (match !== null) resolve(match[0])
    })
  })
  const client = await RawClient.connect(url)
  const key = generateSecretKey()
  const events = Array.from({ length: 300 }, (_, i) =>
    signed({ content: `${i}`.repeat(2_000) }, key),
  )
  const acknowledged = () =>
    client.frames.flatMap(([type, id, ok]) => (type === "OK" && ok === true ? [String(id)] : []))
  // Fifty at a time, so that the relay always has some to write.
  for (const event of events.splice(0, 50)) client.send("EVENT", event)
  await client.until(() => {
    const next = events.shift()
    if (next !== undefined) client.send("EVENT", next)
    return acknowledged().length >= 100 ? true : undefined
  })
  child.kill("SIGKILL")
  await client.until(() => undefined).catch(() => undefined)
  const kept = acknowledged()
  expect(kept.length).toBeGreaterThanOrEqual(100)

  const relay = await startRelay({ dataDir })
  const reader = await RawClient.connect(relay.url)
  const stored = await reader.query({ kinds: [1] })
  expect(stored).toEqual(expect.arrayContaining(kept))
  reader.close()
  await relay.close()
})
