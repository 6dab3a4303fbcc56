// The process that a test kills: writes batches until it dies, and says on standard output what was acknowledged.

import { writeSync } from "node:fs"
import { openFileStore } from "./file.ts"
import type { StoreOp } from "./types.ts"

/** Batch n: a counter in three tables, a long record for the last few, and the end of an older one. */
function countingBatch(n: number): readonly StoreOp[] {
  const value = new TextEncoder().encode(`${n}`)
  const sort = (each: number) => `${each}`.padStart(8, "0")
  return [
    { table: "meta", key: { scope: "s", sort: "n" }, value },
    { table: "timeline", key: { scope: "s", sort: sort(n) }, value: new Uint8Array(n % 3_000) },
    { table: "timeline", key: { scope: "s", sort: sort(n - 10) }, value: undefined },
    { table: "groups", key: { scope: "s", sort: "n" }, value },
  ]
}

async function write(directory: string): Promise<never> {
  const store = await openFileStore(directory, { compactAbove: 50_000 })
  const found = await store.get("meta", { scope: "s", sort: "n" })
  writeSync(1, "open\n")
  for (let n = Number(new TextDecoder().decode(found)) + 1; ; n++) {
    await store.batch(countingBatch(n))
    writeSync(1, `${n}\n`)
  }
}

const directory = process.argv[2]
if (directory !== undefined) await write(directory)
