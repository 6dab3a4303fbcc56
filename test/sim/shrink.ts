// Makes a failing plan short: leaves things out as long as the failure stays.

import type { Item, Plan } from "./plan.ts"
import type { Property } from "./failure.ts"

/** Whether a plan still fails in the same way. */
export type StillFails = (plan: Plan) => Promise<boolean>

/**
 * Leaves out halves, quarters and so on down to single items, and devices and clocks that don't matter, until nothing
 * more can go or `deadline` (milliseconds, `performance.now`) has passed.
 */
export async function shrink(plan: Plan, stillFails: StillFails, deadline: number): Promise<Plan> {
  let best = plan
  const attempt = async (candidate: Plan) => {
    if (performance.now() > deadline || !(await stillFails(candidate))) return false
    best = candidate
    return true
  }
  await attempt({ ...best, skews: best.skews.map(() => 0) })
  let size = Math.ceil(itemsOf(best).length / 2)
  while (size >= 1 && performance.now() < deadline) {
    let shorter = false
    for (let from = 0; from < itemsOf(best).length;) {
      const gone = new Set(itemsOf(best).slice(from, from + size))
      if (await attempt(without(best, gone))) shorter = true
      else from += size
    }
    if (!shorter || size > 1) size = size === 1 ? 0 : Math.floor(size / 2)
  }
  await attempt({ ...best, phases: best.phases.filter((items) => items.length > 0) })
  return best
}

const itemsOf = (plan: Plan): readonly Item[] => plan.phases.flat()

function without(plan: Plan, gone: ReadonlySet<Item>): Plan {
  return {
    ...plan,
    phases: plan.phases.map((items) => items.filter((item) => !gone.has(item))),
  }
}

/** The property that a run failed by, which a shorter one has to fail by too. */
export function mainProperty(failures: readonly { readonly property: Property }[]): Property {
  return failures[0]?.property ?? "defect"
}
