// Catching up in Chromium: the production build's worker, on IndexedDB, against the relay in a process of its own.

import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { getPriority, setPriority, tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { fileURLToPath } from "node:url"
import { chromium } from "playwright-core"
import { build } from "vite"
import { serveSite } from "../../dev/static-site.ts"
import { chromiumFlags, findChromium } from "../../test/support/chromium.ts"
import { type CatchUpResult, check } from "./catch-up-node.ts"
import { Devtools, type CpuProfile } from "./devtools.ts"
import type { Floor } from "./floor.ts"
import type { BenchPage } from "./page.ts"
import type { Prepared } from "./prepare.ts"

declare const benchPage: BenchPage

const root = fileURLToPath(new URL("../..", import.meta.url))

export interface BuiltSite {
  readonly folder: string
  /** The worker's script, from the site's root. */
  readonly worker: string
}

/** The production build, and beside it the page that drives the benchmark. `readable`: with source maps, for profiles. */
export async function buildSite(readable: boolean): Promise<BuiltSite> {
  const folder = mkdtempSync(join(tmpdir(), "burrow-bench-site-"))
  const common = { root, logLevel: "error" } as const
  await build({
    ...common,
    build: { outDir: folder, emptyOutDir: true, ...(readable && { sourcemap: true }) },
  })
  const page = await build({
    ...common,
    configFile: false,
    build: {
      write: false,
      target: "es2023",
      lib: { entry: join(root, "bench/marmot/page.ts"), formats: ["es"], fileName: "page" },
    },
  })
  for (const output of Array.isArray(page) ? page : [page]) {
    if (!("output" in output)) continue
    for (const file of output.output) {
      // The page's helper is not the app's own file: with source maps it has another name.
      const path = join(folder, file.fileName)
      mkdirSync(dirname(path), { recursive: true })
      writeFileSync(path, "code" in file ? file.code : file.source)
      if ("code" in file && file.isEntry) {
        const html = `<!doctype html><script type="module" src="/${file.fileName}"></script>`
        writeFileSync(join(folder, "bench.html"), html)
      }
    }
  }
  const script = readdirSync(join(folder, "assets")).find((name) => /^worker-.*\.js$/.test(name))
  if (script === undefined) throw new Error("the build has no worker")
  return { folder, worker: `/assets/${script}` }
}

export interface ChromiumResult extends CatchUpResult {
  /** The longest that a reading of the chat list took meanwhile, and half of them at most (milliseconds). */
  readonly slowestReading: number
  readonly medianReading: number
  /** Milliseconds of CPU of the client's thread. */
  readonly worker: number
  readonly profile: CpuProfile | undefined
  /** Of the same page, before the client was there. */
  readonly floor: readonly Floor[]
}

export async function catchUpInChromium(
  prepared: Prepared,
  url: string,
  { site, profiled }: { readonly site: BuiltSite; readonly profiled: boolean },
): Promise<ChromiumResult> {
  const { history, groupId, records } = prepared
  const served = await serveSite({
    root: site.folder,
    host: "127.0.0.1",
    port: 0,
    config: { relays: [url] },
  })
  const executablePath = findChromium()
  if (executablePath === undefined) throw new Error("no Chromium found: set BURROW_CHROMIUM")
  const folder = mkdtempSync(join(tmpdir(), "burrow-bench-profile-"))
  const context = await chromium.launchPersistentContext(folder, {
    executablePath,
    args: [...chromiumFlags, ...(profiled ? ["--remote-debugging-port=0"] : [])],
  })
  const raising = setInterval(() => shareOurPriority(folder), RAISE_MS)
  try {
    const page = await context.newPage()
    await page.goto(`${served.url}bench.html`)
    await page.waitForFunction(() => "benchPage" in globalThis)
    await page.evaluate((rows) => benchPage.fill(rows), records)
    const floor = await page.evaluate(() => benchPage.floor())
    const devtools = profiled ? await Devtools.connect(folder) : undefined
    const before = cpuOf(folder)
    const begin = { script: site.worker, relays: [url] }
    await page.evaluate(({ script, relays }) => benchPage.connect(script, relays), begin)
    const stop = await devtools?.profile("shared_worker")
    const measured = await page.evaluate(() => benchPage.catchUp())
    const after = cpuOf(folder)
    const profile = await stop?.()
    devtools?.close()
    await check(
      {
        timeline: (id, options) =>
          page.evaluate(([group, page]) => benchPage.timeline(group, page), [
            id,
            { limit: 500, ...options },
          ] as const),
        fingerprint: (id) => page.evaluate((group) => benchPage.fingerprint(group), id),
      },
      groupId,
      history,
    )
    const readings = measured.latencies.sort((a, b) => a - b)
    return {
      events: history.events.length,
      wall: measured.wall,
      cpu: after.all - before.all,
      worker: busiest(before, after),
      readable: measured.wall,
      perSecond: (history.events.length / measured.wall) * 1000,
      stepsOfProgress: new Set(measured.progress).size,
      slowestReading: readings.at(-1) ?? 0,
      medianReading: readings[Math.floor(readings.length / 2)] ?? 0,
      profile,
      floor,
    }
  } finally {
    clearInterval(raising)
    await context.close()
    await served.close()
    rmSync(folder, { recursive: true, force: true, maxRetries: 10 })
  }
}

interface Cpu {
  /** Milliseconds of all threads of the browser on this profile; 0 where unknown. */
  readonly all: number
  /** By thread. */
  readonly threads: ReadonlyMap<string, number>
}

function cpuOf(profile: string): Cpu {
  const threads = new Map<string, number>()
  try {
    for (const name of threadsOf(profile)) {
      const fields = statOf(name)
      threads.set(name, (Number(fields[11]) + Number(fields[12])) * 10)
    }
  } catch {
    // A process that ended meanwhile, or a platform without /proc.
  }
  return { all: [...threads.values()].reduce((sum, each) => sum + each, 0), threads }
}

/** Of all processes of the browser on this profile, below `/proc`: `PID/task/TID`. */
function* threadsOf(profile: string): Generator<string> {
  const pids = readdirSync("/proc").filter((name) => /^\d+$/.test(name))
  const groups = new Set<string | undefined>()
  for (const pid of pids) if (commandOf(pid).includes(profile)) groups.add(statOf(pid)[2])
  for (const pid of pids) {
    if (!groups.has(statOf(pid)[2])) continue
    for (const thread of readdirSync(`/proc/${pid}/task`)) yield `${pid}/task/${thread}`
  }
}

const RAISE_MS = 250

/**
 * Chromium gives its renderers the usual priority, whatever it was started with: on a busy machine, where this benchmark
 * runs above the others, they are to do so as well.
 */
function shareOurPriority(profile: string): void {
  const ours = getPriority()
  if (ours >= 0) return
  try {
    for (const name of threadsOf(profile)) {
      if (Number(statOf(name)[16]) !== ours) setPriority(Number(name.split("/").at(-1)), ours)
    }
  } catch {
    // A thread that has ended meanwhile, or a platform without /proc: the next time, or never.
  }
}

/** What the busiest thread did in between: the worker that holds the client. */
function busiest(before: Cpu, after: Cpu): number {
  return Math.max(
    0,
    ...[...after.threads].map(([name, now]) => now - (before.threads.get(name) ?? 0)),
  )
}

function commandOf(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8")
  } catch {
    return ""
  }
}

/** From the third field of `/proc/PID/stat` on: state, parent, process group, … */
function statOf(pid: string): readonly string[] {
  try {
    const line = readFileSync(`/proc/${pid}/stat`, "utf8")
    return line.slice(line.lastIndexOf(")") + 2).split(" ")
  } catch {
    return []
  }
}
