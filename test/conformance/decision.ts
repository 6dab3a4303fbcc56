// Marmot convergence §8.6: what a pass is about to decide, and by which rule, told from the state before it.

import { explainSelection } from "../../src/marmot/convergence.ts"
import type { MarmotGroup } from "../../src/marmot/engine-types.ts"
import { tipOf } from "../../src/marmot/graph.ts"
import { candidatesOf } from "../../src/marmot/pass.ts"
import { isDue } from "../../src/marmot/pass-time.ts"

export interface Decision {
  readonly currentTipEpoch: number
  readonly candidates: number
  readonly selectedBranch: string | undefined
  readonly selectedTipEpoch: number | undefined
  readonly decisiveRule: string | undefined
  readonly quorum: boolean
  readonly witnessScore: number
}

/** `now`: milliseconds. Undefined where the next step resolves no pass. */
export function decisionOf(group: MarmotGroup, now: number): Decision | undefined {
  if (group.pass === undefined || !isDue(group.pass, now)) return undefined
  const candidates = candidatesOf(group) ?? []
  const { winner, score, decisiveRule } = explainSelection(candidates, group.pass.baseEpoch)
  return {
    currentTipEpoch: tipOf(group).epoch,
    candidates: candidates.filter((candidate) => candidate.path.length > 0).length,
    selectedBranch: winner?.path.at(-1)?.id,
    selectedTipEpoch: winner?.tipEpoch,
    decisiveRule,
    quorum: score?.quorum ?? false,
    witnessScore: score?.witnessScore ?? 0,
  }
}
