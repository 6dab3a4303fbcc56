// A process of its own for a share of the seeds: a seed comes in, its verdict goes out.

import { planOf } from "./plan.ts"
import { simulate } from "./simulate.ts"

process.on("message", (seed) => {
  void simulate(planOf(Number(seed))).then((verdict) => process.send?.(verdict))
})
process.on("disconnect", () => process.exit(0))
