// npm run bench:mls -- [--browser] [--sizes 10,100,1000] [--json FILE] [--peers burrow,ts-mls] [--peer-max 1000] [--cpu]
// [--ts-mls FILE] [--once] [--shares] [--large [--keep FOLDER]]

import { rmSync, writeFileSync } from "node:fs"
import { cpus } from "node:os"
import { parseArgs } from "node:util"
import { buildPage } from "./build.ts"
import { measureInChromium } from "./chromium.ts"
import { measureLarge } from "./large-group.ts"
import { type PeerName, type Plan, peerNames } from "./measure.ts"
import { measureInNode } from "./node.ts"
import { type Row, largeTable, markdown, shareTable } from "./report.ts"

const { values } = parseArgs({
  options: {
    browser: { type: "boolean", default: false },
    sizes: { type: "string", default: "10,100,1000" },
    json: { type: "string" },
    peers: { type: "string", default: peerNames.join(",") },
    /** The largest group of the others': theirs take memory and time with the square of the size. */
    "peer-max": { type: "string", default: "1000" },
    /** Another ts-mls than npm's: the entry of its source. */
    "ts-mls": { type: "string" },
    /** Each operation once, for memory. */
    once: { type: "boolean", default: false },
    /** What bounds each of our own operations, in place of the times. */
    shares: { type: "boolean", default: false },
    /** Each member in a process of its own, with the memory of every step, in place of the times. */
    large: { type: "boolean", default: false },
    /** A folder that keeps the members' KeyPackages for the next time; they are good for a fortnight. */
    keep: { type: "string" },
    /** CPU time in place of the clock's; in Node only. */
    cpu: { type: "boolean", default: false },
  },
})

const where = values.browser ? "Chromium" : "Node"

async function main(): Promise<void> {
  const folder = await buildPage(values["ts-mls"])
  try {
    const rows: Row[] = []
    let engine = `Node ${process.version}`
    const run = async (plan: Plan) => {
      if (!values.browser) return measureInNode(folder, plan)
      const measured = await measureInChromium(folder, plan)
      engine = `Chromium ${measured.version}`
      return measured
    }
    for (const n of values.sizes.split(",").map(Number)) {
      if (values.large) {
        await runLarge(folder, n)
        continue
      }
      if (values.shares) {
        const { shares } = await run({ peers: [], n, shares: true })
        process.stdout.write(`${n}, ${where}\n\n${shareTable(shares)}\n\n`)
        continue
      }
      const peers = peersAt(n)
      const timed = await run({ peers, n, cpu: values.cpu, once: values.once })
      for (const row of timed.rows) {
        // Where two were measured in one process, its memory is nobody's.
        const alone = peers.length === 1 ? timed : await run({ peers: [row.peer], n, once: true })
        const { rssMB, peakMB } = alone
        rows.push({ ...row, where, rssMB, peakMB })
      }
    }
    const machine = `${cpus().length} × ${cpus()[0]?.model ?? "unknown"}; ${engine}`
    if (values.shares || values.large) return
    const unit = values.cpu ? "milliseconds of CPU" : "milliseconds"
    process.stdout.write(`${machine}\n\n${markdown(rows)}\n\nMedians in ${unit}.\n`)
    if (values.json !== undefined) writeFileSync(values.json, JSON.stringify(rows, undefined, 1))
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

async function runLarge(folder: string, n: number): Promise<void> {
  const { browser, keep } = values
  const say = (line: string) => process.stderr.write(`${n}, ${line}\n`)
  const { steps, version } = await measureLarge(folder, n, { browser, keep, say })
  const engine = version === undefined ? `Node ${process.version}` : `Chromium ${version}`
  process.stdout.write(`${n} members, ${engine}\n\n${largeTable(steps)}\n\n`)
}

function peersAt(n: number): PeerName[] {
  return peerNames.filter(
    (name) =>
      values.peers.split(",").includes(name) &&
      (name === "burrow" || n <= Number(values["peer-max"])),
  )
}

await main()
