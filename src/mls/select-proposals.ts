// RFC 9420 §12.4: which of the proposals that were received a committer can commit together.

import { bytesToHex, keyString } from "./bytes.ts"
import { encode } from "./codec.ts"
import { MlsError, type MlsErrorCode } from "./error.ts"
import type { CachedProposal } from "./group-types.ts"
import { encodePreSharedKeyId } from "./psk.ts"
import { proposalTypes, senderTypes } from "./registry.ts"

/** Gets references in the order that they came, and throws if they can't be committed together. */
type Attempt<T> = (refs: readonly Uint8Array[]) => Promise<T>

/**
 * All cached proposals if they go together. Otherwise one part of them after the other, those that the RFC prefers first,
 * each if it goes with the ones before: SelfRemove, then Remove, then Update, the latest first; ReInit last.
 */
export async function selectProposals<T>(
  cached: readonly CachedProposal[],
  attempt: Attempt<T>,
): Promise<T> {
  if (cached.length === 0) return attempt([])
  const whole = await outcomeOf(attempt, cached)
  if (whole.result !== undefined) return whole.result
  // If it fails even without them, it is not for them.
  const selection = new Selection(cached, attempt, await attempt([]))
  const bad = await badOnes(cached, attempt)
  const sound = byPreference(cached).filter((each) => !bad.has(each))
  if (bad.size > 0) await selection.take(sound)
  // All of them at once were attempted.
  else await selection.takeHalves(sound)
  return selection.best
}

/** The proposals that were found to go together. */
class Selection<T> {
  /** What the attempt with the chosen ones gave. */
  best: T
  readonly #cached: readonly CachedProposal[]
  readonly #attempt: Attempt<T>
  #chosen: ReadonlySet<CachedProposal> = new Set()
  #subjects: ReadonlySet<string> = new Set()

  constructor(cached: readonly CachedProposal[], attempt: Attempt<T>, none: T) {
    this.#cached = cached
    this.#attempt = attempt
    this.best = none
  }

  /**
   * Takes those that go with the chosen ones: all of them at once, or by halves, so that few bad ones cost little. Of those
   * that are about the same only one can be taken, so the others wait until the first has failed.
   */
  async take(candidates: readonly CachedProposal[]): Promise<void> {
    const subjects = new Set(this.#subjects)
    const fitting = candidates.filter((each) => {
      const subject = subjectOf(each)
      if (subject === undefined) return true
      const isFirst = !subjects.has(subject)
      subjects.add(subject)
      return isFirst
    })
    if (fitting.length === 0) return
    const together = new Set([...this.#chosen, ...fitting])
    const inOrder = this.#cached.filter((each) => together.has(each))
    const { result } = await outcomeOf(this.#attempt, inOrder)
    if (result !== undefined) {
      this.best = result
      this.#chosen = together
      this.#subjects = subjects
    } else await this.takeHalves(candidates)
  }

  async takeHalves(candidates: readonly CachedProposal[]): Promise<void> {
    for (const half of halvesOf(candidates)) await this.take(half)
  }
}

/**
 * Those that no commit can have, whatever else is in it, found by attempts without the others. `failed` can't be committed
 * together.
 */
async function badOnes<T>(
  failed: readonly CachedProposal[],
  attempt: Attempt<T>,
): Promise<ReadonlySet<CachedProposal>> {
  const bad = new Set<CachedProposal>()
  const isFinal = finalIn(failed)
  const look = async (candidates: readonly CachedProposal[]): Promise<void> => {
    const { error } = await outcomeOf(attempt, candidates)
    if (error === undefined) return
    const [only, another] = candidates
    if (only !== undefined && another === undefined && isFinal(error)) bad.add(only)
    for (const half of halvesOf(candidates)) await look(half)
  }
  for (const half of halvesOf(failed)) await look(half)
  return bad
}

/** None of one. */
function halvesOf<T>(items: readonly T[]): (readonly T[])[] {
  const half = Math.ceil(items.length / 2)
  return items.length > 1 ? [items.slice(0, half), items.slice(half)] : []
}

/** Whether what a proposal fails with by itself it would fail with in any company of these. */
function finalIn(cached: readonly CachedProposal[]): (error: unknown) => boolean {
  if (cached.every(({ proposal }) => MENDS_NOTHING.has(proposal.proposalType))) return () => true
  return (error) => error instanceof MlsError && FINAL[error.code] === true
}

/** Types that leave members and the group's extensions as they are, or only add to the members. */
const MENDS_NOTHING: ReadonlySet<number> = new Set([
  proposalTypes.add,
  proposalTypes.psk,
  proposalTypes.reinit,
  proposalTypes.appEphemeral,
])

/** Rules that are about one proposal and the group before the commit. */
const FINAL: Readonly<Partial<Record<MlsErrorCode, true>>> = {
  leaf_signature_invalid: true,
  leaf_not_yet_valid: true,
  leaf_expired: true,
  leaf_lifetime_too_long: true,
  key_package_version: true,
  key_package_suite: true,
  key_package_signature: true,
  key_package_init_key: true,
  update_sender: true,
  remove_not_member: true,
  psk_nonce: true,
  psk_usage: true,
  psk_unknown: true,
  reinit_version: true,
  external_init_not_external: true,
  self_remove_sender: true,
  own_update: true,
  committer_removed: true,
  credential_rejected: true,
  credential_successor: true,
}

/** §12.2: what no two proposals of a commit are about: a leaf, a client, a PSK, the group's extensions. */
function subjectOf({ proposal, sender }: CachedProposal): string | undefined {
  switch (proposal.proposalType) {
    case proposalTypes.add:
      return `client ${keyString(proposal.keyPackage.leafNode.signatureKey)}`
    case proposalTypes.remove:
      return `leaf ${proposal.removed}`
    case proposalTypes.update:
    case proposalTypes.selfRemove:
      return sender.senderType === senderTypes.member ? `leaf ${sender.leafIndex}` : undefined
    case proposalTypes.psk:
      return `psk ${bytesToHex(encode(encodePreSharedKeyId, proposal.psk))}`
    case proposalTypes.groupContextExtensions:
      return "extensions"
    default:
      return undefined
  }
}

interface Outcome<T> {
  readonly result?: T
  readonly error?: unknown
}

async function outcomeOf<T>(
  attempt: Attempt<T>,
  proposals: readonly CachedProposal[],
): Promise<Outcome<T>> {
  try {
    return { result: await attempt(proposals.map((proposal) => proposal.ref)) }
  } catch (error) {
    // Whatever it is, an attempt with fewer proposals tells whether it was one of them.
    if (error instanceof MlsError && error.code === "internal") throw error
    return { error }
  }
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
