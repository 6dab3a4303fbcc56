// npm run bench:marmot -- [--json FILE] [--only throughput|node|chromium] [--members 20] [--events 10000] …
// `--keep FOLDER`: what was prepared is left there, and taken from there the next time.
// `--profile FILE`: the CPU profile, for Chromium's developer tools; the build that it belongs to is left beside it.

import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs"
import { cpus, tmpdir } from "node:os"
import { join } from "node:path"
import { parseArgs } from "node:util"
import { NodeWebSocket } from "../../src/nostr/node-socket.ts"
import { RelayPool } from "../../src/nostr/pool.ts"
import { catchUpInNode } from "./catch-up-node.ts"
import { buildSite, catchUpInChromium } from "./chromium.ts"
import { prepare, type Prepared } from "./prepare.ts"
import { startBenchRelay } from "./relay.ts"
import { markdown, type Results } from "./report.ts"
import { sharesOf } from "./shares.ts"
import { throughput } from "./throughput.ts"

const MONTH_MS = 30 * 24 * 3_600_000
/** Of a hundred Commits. */
const RIVALS = 2

const { values } = parseArgs({
  options: {
    json: { type: "string" },
    only: { type: "string" },
    members: { type: "string", default: "20" },
    events: { type: "string", default: "10000" },
    commits: { type: "string", default: "1000" },
    sizes: { type: "string", default: "2,10,100,500" },
    runs: { type: "string", default: "3" },
    keep: { type: "string" },
    profile: { type: "string" },
  },
})

const say = (line: string) => process.stderr.write(`${line}\n`)
const wants = (part: string) => values.only === undefined || values.only.split(",").includes(part)

async function main(): Promise<void> {
  const rows = []
  for (const size of wants("throughput") ? values.sizes.split(",").map(Number) : []) {
    say(`a group of ${size}`)
    rows.push(await throughput(size, { messages: 500, commits: size > 100 ? 10 : 50 }))
  }
  const catchUps = wants("node") || wants("chromium") ? await catchUp() : {}
  const machine = `${cpus().length} cores: ${cpus()[0]?.model ?? "unknown"}; Node ${process.version}`
  const none = { relay: undefined, node: [], chromium: [], shares: [] }
  const results: Results = { machine, throughput: rows, ...none, ...catchUps }
  process.stdout.write(`${markdown(results)}\n`)
  if (values.json !== undefined) writeFileSync(values.json, JSON.stringify(results, undefined, 2))
}

async function catchUp(): Promise<Partial<Results>> {
  const folder = values.keep ?? mkdtempSync(join(tmpdir(), "burrow-bench-"))
  const copy = mkdtempSync(join(tmpdir(), "burrow-bench-relay-"))
  try {
    const { port, prepared } = await keptOrPrepared(folder)
    // The client publishes something, too: what was kept stays as it is.
    cpSync(join(folder, "relay"), copy, { recursive: true })
    const relay = await startBenchRelay(copy, port)
    try {
      return await measured(prepared, relay.url)
    } finally {
      await relay.close()
    }
  } finally {
    rmSync(copy, { recursive: true, force: true })
    if (values.keep === undefined) rmSync(folder, { recursive: true, force: true })
  }
}

async function keptOrPrepared(folder: string): Promise<Kept> {
  const file = join(folder, "prepared.json")
  if (existsSync(file)) return JSON.parse(readFileSync(file, "utf8")) as Kept
  mkdirSync(join(folder, "relay"), { recursive: true })
  const relay = await startBenchRelay(join(folder, "relay"))
  try {
    const plan = {
      members: Number(values.members),
      events: Number(values.events),
      commits: Number(values.commits),
      rivalsPercent: RIVALS,
      span: MONTH_MS,
    }
    const kept: Kept = { port: relay.port, prepared: await prepare(plan, relay.url, say) }
    writeFileSync(file, JSON.stringify(kept))
    return kept
  } finally {
    await relay.close()
  }
}

async function measured(prepared: Prepared, url: string): Promise<Partial<Results>> {
  const times = Array.from({ length: Number(values.runs) }, (_, i) => i + 1)
  const node = []
  for (const time of wants("node") ? times : []) {
    say(`catching up in Node, ${time}`)
    node.push(await catchUpInNode(prepared, url))
  }
  const browser = wants("chromium") ? await inChromium(prepared, url, times) : {}
  return { node, relay: { perSecond: await relayAlone(prepared, url) }, ...browser }
}

/** Groups remember the address of their relay, so its port must be the same the next time. */
interface Kept {
  readonly port: number
  readonly prepared: Prepared
}

async function inChromium(
  prepared: Prepared,
  url: string,
  times: readonly number[],
): Promise<Pick<Results, "chromium" | "shares">> {
  const [site, readable] = [await buildSite(false), await buildSite(true)]
  try {
    const chromium = []
    for (const time of times) {
      say(`catching up in Chromium, ${time}`)
      chromium.push(await catchUpInChromium(prepared, url, { site, profiled: false }))
    }
    say("once more for the profile")
    const { profile } = await catchUpInChromium(prepared, url, { site: readable, profiled: true })
    if (values.profile !== undefined) {
      writeFileSync(values.profile, JSON.stringify(profile))
      cpSync(readable.folder, `${values.profile}.site`, { recursive: true })
    }
    return { chromium, shares: profile === undefined ? [] : sharesOf(profile, readable.folder) }
  } finally {
    for (const { folder } of [site, readable]) rmSync(folder, { recursive: true, force: true })
  }
}

/** How fast the relay gives what it holds to someone who does nothing with it. */
async function relayAlone({ history }: Prepared, url: string): Promise<number> {
  const pool = new RelayPool({ WebSocket: NodeWebSocket, verify: () => true })
  const start = performance.now()
  const { events } = await pool.query([url], [{ kinds: [445] }], { timeoutMs: 60_000 })
  const wall = performance.now() - start
  pool.close()
  if (events.length < Math.min(history.events.length, 1000))
    throw new Error("the relay lost events")
  return (events.length / wall) * 1000
}

await main()
