// The headless client: requests on standard input, answers and events on standard output, logs on standard error.

import { createInterface } from "node:readline"
import { parseArgs } from "node:util"
import { openClient } from "../client/client.ts"
import type { Client } from "../client/client.ts"
import { asFailure } from "../client/failure.ts"
import { isServerUrl } from "../nostr/blossom.ts"
import { NodeWebSocket } from "../nostr/node-socket.ts"
import { relayUrlFromInput } from "../nostr/relay-url.ts"
import { openFileStore } from "../store/file.ts"
import { openMemoryStore } from "../store/index.ts"
import { Announcer } from "./announcer.ts"
import { callMethod } from "./methods.ts"
import { CliError, idOf, parseRequest } from "./protocol.ts"
import type { Request } from "./protocol.ts"

const USAGE = "usage: cli --relays wss://…[,wss://…] [--blossom https://…] [--state DIR]"

/** Requests are met in order, but one that waits for the world for longer than this lets the next one begin. */
const PATIENCE_MS = 2_000
/** What follows these needs what they did. */
const BARRIER = /^(account\..*|sync)$/

const write = (line: object) => process.stdout.write(`${JSON.stringify(line)}\n`)
const log = (text: string) => process.stderr.write(`${text}\n`)

function failureOf(error: unknown): { code: string; message: string } {
  if (error instanceof CliError) return { code: error.code, message: error.message }
  return asFailure(error)
}

async function answer(client: Client, { id, method, params }: Request): Promise<void> {
  try {
    write({ id, result: await callMethod(client, method, params) })
  } catch (error) {
    write({ id, error: failureOf(error) })
  }
}

async function start(): Promise<Client> {
  const { values } = parseArgs({
    options: {
      relays: { type: "string" },
      blossom: { type: "string" },
      state: { type: "string" },
    },
  })
  const { relays = "", blossom = "", state } = values
  const defaultRelays = relays
    .split(",")
    .filter((url) => url.trim() !== "")
    .map(relayUrlFromInput)
  if (defaultRelays.length === 0) throw new CliError("invalid_params", USAGE)
  const servers = blossom.split(",").filter((url) => url.trim() !== "")
  if (!servers.every(isServerUrl)) throw new CliError("invalid_params", USAGE)
  return openClient({
    openStore: () => (state === undefined ? openMemoryStore() : openFileStore(state)),
    WebSocket: NodeWebSocket,
    defaultRelays,
    media: { fetch: (url, init) => fetch(url, init), servers },
    log: (message, error) => {
      const reason = error instanceof Error ? `: ${error.name}: ${error.message}` : ""
      log(`${message}${reason}`)
    },
  })
}

async function serve(client: Client): Promise<void> {
  const announcer = new Announcer(client, (event, data) => write({ event, data }))
  const onError = (error: unknown) => write({ event: "error", data: failureOf(error) })
  await announcer.start(onError)
  const running = new Set<Promise<void>>()
  for await (const line of createInterface({ input: process.stdin, crlfDelay: Infinity })) {
    if (line.trim() === "") continue
    const request = readRequest(line)
    if (request === undefined) continue
    if (request.method === "shutdown") {
      await finish(client, running)
      write({ id: request.id, result: {} })
      return
    }
    if (BARRIER.test(request.method)) await Promise.all(running)
    const done = answer(client, request).finally(() => running.delete(done))
    running.add(done)
    if (BARRIER.test(request.method)) await done
    else await Promise.race([done, pause(PATIENCE_MS)])
  }
  await Promise.all(running)
  await client.close()
}

/** What waits for a relay is stored and goes on with the next start: its answer is not waited for any longer. */
async function finish(client: Client, running: ReadonlySet<Promise<void>>): Promise<void> {
  await Promise.race([Promise.all(running), pause(PATIENCE_MS)])
  await client.close()
  await Promise.race([Promise.all(running), pause(PATIENCE_MS)])
}

function readRequest(line: string): Request | undefined {
  try {
    return parseRequest(line)
  } catch (error) {
    write({ id: idOf(line), error: failureOf(error) })
    return undefined
  }
}

function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds).unref())
}

try {
  await serve(await start())
  // Answers that are still in the pipe go out first.
  process.stdout.write("", () => process.exit(0))
} catch (error) {
  log(error instanceof Error ? error.message : "could not start")
  process.exitCode = 1
  process.stdout.write("", () => process.exit(1))
}
