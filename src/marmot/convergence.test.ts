// Marmot convergence §8.5, §8.6: the selector against the published policy cases and an independent model.

import fc from "fast-check"
import { describe, expect, test } from "vitest"
import { withShared } from "../../test/shared.ts"
import {
  type Branch,
  compareBranches,
  type ConvergencePolicy,
  isEligible,
  policyV1,
  scoreBranch,
  selectBranch,
} from "./convergence.ts"

interface PolicyCase {
  readonly name: string
  readonly current_tip_epoch: number
  readonly policy: {
    readonly max_rewind_commits: number
    readonly witness_quorum_senders_per_epoch: number
    readonly witness_quorum_epochs: number
    readonly max_witness_override_depth: number
  }
  readonly expected: { readonly branch: string; readonly reason: string }
  readonly branches: readonly {
    readonly id: string
    readonly fork_epoch: number
    readonly tip_epoch: number
    readonly tip_priority?: "privileged" | "ordinary"
    readonly tip_committer?: string
    readonly tip_digest: string
    readonly app_witnesses: readonly { readonly epoch: number; readonly sender: string }[]
  }[]
}

interface Named extends Branch {
  readonly id: string
}

const bytes = (text: string) => new Uint8Array(Buffer.from(text.padEnd(32, "\0"), "latin1"))

function named(branch: PolicyCase["branches"][number]): Named {
  return {
    id: branch.id,
    forkEpoch: branch.fork_epoch,
    tipEpoch: branch.tip_epoch,
    tipPrivileged: branch.tip_priority === "privileged",
    tipCommitter: bytes(branch.tip_committer ?? ""),
    tipDigest: new Uint8Array(32).fill(Number.parseInt(branch.tip_digest, 16)),
    witnesses: branch.app_witnesses.map(({ epoch, sender }) => ({ epoch, account: sender })),
  }
}

/** The key that decides between the best two, in the words of the cases. */
function reason(a: Branch, b: Branch, policy: ConvergencePolicy): string {
  const [x, y] = [scoreBranch(a, policy), scoreBranch(b, policy)]
  if (x.effectiveDepth !== y.effectiveDepth) return "effective_depth"
  if (x.quorum !== y.quorum) return "quorum_tie"
  if (x.witnessScore !== y.witnessScore) return "witness_score_tie"
  if (a.tipPrivileged !== b.tipPrivileged) return "priority_tie"
  if (Buffer.compare(a.tipCommitter, b.tipCommitter) !== 0) return "committer_tie"
  return "digest_tie"
}

function permutations<T>(items: readonly T[]): T[][] {
  if (items.length < 2) return [[...items]]
  return items.flatMap((item, i) =>
    permutations([...items.slice(0, i), ...items.slice(i + 1)]).map((rest) => [item, ...rest]),
  )
}

describe("the policy cases", () => {
  withShared<readonly PolicyCase[]>("vectors/marmot/policy_cases.json", (cases) => {
    test("are seven", () => {
      expect(cases).toHaveLength(7)
    })

    test.each(cases)("$name: $expected.branch by $expected.reason", (one) => {
      const policy: ConvergencePolicy = {
        maxRewindCommits: one.policy.max_rewind_commits,
        witnessQuorumSendersPerEpoch: one.policy.witness_quorum_senders_per_epoch,
        witnessQuorumEpochs: one.policy.witness_quorum_epochs,
        maxWitnessOverrideDepth: one.policy.max_witness_override_depth,
      }
      for (const branches of permutations(one.branches.map(named))) {
        const winner = selectBranch(branches, one.current_tip_epoch, policy)
        expect(winner?.id).toBe(one.expected.branch)
        const [best, second] = [...branches].sort((a, b) => compareBranches(a, b, policy))
        if (best === undefined || second === undefined) throw new Error("a case of one branch")
        expect(reason(best, second, policy)).toBe(one.expected.reason)
      }
    })
  })
})

const filled = (value: number) => new Uint8Array(32).fill(value)
const plain: Branch = {
  forkEpoch: 4,
  tipEpoch: 6,
  tipPrivileged: false,
  tipCommitter: filled(5),
  tipDigest: filled(5),
  witnesses: [],
}

describe("policy version 1", () => {
  test("has the pinned constants", () => {
    expect(policyV1).toEqual({
      maxRewindCommits: 5,
      witnessQuorumSendersPerEpoch: 2,
      witnessQuorumEpochs: 1,
      maxWitnessOverrideDepth: 1,
    })
  })

  test("two accounts in one epoch make a quorum, two messages of one account do not", () => {
    const score = (witnesses: Branch["witnesses"]) => scoreBranch({ ...plain, witnesses })
    const [a, b] = [
      { epoch: 5, account: "a" },
      { epoch: 5, account: "b" },
    ] as const
    expect(score([a, b])).toEqual({ effectiveDepth: 3, quorum: true, witnessScore: 2 })
    expect(score([a, a, a])).toEqual({ effectiveDepth: 2, quorum: false, witnessScore: 1 })
    expect(score([a, { ...b, epoch: 6 }])).toEqual({
      effectiveDepth: 2,
      quorum: false,
      witnessScore: 2,
    })
    expect(score([a, b, { epoch: 5, account: "c" }]).witnessScore).toBe(2)
  })

  test("messages at the fork or beyond the tip witness nothing", () => {
    const witnesses = [4, 4, 3, 7].map((epoch, i) => ({ epoch, account: `account ${i}` }))
    expect(scoreBranch({ ...plain, witnesses })).toEqual(scoreBranch(plain))
  })

  test("a quorum makes up for exactly one Commit, and wins the tie that it creates", () => {
    const quorum = ["a", "b"].map((account) => ({ epoch: 5, account }))
    const witnessed: Branch = { ...plain, witnesses: quorum }
    expect(compareBranches(witnessed, { ...plain, tipEpoch: 7 })).toBeLessThan(0)
    expect(compareBranches(witnessed, { ...plain, tipEpoch: 8 })).toBeGreaterThan(0)
  })

  test("an admin's change comes before an ordinary one, then the lower account, then the lower digest", () => {
    const admin: Branch = { ...plain, tipPrivileged: true, tipCommitter: filled(9) }
    expect(compareBranches(admin, plain)).toBeLessThan(0)
    const lower: Branch = { ...plain, tipCommitter: filled(4), tipDigest: filled(9) }
    expect(compareBranches(lower, plain)).toBeLessThan(0)
    expect(compareBranches({ ...plain, tipDigest: filled(4) }, plain)).toBeLessThan(0)
    expect(compareBranches(plain, { ...plain })).toBe(0)
  })

  test("bytes are compared unsigned", () => {
    expect(compareBranches({ ...plain, tipDigest: filled(0x7f) }, plain)).toBeGreaterThan(0)
    const high: Branch = { ...plain, tipDigest: filled(0x80) }
    expect(compareBranches({ ...plain, tipDigest: filled(0x7f) }, high)).toBeLessThan(0)
  })

  test("a fork six epochs back is out of reach, five are not", () => {
    expect(isEligible(plain, 9)).toBe(true)
    expect(isEligible(plain, 10)).toBe(false)
    expect(selectBranch([plain], 10)).toBeUndefined()
    expect(selectBranch<Branch>([], 0)).toBeUndefined()
  })
})

/** Plain records, as the model reads them. */
interface Candidate {
  readonly fork: number
  readonly commits: number
  readonly admin: boolean
  readonly by: string
  readonly digest: string
  readonly said: readonly (readonly [epoch: number, who: string])[]
}

/** An independent reading of §8.6: each branch becomes one text whose alphabetical order is the order of merit. */
function merit(record: Candidate): string {
  const tip = record.fork + record.commits
  let points = 0
  let met = false
  for (let epoch = record.fork + 1; epoch <= tip; epoch++) {
    const speakers = record.said.filter(([at]) => at === epoch).map(([, who]) => who)
    const distinct = speakers.filter((who, i) => speakers.indexOf(who) === i).length
    points += distinct > 2 ? 2 : distinct
    if (distinct >= 2) met = true
  }
  const down = (value: number) => String(1000 - value).padStart(4, "0")
  const depth = record.commits + (met ? 1 : 0)
  const keys = [down(depth), met ? "0" : "1", down(points), record.admin ? "0" : "1"]
  return [...keys, record.by, record.digest].join("|")
}

const hexByte = fc.integer({ min: 0, max: 255 }).map((value) => value.toString(16).padStart(2, "0"))
const records = fc.array(
  fc.record({
    fork: fc.integer({ min: 0, max: 8 }),
    commits: fc.integer({ min: 1, max: 6 }),
    admin: fc.boolean(),
    // Few values, so that ties reach the last key.
    by: fc.constantFrom("00", "7f", "80", "ff").map((byte) => byte.repeat(32)),
    digest: hexByte.map((byte) => byte.repeat(32)),
    said: fc.array(
      fc.tuple(fc.integer({ min: 0, max: 15 }), fc.constantFrom("ada", "bo", "cy", "di")),
      { maxLength: 8 },
    ),
  }),
  { minLength: 1, maxLength: 6 },
)

const branchOf = (record: Candidate): Branch & { readonly record: Candidate } => ({
  forkEpoch: record.fork,
  tipEpoch: record.fork + record.commits,
  tipPrivileged: record.admin,
  tipCommitter: new Uint8Array(Buffer.from(record.by, "hex")),
  tipDigest: new Uint8Array(Buffer.from(record.digest, "hex")),
  witnesses: record.said.map(([epoch, account]) => ({ epoch, account })),
  record,
})

describe("against an independent model", () => {
  test("the same branch wins, whatever the order", () => {
    const property = fc.property(
      records,
      fc.integer({ min: 0, max: 15 }),
      fc.array(fc.nat(), { minLength: 6, maxLength: 6 }),
      (set, base, weights) => {
        const eligible = set.filter((record) => record.fork >= base - 5)
        const best = eligible.map(merit).sort()[0]
        const winner = selectBranch(set.map(branchOf), base)
        expect(winner && merit(winner.record)).toBe(best)
        const order = set.map((record, i) => ({ record, at: weights[i] ?? 0 }))
        const shuffled = order.sort((a, b) => a.at - b.at).map(({ record }) => branchOf(record))
        const again = selectBranch(shuffled, base)
        expect(again && merit(again.record)).toBe(best)
      },
    )
    fc.assert(property, { numRuns: 5000 })
  })

  test("the comparison is a total order", () => {
    const property = fc.property(records, (set) => {
      const branches = set.map(branchOf)
      for (const a of branches) {
        for (const b of branches) {
          const expected = Buffer.compare(
            Buffer.from(merit(a.record)),
            Buffer.from(merit(b.record)),
          )
          expect(Math.sign(compareBranches(a, b))).toBe(expected)
        }
      }
    })
    fc.assert(property, { numRuns: 1000 })
  })
})
