// What a message of 64 KB can make us allocate, at most: the worst that we know of each kind, from outside and from a
// malicious member. `BURROW_HOSTILE=full` prints what each takes, in milliseconds of the processor at its first time.

import { expect, test } from "vitest"
import { Writer } from "./codec.ts"
import { MlsError } from "./error.ts"
import { forgeCommit, groupOf, keyPackageOf, testContext } from "./group.fixture.ts"
import type { GroupState, MlsContext } from "./group-types.ts"
import { allocatedBy } from "./heap.fixture.ts"
import { decodeMlsMessage } from "./message.ts"
import { processMessage } from "./process.ts"
import { inspectGroup } from "./public-group.ts"
import { decodeRatchetTree } from "./ratchet-tree-codec.ts"
import { proposalTypes, protocolVersions, wireFormats } from "./registry.ts"

const SIZE = 65_536
/** Of 64 KB, a thousand times as much. */
const MOST = 64 * 2 ** 20

const EMPTY = new Uint8Array()

/** A vector with as many of these items as 64 KB hold. */
function filled(item: (writer: Writer, index: number) => void): Uint8Array {
  const items = new Writer()
  for (let i = 0; items.view().length < SIZE - 600; i++) item(items, i)
  return items.finish()
}

function message(wireFormat: number, body: (writer: Writer) => void): Uint8Array {
  const writer = new Writer()
  writer.u16(protocolVersions.mls10)
  writer.u16(wireFormat)
  body(writer)
  return writer.finish()
}

function keyPackage(parts: {
  readonly certificates?: Uint8Array
  readonly types?: Uint8Array
  readonly extensions?: Uint8Array
}): Uint8Array {
  return message(wireFormats.keyPackage, (w) => {
    w.u16(1)
    w.u16(1)
    for (let i = 0; i < 3; i++) w.opaque(EMPTY)
    w.u16(parts.certificates === undefined ? 1 : 2)
    w.opaque(parts.certificates ?? EMPTY)
    w.opaque(parts.types ?? EMPTY)
    for (let i = 0; i < 4; i++) w.opaque(EMPTY)
    w.u8(2)
    w.opaque(parts.extensions ?? EMPTY)
    w.opaque(EMPTY)
    w.opaque(EMPTY)
    w.opaque(EMPTY)
  })
}

const extensions = () =>
  filled((w, i) => {
    w.u16(i)
    w.opaque(EMPTY)
  })

/** Bytes that claim a vector of 2^30-1 bytes wherever one may begin. */
const claims = (wireFormat: number) =>
  message(wireFormat, (w) => {
    for (let i = 0; i < 16; i++) w.u32(0xbfffffff)
  })

const FROM_OUTSIDE: Readonly<Record<string, () => unknown>> = {
  "a Welcome for 20,000": () =>
    decodeMlsMessage(
      message(wireFormats.welcome, (w) => {
        w.u16(1)
        w.opaque(filled((each) => each.fixed(new Uint8Array(3))))
        w.opaque(EMPTY)
      }),
    ),
  "a KeyPackage with 20,000 extensions": () =>
    decodeMlsMessage(keyPackage({ extensions: extensions() })),
  "a KeyPackage with 60,000 certificates": () =>
    decodeMlsMessage(keyPackage({ certificates: filled((w) => w.opaque(EMPTY)) })),
  "a KeyPackage with 30,000 capabilities": () =>
    decodeMlsMessage(keyPackage({ types: filled((w, i) => w.u16(i)) })),
  "a tree of 60,000 blank nodes": () => decodeRatchetTree(tree()),
  ...Object.fromEntries(
    Object.entries(wireFormats).map(([name, format]) => [
      `a ${name} with lengths of a gigabyte`,
      () => decodeMlsMessage(claims(format)),
    ]),
  ),
}

/** Blank but for its last node, a leaf that says nothing. */
function tree(): Uint8Array {
  const nodes = new Writer()
  for (let i = 0; i < 60_000; i++) nodes.u8(0)
  nodes.u8(1)
  nodes.u8(1)
  nodes.fixed(Uint8Array.from([0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 2, 0, 0]))
  const writer = new Writer()
  writer.opaque(nodes.view())
  return writer.finish()
}

test.each(Object.entries(FROM_OUTSIDE))("%s", async (title, read) => {
  await expectBounded(title, () => {
    try {
      read()
    } catch (error) {
      if (!(error instanceof MlsError)) throw error
    }
  })
})

let made: Promise<{ ctx: MlsContext; alice: GroupState; bob: GroupState }> | undefined
const live = () =>
  (made ??= testContext("webcrypto").then(async (ctx) => {
    const [alice, bob] = await groupOf(ctx, ["alice", "bob"])
    if (alice === undefined || bob === undefined) throw new Error("two members")
    return { ctx, alice, bob }
  }))

test.each([
  {
    title: "30,000 references to proposals",
    code: "unknown_proposal",
    forged: { proposals: Array.from({ length: 30_000 }, () => EMPTY) },
  },
  {
    title: "9,000 Removes",
    code: "leaf_conflict",
    forged: {
      proposals: Array.from({ length: 9_000 }, () => ({
        proposalType: proposalTypes.remove,
        removed: 1,
      })),
    },
  },
  {
    title: "20,000 group extensions",
    code: "extension_unsupported",
    forged: {
      proposals: [
        {
          proposalType: proposalTypes.groupContextExtensions,
          extensions: Array.from({ length: 20_000 }, (_, i) => ({ type: i + 0x0a00, data: EMPTY })),
        },
      ],
    },
  },
])("a member's commit with $title: $code", async ({ title, code, forged }) => {
  const { ctx, alice, bob } = await live()
  const commit = await forgeCommit(ctx, alice, forged)
  expect(commit.length).toBeLessThanOrEqual(SIZE + 1024)
  await expectBounded(title, async () => {
    await expect(processMessage(ctx, bob, commit)).rejects.toMatchObject({ code })
  })
})

test("a member's commit with a path of 20,000 nodes: path_length", async () => {
  const { ctx, alice, bob } = await live()
  const { leafNode } = (await keyPackageOf(ctx.crypto, "alice")).keyPackage
  const nodes = Array.from({ length: 20_000 }, () => ({
    encryptionKey: EMPTY,
    encryptedPathSecret: [],
  }))
  const commit = await forgeCommit(ctx, alice, { path: { leafNode, nodes } })
  await expectBounded("path", async () => {
    await expect(processMessage(ctx, bob, commit)).rejects.toMatchObject({ code: "path_length" })
  })
})

test("inspecting a group with a tree of 60,000 blank nodes", async () => {
  const { ctx, alice } = await live()
  const groupInfo = message(wireFormats.groupInfo, (w) => {
    w.u16(1)
    w.u16(1)
    w.opaque(alice.groupContext.groupId)
    w.u64(1n)
    for (let i = 0; i < 4; i++) w.opaque(EMPTY)
    w.opaque(EMPTY)
    w.u32(30_000)
    w.opaque(EMPTY)
  })
  await expectBounded("tree", async () => {
    await expect(inspectGroup(ctx, groupInfo, tree())).rejects.toBeInstanceOf(MlsError)
  })
})

async function expectBounded(title: string, run: () => Promise<void> | void): Promise<void> {
  const before = process.memoryUsage().arrayBuffers
  const start = process.cpuUsage()
  await run()
  const { user } = process.cpuUsage(start)
  const outside = process.memoryUsage().arrayBuffers - before
  const allocated = await allocatedBy(run)
  if (process.env["BURROW_HOSTILE"] === "full") {
    const kilobytes = Math.round(allocated / 1024)
    process.stdout.write(`${title}: ${(user / 1000).toFixed(1)} ms, ${kilobytes} KB\n`)
  }
  expect(allocated).toBeGreaterThan(0)
  expect(allocated).toBeLessThan(MOST)
  expect(outside).toBeLessThan(MOST)
}
