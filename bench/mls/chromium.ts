// The benchmark's page in Chromium, and what its process takes of memory.

import { mkdtempSync, readFileSync, readdirSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { chromium } from "playwright-core"
import { serveSite } from "../../dev/static-site.ts"
import { chromiumFlags, findChromium } from "../../test/support/chromium.ts"
import type { CpuProfile } from "../marmot/devtools.ts"
import type { Measured, Plan } from "./measure.ts"
import type { MlsBench } from "./page.ts"
import type { Share } from "./shares.ts"

declare const mlsBench: MlsBench

export interface InChromium {
  readonly version: string
  readonly rows: readonly Measured[]
  /** Instead of rows, where the plan asks for them. */
  readonly shares: readonly Share[]
  /** Of the page's process at the end, and at most. */
  readonly rssMB: number
  readonly peakMB: number
  readonly profile: CpuProfile | undefined
}

/** `folder`: where the built page is. */
export async function measureInChromium(
  folder: string,
  plan: Plan,
  { profiled }: { readonly profiled: boolean } = { profiled: false },
): Promise<InChromium> {
  const executablePath = findChromium()
  if (executablePath === undefined) throw new Error("no Chromium found: set BURROW_CHROMIUM")
  const site = await serveSite({ root: folder, host: "127.0.0.1", port: 0, config: { relays: [] } })
  const user = mkdtempSync(join(tmpdir(), "burrow-bench-user-"))
  const context = await chromium.launchPersistentContext(user, {
    executablePath,
    args: [...chromiumFlags],
  })
  try {
    const page = await context.newPage()
    page.on("console", (message) => process.stderr.write(`${message.text()}\n`))
    await page.goto(`${site.url}bench.html`)
    await page.waitForFunction(() => "mlsBench" in globalThis)
    const session = profiled ? await context.newCDPSession(page) : undefined
    await session?.send("Profiler.enable")
    await session?.send("Profiler.setSamplingInterval", { interval: 500 })
    await session?.send("Profiler.start")
    const rows =
      plan.shares === true ? [] : await page.evaluate((wanted) => mlsBench.measure(wanted), plan)
    const shares =
      plan.shares === true ? await page.evaluate(({ n }) => mlsBench.shares(n), plan) : []
    const profile = (await session?.send("Profiler.stop"))?.profile as CpuProfile | undefined
    const version = context.browser()?.version() ?? "unknown"
    return { version, rows, shares, ...memoryOf(user), profile }
  } finally {
    await context.close()
    await site.close()
    rmSync(user, { recursive: true, force: true, maxRetries: 10 })
  }
}

/** Of the largest renderer below the browser on this profile: it is the page's. 0 where the system does not say. */
function memoryOf(user: string): { readonly rssMB: number; readonly peakMB: number } {
  const all = readdirSync("/proc").filter((name) => /^\d+$/.test(name))
  const browser = all.filter((pid) => contentsOf(pid, "cmdline").includes(user))
  const family = new Set(browser)
  // Children may come before their parents in the list.
  for (let before = 0; before < family.size;) {
    before = family.size
    for (const pid of all) if (family.has(parentOf(pid))) family.add(pid)
  }
  const renderers = [...family].filter((pid) =>
    contentsOf(pid, "cmdline").includes("--type=renderer"),
  )
  const sizes = renderers.map((pid) => ({
    rssMB: fieldOf(pid, "VmRSS"),
    peakMB: fieldOf(pid, "VmHWM"),
  }))
  return sizes.sort((a, b) => b.peakMB - a.peakMB)[0] ?? { rssMB: 0, peakMB: 0 }
}

function contentsOf(pid: string, file: string): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, "utf8")
  } catch {
    return ""
  }
}

function parentOf(pid: string): string {
  return /^PPid:\s+(\d+)$/m.exec(contentsOf(pid, "status"))?.[1] ?? ""
}

/** In megabytes. */
function fieldOf(pid: string, name: string): number {
  const found = new RegExp(`^${name}:\\s+(\\d+) kB$`, "m").exec(contentsOf(pid, "status"))
  return Number(found?.[1] ?? 0) * 1.024e-3
}
