// `npm run sim -- --seeds 1..10000 [--jobs 2] [--json FILE] [--trace] [--no-shrink]`: whole clients in virtual time, on
// relays and disks that fail. Exit code 1 if a property was broken.

import { writeFileSync } from "node:fs"
import { availableParallelism } from "node:os"
import { parseArgs } from "node:util"
import { Counts } from "./counts.ts"
import type { Property } from "./failure.ts"
import { runJobs } from "./jobs.ts"
import { jobsOf, seedsOf } from "./options.ts"
import { planOf, scriptOf } from "./plan.ts"
import type { Plan } from "./plan.ts"
import { mainProperty, shrink } from "./shrink.ts"
import { simulate } from "./simulate.ts"
import type { Verdict } from "./simulate.ts"

/** Real time for making one failing plan short, and how many are made short. */
const SHRINK_MS = 120_000
const MAX_SHRUNK = 5

const say = (line: string) => process.stdout.write(`${line}\n`)

const { values, seeds, jobs } = options()
process.exitCode = (values.trace ? await trace(seeds) : await runAll(seeds)) ? 0 : 1

/** Ends the process with a plain word if the command line makes no sense. */
function options() {
  try {
    const { values } = parseArgs({
      options: {
        seeds: { type: "string", default: "1..20" },
        jobs: { type: "string", default: String(availableParallelism()) },
        json: { type: "string" },
        trace: { type: "boolean", default: false },
        "no-shrink": { type: "boolean", default: false },
      },
    })
    return { values, seeds: seedsOf(values.seeds), jobs: jobsOf(values.jobs) }
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`)
    process.exit(1)
  }
}

async function runAll(all: readonly number[]): Promise<boolean> {
  const counts = new Counts()
  const failed = new Map<number, Verdict>()
  const start = performance.now()
  let done = 0
  let lasted = 0
  await runJobs({
    seeds: all,
    jobs: Math.min(all.length, jobs),
    onVerdict: (seed, verdict) => {
      counts.merge(verdict.counts)
      lasted += verdict.lasted
      if (verdict.failures.length > 0) {
        failed.set(seed, verdict)
        for (const { property, text } of verdict.failures.slice(0, 5)) {
          say(`seed ${seed}: ${property}: ${text.slice(0, 400)}`)
        }
      }
      done += 1
      if (done % 100 === 0) say(`${done} of ${all.length} seeds, ${failed.size} failed`)
    },
  })
  const seconds = ((performance.now() - start) / 1000).toFixed(0)
  say(`${all.length} seeds in ${seconds} s, ${(lasted / 3_600_000).toFixed(1)} virtual hours.`)
  for (const [what, count] of Object.entries(counts.toJSON())) say(`  ${what}: ${count}`)
  report(all.length, failed)
  if (!values["no-shrink"]) {
    for (const [seed, verdict] of [...failed].slice(0, MAX_SHRUNK)) await tellShort(seed, verdict)
  }
  return failed.size === 0
}

function report(count: number, failed: ReadonlyMap<number, Verdict>): void {
  const failures = [...failed].flatMap(([seed, verdict]) =>
    [...new Set(verdict.failures.map(({ property }) => property))].map((property) => ({
      seed,
      property,
    })),
  )
  const number = (wanted: Property) => failures.filter(({ property }) => property === wanted).length
  const result = {
    seeds: count,
    divergent: number("divergent"),
    lost: number("lost"),
    duplicated: number("duplicated"),
    leaked: number("leaked"),
    stuck: number("stuck"),
    failures,
  }
  if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify(result)}\n`)
  say(failed.size === 0 ? "No property was broken." : `FAILED: ${[...failed.keys()].join(", ")}`)
}

async function tellShort(seed: number, verdict: Verdict): Promise<void> {
  const property = mainProperty(verdict.failures)
  const stillFails = async (plan: Plan) =>
    (await simulate(plan)).failures.some((failure) => failure.property === property)
  const short = await shrink(planOf(seed), stillFails, performance.now() + SHRINK_MS)
  say(`seed ${seed} is ${property} still by this:\n${scriptOf(short)}`)
}

/** One seed after the other in this process, with everything that happens. */
async function trace(all: readonly number[]): Promise<boolean> {
  const failed = new Map<number, Verdict>()
  for (const seed of all) {
    const plan = planOf(seed)
    say(scriptOf(plan))
    const verdict = await simulate(plan, { tell: say })
    say(JSON.stringify(verdict.counts))
    for (const { property, text } of verdict.failures) say(`seed ${seed}: ${property}: ${text}`)
    if (verdict.failures.length > 0) failed.set(seed, verdict)
  }
  report(all.length, failed)
  return failed.size === 0
}
