// Marmot convergence §8.5, §8.6: which of several branches is the group. Pure: no clock, no order of arrival.

import { compareBytes } from "./bytes.ts"

/** An authenticated application message on a branch, by epoch and sending account. */
export interface Witness {
  readonly epoch: number
  readonly account: string
}

export interface Branch {
  /** Epoch of the shared root. */
  readonly forkEpoch: number
  readonly tipEpoch: number
  /** The tip Commit's own rule demands an active admin. */
  readonly tipPrivileged: boolean
  /** Account of the tip's committer, 32 bytes. */
  readonly tipCommitter: Uint8Array
  /** SHA-256 of the tip Commit's MLSMessage, 32 bytes. */
  readonly tipDigest: Uint8Array
  /** Messages at epochs after the fork, within the window of this branch's tip. */
  readonly witnesses: readonly Witness[]
}

export interface ConvergencePolicy {
  readonly maxRewindCommits: number
  readonly witnessQuorumSendersPerEpoch: number
  readonly witnessQuorumEpochs: number
  readonly maxWitnessOverrideDepth: number
}

/** Policy version 1: pinned; tests of the selector use others. */
export const policyV1: ConvergencePolicy = {
  maxRewindCommits: 5,
  witnessQuorumSendersPerEpoch: 2,
  witnessQuorumEpochs: 1,
  maxWitnessOverrideDepth: 1,
}

export interface BranchScore {
  readonly effectiveDepth: number
  readonly quorum: boolean
  readonly witnessScore: number
}

/** Distinct accounts per epoch count, each epoch up to the quorum's size. */
export function scoreBranch(branch: Branch, policy = policyV1): BranchScore {
  const cap = policy.witnessQuorumSendersPerEpoch
  const accounts = new Map<number, Set<string>>()
  for (const { epoch, account } of branch.witnesses) {
    if (epoch <= branch.forkEpoch || epoch > branch.tipEpoch) continue
    accounts.set(epoch, (accounts.get(epoch) ?? new Set()).add(account))
  }
  const scores = [...accounts.values()].map((distinct) => Math.min(distinct.size, cap))
  const quorum = scores.filter((score) => score >= cap).length >= policy.witnessQuorumEpochs
  return {
    effectiveDepth:
      branch.tipEpoch - branch.forkEpoch + (quorum ? policy.maxWitnessOverrideDepth : 0),
    quorum,
    witnessScore: scores.reduce((sum, score) => sum + score, 0),
  }
}

interface Contender {
  readonly branch: Branch
  readonly score: BranchScore
}

/** The six keys of §8.6 in their order. Negative: `a` wins against `b`. */
const RULES = [
  {
    name: "effective_depth",
    compare: (a: Contender, b: Contender) => b.score.effectiveDepth - a.score.effectiveDepth,
  },
  {
    name: "witness_quorum_met",
    compare: (a: Contender, b: Contender) => Number(b.score.quorum) - Number(a.score.quorum),
  },
  {
    name: "app_witness_score",
    compare: (a: Contender, b: Contender) => b.score.witnessScore - a.score.witnessScore,
  },
  {
    name: "tip_priority",
    compare: (a: Contender, b: Contender) =>
      Number(b.branch.tipPrivileged) - Number(a.branch.tipPrivileged),
  },
  {
    name: "tip_committer",
    compare: (a: Contender, b: Contender) =>
      compareBytes(a.branch.tipCommitter, b.branch.tipCommitter),
  },
  {
    name: "tip_digest",
    compare: (a: Contender, b: Contender) => compareBytes(a.branch.tipDigest, b.branch.tipDigest),
  },
] as const

export type SelectionRule = (typeof RULES)[number]["name"]

/** Negative: `a` comes before (wins against) `b`. The first difference decides. */
export function compareBranches(a: Branch, b: Branch, policy = policyV1): number {
  return firstDifference(a, b, policy)?.order ?? 0
}

function firstDifference(
  a: Branch,
  b: Branch,
  policy: ConvergencePolicy,
): { readonly rule: SelectionRule; readonly order: number } | undefined {
  const left = { branch: a, score: scoreBranch(a, policy) }
  const right = { branch: b, score: scoreBranch(b, policy) }
  for (const { name, compare } of RULES) {
    const order = compare(left, right)
    if (order !== 0) return { rule: name, order }
  }
  return undefined
}

/** The fork is within the horizon of `baseEpoch`, the canonical epoch when the pass began. */
export function isEligible(branch: Branch, baseEpoch: number, policy = policyV1): boolean {
  return baseEpoch - branch.forkEpoch <= policy.maxRewindCommits
}

/** The winner among the eligible branches; `undefined` if there is none. */
export function selectBranch<B extends Branch>(
  branches: readonly B[],
  baseEpoch: number,
  policy = policyV1,
): B | undefined {
  return ranked(branches, baseEpoch, policy)[0]
}

export interface SelectionExplanation<B extends Branch> {
  readonly winner: B | undefined
  /** Of the winner. */
  readonly score: BranchScore | undefined
  /** What set the winner apart from the runner-up; `undefined` where it had none. */
  readonly decisiveRule: SelectionRule | undefined
}

/** The same selection, with its reason. */
export function explainSelection<B extends Branch>(
  branches: readonly B[],
  baseEpoch: number,
  policy = policyV1,
): SelectionExplanation<B> {
  const [winner, runnerUp] = ranked(branches, baseEpoch, policy)
  return {
    winner,
    score: winner === undefined ? undefined : scoreBranch(winner, policy),
    decisiveRule:
      winner === undefined || runnerUp === undefined
        ? undefined
        : firstDifference(winner, runnerUp, policy)?.rule,
  }
}

function ranked<B extends Branch>(
  branches: readonly B[],
  baseEpoch: number,
  policy: ConvergencePolicy,
): B[] {
  return branches
    .filter((branch) => isEligible(branch, baseEpoch, policy))
    .sort((a, b) => compareBranches(a, b, policy))
}
