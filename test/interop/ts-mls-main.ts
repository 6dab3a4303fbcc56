// `npm run interop:ts-mls -- --seeds 5 --steps 300`: random live sessions with ts-mls.

import { parseArgs } from "node:util"
import { type Done, SUITES, leftOut, runSession } from "./ts-mls-session.fixture.ts"

const { values } = parseArgs({
  options: {
    seeds: { type: "string", default: "5" },
    first: { type: "string", default: "1" },
    steps: { type: "string", default: "300" },
    /** Numbers, with commas between. */
    suites: { type: "string", default: SUITES.map(({ suite }) => suite).join(",") },
  },
})

const chosen = values.suites.split(",").map(Number)
const first = Number(values.first)
const sessions: Done[] = []
for (const suite of SUITES.filter((each) => chosen.includes(each.suite))) {
  for (let seed = first; seed < first + Number(values.seeds); seed++) {
    const title = `suite ${suite.suite}, seed ${seed}`
    const before = process.cpuUsage()
    try {
      const done = await runSession(suite, seed, Number(values.steps))
      sessions.push(done)
      const { user, system } = process.cpuUsage(before)
      const seconds = ((user + system) / 1e6).toFixed(1)
      process.stdout.write(`${title}: passed, ${seconds} s; ${JSON.stringify([...done])}\n`)
    } catch (error) {
      process.exitCode = 1
      process.stdout.write(`${title}: FAILED, ${String(error)}\n`)
      console.error(error)
    }
  }
}
const missing = leftOut(sessions)
if (missing.length > 0) {
  process.exitCode = 1
  process.stdout.write(`nothing of ${missing.join("; ")}\n`)
}
