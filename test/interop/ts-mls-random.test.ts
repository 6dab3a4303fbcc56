// Random live sessions with ts-mls, of a size for CI. `npm run interop:ts-mls` runs any number of seeds and steps.

import { afterAll, expect, test } from "vitest"
import { type Done, SUITES, leftOut, runSession } from "./ts-mls-session.fixture.ts"

const STEPS = 40

const sessions: Done[] = []

// Odd seeds: ours on WebCrypto.
const CASES = SUITES.map((suite, i) => ({ ...suite, seed: 2 * i + 1 }))

test.each(CASES)("random session with ts-mls, suite $suite", async ({ seed, ...suite }) => {
  const done = await runSession(suite, seed, STEPS)
  expect(done.get("read") ?? 0).toBeGreaterThan(STEPS)
  sessions.push(done)
})

afterAll(() => {
  // Everything that is said to be done by reference was done, by each side.
  if (sessions.length === SUITES.length) expect(leftOut(sessions)).toEqual([])
})
