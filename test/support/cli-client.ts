// Drives the headless client as a child process: requests out, answers and events in.

import { spawn } from "node:child_process"
import type { ChildProcessWithoutNullStreams } from "node:child_process"
import { once } from "node:events"
import { createInterface } from "node:readline"
import { fileURLToPath } from "node:url"
import { program } from "./programs.ts"

const root = fileURLToPath(new URL("../..", import.meta.url))

export interface CliEvent {
  readonly event: string
  readonly data: unknown
}

export interface CliAnswer {
  readonly id: number | string | null
  readonly result?: unknown
  readonly error?: { readonly code: string; readonly message: string }
}

export class CliFailure extends Error {
  readonly code: string

  constructor(code: string, message: string) {
    super(message)
    this.code = code
  }
}

/** One process. */
export class Cli {
  readonly events: CliEvent[] = []
  /** Answers that no call waits for: to raw lines and to posts. */
  readonly unasked: CliAnswer[] = []
  readonly #child: ChildProcessWithoutNullStreams
  readonly #waiting = new Map<unknown, (answer: CliAnswer) => void>()
  readonly #exit: Promise<number | null>
  #nextId = 1

  constructor(relay: string, state?: string, blossom?: string, cli = program("cli")) {
    const args = [...cli, "--relays", relay]
    if (state !== undefined) args.push("--state", state)
    if (blossom !== undefined) args.push("--blossom", blossom)
    this.#child = spawn(process.execPath, args, { cwd: root })
    this.#child.stderr.on("data", (chunk: Buffer) => {
      if (process.env["BURROW_TEST_LOG"] !== undefined) process.stderr.write(chunk)
    })
    // Writing to a process that has just been killed is no failure of the test.
    this.#child.stdin.on("error", () => undefined)
    const lines = createInterface({ input: this.#child.stdout })
    lines.on("line", (line) => this.#receive(line))
    // What it had written before it died is read first.
    this.#exit = Promise.all([once(this.#child, "exit"), once(lines, "close")]).then(
      ([[code]]) => code as number | null,
    )
  }

  /** Rejects with `CliFailure`, or if the process dies first. */
  async call<T>(method: string, params: object = {}): Promise<T> {
    const id = this.#nextId++
    const answered = new Promise<CliAnswer>((resolve) => this.#waiting.set(id, resolve))
    this.#child.stdin.write(`${JSON.stringify({ id, method, params })}\n`)
    const died = this.#exit.then(() => {
      throw new CliFailure("process_ended", `the client ended before it answered ${method}`)
    })
    const { result, error } = await Promise.race([answered, died])
    if (error !== undefined) throw new CliFailure(error.code, error.message)
    return result as T
  }

  /** Without waiting for the answer. */
  post(method: string, params: object): void {
    this.#child.stdin.write(`${JSON.stringify({ id: this.#nextId++, method, params })}\n`)
  }

  raw(line: string): void {
    this.#child.stdin.write(`${line}\n`)
  }

  /** The exit code. */
  async shutdown(): Promise<number | null> {
    await this.call("shutdown")
    return this.#exit
  }

  /** SIGKILL: no chance to finish anything. */
  async kill(): Promise<void> {
    this.#child.kill("SIGKILL")
    await this.#exit
  }

  end(): Promise<number | null> {
    this.#child.stdin.end()
    return this.#exit
  }

  #receive(line: string): void {
    const message = JSON.parse(line) as CliAnswer | CliEvent
    if ("event" in message) {
      this.events.push(message)
      return
    }
    const resolve = this.#waiting.get(message.id)
    this.#waiting.delete(message.id)
    if (resolve === undefined) this.unasked.push(message)
    else resolve(message)
  }
}

/** A client with a state directory: one process after another. */
export class CliClient {
  readonly #relay: string
  readonly #state: string
  readonly #blossom: string | undefined
  #cli: Cli | undefined

  constructor(relay: string, state: string, blossom?: string) {
    this.#relay = relay
    this.#state = state
    this.#blossom = blossom
  }

  get isRunning(): boolean {
    return this.#cli !== undefined
  }

  start(): void {
    this.#cli ??= new Cli(this.#relay, this.#state, this.#blossom)
  }

  call<T>(method: string, params: object = {}): Promise<T> {
    if (this.#cli === undefined) {
      return Promise.reject(new CliFailure("process_ended", "the client is not running"))
    }
    return this.#cli.call(method, params)
  }

  async kill(): Promise<void> {
    const cli = this.#cli
    this.#cli = undefined
    await cli?.kill()
  }

  /** The exit code. */
  async stop(): Promise<number | null> {
    const cli = this.#cli
    this.#cli = undefined
    return cli === undefined ? 0 : cli.shutdown()
  }
}
