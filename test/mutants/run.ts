// `npm run test:mutants [-- PART OF A NAME]`: every mutant in a copy of the sources, and the test that must fail on it.

import { spawn } from "node:child_process"
import {
  cpSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs"
import { availableParallelism, tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { type Mutant, mutants } from "./list.ts"

const repository = fileURLToPath(new URL("../..", import.meta.url))
/** Tests take seconds; on a machine that has much else to do, minutes. What takes longer spins (milliseconds). */
const PATIENCE_MS = 3_600_000
const COPIED = ["src", "dev", "test", "package.json", "tsconfig.json", "vitest.config.ts"]

/** Names of tests. One that hangs is in neither list, nor are those after it. */
interface Report {
  readonly passed: readonly string[]
  readonly failed: readonly string[]
}

interface VitestReport {
  readonly testResults: readonly {
    readonly assertionResults: readonly { readonly status: string; readonly fullName: string }[]
  }[]
}

/** A copy of the sources that can be broken at will. */
class Workshop {
  readonly #folder = mkdtempSync(join(tmpdir(), "burrow-mutants-"))

  constructor() {
    for (const name of COPIED) {
      cpSync(join(repository, name), join(this.#folder, name), { recursive: true })
    }
    symlinkSync(join(repository, "node_modules"), join(this.#folder, "node_modules"))
  }

  close(): void {
    rmSync(this.#folder, { recursive: true, force: true })
  }

  /** What the tests of these whole names say of the sources as they are; all tests of the file if there are none. */
  async report(file: string, names: readonly string[]): Promise<Report> {
    const output = join(this.#folder, "report.json")
    rmSync(output, { force: true })
    const whole = names.map((name) => name.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"))
    const pattern = names.length === 0 ? [] : ["-t", `^(${whole.join("|")})$`]
    const program = join(repository, "node_modules/vitest/vitest.mjs")
    const reporter = ["--reporter=json", `--outputFile=${output}`]
    // A slow machine must not kill a mutant.
    const patience = [`--testTimeout=${PATIENCE_MS}`, `--hookTimeout=${PATIENCE_MS}`]
    await command([program, "run", file, ...pattern, ...reporter, ...patience], this.#folder)
    if (!existsSync(output)) return { passed: [], failed: [] }
    const report = JSON.parse(readFileSync(output, "utf8")) as VitestReport
    const results = report.testResults.flatMap(({ assertionResults }) => assertionResults)
    const of = (status: string) =>
      results.filter((result) => result.status === status).map(({ fullName }) => fullName)
    return { passed: of("passed"), failed: of("failed") }
  }

  async mutated(mutant: Mutant, file: string, names: readonly string[]): Promise<Report> {
    const path = join(this.#folder, mutant.file)
    const source = readFileSync(path, "utf8")
    writeFileSync(
      path,
      source.replace(mutant.from, () => mutant.to),
    )
    try {
      return await this.report(file, names)
    } finally {
      writeFileSync(path, source)
    }
  }
}

function command(args: readonly string[], cwd: string): Promise<void> {
  const shared = process.env["BURROW_SHARED"] ?? join(repository, "../shared")
  const env = { ...process.env, BURROW_SHARED: shared }
  return new Promise((resolve, reject) => {
    // A group of its own: what hangs is a worker.
    const child = spawn(process.execPath, args, { cwd, env, stdio: "ignore", detached: true })
    const timer = setTimeout(() => {
      if (child.pid !== undefined) process.kill(-child.pid, "SIGKILL")
    }, PATIENCE_MS)
    child.on("error", reject)
    child.on("exit", () => {
      clearTimeout(timer)
      resolve()
    })
  })
}

/** Runs `work` on all items, two at a time where there are two cores. */
async function inWorkshops<T>(
  items: readonly T[],
  work: (workshop: Workshop, item: T) => Promise<void>,
): Promise<void> {
  const rest = [...items]
  const labourer = async () => {
    const workshop = new Workshop()
    try {
      for (let item = rest.shift(); item !== undefined; item = rest.shift()) {
        await work(workshop, item)
      }
    } finally {
      workshop.close()
    }
  }
  await Promise.all(Array.from({ length: Math.min(2, availableParallelism()) }, labourer))
}

/** What is wrong, one line each: a mutant that no test noticed, or a test that fails without a mutant. */
export async function survivors(chosen: readonly Mutant[], log: (line: string) => void) {
  const wrong: string[] = []
  const say = (line: string) => {
    wrong.push(line)
    log(line)
  }
  const tests = chosen.map(({ killedBy }) => killedBy)
  await inWorkshops([...new Set(tests.map(([file]) => file))], async (workshop, file) => {
    const names = [...new Set(tests.filter(([of]) => of === file).map(([, name]) => name))]
    const { passed } = await workshop.report(file, names)
    for (const name of names.filter((each) => !passed.includes(each))) {
      say(`does not pass by itself: ${file}: ${name}`)
    }
  })
  await inWorkshops(chosen, async (workshop, mutant) => {
    const [file, name] = mutant.killedBy
    const { failed } = await workshop.mutated(mutant, file, [name])
    if (!failed.includes(name)) say(`survived, or hangs: ${mutant.name}`)
    else log(`killed: ${mutant.name}`)
  })
  return wrong
}

/** For whoever adds a mutant: which tests of `files` notice it. */
async function find(chosen: readonly Mutant[], files: readonly string[]): Promise<void> {
  await inWorkshops(chosen, async (workshop, mutant) => {
    for (const file of files) {
      const { failed } = await workshop.mutated(mutant, file, [])
      for (const name of failed) console.log(JSON.stringify({ mutant: mutant.name, file, name }))
    }
  })
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [part = "", ...files] = process.argv.slice(2)
  const chosen = mutants.filter(({ name }) => name.includes(part))
  if (files.length > 0) await find(chosen, files)
  else {
    const wrong = await survivors(chosen, (line) => console.log(line))
    console.log(`${chosen.length - wrong.length} of ${chosen.length} mutants killed`)
    process.exitCode = wrong.length === 0 ? 0 : 1
  }
}
