// RFC 9420 §12.4.3.1: joining a large group goes on in parts; what each operation costs grows with the path, not the group.

import { expect, test } from "vitest"
import { createCommit } from "./commit-create.ts"
import { groupOf, keyPackageOf, add, testContext } from "./group.fixture.ts"
import { createGroup } from "./group.ts"
import type { GroupState, MlsContext } from "./group-types.ts"
import type { OwnKeyPackage } from "./key-package.ts"
import { processMessage } from "./process.ts"
import { joinGroup } from "./welcome.ts"

/** Operations of a context's cryptography, by name. */
type Counts = Record<"hash" | "verify" | "seal" | "keyPair", number>

function counting(ctx: MlsContext): { readonly ctx: MlsContext; readonly counts: Counts } {
  const { crypto } = ctx
  const counts: Counts = { hash: 0, verify: 0, seal: 0, keyPair: 0 }
  return {
    counts,
    ctx: {
      ...ctx,
      crypto: {
        ...crypto,
        hash: (data) => {
          counts.hash++
          return crypto.hash(data)
        },
        verify: (check) => {
          counts.verify++
          return crypto.verify(check)
        },
        verifyAll: (checks) => {
          counts.verify += checks.length
          return crypto.verifyAll(checks)
        },
        encryptAllWithLabel: (label, context, recipients) => {
          counts.seal += recipients.length
          return crypto.encryptAllWithLabel(label, context, recipients)
        },
        deriveKemKeyPair: (ikm) => {
          counts.keyPair++
          return crypto.deriveKemKeyPair(ikm)
        },
      },
    },
  }
}

async function packages(ctx: MlsContext, count: number): Promise<OwnKeyPackage[]> {
  return Promise.all(Array.from({ length: count }, (_, i) => keyPackageOf(ctx.crypto, `m${i}`)))
}

async function built(ctx: MlsContext, own: readonly OwnKeyPackage[]) {
  const [founder, ...others] = own
  const last = own.at(-1)
  if (founder === undefined || last === undefined) throw new Error("nobody")
  const groupId = new TextEncoder().encode("large")
  const empty = await createGroup(ctx, { groupId, keyPackage: founder, extensions: [] })
  const { next, welcome } = await createCommit(ctx, empty, { proposals: others.map(add) })
  if (welcome === undefined) throw new Error("no Welcome")
  return { founder: next, welcome, last }
}

/** Whoever is asked for commits with a path; the other two follow. */
async function afterCommit(ctx: MlsContext, states: readonly GroupState[], committer: number) {
  const from = states[committer]
  if (from === undefined) throw new Error("no such member")
  const { commit, next } = await createCommit(ctx, from, { forcePath: true })
  return Promise.all(
    states.map(async (state, i) => {
      if (i === committer) return next
      const result = await processMessage(ctx, state, commit)
      if (result.kind !== "commit" || result.next === undefined) throw new Error("no Commit")
      return result.next
    }),
  )
}

/** What one Commit costs its maker and one receiver, in a group in which all parents are filled. */
async function costOfCommit(plain: MlsContext, members: number): Promise<Counts[]> {
  const ctx = plain
  let states = await groupOf(
    ctx,
    Array.from({ length: members }, (_, i) => `member ${i}`),
  )
  // From the right, so that each finds the other half filled.
  for (let i = members - 1; i > 0; i -= 2) states = await afterCommit(ctx, states, i)
  const [first] = states
  const last = states.at(-1)
  if (first === undefined || last === undefined) throw new Error("nobody")
  const [making, taking] = [counting(ctx), counting(ctx)]
  const { commit } = await createCommit(making.ctx, first, { forcePath: true })
  await processMessage(taking.ctx, last, commit)
  return [making.counts, taking.counts]
}

test("in a filled tree the cost of a Commit grows with the height of the tree", async () => {
  const ctx = await testContext("webcrypto")
  const small = await costOfCommit(ctx, 4)
  const large = await costOfCommit(ctx, 16)
  const [making, taking] = large
  // One ciphertext for each node of the path: 2 and 4 high.
  expect(small.map(({ seal }) => seal)).toEqual([2, 0])
  expect(large.map(({ seal }) => seal)).toEqual([4, 0])
  expect(making?.verify).toBe(0)
  // The message's and the leaf's.
  expect(taking?.verify).toBe(2)
  for (const [i, counts] of large.entries()) {
    // A level costs a node's tree hash and a parent hash; four times the members are two levels.
    const more = counts.hash - (small[i]?.hash ?? 0)
    expect(more).toBeGreaterThan(0)
    expect(more).toBeLessThanOrEqual(2 * 3)
    expect(counts.hash).toBeLessThan(32)
  }
})

test("building and joining cost each member the same in groups of any size", async () => {
  const ctx = await testContext("webcrypto")
  const own = await packages(ctx, 100)
  const perMember = async (size: number) => {
    const [building, joining] = [counting(ctx), counting(ctx)]
    const { welcome, last } = await built(building.ctx, own.slice(0, size))
    const seen: (readonly [number, number])[] = []
    const onProgress = (done: number, total: number) => {
      seen.push([done, total])
    }
    await joinGroup(joining.ctx, { welcome, keyPackages: [last], onProgress })
    expect(building.counts.seal).toBe(size - 1)
    expect(building.counts.verify).toBe(2 * (size - 1))
    // One for each leaf, and the GroupInfo's.
    expect(joining.counts.verify).toBe(size + 1)
    expect(seen[0]?.[0]).toBe(0)
    expect(seen.at(-1)).toEqual([seen[0]?.[1], seen[0]?.[1]])
    return [building.counts.hash / size, joining.counts.hash / size]
  }
  const small = await perMember(25)
  const large = await perMember(100)
  for (const [i, hashes] of large.entries()) {
    expect(hashes).toBeLessThan((small[i] ?? 0) * 1.5)
    expect(hashes).toBeLessThan(8)
  }
})

test("while a large group is built and joined, others have their turn in the thread", async () => {
  // Of noble every result is there at once, as it is of WebCrypto in some engines: to await it is no turn.
  const ctx = await testContext("noble")
  const own = await packages(ctx, 130)
  let turns = 0
  let pending = setImmediate(function count() {
    turns++
    pending = setImmediate(count)
  })
  const { welcome, last } = await built(ctx, own)
  const building = turns
  const seen: number[] = []
  const onProgress = () => {
    seen.push(turns)
  }
  await joinGroup(ctx, { welcome, keyPackages: [last], onProgress })
  clearImmediate(pending)
  // Two batches of recipients and the rest.
  expect(building).toBeGreaterThanOrEqual(2)
  // A turn after each part of the leaves, however soon it was verified.
  expect(seen.length).toBeGreaterThan(2)
  for (const [i, at] of seen.entries()) if (i > 0) expect(at).toBeGreaterThan(seen[i - 1] ?? at)
})

test("joining ends where the caller wants it to", async () => {
  const ctx = await testContext("webcrypto")
  const { welcome, last } = await built(ctx, await packages(ctx, 3))
  const controller = new AbortController()
  const joining = joinGroup(ctx, {
    welcome,
    keyPackages: [last],
    signal: controller.signal,
    onProgress: () => {
      controller.abort()
    },
  })
  await expect(joining).rejects.toMatchObject({ code: "aborted" })
})
