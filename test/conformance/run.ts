// Marmot conformance: one file of the suite from JSON to a verdict.

import { compareTrace } from "./expected-trace.ts"
import { compareOutcomes, type Failure } from "./outcomes.ts"
import { StepFailure } from "./packet.ts"
import { type Fixture, parseFixture } from "./scenario.ts"
import { ShapeError } from "./shape.ts"
import { execute } from "./steps.ts"
import { World } from "./world.ts"

/** Everything that is not as `json` says; a file that says nothing to check fails too. */
export async function runFixture(json: unknown): Promise<readonly Failure[]> {
  try {
    return await run(parseFixture(json))
  } catch (error) {
    if (!(error instanceof ShapeError)) throw error
    return [{ kind: "invalid_file", message: error.message }]
  }
}

async function run(fixture: Fixture): Promise<readonly Failure[]> {
  const { scenario, outcomes, trace } = fixture
  if (outcomes.length === 0 && trace === undefined) {
    return [{ kind: "invalid_file", message: "the file expects nothing" }]
  }
  const world = await World.of(fixture)
  for (const [at, step] of scenario.steps.entries()) {
    try {
      await execute(world, step, at)
    } catch (error) {
      if (!(error instanceof StepFailure)) throw error
      return [{ kind: error.code, message: `${world.actionId}: ${error.message}` }]
    }
  }
  const traced = trace === undefined ? [] : compareTrace(trace, world.trace)
  return [...traced, ...compareOutcomes(outcomes, world.trace)]
}
