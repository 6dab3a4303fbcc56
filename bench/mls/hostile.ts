// npm run bench:hostile -- [--browser]: what the worst messages of 64 KB that we know of cost. In Node milliseconds of the
// processor and megabytes, on both back ends; in Chromium milliseconds of the clock, on WebCrypto.

import { rmSync } from "node:fs"
import { cpus } from "node:os"
import { parseArgs } from "node:util"
import { backends } from "../../src/mls/group.fixture.ts"
import { allocatedBy } from "../../src/mls/heap.fixture.ts"
import { buildPage } from "./build.ts"
import { withPage } from "./chromium.ts"
import type { MlsBench } from "./page.ts"
import { asUrgentAsWe, rendererOf } from "./process-memory.ts"
import { worstReport } from "./report.ts"
import { cpuTime } from "./subject.ts"
import { type Worst, measureWorst } from "./worst.ts"

declare const mlsBench: MlsBench

const { values } = parseArgs({ options: { browser: { type: "boolean", default: false } } })

async function inNode(): Promise<Worst & { readonly engine: string }> {
  const worst = await measureWorst(backends, { clock: cpuTime, allocated: allocatedBy })
  return { ...worst, engine: `Node ${process.version}, milliseconds of CPU` }
}

async function inChromium(): Promise<Worst & { readonly engine: string }> {
  const folder = await buildPage()
  try {
    return await withPage(folder, async ({ page, user, version }) => {
      asUrgentAsWe(rendererOf(user))
      const worst = await page.evaluate(() => mlsBench.worst())
      return { ...worst, engine: `Chromium ${version}, milliseconds of the clock` }
    })
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

const { engine, ...worst } = await (values.browser ? inChromium() : inNode())
const machine = `${cpus().length} × ${cpus()[0]?.model ?? "unknown"}; ${engine}`
process.stdout.write(`${machine}\n\n${worstReport(worst)}\n`)
