// RFC 9420 §5.1, draft-ietf-hpke-pq: what a suite does not need is not loaded for it.

import { execFile } from "node:child_process"
import { fileURLToPath } from "node:url"
import { promisify } from "node:util"
import { beforeAll, expect, test } from "vitest"

const script = fileURLToPath(new URL("loaded-modules.fixture.ts", import.meta.url))
let steps: Readonly<Record<string, readonly string[]>>

/** Of a process of its own: in this one other tests have loaded everything. */
beforeAll(async () => {
  const { stdout } = await promisify(execFile)(process.execPath, ["--import", "tsx", script])
  steps = JSON.parse(stdout) as typeof steps
})

test("neither the API nor suite 1 loads post-quantum modules, nor curves that the engine has", () => {
  expect(steps["index"]).toEqual([])
  expect(steps["a group of suite 1"]).toEqual([])
  const curves = ["@noble/curves", "noble-25519.ts", "noble-edwards.ts"]
  expect(steps["suite 1 on noble"]).toEqual(curves)
})

test("they are loaded when a suite asks for them", () => {
  const kem = ["@noble/curves", "@noble/post-quantum", "noble-post-quantum.ts"]
  expect(steps["suite 0xf801"]).toEqual(kem)
  expect(steps["suite 0xf80a"]).toEqual(["@noble/post-quantum", "noble-ml-dsa.ts"])
})
