// The benchmark's results as Markdown.

import { median } from "../median.ts"
import type { CatchUpResult } from "./catch-up-node.ts"
import type { ChromiumResult } from "./chromium.ts"
import type { Floor } from "./floor.ts"
import type { Share } from "./shares.ts"
import type { Rate, Throughput } from "./throughput.ts"

export interface Results {
  readonly machine: string
  readonly throughput: readonly Throughput[]
  readonly relay: { readonly perSecond: number } | undefined
  readonly node: readonly CatchUpResult[]
  readonly chromium: readonly ChromiumResult[]
  readonly shares: readonly Share[]
}

export function markdown(results: Results): string {
  const parts = [
    results.machine,
    table(
      ["members", "create", "join", "messages out", "in", "Commits out", "in"],
      results.throughput.map((row) => [
        `${row.members}`,
        milliseconds(row.create.wall),
        milliseconds(row.join.wall),
        ...[row.messagesOut, row.messagesIn, row.commitsOut, row.commitsIn].map(rate),
      ]),
    ),
    "A second by the clock, in brackets by CPU time; `create` and `join` once.",
    table(
      [
        "catch-up",
        "events",
        "seconds",
        "events a second",
        "CPU, all",
        "CPU, client's thread",
        "slowest reading",
      ],
      [
        ...results.node.map((row) => catchUp("Node", row, "", "")),
        ...results.chromium.map((row) =>
          catchUp("Chromium", row, seconds(row.worker), milliseconds(row.slowestReading)),
        ),
      ],
    ),
    results.relay === undefined
      ? ""
      : `The relay alone gives ${whole(results.relay.perSecond)} stored events a second.`,
    table(
      ["one operation in Chromium, µs", "here", "reference", "here / reference"],
      floorOf(results.chromium).map(({ operation, here, reference }) => [
        operation,
        whole(here),
        `${reference}`,
        (here / reference).toFixed(2),
      ]),
    ),
    table(
      ["the client's thread in Chromium", "share"],
      results.shares.map(({ name, share }) => [name, `${(share * 100).toFixed(1)} %`]),
    ),
  ]
  return parts.filter((part) => part !== "").join("\n\n")
}

/** Medians of all runs. */
function floorOf(runs: readonly ChromiumResult[]): readonly Floor[] {
  const [first] = runs
  return (first?.floor ?? []).map((row, i) => {
    return { ...row, here: median(runs.map(({ floor }) => floor[i]?.here ?? row.here)) }
  })
}

function catchUp(where: string, row: CatchUpResult, worker: string, slowest: string): string[] {
  const { events, wall, perSecond, cpu } = row
  return [where, `${events}`, seconds(wall), whole(perSecond), seconds(cpu), worker, slowest]
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  if (rows.length === 0) return ""
  const line = (cells: readonly string[]) => `| ${cells.join(" | ")} |`
  return [line(head), line(head.map(() => "---")), ...rows.map(line)].join("\n")
}

const rate = ({ perSecond, perCpuSecond }: Rate) => `${whole(perSecond)} (${whole(perCpuSecond)})`
const whole = (value: number) => value.toFixed(value < 10 ? 1 : 0)
const seconds = (value: number) => (value / 1000).toFixed(1)
const milliseconds = (value: number) => `${value.toFixed(0)} ms`
