// `npm test`: every check of the project, one after the other, and one closing line with the counts.

import { spawnSync } from "node:child_process"
import { mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
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

/** A command that passes or fails as one check. */
function command(title: string, program: string, args: readonly string[]): Counts {
  log(`\n── ${title}`)
  const ok = run(program, args)
  if (!ok) log(`${title}: FAILED`)
  return { passed: ok ? 1 : 0, failed: ok ? 0 : 1, skipped: 0 }
}

/** A vitest project; its tests are counted one by one. */
function tests(title: string, project: string): Counts {
  log(`\n── ${title}`)
  const report = join(scratch, `${project}.json`)
  const reporters = ["--reporter=default", "--reporter=json", `--outputFile.json=${report}`]
  const ok = run("npx", ["vitest", "run", "--project", project, ...reporters])
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

function run(program: string, args: readonly string[], env: NodeJS.ProcessEnv = {}): boolean {
  const { status } = spawnSync(program, args, {
    env: { ...process.env, ...env },
    stdio: ["ignore", "inherit", "inherit"],
  })
  return status === 0
}

function main(): number {
  const chromium = ensureChromium(log)
  if (chromium !== undefined) process.env["BURROW_CHROMIUM"] = chromium
  const results = [
    command("Lint: eslint", "npx", ["eslint", "."]),
    command("Lint: format", "npx", ["prettier", "--check", "--log-level", "warn", "."]),
    command("Lint: import boundaries", "npm", ["run", "--silent", "lint:imports"]),
    command("Lint: unused code", "npx", ["knip"]),
    command("Types", "npm", ["run", "--silent", "check"]),
    tests("Unit tests", "unit"),
    tests("Vectors and interoperability", "interop"),
    tests("Headless clients: processes that are killed, crashes at every batch", "headless"),
    command("Build", "npm", ["run", "--silent", "build"]),
    tests("The whole system, in Chromium; mutants", "system"),
  ]
  const sum = (pick: (counts: Counts) => number) =>
    results.reduce((total, counts) => total + pick(counts), 0)
  const failed = sum((counts) => counts.failed)
  log("")
  log(`${sum((c) => c.passed)} passed, ${failed} failed, ${sum((c) => c.skipped)} skipped`)
  return failed === 0 ? 0 : 1
}

try {
  process.exitCode = main()
} finally {
  rmSync(scratch, { recursive: true, force: true })
}
