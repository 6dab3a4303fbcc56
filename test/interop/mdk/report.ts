// Steps with a result each, and the table of them.

import { setTimeout as sleep } from "node:timers/promises"

let patienceMs = 90_000
const PAUSE_MS = 400

interface Result {
  readonly story: string
  readonly step: string
  readonly failure?: string
  readonly skipped?: string
  readonly ms: number
}

/** Thrown by a step that the peer has no means for. */
export class NotPossible extends Error {}

export class Report {
  readonly results: Result[] = []

  get failed(): number {
    return this.results.filter(({ failure }) => failure !== undefined).length
  }

  /** Runs one step; a failure is noted, and the story goes on with the next one. */
  async step(story: string, step: string, run: () => Promise<void>): Promise<void> {
    const from = Date.now()
    const outcome = await run().then(
      () => ({}),
      (error: unknown) => {
        const message = error instanceof Error ? error.message : String(error)
        return error instanceof NotPossible ? { skipped: message } : { failure: message }
      },
    )
    const result = { story, step, ...outcome, ms: Date.now() - from }
    this.results.push(result)
    console.error(line(result))
  }

  table(): string {
    const counts = `${this.results.length} steps, ${this.failed} failed`
    const rows = this.results.map(
      (result) => `| ${result.story} | ${result.step} | ${verdict(result)} | ${result.ms} |`,
    )
    return [
      "| story | step | result | ms |",
      "| --- | --- | --- | --- |",
      ...rows,
      "",
      counts,
    ].join("\n")
  }
}

const verdict = ({ failure, skipped }: Result) =>
  failure === undefined
    ? skipped === undefined
      ? "passed"
      : `skipped: ${skipped}`
    : `FAILED: ${failure.replaceAll("\n", " ").replaceAll("|", "/")}`

const line = (result: Result) =>
  `${result.story}: ${result.step}: ${verdict(result)} (${result.ms} ms)`

/** How long `eventually` waits: more on a machine that has much else to do. */
export function setPatience(seconds: number): void {
  patienceMs = seconds * 1000
}

/** Until `check` no longer throws; its last error if that takes too long. */
export async function eventually<T>(check: () => Promise<T>, atLeastMs = 0): Promise<T> {
  const until = Date.now() + Math.max(patienceMs, atLeastMs)
  for (;;) {
    try {
      return await check()
    } catch (error) {
      if (Date.now() > until) throw error
    }
    await sleep(PAUSE_MS)
  }
}

export function equal(actual: unknown, expected: unknown, what: string): void {
  const [one, other] = [JSON.stringify(actual), JSON.stringify(expected)]
  if (one !== other) throw new Error(`${what}: ${one}, expected ${other}`)
}
