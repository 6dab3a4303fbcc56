// npm run bench:mls -- [--browser] [--sizes 10,100,1000] [--json FILE] [--peers burrow,ts-mls] [--peer-max 1000] [--cpu]
// [--ts-mls FILE] [--once] [--shares]

import { rmSync, writeFileSync } from "node:fs"
import { cpus } from "node:os"
import { parseArgs } from "node:util"
import { buildPage } from "./build.ts"
import { measureInChromium } from "./chromium.ts"
import { type PeerName, type Plan, peerNames } from "./measure.ts"
import { measureInNode } from "./node.ts"
import { type Row, markdown, shareTable } from "./report.ts"

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
    if (values.shares) return
    const unit = values.cpu ? "milliseconds of CPU" : "milliseconds"
    process.stdout.write(`${machine}\n\n${markdown(rows)}\n\nMedians in ${unit}.\n`)
    if (values.json !== undefined) writeFileSync(values.json, JSON.stringify(rows, undefined, 1))
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

function peersAt(n: number): PeerName[] {
  return peerNames.filter(
    (name) =>
      values.peers.split(",").includes(name) &&
      (name === "burrow" || n <= Number(values["peer-max"])),
  )
}

await main()
