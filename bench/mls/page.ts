// The benchmark as a script: Chromium's page and the Node process both run this.

import { type Measured, type Plan, measure } from "./measure.ts"

const bench = {
  measure: (plan: Plan): Promise<Measured[]> =>
    measure(plan, (line) => {
      console.error(line)
    }),
}

export type MlsBench = typeof bench
Object.assign(globalThis, { mlsBench: bench })
