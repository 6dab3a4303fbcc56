// The benchmark as a script: Chromium's page and the Node process both run this.

import { type Measured, type Plan, measure } from "./measure.ts"
import { type Share, measureShares } from "./shares.ts"

const bench = {
  measure: (plan: Plan): Promise<Measured[]> =>
    measure(plan, (line) => {
      console.error(line)
    }),
  shares: (n: number): Promise<Share[]> => measureShares(n, () => performance.now()),
}

export type MlsBench = typeof bench
Object.assign(globalThis, { mlsBench: bench })
