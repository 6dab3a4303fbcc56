// RFC 9420 §12.4: which of many proposals are committed together, and how many attempts that takes.

import fc from "fast-check"
import { expect, test } from "vitest"
import { bytesToHex } from "./bytes.ts"
import { createCommit } from "./commit-create.ts"
import { MlsError, type MlsErrorCode } from "./error.ts"
import { add, capabilities, groupOf, keyPackageOf, testContext } from "./group.fixture.ts"
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

interface Refusals {
  readonly code?: MlsErrorCode
  /** Leaves that can't go together, for whatever reason. */
  readonly clashes?: readonly (readonly [number, number])[]
}

/**
 * Refuses a leaf of `bad` (with `code`) and two Removes of one leaf, as a commit does; counts how often it was asked, and
 * about how many proposals in all.
 */
function selecting(
  leaves: readonly number[],
  bad: ReadonlySet<number>,
  { code = "remove_not_member", clashes = [] }: Refusals = {},
) {
  const cached = cachedOf(leaves)
  let attempts = 0
  let asked = 0
  const chosen = selectProposals(cached, (refs) => {
    attempts++
    asked += refs.length
    const removed = refs.map(([high = 0, low = 0]) => leaves[(high << 8) | low] ?? -1)
    if (removed.some((leaf) => bad.has(leaf))) return Promise.reject(new MlsError(code, "bad"))
    const clash = clashes.some((leaves) => leaves.every((leaf) => removed.includes(leaf)))
    if (clash || new Set(removed).size < removed.length) {
      return Promise.reject(new MlsError("leaf_conflict", "refused"))
    }
    return Promise.resolve(refs)
  })
  return chosen.then((refs) => ({
    taken: refs.map(([high = 0, low = 0]) => (high << 8) | low),
    attempts,
    asked,
  }))
}

/** A rule about one proposal alone, and one that others may help to keep. */
const codes = ["remove_not_member", "already_member"] as const

test.each(codes)(
  "%s: of proposals that can't all be committed: the latest of each leaf, in the order that they came",
  async (code) => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.nat(12), { maxLength: 30 }),
        fc.uniqueArray(fc.nat(12)),
        async (leaves, bad) => {
          const { taken } = await selecting(leaves, new Set(bad), { code })
          const expected = leaves.flatMap((leaf, i) =>
            bad.includes(leaf) || leaves.lastIndexOf(leaf) !== i ? [] : [i],
          )
          expect(taken).toEqual(expected)
        },
      ),
    )
  },
)

test.each(codes)(
  "%s: each is taken that goes with those that are preferred to it",
  async (code) => {
    const pair = fc.uniqueArray(fc.nat(12), { minLength: 2, maxLength: 2 })
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.nat(12), { maxLength: 30 }),
        fc.uniqueArray(fc.nat(12), { maxLength: 4 }),
        fc.array(pair, { maxLength: 6 }),
        async (leaves, bad, pairs) => {
          const clashes = pairs.map(([a = 0, b = 0]) => [a, b] as const)
          const { taken } = await selecting(leaves, new Set(bad), { code, clashes })
          const expected: number[] = []
          for (let i = leaves.length - 1; i >= 0; i--) {
            const leaf = leaves[i] ?? -1
            const others = expected.map((each) => leaves[each])
            const clash = clashes.some(
              ([a, b]) => (leaf === a && others.includes(b)) || (leaf === b && others.includes(a)),
            )
            if (!bad.includes(leaf) && !others.includes(leaf) && !clash) expected.unshift(i)
          }
          expect(taken).toEqual(expected)
        },
      ),
    )
  },
)

test("one bad proposal among a thousand costs twenty attempts, not a thousand", async () => {
  const leaves = Array.from({ length: 1000 }, (_, i) => i)
  const { taken, attempts } = await selecting(leaves, new Set([321]))
  expect(taken).toEqual(leaves.filter((leaf) => leaf !== 321))
  expect(attempts).toBeLessThanOrEqual(23)
})

const hundreds = Array.from({ length: 1000 }, (_, i) => i)
/** Leaves, and which of them are bad: by halves, and each good one by itself, half a million would be asked about. */
const floods: readonly (readonly [string, readonly number[], ReadonlySet<number>])[] = [
  ["every second one is bad", hundreds, new Set(hundreds.filter((leaf) => leaf % 2 === 1))],
  ["each leaf has two", hundreds.map((i) => i >> 1), new Set()],
  ["every second one is about the same leaf", hundreds.map((i) => (i % 2) * i), new Set()],
  ["all are bad", hundreds, new Set(hundreds)],
]
test.each(floods)(
  "of a thousand %s: each is asked about as often as it can be halved, twice at most",
  async (_, leaves, bad) => {
    const { taken, asked } = await selecting(leaves, bad)
    expect(taken.length).toBe(new Set(leaves.filter((leaf) => !bad.has(leaf))).size)
    expect(asked).toBeLessThanOrEqual(2 * 1000 * Math.log2(1000))
  },
)

test("half of many proposals are bad, each in another way: no Add is looked at again and again", async () => {
  const { crypto, now = 0 } = await testContext("webcrypto")
  const [alice] = await groupOf({ crypto, now }, ["alice", "bob"])
  if (alice === undefined) throw new Error("no group")
  const signatureKeyPair = await crypto.generateSignatureKeyPair()
  const lacking = { ...capabilities, credentials: [2] }
  const psk = (id: number) =>
    ({ kind: "external", pskId: Uint8Array.of(id), pskNonce: new Uint8Array(32) }) as const
  const bad: ((i: number) => Promise<Proposal>)[] = [
    async (i) => {
      const { keyPackage } = await keyPackageOf(crypto, `${i}`)
      const signature = keyPackage.signature.with(3, (keyPackage.signature[3] ?? 0) ^ 1)
      return { proposalType: proposalTypes.add, keyPackage: { ...keyPackage, signature } }
    },
    async (i) => add(await keyPackageOf(crypto, `${i}`, { capabilities: lacking })),
    async (i) => add(await keyPackageOf(crypto, `${i}`, { signatureKeyPair })),
    (i) => Promise.resolve({ proposalType: proposalTypes.psk, psk: psk(i) }),
  ]
  const MANY = 128
  const offered = await Promise.all(
    Array.from({ length: MANY }, async (_, i): Promise<CachedProposal> => {
      const make = i % 2 === 1 ? bad[(i >> 1) % bad.length] : undefined
      const proposal = (await make?.(i)) ?? add(await keyPackageOf(crypto, `${i}`))
      const sender = { senderType: senderTypes.newMemberProposal }
      return { ref: Uint8Array.of(i), proposal, sender }
    }),
  )
  let looked = 0
  const counting: MlsContext["crypto"] = {
    ...crypto,
    validateKemPublicKey(key) {
      looked++
      crypto.validateKemPublicKey(key)
    },
  }
  const proposals = new Map(offered.map((each) => [bytesToHex(each.ref), each]))
  const ctx = { crypto: counting, now }
  const made = await createCommit(ctx, { ...alice, proposals }, { proposalRefs: "all" })
  const taken = made.summary.proposals.map(({ ref }) => ref?.[0])
  // All good ones, and the latest of one client.
  expect(taken).toEqual(offered.map((_, i) => i).filter((i) => i % 2 === 0 || i === 125))
  // At both keys of a KeyPackage: 738 times, and 8,710 with an attempt for each bad one beside the good ones.
  expect(looked).toBeLessThan(2 * MANY * Math.log2(MANY))
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
