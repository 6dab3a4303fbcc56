// Many seeds over several processes, each with one seed at a time.

import { fork } from "node:child_process"
import type { ChildProcess } from "node:child_process"
import { join } from "node:path"
import { pathToFileURL } from "node:url"
import { compiled } from "../support/compile.ts"
import type { Verdict } from "./simulate.ts"

/** Much garbage, little that stays: with a small nursery a good part of the time goes into collecting it. */
const FLAGS = ["--enable-source-maps", "--max-semi-space-size=64"]

export interface JobOptions {
  readonly seeds: readonly number[]
  readonly jobs: number
  readonly onVerdict: (seed: number, verdict: Verdict) => void
}

export async function runJobs({ seeds, jobs, onVerdict }: JobOptions): Promise<void> {
  const { folder, remove } = await compiled({
    worker: "test/sim/worker.ts",
    bytes: "test/sim/native-bytes.ts",
  })
  const bytes = pathToFileURL(join(folder, "bytes.js")).href
  const execArgv = [...FLAGS, "--import", bytes]
  const left = [...seeds].reverse()
  const lane = async () => {
    let child: ChildProcess | undefined
    for (let seed = left.pop(); seed !== undefined; seed = left.pop()) {
      child ??= fork(join(folder, "worker.js"), { execArgv })
      const verdict = await ask(child, seed)
      onVerdict(seed, verdict ?? silent)
      if (verdict !== undefined) continue
      child.kill("SIGKILL")
      child = undefined
    }
    child?.disconnect()
  }
  try {
    await Promise.all(Array.from({ length: jobs }, lane))
  } finally {
    remove()
  }
}

const silent: Verdict = {
  failures: [{ property: "stuck", text: "the simulator did not answer, or died" }],
  counts: {},
  lasted: 0,
}

function ask(child: ChildProcess, seed: number): Promise<Verdict | undefined> {
  return new Promise((resolve) => {
    const settle = (verdict: Verdict | undefined) => {
      child.removeAllListeners()
      resolve(verdict)
    }
    child.on("message", (verdict) => settle(verdict as Verdict))
    child.on("exit", () => settle(undefined))
    child.send(seed)
  })
}
