// The benchmark's results: the rows that go to a file, and the tables that people read.

import type { LargeStep } from "./large-group.ts"
import { type Cell, type Measured, cells } from "./measure.ts"
import type { Share } from "./shares.ts"
import type { Worst } from "./worst.ts"

export interface Row extends Measured {
  readonly where: "Node" | "Chromium"
  /** Of a process that did nothing but this row's operations, once each: at its end, and at most. */
  readonly rssMB: number
  readonly peakMB: number
}

const titles: Readonly<Record<Cell, string>> = {
  buildMs: "build",
  joinMs: "join",
  commitFreshMs: "commit, blank tree",
  procFreshMs: "process it",
  commitWarmMs: "commit, warm tree",
  procWarmMs: "process it",
  encMs: "encrypt",
  decMs: "decrypt",
}

export function markdown(rows: readonly Row[]): string {
  const head = [
    "members, where",
    ...cells.map((cell) => titles[cell]),
    "N signatures",
    "join / N signatures",
    "MB",
  ]
  const lines: string[][] = []
  for (const row of rows) {
    lines.push([
      `${count(row.n)}, ${row.where}, ${row.peer}`,
      ...cells.map((cell) => milliseconds(row[cell])),
      milliseconds(row.floorMs),
      (row.joinMs / row.floorMs).toFixed(2),
      `${Math.round(row.rssMB)} (${Math.round(row.peakMB)})`,
    ])
    const other = rows.find(
      (each) => each.n === row.n && each.where === row.where && each.peer !== row.peer,
    )
    if (row.peer !== "burrow" && other !== undefined) {
      lines.push([
        `${count(row.n)}, ${row.where}: **burrow / ${row.peer}**`,
        ...cells.map((cell) => `**${(other[cell] / row[cell]).toFixed(3)}**`),
        "",
        "",
        "",
      ])
    }
  }
  const line = (parts: readonly string[]) => `| ${parts.join(" | ")} |`
  return [line(head), line(head.map(() => "---")), ...lines.map(line)].join("\n")
}

/** Each kind's share of an operation's time. What WebCrypto does on other threads counts in full. */
export function shareTable(shares: readonly Share[]): string {
  const line = (parts: readonly string[]) => `| ${parts.join(" | ")} |`
  const percent = (part: number, whole: number) => `${Math.round((100 * part) / whole)} %`
  const head = ["operation", "ms", "signatures", "KEM", "AEAD", "hashing", "the rest"]
  return [
    line(head),
    line(head.map(() => "---")),
    ...shares.map(({ operation, totalMs, signaturesMs, kemMs, aeadMs, hashingMs }) => {
      const parts = [signaturesMs, kemMs, aeadMs, hashingMs]
      const rest = totalMs - parts.reduce((sum, part) => sum + part, 0)
      return line([
        operation,
        milliseconds(totalMs),
        ...[...parts, Math.max(0, rest)].map((part) => percent(part, totalMs)),
      ])
    }),
  ].join("\n")
}

/** The steps of a large group's members: in brackets the most memory that a step took. */
export function largeTable(steps: readonly LargeStep[]): string {
  const line = (parts: readonly string[]) => `| ${parts.join(" | ")} |`
  const head = ["member", "step", "ms", "ms of CPU", "longest stretch, ms", "MB (at most)"]
  return [
    line(head),
    line(head.map(() => "---")),
    ...steps.map(({ role, name, ms, cpuMs, stretchMs, rssMB, peakMB }) => {
      const memory = `${Math.round(rssMB)} (${Math.round(peakMB)})`
      return line([role, name, ...[ms, cpuMs, stretchMs].map(milliseconds), memory])
    }),
  ].join("\n")
}

/** What each message costs, the worst of all, and what stands beside its signatures or hashes alone. */
export function worstReport({ costs, beside }: Worst): string {
  const line = (parts: readonly string[]) => `| ${parts.join(" | ")} |`
  const numbers = (of: readonly (number | undefined)[]) => of.map((each) => each?.toFixed(1) ?? "")
  const head = ["message", "first, ms", "later, ms", "MB"]
  const worst = (["first", "next", "megabytes"] as const).map((key) => {
    const known = costs.flatMap(({ [key]: value }) => value ?? [])
    return known.length === 0 ? undefined : Math.max(...known)
  })
  return [
    line(head),
    line(head.map(() => "---")),
    ...costs.map(({ title, first, next, megabytes }) =>
      line([title, ...numbers([first, next, megabytes])]),
    ),
    line(["**worst**", ...numbers(worst)]),
    "",
    ...beside.map(
      ({ title, operations, whole, alone }) =>
        `${title}: ${whole.toFixed(0)} ms, its ${operations} alone ` +
        `${alone.toFixed(0)} ms: ${(whole / alone).toFixed(2)} ×`,
    ),
  ].join("\n")
}

const count = (value: number) => value.toLocaleString("en")

function milliseconds(value: number): string {
  if (value >= 99.5) return count(Math.round(value))
  return value.toPrecision(2)
}
