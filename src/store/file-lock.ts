// Storage on Node: one process at a time in a state directory.
//
// Every process makes an empty file of its own, lock-<pid>-<start time>-<random>, and only then looks for others. Of two
// that come together at least one sees the other, and gives way. Nobody removes a lock but its owner, or somebody who
// found its owner dead, so there is no moment at which a lock of the living can be mistaken for one of the dead.

import { randomBytes } from "node:crypto"
import { readFile } from "node:fs/promises"
import type { Disk } from "./file-disk.ts"
import { StoreError } from "./error.ts"

/**
 * Takes the directory; the answer gives it back. Throws `StoreError` `unavailable` if a living process (or this one)
 * holds it. Processes are told apart on one machine only: a directory shared over a network is not protected.
 */
export async function lockDirectory(disk: Disk, directory: string): Promise<() => Promise<void>> {
  const started = (await processStart(process.pid)) ?? "0"
  const own = `lock-${process.pid}-${started}-${randomBytes(8).toString("hex")}`
  await (await disk.open(`${directory}/${own}`, "create")).close()
  const unlock = () => disk.remove(`${directory}/${own}`)
  for (const name of await disk.list(directory)) {
    const other = lockName.exec(name)
    if (other === null || name === own) continue
    if (await isAlive(Number(other[1]), other[2] ?? "0")) {
      await unlock()
      throw new StoreError("unavailable", "another process uses this state directory")
    }
    await disk.remove(`${directory}/${name}`)
  }
  return unlock
}

const lockName = /^lock-(\d{1,10})-(\d{1,20})-[0-9a-f]{16}$/

async function isAlive(pid: number, started: string): Promise<boolean> {
  try {
    process.kill(pid, 0)
  } catch (error) {
    // EPERM: it lives, as somebody else.
    if (error instanceof Error && "code" in error && error.code === "ESRCH") return false
  }
  const now = await processStart(pid)
  // Where the system does not tell, the number alone has to do.
  return now === undefined || started === "0" || now === started
}

/**
 * When a process started, in ticks since the machine did: tells it from a later one of the same number. "dead" for one
 * that has ended and was not collected; `undefined` where there is no /proc.
 */
async function processStart(pid: number): Promise<string | undefined> {
  const stat = await readFile(`/proc/${pid}/stat`, "latin1").catch(() => undefined)
  // The name of the program stands in parentheses and may hold anything.
  const fields = stat?.slice(stat.lastIndexOf(")") + 2).split(" ")
  if (fields?.[0] === "Z" || fields?.[0] === "X") return "dead"
  return fields?.[19]
}
