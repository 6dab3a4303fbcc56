// The seeds that CI runs (BURROW_SIM_SEEDS, 500 if absent): no property is broken.

import { spawnSync } from "node:child_process"
import { mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { expect, onTestFinished, test } from "vitest"

const SEEDS = Number(process.env["BURROW_SIM_SEEDS"] ?? 500)
/** Beyond them: each of these has found something once. */
const FOUND = [
  102, 141, 427, 543, 1037, 1043, 1096, 1130, 1144, 1190, 1268, 1408, 1412, 1593, 1632, 1812, 1856,
  1926, 1966, 2117, 2368, 3309, 3815, 5175, 5841, 6264, 6504, 6670, 8326, 8660,
].filter((seed) => seed > SEEDS)
/** They get what other tests leave; an idle machine needs a small part of it. */
const TIMEOUT_MS = 3_600_000

test(
  `no property is broken by the seeds 1 to ${SEEDS} and by those that have found something`,
  () => {
    const folder = mkdtempSync(join(tmpdir(), "burrow-sim-"))
    onTestFinished(() => rmSync(folder, { recursive: true }))
    const json = join(folder, "result.json")
    const main = new URL("main.ts", import.meta.url).pathname
    const flags = ["--seeds", [`1..${SEEDS}`, ...FOUND].join(), "--json", json, "--no-shrink"]
    const { stdout, status } = spawnSync("npx", ["tsx", main, ...flags], { encoding: "utf8" })
    const none = { divergent: 0, lost: 0, duplicated: 0, leaked: 0, stuck: 0, failures: [] }
    expect(JSON.parse(readFileSync(json, "utf8")), stdout).toEqual({
      seeds: SEEDS + FOUND.length,
      ...none,
    })
    expect(status).toBe(0)
    // A run that met nothing would prove nothing.
    for (const what of ["forks", "commits rolled back", "crashes at a write", "frames lost"]) {
      expect(Number(new RegExp(`${what}: (\\d+)`).exec(stdout)?.[1]), what).toBeGreaterThan(0)
    }
  },
  TIMEOUT_MS,
)
