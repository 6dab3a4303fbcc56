// RFC 9420: the example in docs/mls.md is a file that runs.

import { readFileSync } from "node:fs"
import { expect, test } from "vitest"
import { authenticators, committer, heard } from "./mls-example.ts"

test("the example does what it says", () => {
  expect(heard).toBe("Hello")
  expect(committer).toBe(0)
  expect(authenticators[0]).toEqual(authenticators[1])
})

test("the document shows it as it is", () => {
  const page = readFileSync(new URL("../../docs/mls.md", import.meta.url), "utf8")
  const code = readFileSync(new URL("mls-example.ts", import.meta.url), "utf8")
  expect(page).toContain(`\`\`\`ts\n${code}\`\`\``)
})
