// RFC 9420 §12.4: which of many proposals are committed together, and how many attempts that takes.

import fc from "fast-check"
import { expect, test } from "vitest"
import { MlsError } from "./error.ts"
import type { CachedProposal } from "./group-types.ts"
import { proposalTypes, senderTypes } from "./registry.ts"
import { selectProposals } from "./select-proposals.ts"

/** Removes; `ref` and the leaf that is removed tell them apart. */
const cachedOf = (leaves: readonly number[]): CachedProposal[] =>
  leaves.map((removed, i) => ({
    ref: Uint8Array.of(i >> 8, i & 0xff),
    proposal: { proposalType: proposalTypes.remove, removed },
    sender: { senderType: senderTypes.newMemberProposal },
  }))

/** Refuses a leaf of `bad` and two Removes of one leaf, as a commit does; counts how often it was asked. */
function selecting(leaves: readonly number[], bad: ReadonlySet<number>) {
  const cached = cachedOf(leaves)
  let attempts = 0
  const chosen = selectProposals(cached, (refs) => {
    attempts++
    const asked = refs.map(([high = 0, low = 0]) => leaves[(high << 8) | low] ?? -1)
    if (asked.some((leaf) => bad.has(leaf)) || new Set(asked).size < asked.length) {
      return Promise.reject(new MlsError("leaf_conflict", "refused"))
    }
    return Promise.resolve(refs)
  })
  return chosen.then((refs) => ({
    taken: refs.map(([high = 0, low = 0]) => (high << 8) | low),
    attempts,
  }))
}

test("of proposals that can't all be committed: the latest of each leaf, in the order that they came", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.nat(12), { maxLength: 30 }),
      fc.uniqueArray(fc.nat(12)),
      async (leaves, bad) => {
        const { taken } = await selecting(leaves, new Set(bad))
        const expected = leaves.flatMap((leaf, i) =>
          bad.includes(leaf) || leaves.lastIndexOf(leaf) !== i ? [] : [i],
        )
        expect(taken).toEqual(expected)
      },
    ),
  )
})

test("one bad proposal among a thousand costs twenty attempts, not a thousand", async () => {
  const leaves = Array.from({ length: 1000 }, (_, i) => i)
  const { taken, attempts } = await selecting(leaves, new Set([321]))
  expect(taken).toEqual(leaves.filter((leaf) => leaf !== 321))
  expect(attempts).toBeLessThanOrEqual(23)
})
