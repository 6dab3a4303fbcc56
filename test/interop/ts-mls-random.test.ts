// Random live sessions with ts-mls, of a size for CI. `npm run interop:ts-mls` runs any number of seeds and steps.

import { expect, test } from "vitest"
import { SUITES, runSession } from "./ts-mls-session.fixture.ts"

const STEPS = 40

test.each(SUITES)("random session with ts-mls, suite $suite", async (suite) => {
  const done = await runSession(suite, 1, STEPS)
  expect(done.get("read") ?? 0).toBeGreaterThan(STEPS)
})
