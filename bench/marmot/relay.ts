// The development relay as a process of its own, on a port that can be named: groups remember their relay's address.

import { type ChildProcess, spawn } from "node:child_process"
import { once } from "node:events"
import { fileURLToPath } from "node:url"
import { freePort } from "../../test/support/relay-process.ts"

const root = fileURLToPath(new URL("../..", import.meta.url))

export interface BenchRelay {
  readonly url: string
  readonly port: number
  close(): Promise<void>
}

/** Keeps its events in `dataDir`. */
export async function startBenchRelay(dataDir: string, port?: number): Promise<BenchRelay> {
  const taken = port ?? (await freePort())
  const args = ["--import", "tsx", "dev/relay/main.ts", "--port", `${taken}`, "--data", dataDir]
  const child = spawn(process.execPath, args, { cwd: root, stdio: ["ignore", "pipe", "inherit"] })
  await Promise.race([
    once(child.stdout, "data"),
    once(child, "exit").then(() => Promise.reject(new Error("the relay did not start"))),
  ])
  return { url: `ws://127.0.0.1:${taken}`, port: taken, close: () => end(child) }
}

async function end(child: ChildProcess): Promise<void> {
  const exited = once(child, "exit")
  child.kill("SIGTERM")
  await exited
}
