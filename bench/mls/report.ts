// The benchmark's results: the rows that go to a file, and the tables that people read.

import { type Cell, type Measured, cells } from "./measure.ts"

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

const count = (value: number) => value.toLocaleString("en")

function milliseconds(value: number): string {
  if (value >= 100) return count(Math.round(value))
  return value.toPrecision(2)
}
