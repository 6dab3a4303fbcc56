// One plan, from its beginning to the verdict. Everything in it follows from the plan: twice the same plan gives twice
// the same run.

import { Counts } from "./counts.ts"
import { type Plan } from "./plan.ts"
import type { Failure } from "./failure.ts"
import { check } from "./properties.ts"
import { Rng } from "./rng.ts"
import { unsafeSimulatedSignatures } from "./signing.ts"
import { wayBack } from "./way-back.ts"
import { World } from "./world.ts"
import type { WorldOptions } from "./world.ts"

export interface Verdict {
  readonly failures: readonly Failure[]
  readonly counts: Readonly<Record<string, number>>
  /** Virtual milliseconds. */
  readonly lasted: number
}

let ready: Promise<void> | undefined

/** Runs one plan at a time: the process' randomness is the plan's meanwhile. */
export async function simulate(plan: Plan, options: WorldOptions = {}): Promise<Verdict> {
  ready ??= unsafeSimulatedSignatures()
  await ready
  const rng = Rng.of(plan.seed, "platform")
  const { crypto } = globalThis
  const platform = crypto.getRandomValues.bind(crypto)
  crypto.getRandomValues = <T extends ArrayBufferView | null>(array: T): T => {
    if (array instanceof Uint8Array) rng.fill(array)
    return array
  }
  const world = new World(plan, options)
  const start = world.clock.now
  try {
    await world.clock.run(world.run())
    const first = await world.clock.run(check(world))
    const failures = first.length > 0 ? first : await world.clock.run(wayBack(world))
    return { failures, counts: world.counts.toJSON(), lasted: world.clock.now - start }
  } catch (error) {
    const text = error instanceof Error ? (error.stack ?? error.message) : String(error)
    const failures: readonly Failure[] = [{ property: "stuck", text }]
    return { failures, counts: new Counts().toJSON(), lasted: world.clock.now - start }
  } finally {
    crypto.getRandomValues = platform
  }
}
