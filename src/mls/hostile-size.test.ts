// What a message of 64 KB can make us allocate, at most: the worst that we know of each kind, from outside and from a
// malicious member. `npm run bench:hostile` says how long each takes.

import { expect, test } from "vitest"
import { MlsError } from "./error.ts"
import type { Extension } from "./extensions.ts"
import { groupOf, testContext } from "./group.fixture.ts"
import { allocatedBy } from "./heap.fixture.ts"
import {
  SIZE,
  blankGroup,
  fromMembers,
  fromOutside,
  leafOfManyExtensions,
} from "./hostile-size.fixture.ts"
import { processMessage } from "./process.ts"
import { inspectGroup } from "./public-group.ts"

/** Of 64 KB, a thousand times as much. */
const MOST = 64 * 2 ** 20

test.each(Object.entries(fromOutside))("%s", async (title, read) => {
  await expectBounded(title, () => {
    try {
      read()
    } catch (error) {
      if (!(error instanceof MlsError)) throw error
    }
  })
})

async function live(groupExtensions: readonly Extension[] = []) {
  const ctx = await testContext("webcrypto")
  const [alice, bob] = await groupOf(ctx, ["alice", "bob"], groupExtensions)
  if (alice === undefined || bob === undefined) throw new Error("two members")
  return { ctx, alice, bob }
}

test.each(fromMembers)("a member's commit with $title: $code", async (attack) => {
  const { title, code, commit } = attack
  const { ctx, alice, bob } = await live(attack.groupExtensions)
  const sent = await commit(ctx, alice)
  expect(sent.length).toBeLessThanOrEqual(SIZE + 1024)
  await expectBounded(title, async () => {
    await expect(processMessage(ctx, bob, sent)).rejects.toMatchObject({ code })
  })
})

test("a leaf with 10,000 extensions", async () => {
  const { ctx } = await live()
  await expectBounded("leaf", await leafOfManyExtensions(ctx))
})

test("inspecting a group with a tree of 60,000 blank nodes", async () => {
  const { ctx } = await live()
  const groupInfo = await blankGroup(ctx)
  expect(groupInfo.length).toBeLessThanOrEqual(SIZE)
  await expectBounded("tree", async () => {
    expect((await inspectGroup(ctx, groupInfo)).members).toHaveLength(1)
  })
})

/**
 * A sample is taken for a kilobyte or so, and a message that is refused at once may get none: what is allocated beside it
 * shows that samples are taken. An object has 16 bytes at least.
 */
const WITNESSES = 10_000
let witness: readonly unknown[] = []

async function expectBounded(title: string, run: () => Promise<void> | void): Promise<void> {
  const before = process.memoryUsage().arrayBuffers
  await run()
  const outside = process.memoryUsage().arrayBuffers - before
  const allocated = await allocatedBy(async () => {
    witness = Array.from({ length: WITNESSES }, () => ({ title }))
    await run()
  })
  expect(witness).toHaveLength(WITNESSES)
  expect(allocated, title).toBeGreaterThan(16 * WITNESSES)
  expect(allocated, title).toBeLessThan(MOST)
  expect(outside, title).toBeLessThan(MOST)
}
