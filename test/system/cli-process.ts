// Drives the headless client as a child process: requests out, answers and events in.

import { spawn } from "node:child_process"
import type { ChildProcessWithoutNullStreams } from "node:child_process"
import { createInterface } from "node:readline"
import { fileURLToPath } from "node:url"

const root = fileURLToPath(new URL("../..", import.meta.url))

export interface CliEvent {
  readonly event: string
  readonly data: unknown
}

interface Answer {
  readonly id: number
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

export class Cli {
  readonly events: CliEvent[] = []
  readonly #child: ChildProcessWithoutNullStreams
  readonly #waiting = new Map<number, (answer: Answer) => void>()
  readonly #exit: Promise<number | null>
  #nextId = 1

  constructor(relay: string, state?: string) {
    const args = ["--import", "tsx", "src/cli/main.ts", "--relays", relay]
    if (state !== undefined) args.push("--state", state)
    this.#child = spawn(process.execPath, args, { cwd: root })
    this.#child.stderr.on("data", (chunk: Buffer) => {
      if (process.env["BURROW_TEST_LOG"] !== undefined) process.stderr.write(chunk)
    })
    this.#exit = new Promise((resolve) => this.#child.once("exit", (code) => resolve(code)))
    createInterface({ input: this.#child.stdout }).on("line", (line) => this.#receive(line))
  }

  /** Rejects with `CliFailure`, or if the process dies first. */
  async call<T>(method: string, params: object = {}): Promise<T> {
    const id = this.#nextId++
    const answered = new Promise<Answer>((resolve) => this.#waiting.set(id, resolve))
    this.#child.stdin.write(`${JSON.stringify({ id, method, params })}\n`)
    const died = this.#exit.then(() => {
      throw new Error(`the client ended before it answered ${method}`)
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

  async kill(): Promise<void> {
    this.#child.kill("SIGKILL")
    await this.#exit
  }

  end(): Promise<number | null> {
    this.#child.stdin.end()
    return this.#exit
  }

  #receive(line: string): void {
    const message = JSON.parse(line) as Answer | CliEvent
    if ("event" in message) {
      this.events.push(message)
      return
    }
    const resolve = this.#waiting.get(message.id)
    this.#waiting.delete(message.id)
    resolve?.(message)
  }
}
