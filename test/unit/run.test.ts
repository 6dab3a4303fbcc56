// No tests that nobody runs: each project of vitest's configuration is named by `npm test`.

import { readFileSync } from "node:fs"
import { expect, test } from "vitest"

const text = (path: string) => readFileSync(new URL(`../../${path}`, import.meta.url), "utf8")

test("npm test runs every project once", () => {
  const projects = names(text("vitest.config.ts"), /\bname: "([\w-]+)"/g)
  const patterns = names(text("test/run.ts"), /\btests\("[^"]+", "([\w*-]+)"[,)]/g)
  expect(projects.length).toBeGreaterThan(2)
  for (const pattern of patterns) expect(projects.some(matches(pattern)), pattern).toBe(true)
  for (const project of projects) {
    const runs = patterns.filter((pattern) => matches(pattern)(project))
    expect(runs, project).toHaveLength(1)
  }
})

const names = (source: string, pattern: RegExp) =>
  [...source.matchAll(pattern)].map(([, name = ""]) => name)

/** As vitest reads a project's name: `*` stands for anything. */
const matches = (pattern: string) => (name: string) =>
  new RegExp(`^${pattern.replaceAll("*", ".*")}$`).test(name)
