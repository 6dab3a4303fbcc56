// The benchmark in a Node process of its own, so that one size does not run in the other's memory.

import { spawn } from "node:child_process"
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import type { Measured, Plan } from "./measure.ts"
import type { Share } from "./shares.ts"

export interface InNode {
  readonly rows: readonly Measured[]
  /** Instead of rows, where the plan asks for them. */
  readonly shares: readonly Share[]
  /** Of the process at the end, and at most. */
  readonly rssMB: number
  readonly peakMB: number
}

const RUNNER = `
import { readFile } from "node:fs/promises"
import "./page.js"
const plan = JSON.parse(process.argv[2])
const rows = plan.shares ? [] : await globalThis.mlsBench.measure(plan)
const shares = plan.shares ? await globalThis.mlsBench.shares(plan.n) : []
const rssMB = process.memoryUsage().rss / 1e6
const status = await readFile("/proc/self/status", "utf8").catch(() => "")
const peakMB = Number(/^VmHWM:\\s+(\\d+) kB$/m.exec(status)?.[1] ?? 0) * 1.024e-3
process.stdout.write(JSON.stringify({ rows, shares, rssMB, peakMB }))
`

/** `folder`: where the built page is. */
export async function measureInNode(
  folder: string,
  plan: Plan,
  flags: readonly string[] = [],
): Promise<InNode> {
  const runner = join(folder, "runner.mjs")
  writeFileSync(runner, RUNNER)
  const child = spawn(process.execPath, [...flags, runner, JSON.stringify(plan)], {
    stdio: ["ignore", "pipe", "inherit"],
  })
  let output = ""
  child.stdout.setEncoding("utf8")
  child.stdout.on("data", (text: string) => {
    output += text
  })
  const code = await new Promise((resolve) => child.once("close", resolve))
  if (code !== 0) throw new Error(`the benchmark's process ended with ${String(code)}`)
  return JSON.parse(output) as InNode
}
