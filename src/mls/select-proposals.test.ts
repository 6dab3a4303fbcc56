// RFC 9420 §12.4: which of many proposals are committed together, and how many attempts that takes.

import fc from "fast-check"
import { expect, test } from "vitest"
import { bytesToHex } from "./bytes.ts"
import { createCommit } from "./commit-create.ts"
import { MlsError } from "./error.ts"
import { add, groupOf, keyPackageOf, testContext } from "./group.fixture.ts"
import type { CachedProposal, MlsContext } from "./group-types.ts"
import { leafNodeOf } from "./group.ts"
import type { Proposal } from "./proposal-codec.ts"
import { proposalTypes, senderTypes } from "./registry.ts"
import { selectProposals } from "./select-proposals.ts"
import { leafIndex } from "./tree-math.ts"

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

test("what attempts share is verified once, and asked about once", async () => {
  const { crypto, now = 0 } = await testContext("webcrypto")
  const [alice] = await groupOf({ crypto, now }, ["alice", "bob"])
  if (alice === undefined) throw new Error("no group")
  const packages = await Promise.all(
    Array.from({ length: 12 }, (_, i) => keyPackageOf(crypto, `${i}`)),
  )
  // Every third is wrongly signed, and the service refuses one.
  const cached = packages.map(({ keyPackage }, i): CachedProposal => {
    const signature = keyPackage.signature.with(3, (keyPackage.signature[3] ?? 0) ^ 1)
    return {
      ref: Uint8Array.of(i),
      proposal: {
        proposalType: proposalTypes.add,
        keyPackage: i % 3 === 0 ? { ...keyPackage, signature } : keyPackage,
      },
      sender: { senderType: senderTypes.newMemberProposal },
    }
  })
  const refused = packages[7]?.keyPackage.leafNode.signatureKey
  let verified = 0
  let asked = 0
  const ctx: MlsContext = {
    now,
    crypto: {
      ...crypto,
      verifyAll(checks) {
        verified += checks.length
        return crypto.verifyAll(checks)
      },
    },
    auth: {
      validate(_credential, key) {
        asked++
        if (key === refused) throw new MlsError("credential_rejected", "no")
      },
    },
  }
  const proposals = new Map(cached.map((each) => [bytesToHex(each.ref), each]))
  const made = await createCommit(ctx, { ...alice, proposals }, { proposalRefs: "all" })
  expect(made.summary.proposals.map(({ ref }) => ref?.[0])).toEqual([1, 2, 4, 5, 8, 10, 11])
  expect(verified).toBe(24)
  expect(asked).toBe(8)
})

test("a PSK that is not known and a leaf with a member's key are left out: either kept every commit from being made", async () => {
  const ctx = await testContext("webcrypto")
  const { crypto } = ctx
  const [alice] = await groupOf(ctx, ["alice", "bob"])
  if (alice === undefined) throw new Error("no group")
  const { encryptionKey } = leafNodeOf(alice, leafIndex(1))
  const pairs = [
    await crypto.generateKemKeyPair(),
    { publicKey: encryptionKey, privateKey: new Uint8Array(32) },
  ]
  const generateKemKeyPair = async () => pairs.shift() ?? crypto.generateKemKeyPair()
  const taking = await keyPackageOf({ ...crypto, generateKemKeyPair }, "mallory")
  expect(taking.keyPackage.leafNode.encryptionKey).toEqual(encryptionKey)
  const psk = { kind: "external", pskId: new Uint8Array(1), pskNonce: new Uint8Array(32) } as const
  const offered: Proposal[] = [
    add(taking),
    add(await keyPackageOf(crypto, "carol")),
    { proposalType: proposalTypes.psk, psk },
  ]
  const committed = async (which: readonly number[]) => {
    const cached = which.map((i): [string, CachedProposal] => {
      const ref = Uint8Array.of(i)
      const proposal = offered[i] ?? add(taking)
      return [
        bytesToHex(ref),
        { ref, proposal, sender: { senderType: senderTypes.newMemberProposal } },
      ]
    })
    const state = { ...alice, proposals: new Map(cached) }
    const { summary } = await createCommit(ctx, state, { proposalRefs: "all" })
    return summary.proposals.map(({ ref }) => ref?.[0])
  }
  expect(await committed([0])).toEqual([])
  expect(await committed([2])).toEqual([])
  expect(await committed([0, 1, 2])).toEqual([1])
})
