// Marmot convergence §8.5, §8.6 (behaviour §14.4): the selector against the oracle, under every order of candidates.

import fc from "fast-check"
import { describe, expect, test } from "vitest"
import { type Branch, type ConvergencePolicy, selectBranch } from "../../src/marmot/convergence.ts"
import { type PlainBranch, type PlainPolicy, winnerOf } from "./branch-order.ts"

/** Few values, so that the early keys tie and the late ones decide. */
const hex32 = fc.constantFrom("00", "01", "7f", "80", "ff").map((byte) => byte.repeat(32))
const digest = fc
  .integer({ min: 0, max: 0xffffffff })
  .map((value) => value.toString(16).padStart(8, "0").repeat(8))

const branches = (forkEpoch: fc.Arbitrary<number>) =>
  fc.uniqueArray(
    fc
      .record({
        forkEpoch,
        depth: fc.integer({ min: 1, max: 5 }),
        privileged: fc.boolean(),
        committer: hex32,
        digest,
        said: fc.array(
          fc.record({
            after: fc.integer({ min: -1, max: 6 }),
            account: fc.constantFrom("ada", "bo", "cy", "di"),
          }),
          { maxLength: 8 },
        ),
      })
      .map(({ depth, said, ...rest }): PlainBranch => ({
        ...rest,
        id: rest.digest,
        tipEpoch: rest.forkEpoch + depth,
        witnesses: said.map(({ after, account }) => ({ epoch: rest.forkEpoch + after, account })),
      })),
    { minLength: 1, maxLength: 5, selector: ({ id }) => id },
  )

/** As in the product: one shared root. Several roots: what the selector's contract allows beyond it. */
const anySet = fc.oneof(branches(fc.constant(3)), branches(fc.integer({ min: 0, max: 7 })))

const policies: fc.Arbitrary<PlainPolicy> = fc.record({
  rewind: fc.integer({ min: 0, max: 8 }),
  window: fc.constant(5),
  senders: fc.integer({ min: 1, max: 4 }),
  epochs: fc.integer({ min: 1, max: 3 }),
  override: fc.integer({ min: 0, max: 2 }),
})

const bytes = (hex: string) => new Uint8Array(Buffer.from(hex, "hex"))

function branchOf(plain: PlainBranch): Branch & { readonly id: string } {
  return {
    id: plain.id,
    forkEpoch: plain.forkEpoch,
    tipEpoch: plain.tipEpoch,
    tipPrivileged: plain.privileged,
    tipCommitter: bytes(plain.committer),
    tipDigest: bytes(plain.digest),
    witnesses: plain.witnesses,
  }
}

const ours = ({ rewind, senders, epochs, override }: PlainPolicy): ConvergencePolicy => ({
  maxRewindCommits: rewind,
  witnessQuorumSendersPerEpoch: senders,
  witnessQuorumEpochs: epochs,
  maxWitnessOverrideDepth: override,
})

/** Every order of up to four candidates, and every rotation there and back of more. */
function orders<T>(items: readonly T[]): T[][] {
  if (items.length > 4) {
    const rotated = items.map((_, i) => [...items.slice(i), ...items.slice(0, i)])
    return rotated.flatMap((order) => [order, order.toReversed()])
  }
  if (items.length < 2) return [[...items]]
  return items.flatMap((item, i) => orders(items.toSpliced(i, 1)).map((rest) => [item, ...rest]))
}

describe("the selector agrees with the oracle", () => {
  test("under policy version 1, whatever the order", () => {
    fc.assert(
      fc.property(anySet, fc.integer({ min: 0, max: 14 }), (set, base) => {
        const expected = winnerOf(set, base)?.id
        for (const order of orders(set)) {
          expect(selectBranch(order.map(branchOf), base)?.id).toBe(expected)
        }
      }),
      { numRuns: 2000 },
    )
  })

  test("under other policies, whatever the order", () => {
    fc.assert(
      fc.property(anySet, fc.integer({ min: 0, max: 14 }), policies, (set, base, policy) => {
        const expected = winnerOf(set, base, policy)?.id
        for (const order of orders(set)) {
          expect(selectBranch(order.map(branchOf), base, ours(policy))?.id).toBe(expected)
        }
      }),
      { numRuns: 2000 },
    )
  })

  test("the winner is one of the eligible", () => {
    fc.assert(
      fc.property(anySet, fc.integer({ min: 0, max: 14 }), (set, base) => {
        const winner = selectBranch(set.map(branchOf), base)
        const eligible = set.filter(({ forkEpoch }) => base - forkEpoch <= 5)
        expect(winner === undefined).toBe(eligible.length === 0)
        if (winner !== undefined) expect(eligible.map(({ id }) => id)).toContain(winner.id)
      }),
      { numRuns: 2000 },
    )
  })
})
