// The benchmark as a script: Chromium's page and the Node process both run this.

import { exchangeAt } from "./exchange-client.ts"
import { type Role, play } from "./large.ts"
import { type Measured, type Plan, measure } from "./measure.ts"
import { type Share, measureShares } from "./shares.ts"
import { type Worst, measureWorst } from "./worst.ts"

const bench = {
  measure: (plan: Plan): Promise<Measured[]> =>
    measure(plan, (line) => {
      console.error(line)
    }),
  shares: (n: number): Promise<Share[]> => measureShares(n, () => performance.now()),
  /** `url`: of the exchange. */
  large: (role: Role, n: number, url: string): Promise<string[]> =>
    play(role, n, exchangeAt(`${url}${role}/`)),
  worst: (): Promise<Worst> => measureWorst(["webcrypto"], { clock: () => performance.now() }),
}

export type MlsBench = typeof bench
Object.assign(globalThis, { mlsBench: bench })
