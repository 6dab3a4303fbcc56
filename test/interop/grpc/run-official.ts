// `npm run interop:official -- --runner PATH`: the MLS working group's test runner drives two instances of ours, and
// servers of other implementations given by `--peer HOST:PORT`, through its scripts.

import { spawn } from "node:child_process"
import { readdirSync, writeFileSync } from "node:fs"
import { basename, join } from "node:path"
import { parseArgs } from "node:util"
import { Client, credentials } from "@grpc/grpc-js"
import { sharedFolder } from "../../shared-folder.ts"
import { SUITES, computeOnOpenssl } from "./member.ts"
import { serveMlsClient } from "./serve.ts"

const { values } = parseArgs({
  options: {
    runner: { type: "string" },
    /** Further servers of the interface; with one, ours is one instance. */
    peer: { type: "string", multiple: true, default: [] },
    /** Names of scripts' files without ".json"; default: all. */
    config: { type: "string", multiple: true },
    suites: { type: "string", default: SUITES.join(",") },
    /** Every assignment of clients to roles, not a random one. Not for deep_random: it has 840 actors. */
    all: { type: "boolean", default: false },
    /** Our suites 4 and 6 on Node's OpenSSL, for scripts in which noble's curves take longer than the runner waits. */
    openssl: { type: "boolean", default: false },
    /** Where failures go in full. */
    json: { type: "string" },
  },
})

const CONNECT_MS = 10_000

interface ScriptResult {
  readonly cipher_suite: number
  readonly actors: Readonly<Record<string, string>>
  readonly encrypt_flag: boolean
  readonly error?: unknown
  readonly failed_step?: number
  readonly failed_step_json?: string
}

interface Failure extends ScriptResult {
  readonly config: string
  readonly script: string
}

const { runner } = values
if (runner === undefined) throw new Error("--runner PATH of the runner's binary is missing")
const configs = join(sharedFolder, "interop/configs")
const names =
  values.config ??
  readdirSync(configs)
    .filter((name) => name.endsWith(".json"))
    .map((name) => basename(name, ".json"))
if (values.openssl) computeOnOpenssl()
const own = await Promise.all(values.peer.length > 0 ? [serve()] : [serve(), serve()])
const clients = [...own.map(({ port }) => `127.0.0.1:${port}`), ...values.peer]

// The runner would wait for ever for one that is not there.
await Promise.all(values.peer.map(requireServer))

const failures: Failure[] = []
for (const config of names) {
  for (const suite of values.suites.split(",")) await runConfig(config, suite)
}
if (values.json !== undefined) writeFileSync(values.json, JSON.stringify(failures, undefined, 2))
own.forEach(({ close }) => close())
process.exitCode = failures.length > 0 ? 1 : 0

function serve() {
  return serveMlsClient(0)
}

function requireServer(address: string): Promise<void> {
  const client = new Client(address, credentials.createInsecure())
  return new Promise((resolve, reject) => {
    client.waitForReady(Date.now() + CONNECT_MS, (error) => {
      client.close()
      if (error === undefined) resolve()
      else reject(new Error(`nobody serves at ${address}`, { cause: error }))
    })
  })
}

async function runConfig(config: string, suite: string): Promise<void> {
  const args = ["-config", join(configs, `${config}.json`), "-suite", suite]
  if (!values.all || config === "deep_random") args.push("-random")
  const output = await outputOf([...clients.flatMap((client) => ["-client", client]), ...args])
  const { scripts } = JSON.parse(output) as {
    readonly scripts: Readonly<Record<string, readonly ScriptResult[]>>
  }
  const results = Object.entries(scripts).flatMap(([script, each]) =>
    each.map((result): Failure => ({ config, script, ...result })),
  )
  const runs = results.length
  // Transcripts are long, and hold every message.
  const failed = results
    .filter((result) => result.failed_step !== undefined)
    .map((result) => ({ ...result, transcript: undefined }))
  failures.push(...failed)
  if (runs === 0) throw new Error(`the runner ran nothing of ${config} with suite ${suite}`)
  process.stdout.write(`${config}, suite ${suite}: ${runs - failed.length} of ${runs} passed\n`)
  for (const { script, actors, error, failed_step_json: step } of failed.slice(0, 5)) {
    const roles = JSON.stringify(actors).slice(0, 120)
    process.stdout.write(`  ${script} ${roles}: ${JSON.stringify(error)} at ${step}\n`)
  }
}

/** Standard output; the runner exits with 1 where a script fails. */
function outputOf(args: readonly string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    const process_ = spawn(runner ?? "", args, { stdio: ["ignore", "pipe", "inherit"] })
    const parts: Buffer[] = []
    process_.stdout.on("data", (part: Buffer) => parts.push(part))
    process_.on("error", reject)
    process_.on("close", () => resolve(Buffer.concat(parts).toString()))
  })
}
