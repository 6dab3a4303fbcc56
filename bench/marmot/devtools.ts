// A CPU profile of a worker, by the DevTools protocol.

import { readFileSync } from "node:fs"
import { join } from "node:path"
import { WebSocket } from "ws"

export interface CpuProfile {
  readonly nodes: readonly {
    readonly id: number
    readonly callFrame: {
      readonly functionName: string
      readonly url: string
      readonly lineNumber: number
      readonly columnNumber: number
    }
  }[]
  readonly samples: readonly number[]
  /** Microseconds. */
  readonly timeDeltas: readonly number[]
}

interface Answer {
  readonly id?: number
  readonly result?: unknown
  readonly error?: { readonly message: string }
}

export class Devtools {
  readonly #socket: WebSocket
  readonly #waiting = new Map<
    number,
    { done: (value: unknown) => void; fail: (e: Error) => void }
  >()
  #calls = 0

  private constructor(socket: WebSocket) {
    this.#socket = socket
    socket.on("message", (data: Buffer) => {
      const { id, result, error } = JSON.parse(data.toString()) as Answer
      const waiting = this.#waiting.get(id ?? 0)
      if (error === undefined) waiting?.done(result)
      else waiting?.fail(new Error(error.message))
    })
  }

  /** To the browser on this profile. */
  static async connect(profile: string): Promise<Devtools> {
    const [port = "", path = ""] = readFileSync(join(profile, "DevToolsActivePort"), "utf8").split(
      "\n",
    )
    const socket = new WebSocket(`ws://127.0.0.1:${port}${path}`, { maxPayload: 2 ** 30 })
    await new Promise((resolve, reject) => socket.once("open", resolve).once("error", reject))
    return new Devtools(socket)
  }

  close(): void {
    this.#socket.close()
  }

  /** Starts as soon as there is a target of this type; returns the way to stop. */
  async profile(type: string): Promise<() => Promise<CpuProfile>> {
    const targetId = await this.#target(type)
    const attached = await this.#call("Target.attachToTarget", { targetId, flatten: true })
    const { sessionId } = attached as { readonly sessionId: string }
    await this.#call("Profiler.enable", {}, sessionId)
    await this.#call("Profiler.setSamplingInterval", { interval: 500 }, sessionId)
    await this.#call("Profiler.start", {}, sessionId)
    return async () => {
      const stopped = await this.#call("Profiler.stop", {}, sessionId)
      return (stopped as { readonly profile: CpuProfile }).profile
    }
  }

  async #target(type: string): Promise<string> {
    for (;;) {
      const { targetInfos } = (await this.#call("Target.getTargets", {})) as {
        readonly targetInfos: readonly { readonly type: string; readonly targetId: string }[]
      }
      const found = targetInfos.find((target) => target.type === type)
      if (found !== undefined) return found.targetId
      await new Promise((resolve) => setTimeout(resolve, 5))
    }
  }

  #call(method: string, params: object, sessionId?: string): Promise<unknown> {
    const id = ++this.#calls
    this.#socket.send(JSON.stringify({ id, method, params, ...(sessionId && { sessionId }) }))
    return new Promise((done, fail) => this.#waiting.set(id, { done, fail }))
  }
}
