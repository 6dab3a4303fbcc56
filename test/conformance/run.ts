// Marmot conformance: one file of the suite from JSON to a verdict.

import { compareTrace } from "./expected-trace.ts"
import { compareOutcomes, type Failure } from "./outcomes.ts"
import { StepFailure } from "./packet.ts"
import { type Fixture, parseFixture } from "./scenario.ts"
import { ShapeError } from "./shape.ts"
import { execute } from "./steps.ts"
import type { Trace } from "./trace.ts"
import { World } from "./world.ts"

interface RunOptions {
  /** Every client goes through its stored records after every step. */
  readonly reloads?: boolean
}

/** Everything that is not as `json` says; a file that says nothing to check fails too. */
export async function runFixture(json: unknown): Promise<readonly Failure[]> {
  try {
    const fixture = parseFixture(json)
    const obstacle = obstacleOf(fixture)
    if (obstacle !== undefined) return [{ kind: "unsupported", message: obstacle }]
    return judge(fixture, await traceOf(fixture))
  } catch (error) {
    if (error instanceof StepFailure) return [{ kind: error.code, message: error.message }]
    if (error instanceof ShapeError) return [{ kind: "invalid_file", message: error.message }]
    throw error
  }
}

/** Why this adapter can't run a scenario at all; it is told before the first step. */
export function obstacleOf({ scenario, outcomes, trace }: Fixture): string | undefined {
  const steps = scenario.steps.map(({ type }) => type)
  for (const type of ["crash_process", "inject_storage_fault"] as const) {
    if (steps.includes(type))
      return `${type}: clients here are no processes with files of their own`
  }
  if (outcomes.some(({ type }) => type === "scenario_input_ledger")) {
    return "scenario_input_ledger: the engine keeps no such ledger"
  }
  if (outcomes.length === 0 && trace === undefined) return "the file expects nothing"
  return undefined
}

/** What happens in the scenario. Throws `StepFailure` where it can't go on. */
export async function traceOf(fixture: Fixture, { reloads }: RunOptions = {}): Promise<Trace> {
  const world = await World.of(fixture)
  for (const [at, step] of fixture.scenario.steps.entries()) {
    try {
      await execute(world, step, at)
    } catch (error) {
      if (!(error instanceof StepFailure)) throw error
      throw new StepFailure(error.code, `${world.actionId}: ${error.message}`)
    }
    if (reloads) world.participants.forEach((client) => client.reload())
  }
  return world.trace
}

export function judge({ outcomes, trace: expected }: Fixture, trace: Trace): readonly Failure[] {
  const traced = expected === undefined ? [] : compareTrace(expected, trace)
  return [...traced, ...compareOutcomes(outcomes, trace)]
}
