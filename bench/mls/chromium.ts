// The benchmark's page in Chromium, and what its process takes of memory.

import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { type Page, chromium } from "playwright-core"
import { serveSite } from "../../dev/static-site.ts"
import { chromiumFlags, findChromium } from "../../test/support/chromium.ts"
import type { CpuProfile } from "../marmot/devtools.ts"
import type { Measured, Plan } from "./measure.ts"
import type { MlsBench } from "./page.ts"
import { type ProcessMemory, memoryOf, rendererOf } from "./process-memory.ts"
import type { Share } from "./shares.ts"

declare const mlsBench: MlsBench

/** Memory: of the page's process at the end, and at most. */
export interface InChromium extends ProcessMemory {
  readonly version: string
  readonly rows: readonly Measured[]
  /** Instead of rows, where the plan asks for them. */
  readonly shares: readonly Share[]
  readonly profile: CpuProfile | undefined
}

/** `folder`: where the built page is. */
export async function measureInChromium(
  folder: string,
  plan: Plan,
  { profiled }: { readonly profiled: boolean } = { profiled: false },
): Promise<InChromium> {
  return withPage(folder, async ({ page, user, version }) => {
    const session = profiled ? await page.context().newCDPSession(page) : undefined
    await session?.send("Profiler.enable")
    await session?.send("Profiler.setSamplingInterval", { interval: 500 })
    await session?.send("Profiler.start")
    const rows =
      plan.shares === true ? [] : await page.evaluate((wanted) => mlsBench.measure(wanted), plan)
    const shares =
      plan.shares === true ? await page.evaluate(({ n }) => mlsBench.shares(n), plan) : []
    const profile = (await session?.send("Profiler.stop"))?.profile as CpuProfile | undefined
    return { version, rows, shares, ...memoryOf(rendererOf(user)), profile }
  })
}

interface OpenPage {
  readonly page: Page
  readonly version: string
  /** The profile's folder, which tells the browser's processes from others. */
  readonly user: string
}

/** The built page in a browser of its own, for as long as `use` takes. */
export async function withPage<T>(folder: string, use: (open: OpenPage) => Promise<T>): Promise<T> {
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
    return await use({ page, user, version: context.browser()?.version() ?? "unknown" })
  } finally {
    await context.close()
    await site.close()
    rmSync(user, { recursive: true, force: true, maxRetries: 10 })
  }
}
