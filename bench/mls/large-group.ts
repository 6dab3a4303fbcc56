// A large group, each of its members in a process of its own: times, longest stretches and memory of every step.

import { spawn } from "node:child_process"
import { existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { withPage } from "./chromium.ts"
import { openExchange } from "./exchange.ts"
import type { Role } from "./large.ts"
import type { MlsBench } from "./page.ts"
import {
  type ProcessMemory,
  asUrgentAsWe,
  cpuOf,
  forgetPeak,
  memoryOf,
  rendererOf,
} from "./process-memory.ts"
import type { Step } from "./steps.ts"

declare const mlsBench: MlsBench

export interface LargeStep extends Step, ProcessMemory {
  readonly role: Role
  /** CPU in all threads of its process since its last step. */
  readonly cpuMs: number
}

export interface LargeGroup {
  readonly steps: readonly LargeStep[]
  /** Of Chromium; `undefined` in Node. */
  readonly version: string | undefined
}

/** What the other roles do, they do in Node. */
const MEASURED: ReadonlySet<Role> = new Set(["founder", "joiner", "floor"])

/** Plays a role in a process of its own, whose id is told as soon as it is known. */
type Play = (role: Role, url: string, started: (pid: () => string) => void) => Promise<string[]>

export interface LargeOptions {
  readonly browser: boolean
  /** Where all KeyPackages are left, and taken from the next time. */
  readonly keep: string | undefined
  readonly say: (line: string) => void
}

/** `folder`: where the built page is. Throws unless the founder and the joiner agree on each epoch. */
export async function measureLarge(
  folder: string,
  n: number,
  options: LargeOptions,
): Promise<LargeGroup> {
  const steps: LargeStep[] = []
  /** CPU time of each role's process at its last step. */
  const before = new Map<Role, number>()
  const processes = new Map<Role, () => string>()
  let version: string | undefined
  const exchange = await openExchange((role, step) => {
    const pid = processes.get(role)?.() ?? ""
    const spent = cpuOf(pid)
    steps.push({ role, ...step, ...memoryOf(pid), cpuMs: spent - (before.get(role) ?? 0) })
    before.set(role, spent)
    forgetPeak(pid)
    asUrgentAsWe(pid)
    options.say(`${role}: ${step.name}, ${Math.round(step.ms)} ms`)
  })
  const inNode = playInNode(folder, n)
  const inChromium: Play = (role, url, started) =>
    withPage(folder, async ({ page, user, version: its }) => {
      version = its
      started(() => rendererOf(user))
      return page.evaluate(({ role, n, url }) => mlsBench.large(role, n, url), { role, n, url })
    })
  const play = (role: Role) => {
    const where = options.browser && MEASURED.has(role) ? inChromium : inNode
    return where(role, exchange.url, (pid) => processes.set(role, pid))
  }
  try {
    const kept = options.keep === undefined ? undefined : join(options.keep, String(n))
    for (const [name, bytes] of kept === undefined ? [] : keptItems(kept)) {
      exchange.items.set(name, bytes)
    }
    if (exchange.items.size === 0) {
      await play("generator")
      if (kept !== undefined) keepItems(kept, exchange.items)
    }
    const [founder, joiner] = await Promise.all(
      (["founder", "joiner", "others"] as const).map(play),
    )
    await play("floor")
    if (founder === undefined || JSON.stringify(founder) !== JSON.stringify(joiner)) {
      throw new Error("the members do not agree on the epochs")
    }
    return { steps, version }
  } finally {
    exchange.close()
  }
}

function keptItems(folder: string): (readonly [string, Buffer])[] {
  if (!existsSync(folder)) return []
  return readdirSync(folder).map((name) => [name, readFileSync(join(folder, name))])
}

function keepItems(folder: string, items: ReadonlyMap<string, Buffer>): void {
  mkdirSync(folder, { recursive: true })
  for (const [name, bytes] of items) writeFileSync(join(folder, name), bytes)
}

const RUNNER = `
import "./page.js"
const [role, n, url] = process.argv.slice(2)
process.stdout.write(JSON.stringify(await globalThis.mlsBench.large(role, Number(n), url)))
`

function playInNode(folder: string, n: number): Play {
  const runner = join(folder, "large.mjs")
  writeFileSync(runner, RUNNER)
  return async (role, url, started) => {
    const child = spawn(process.execPath, [runner, role, String(n), url], {
      stdio: ["ignore", "pipe", "inherit"],
    })
    started(() => String(child.pid))
    let output = ""
    child.stdout.setEncoding("utf8")
    child.stdout.on("data", (text: string) => {
      output += text
    })
    const code = await new Promise((resolve) => child.once("close", resolve))
    if (code !== 0) throw new Error(`the ${role} ended with ${String(code)}`)
    return JSON.parse(output) as string[]
  }
}
