// A process of its own for a share of the seeds: a seed comes in, its verdict goes out.

import { Worker } from "node:worker_threads"
import { planOf } from "./plan.ts"
import { simulate } from "./simulate.ts"

/** CPU time that one seed may take before it counts as a loop (seconds): many times what any should need. */
const PATIENCE_S = 600

/**
 * Another thread looks at the clock, since a loop lets this one do nothing else. CPU time, for a busy machine may give a
 * seed little of it for a long while.
 */
const WATCH = `
const { parentPort } = require("node:worker_threads")
let start = process.cpuUsage()
parentPort.on("message", () => { start = process.cpuUsage() })
setInterval(() => {
  const { user, system } = process.cpuUsage(start)
  if (user + system > ${PATIENCE_S * 1_000_000}) process.kill(process.pid, "SIGKILL")
}, 5_000)
`
const watch = new Worker(WATCH, { eval: true })

process.on("message", (seed) => {
  watch.postMessage("another seed")
  void simulate(planOf(Number(seed))).then((verdict) => process.send?.(verdict))
})
process.on("disconnect", () => process.exit(0))
