// `npm test`: every check of the project, and one closing line with the counts. The tests come one after the other; what
// only reads the sources goes on beside them, wherever a core is idle, and what is idle then the simulator takes.

import { spawn } from "node:child_process"
import { mkdtempSync, readFileSync, rmSync } from "node:fs"
import { constants, getPriority, setPriority, tmpdir } from "node:os"
import { join } from "node:path"
import { ensureChromium } from "./support/chromium.ts"

interface Counts {
  readonly passed: number
  readonly failed: number
  readonly skipped: number
}

/** What vitest's JSON reporter says of a run. */
interface VitestReport {
  readonly numPassedTests: number
  readonly numFailedTests: number
  readonly numFailedTestSuites: number
  readonly numPendingTests: number
  readonly numTodoTests: number
}

const scratch = mkdtempSync(join(tmpdir(), "burrow-test-"))
const log = (line: string) => process.stdout.write(`${line}\n`)

interface Check {
  readonly title: string
  readonly program: string
  readonly args: readonly string[]
}

/** They pass or fail as one check each. */
const readings: readonly Check[] = [
  { title: "Lint: eslint", program: "npx", args: ["eslint", "."] },
  {
    title: "Lint: format",
    program: "npx",
    args: ["prettier", "--check", "--log-level", "warn", "."],
  },
  { title: "Lint: import boundaries", program: "npm", args: ["run", "--silent", "lint:imports"] },
  { title: "Lint: unused code", program: "npx", args: ["knip"] },
  { title: "Types", program: "npm", args: ["run", "--silent", "check"] },
]

/** One after the other, behind the tests: they get what those leave. Each is told when it has ended. */
async function read(): Promise<Counts[]> {
  const counts: Counts[] = []
  for (const { title, program, args } of readings) {
    const { ok, output } = await run(program, args, "quietly")
    log(`\n── ${title}, meanwhile: ${ok ? "passed" : "FAILED"}\n${output}`)
    counts.push(outcome(ok))
  }
  return counts
}

const outcome = (ok: boolean): Counts => ({ passed: ok ? 1 : 0, failed: ok ? 0 : 1, skipped: 0 })

async function command({ title, program, args }: Check): Promise<Counts> {
  log(`\n── ${title}`)
  const { ok } = await run(program, args)
  if (!ok) log(`${title}: FAILED`)
  return outcome(ok)
}

/** A vitest project; its tests are counted one by one. */
async function tests(title: string, project: string, how: Manner = "aloud"): Promise<Counts> {
  if (how === "aloud") log(`\n── ${title}`)
  const report = join(scratch, `${project}.json`)
  const reporters = ["--reporter=default", "--reporter=json", `--outputFile.json=${report}`]
  const args = ["vitest", "run", "--project", project, ...reporters]
  const { ok, output } = await run("npx", args, how)
  if (how !== "aloud") log(`\n── ${title}, meanwhile:\n${output}`)
  const counts = countsOf(report)
  // A run that broke without a failed test must not pass.
  return ok || counts.failed > 0 ? counts : { ...counts, failed: 1 }
}

function countsOf(report: string): Counts {
  try {
    const read = JSON.parse(readFileSync(report, "utf8")) as VitestReport
    return {
      passed: read.numPassedTests,
      failed: Math.max(read.numFailedTests, Math.min(1, read.numFailedTestSuites)),
      skipped: read.numPendingTests + read.numTodoTests,
    }
  } catch {
    return { passed: 0, failed: 1, skipped: 0 }
  }
}

/**
 * Quietly: at a low priority, what it says kept for later. Last: at the lowest. The readings use one core, and must not
 * be left alone with the other one idle; the simulator uses any number of cores, for any part of the time.
 */
type Manner = "aloud" | "quietly" | "last"
const { PRIORITY_BELOW_NORMAL, PRIORITY_LOW } = constants.priority
const priorities = { quietly: PRIORITY_BELOW_NORMAL, last: PRIORITY_LOW }

function run(
  program: string,
  args: readonly string[],
  how: Manner = "aloud",
): Promise<{ readonly ok: boolean; readonly output: string }> {
  const out = how === "aloud" ? "inherit" : "pipe"
  const child = spawn(program, args, { stdio: ["ignore", out, out] })
  if (how !== "aloud" && child.pid !== undefined) {
    // Never above our own: not everyone may.
    setPriority(child.pid, Math.max(getPriority(), priorities[how]))
  }
  const said: Buffer[] = []
  for (const stream of [child.stdout, child.stderr]) {
    stream?.on("data", (chunk: Buffer) => said.push(chunk))
  }
  return new Promise((resolve) => {
    const end = (ok: boolean) => resolve({ ok, output: Buffer.concat(said).toString() })
    child.on("error", () => end(false))
    child.on("close", (code) => end(code === 0))
  })
}

async function main(): Promise<number> {
  const chromium = ensureChromium(log)
  if (chromium !== undefined) process.env["BURROW_CHROMIUM"] = chromium
  const meanwhile = [read(), tests("Simulator", "simulator", "last").then((counts) => [counts])]
  const results = [
    await tests("Unit tests", "unit*"),
    await tests("Vectors and interoperability", "interop"),
    await tests("Headless clients: processes that are killed, crashes at every batch", "headless"),
    await command({ title: "Build", program: "npm", args: ["run", "--silent", "build"] }),
    await tests("The whole system, in Chromium; mutants", "system"),
    ...(await Promise.all(meanwhile)).flat(),
  ]
  const sum = (pick: (counts: Counts) => number) =>
    results.reduce((total, counts) => total + pick(counts), 0)
  const failed = sum((counts) => counts.failed)
  log("")
  log(`${sum((c) => c.passed)} passed, ${failed} failed, ${sum((c) => c.skipped)} skipped`)
  return failed === 0 ? 0 : 1
}

try {
  process.exitCode = await main()
} finally {
  rmSync(scratch, { recursive: true, force: true })
}
