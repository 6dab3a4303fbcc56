import { spawn } from "node:child_process"
import { once } from "node:events"
import { mkdtemp, readdir, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { createInterface } from "node:readline"
import { expect, test } from "vitest"
import { openFileStore } from "./file.ts"

const script = new URL("file-writer.fixture.ts", import.meta.url).pathname

/** Lets a process write until it has acknowledged so many batches, and kills it in the middle of the next ones. */
async function writeAndKill(directory: string, batches: number): Promise<number> {
  const child = spawn(process.execPath, ["--import", "tsx", script, directory], {
    stdio: ["ignore", "pipe", "inherit"],
  })
  const ended = once(child, "exit")
  let acknowledged = 0
  let seen = 0
  for await (const line of createInterface({ input: child.stdout })) {
    if (line === "open") {
      await expect(openFileStore(directory)).rejects.toMatchObject({ code: "unavailable" })
      continue
    }
    acknowledged = Number(line)
    if (++seen === batches) child.kill("SIGKILL")
  }
  expect(await ended).toEqual([null, "SIGKILL"])
  return acknowledged
}

test("a process killed among many batches: the acknowledged is there, nothing is half applied", async () => {
  const directory = await mkdtemp(`${tmpdir()}/burrow-kill-`)
  try {
    for (const batches of [1, 37, 150, 251, 400]) {
      const acknowledged = await writeAndKill(directory, batches)
      expect((await readdir(directory)).some((name) => name.startsWith("lock-"))).toBe(true)
      const store = await openFileStore(directory)
      const number = async (table: "meta" | "groups") =>
        Number(new TextDecoder().decode(await store.get(table, { scope: "s", sort: "n" })))
      const n = await number("meta")
      expect([acknowledged, acknowledged + 1]).toContain(n)
      expect(await number("groups")).toBe(n)
      const rows = await store.range("timeline", "s")
      const expected = Array.from({ length: Math.min(n, 10) }, (_, each) => n - each).reverse()
      expect(rows.map(({ sort }) => Number(sort))).toEqual(expected)
      expect(rows.map(({ value }) => value.length)).toEqual(expected.map((each) => each % 3_000))
      await store.close()
    }
  } finally {
    await rm(directory, { recursive: true })
  }
})
