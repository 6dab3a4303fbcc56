// RFC 9420 §12.4: which of the proposals that were received a committer can commit together.

import { MlsError } from "./error.ts"
import type { CachedProposal } from "./group-types.ts"
import { proposalTypes } from "./registry.ts"

/**
 * All cached proposals if they go together. Otherwise one part of them after the other, those that the RFC prefers first,
 * each if it goes with the ones before: SelfRemove, then Remove, then Update, the latest first; ReInit last.
 * `attempt` gets references in the order that they came, and throws if they can't be committed.
 */
export async function selectProposals<T>(
  cached: readonly CachedProposal[],
  attempt: (refs: readonly Uint8Array[]) => Promise<T>,
): Promise<T> {
  if (cached.length === 0) return attempt([])
  const whole = await attemptOrUndefined(attempt, refsOf(cached))
  if (whole !== undefined) return whole
  // If it fails even without them, it is not for them.
  let best = await attempt([])
  let chosen: ReadonlySet<CachedProposal> = new Set()
  /** Takes those that go with the chosen ones: all of them at once, or by halves, so that few bad ones cost little. */
  const take = async (candidates: readonly CachedProposal[]): Promise<void> => {
    const together = new Set([...chosen, ...candidates])
    const result = await attemptOrUndefined(attempt, refsOf(cached.filter((c) => together.has(c))))
    if (result !== undefined) {
      best = result
      chosen = together
    } else if (candidates.length > 1) {
      const half = Math.ceil(candidates.length / 2)
      await take(candidates.slice(0, half))
      await take(candidates.slice(half))
    }
  }
  const preferred = byPreference(cached)
  const half = Math.ceil(preferred.length / 2)
  await take(preferred.slice(0, half))
  if (preferred.length > 1) await take(preferred.slice(half))
  return best
}

async function attemptOrUndefined<T>(
  attempt: (refs: readonly Uint8Array[]) => Promise<T>,
  refs: readonly Uint8Array[],
): Promise<T | undefined> {
  try {
    return await attempt(refs)
  } catch (error) {
    // Whatever it is, an attempt with fewer proposals tells whether it was one of them.
    if (error instanceof MlsError && error.code === "internal") throw error
    return undefined
  }
}

function refsOf(cached: readonly CachedProposal[]): Uint8Array[] {
  return cached.map((proposal) => proposal.ref)
}

function byPreference(cached: readonly CachedProposal[]): CachedProposal[] {
  const rank = ({ proposal }: CachedProposal): number => {
    const index = PREFERRED.indexOf(proposal.proposalType)
    if (index >= 0) return index
    return proposal.proposalType === proposalTypes.reinit ? PREFERRED.length + 1 : PREFERRED.length
  }
  // §12.4: of several Updates of one leaf, the most recent.
  return [...cached].reverse().sort((a, b) => rank(a) - rank(b))
}

const PREFERRED: readonly number[] = [
  proposalTypes.selfRemove,
  proposalTypes.remove,
  proposalTypes.update,
]
