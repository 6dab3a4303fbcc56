// Many seeds over several processes, each with one seed at a time.

import { fork } from "node:child_process"
import type { ChildProcess } from "node:child_process"
import type { Verdict } from "./simulate.ts"

/** Much garbage, little that stays: with a small nursery a good part of the time goes into collecting it. */
const FLAGS = ["--import", "tsx", "--max-semi-space-size=64"]

export interface JobOptions {
  readonly seeds: readonly number[]
  readonly jobs: number
  readonly onVerdict: (seed: number, verdict: Verdict) => void
}

export async function runJobs({ seeds, jobs, onVerdict }: JobOptions): Promise<void> {
  const left = [...seeds].reverse()
  const lane = async () => {
    let child: ChildProcess | undefined
    for (let seed = left.pop(); seed !== undefined; seed = left.pop()) {
      child ??= fork(new URL("worker.ts", import.meta.url), { execArgv: FLAGS })
      const verdict = await ask(child, seed)
      onVerdict(seed, verdict ?? silent)
      if (verdict !== undefined) continue
      child.kill("SIGKILL")
      child = undefined
    }
    child?.disconnect()
  }
  await Promise.all(Array.from({ length: jobs }, lane))
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
