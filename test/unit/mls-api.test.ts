// RFC 9420: the public API of the MLS layer is documented.

import { readFileSync, readdirSync } from "node:fs"
import { expect, test } from "vitest"
import * as mls from "../../src/mls/index.ts"

test("every function of it says what it does", () => {
  const folder = new URL("../../src/mls/", import.meta.url)
  const sources = readdirSync(folder)
    .filter((file) => file.endsWith(".ts") && !file.endsWith(".test.ts"))
    .map((file) => readFileSync(new URL(file, folder), "utf8"))
  const functions = Object.entries(mls).filter(([name, value]) => {
    return typeof value === "function" && !/^(en|de)code/.test(name) && /^[a-z]/.test(name)
  })
  const silent = functions.filter(([name]) => {
    const documented = new RegExp(`\\*/\\nexport (async )?function ${name}\\b`)
    return !sources.some((source) => documented.test(source))
  })
  expect(functions.length).toBeGreaterThan(20)
  expect(silent.map(([name]) => name)).toEqual([])
})
