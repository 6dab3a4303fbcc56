// No tests that nobody runs: each project of vitest's configuration is named by `npm test`.

import { readFileSync } from "node:fs"
import { expect, test } from "vitest"

const text = (path: string) => readFileSync(new URL(`../../${path}`, import.meta.url), "utf8")

test("npm test runs every project", () => {
  const projects = [...text("vitest.config.ts").matchAll(/\bname: "(\w+)"/g)].map(
    ([, name]) => name,
  )
  const run = [...text("test/run.ts").matchAll(/await tests\("[^"]+", "(\w+)"[,)]/g)]
  expect(projects.length).toBeGreaterThan(2)
  expect(run.map(([, name]) => name).sort()).toEqual(projects.sort())
})
