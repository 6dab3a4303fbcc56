// `npm run --silent vectors:marmot -- FILE…`: runs files of the conformance suite, one verdict a line.

import { readFileSync } from "node:fs"
import type { Failure } from "./outcomes.ts"
import { runFixture } from "./run.ts"

async function verdictOf(file: string): Promise<readonly Failure[]> {
  try {
    return await runFixture(JSON.parse(readFileSync(file, "utf8")))
  } catch (error) {
    return [{ kind: "error", message: error instanceof Error ? error.message : String(error) }]
  }
}

async function main(files: readonly string[]): Promise<number> {
  if (files.length === 0) {
    process.stderr.write("usage: npm run --silent vectors:marmot -- FILE…\n")
    return 2
  }
  let failed = 0
  for (const file of files) {
    const failures = await verdictOf(file)
    const ok = failures.length === 0
    if (!ok) failed++
    process.stdout.write(`${JSON.stringify({ file, ok, failures })}\n`)
  }
  return failed === 0 ? 0 : 1
}

process.exitCode = await main(process.argv.slice(2))
