// draft-ietf-mls-extensions-10 §6.1: AppAck.

import fc from "fast-check"
import { describe, expect, test } from "vitest"
import {
  type ReceivedMessages,
  appAck,
  decodeAppAck,
  lostMessages,
  receivedMessages,
  withReceived,
} from "./app-ack.ts"
import { createCommit } from "./commit-create.ts"
import { afterCommit, groupOf, testContext } from "./group.fixture.ts"
import { encryptApplication } from "./group.ts"
import { processMessage } from "./process.ts"
import { proposalTypes } from "./registry.ts"
import { leafIndex } from "./tree-math.ts"
import { bytes, hex } from "./vectors.fixture.ts"

const message = fc.tuple(fc.nat(2).map(leafIndex), fc.nat(12))
const messages = fc.array(message, { maxLength: 30 })
const key = (sender: number, generation: number) => `${sender}/${generation}`
const all = (received: ReceivedMessages) => decodeAppAck(appAck(received).data)

const taken = (each: readonly (readonly [ReturnType<typeof leafIndex>, number])[]) =>
  each.reduce<ReceivedMessages>(
    (received, [sender, generation]) => withReceived(received, sender, generation),
    new Map(),
  )

/** Every message that ranges name, one by one. */
const named = (ranges: ReturnType<typeof decodeAppAck>) =>
  ranges.flatMap(({ sender, firstGeneration, lastGeneration }) =>
    Array.from({ length: lastGeneration - firstGeneration + 1 }, (_, i) =>
      key(sender, firstGeneration + i),
    ),
  )

describe("against sets of single messages", () => {
  test("ranges name what was received, each once, ascending, and none touches the next", () => {
    fc.assert(
      fc.property(messages, (each) => {
        const ranges = all(taken(each))
        const expected = new Set(each.map(([sender, generation]) => key(sender, generation)))
        expect(named(ranges).sort()).toEqual([...expected].sort())
        ranges.forEach((range, i) => {
          const before = ranges[i - 1]
          if (before === undefined) return
          const follows =
            before.sender < range.sender ||
            (before.sender === range.sender && before.lastGeneration + 1 < range.firstGeneration)
          expect(follows).toBe(true)
        })
      }),
    )
  })

  test("lost is what the other names and we lack", () => {
    fc.assert(
      fc.property(messages, messages, (mine, theirs) => {
        const have = new Set(named(all(taken(mine))))
        const lost = lostMessages(taken(mine), all(taken(theirs)))
        const expected = named(all(taken(theirs))).filter((each) => !have.has(each))
        expect(named(lost).sort()).toEqual(expected.sort())
      }),
    )
  })

  test("ranges in any order, repeated and overlapping, are the same messages", () => {
    fc.assert(
      fc.property(messages, (each) => {
        const ranges = each.map(([sender, first]) => ({
          sender,
          firstGeneration: first,
          lastGeneration: first + 3,
        }))
        expect(new Set(named(all(receivedMessages(ranges))))).toEqual(new Set(named(ranges)))
      }),
    )
  })
})

test("a hostile AppAck: what it names a thousand times is lost once", () => {
  let received: ReceivedMessages = new Map()
  for (const generation of [0, 2, 4, 6]) received = withReceived(received, leafIndex(1), generation)
  const everything = { sender: leafIndex(1), firstGeneration: 0, lastGeneration: 2 ** 32 - 1 }
  const acknowledged = Array.from({ length: 5000 }, () => everything)
  expect(lostMessages(received, acknowledged)).toEqual([
    { sender: 1, firstGeneration: 1, lastGeneration: 1 },
    { sender: 1, firstGeneration: 3, lastGeneration: 3 },
    { sender: 1, firstGeneration: 5, lastGeneration: 5 },
    { sender: 1, firstGeneration: 7, lastGeneration: 2 ** 32 - 1 },
  ])
})

test("bytes of an AppAck", () => {
  const received = withReceived(withReceived(new Map(), leafIndex(2), 5), leafIndex(2), 6)
  expect(hex(appAck(received).data)).toBe("0c000000020000000500000006")
  expect(appAck(received).componentId).toBe(5)
  for (const wrong of ["0c000000020000000600000005", "0b0000000200000005000000", "00ff", ""]) {
    expect(() => decodeAppAck(bytes(wrong))).toThrow(expect.objectContaining({ code: "decode" }))
  }
})

test("an acknowledgement in a Commit shows the sender and a third member what was lost", async () => {
  const ctx = await testContext("webcrypto")
  const [a0, b0, c0] = await groupOf(ctx, ["a", "b", "c"])
  if (a0 === undefined || b0 === undefined || c0 === undefined) throw new Error("three members")
  let a = a0
  const sent: Uint8Array[] = []
  let ours: ReceivedMessages = new Map()
  for (const text of ["01", "02", "03", "04"]) {
    const made = await encryptApplication(ctx, a, bytes(text))
    ours = withReceived(ours, a.ownLeafIndex, made.generation)
    a = made.state
    sent.push(made.message)
  }
  // The delivery service drops the second on its way to b, and everything after the first on its way to c.
  const reading = async (state: typeof b0, indexes: readonly number[]) => {
    let received: ReceivedMessages = new Map()
    for (const index of indexes) {
      const result = await processMessage(ctx, state, sent[index] ?? bytes(""))
      if (result.kind !== "application") throw new Error("no message")
      received = withReceived(received, result.sender, result.generation)
      state = result.state
    }
    return { received, state }
  }
  const b = await reading(b0, [0, 3, 2])
  const c = await reading(c0, [0])
  const proposal = { proposalType: proposalTypes.appEphemeral, ...appAck(b.received) }
  const { commit, summary } = await createCommit(ctx, b.state, { proposals: [proposal] })
  const [committed] = summary.proposals
  if (committed?.proposal.proposalType !== proposalTypes.appEphemeral) throw new Error("no AppAck")
  const acknowledged = decodeAppAck(committed.proposal.data)
  expect(lostMessages(receivedMessages(acknowledged), all(ours))).toEqual([
    { sender: 0, firstGeneration: 1, lastGeneration: 1 },
  ])
  expect(lostMessages(c.received, acknowledged)).toEqual([
    { sender: 0, firstGeneration: 2, lastGeneration: 3 },
  ])
  expect((await afterCommit(ctx, a, commit)).groupContext.epoch).toBe(2n)
})
