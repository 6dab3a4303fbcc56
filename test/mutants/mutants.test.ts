// Behaviour §14.4: the list of mutants is whole, fits the sources, and is what docs/mutants.md says; a sample is killed.

import { readFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { describe, expect, test } from "vitest"
import { mutants } from "./list.ts"
import { survivors } from "./run.ts"

const repository = fileURLToPath(new URL("../..", import.meta.url))

/** The eleven of behaviour §14.4. */
const PORTED = [
  "comparison order",
  "sender/epoch dedup",
  "witness removal",
  "cutoff boundary",
  "frozen member persistence",
  "deadline re-arm",
  "output invalidation",
  "publication acknowledgement",
  "retained expiration boundary",
  "profile projection",
  "provisional winner terminalisation",
]

describe("the list of mutants", () => {
  test.each(mutants)("$name: the text stands once in $file", ({ file, from, to }) => {
    const source = readFileSync(`${repository}/${file}`, "utf8")
    expect(source.split(from)).toHaveLength(2)
    expect(to).not.toBe(from)
  })

  test("ports the eleven of the reference, and has no name twice", () => {
    expect(new Set(mutants.flatMap(({ ports }) => ports ?? []))).toEqual(new Set(PORTED))
    expect(new Set(mutants.map(({ name }) => name)).size).toBe(mutants.length)
  })

  test("is docs/mutants.md (vitest -u writes it)", async () => {
    const rows = mutants.map(({ name, ports, file, killedBy: [test, title] }) =>
      [name, ports ?? "", `\`${file}\``, `\`${test}\`: ${title}`].map(escaped).join(" | "),
    )
    const document = [
      "# Mutants",
      "",
      "Each of these changes breaks one rule of the protocol. `npm run test:mutants` makes them one at a time in a copy of the",
      "sources; the test named in the row must fail. Generated from `test/mutants/list.ts`.",
      "",
      `${mutants.length} mutants. The second column names the mutation operator of the reference that a row ports.`,
      "",
      "| The broken code | ports | in | killed by |",
      "| --- | --- | --- | --- |",
      ...rows.map((row) => `| ${row} |`),
      "",
    ].join("\n")
    await expect(document).toMatchFileSnapshot(`${repository}/docs/mutants.md`)
  })
})

const escaped = (text: string): string => text.replaceAll("|", "\\|")

test("every twelfth is killed (all of them: npm run test:mutants)", async () => {
  const sample = mutants.filter((_, i) => i % 12 === 0)
  expect(await survivors(sample, () => undefined)).toEqual([])
})
