// The development relay as a process of its own, so that tests can kill it.

import { type ChildProcess, spawn } from "node:child_process"
import { once } from "node:events"
import { createServer } from "node:net"
import { fileURLToPath } from "node:url"
import { program } from "./programs.ts"

const root = fileURLToPath(new URL("../..", import.meta.url))

export class RelayProcess {
  readonly url: string
  readonly #port: number
  readonly #dataDir: string
  #child: ChildProcess | undefined

  private constructor(port: number, dataDir: string) {
    this.#port = port
    this.#dataDir = dataDir
    this.url = `ws://127.0.0.1:${port}`
  }

  /** A relay on a free port that keeps its events in `dataDir`. */
  static async start(dataDir: string): Promise<RelayProcess> {
    const relay = new RelayProcess(await freePort(), dataDir)
    await relay.restart()
    return relay
  }

  /** Starts the process anew, on the same port and with the same events. */
  async restart(): Promise<void> {
    const args = ["--port", String(this.#port), "--data", this.#dataDir]
    const child = spawn(process.execPath, [...program("relay"), ...args], {
      cwd: root,
      stdio: ["ignore", "pipe", "inherit"],
    })
    this.#child = child
    // Its first line says that it listens.
    await Promise.race([
      once(child.stdout, "data"),
      once(child, "exit").then(() => Promise.reject(new Error("the relay did not start"))),
    ])
  }

  /** SIGKILL: no chance to finish anything. */
  async kill(): Promise<void> {
    const child = this.#child
    this.#child = undefined
    if (child === undefined) return
    const exited = once(child, "exit")
    child.kill("SIGKILL")
    await exited
  }
}

/** A port of this machine that nobody listens on now. */
export async function freePort(): Promise<number> {
  const server = createServer()
  server.listen(0, "127.0.0.1")
  await once(server, "listening")
  const address = server.address()
  server.close()
  await once(server, "close")
  if (address === null || typeof address === "string") throw new Error("no free port")
  return address.port
}
