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

/** Negative: `a` comes before (wins against) `b`. The six keys of §8.6, first difference decides. */
export function compareBranches(a: Branch, b: Branch, policy = policyV1): number {
  const [scoreA, scoreB] = [scoreBranch(a, policy), scoreBranch(b, policy)]
  return (
    scoreB.effectiveDepth - scoreA.effectiveDepth ||
    Number(scoreB.quorum) - Number(scoreA.quorum) ||
    scoreB.witnessScore - scoreA.witnessScore ||
    Number(b.tipPrivileged) - Number(a.tipPrivileged) ||
    compareBytes(a.tipCommitter, b.tipCommitter) ||
    compareBytes(a.tipDigest, b.tipDigest)
  )
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
  const [winner] = branches
    .filter((branch) => isEligible(branch, baseEpoch, policy))
    .sort((a, b) => compareBranches(a, b, policy))
  return winner
}
