// RFC 9420 §8.6, §9.2, §15.3: past epochs in a window.

import { beforeAll, describe, expect, test } from "vitest"
import { bytesToHex } from "./bytes.ts"
import { createCommit } from "./commit-create.ts"
import {
  type EpochWindow,
  advanceEpoch,
  openEpochWindow,
  processInWindow,
  windowPsks,
} from "./epoch-window.ts"
import { afterCommit, codeOf, groupOf, testContext } from "./group.fixture.ts"
import type { GroupState, MlsContext } from "./group-types.ts"
import { createProposal, encryptApplication } from "./group.ts"
import { processMessage } from "./process.ts"
import { proposalTypes } from "./registry.ts"
import { decodeGroupState, encodeGroupState } from "./state-codec.ts"

const EPOCHS = 4
let ctx: MlsContext
/** The sender's state in each epoch from 1, and the commit that ends it. */
let sender: GroupState[]
let commits: Uint8Array[]
let start: GroupState

beforeAll(async () => {
  ctx = await testContext("webcrypto")
  const [a, b] = (await groupOf(ctx, ["a", "b"])) as [GroupState, GroupState]
  start = b
  sender = [a]
  commits = []
  for (let i = 0; i < EPOCHS; i++) {
    const made = await createCommit(ctx, sender[i] ?? a)
    commits.push(made.commit)
    sender.push(made.next)
  }
}, 60_000)

const at = (index: number) => sender[index] ?? start
const say = async (index: number) =>
  (await encryptApplication(ctx, at(index), Uint8Array.of(index))).message

async function followed(retention?: Parameters<typeof advanceEpoch>[2]): Promise<EpochWindow> {
  let window = openEpochWindow(start)
  for (const commit of commits) {
    const { processed } = await processInWindow(ctx, window, commit)
    if (processed.kind !== "commit" || processed.next === undefined) throw new Error("no commit")
    window = advanceEpoch(window, processed.next, retention)
  }
  return window
}

describe("a window of two epochs", () => {
  test("late messages are read once, older ones no more", async () => {
    let window = await followed({ epochs: 2 })
    expect(window.past.map(({ groupContext }) => groupContext.epoch)).toEqual([4n, 3n])
    for (const index of [2, 3, EPOCHS]) {
      const message = await say(index)
      const taken = await processInWindow(ctx, window, message)
      if (taken.processed.kind !== "application") throw new Error("no message")
      expect(taken.processed.data).toEqual(Uint8Array.of(index))
      window = taken.window
      const again = window
      expect(await codeOf(() => processInWindow(ctx, again, message))).toBe("message_key_used")
    }
    const tooOld = await say(1)
    expect(await codeOf(() => processInWindow(ctx, window, tooOld))).toBe("wrong_epoch")
  })

  test("of a past epoch nothing but messages is taken", async () => {
    const window = await followed({ epochs: 2 })
    const last = commits.at(-1) ?? new Uint8Array()
    expect(await codeOf(() => processInWindow(ctx, window, last))).toBe("wrong_epoch")
  })
})

test("nobody gets from a past epoch to the messages that were read in the next", async () => {
  const [first] = commits
  if (first === undefined) throw new Error("no commit")
  const next = await afterCommit(ctx, start, first)
  const window = advanceEpoch(openEpochWindow(start), next)
  const [past] = window.past
  if (past === undefined) throw new Error("no past epoch")
  expect(await codeOf(() => processMessage(ctx, past, first))).toBe("membership_tag")
  expect(past.treePrivate.keys.size).toBe(0)
  const { epoch, messageKeys } = encodeGroupState(past)
  const stored = bytesToHex(epoch) + bytesToHex(messageKeys)
  const { initSecret, externalSecret, exporterSecret, resumptionPsk } = start.epochSecrets
  const gone = [initSecret, externalSecret, resumptionPsk, ...start.treePrivate.keys.values()]
  for (const secret of [...gone, start.signaturePrivateKey]) {
    expect(stored).not.toContain(bytesToHex(secret))
  }
  // What belonged to its messages can still be exported.
  expect(stored).toContain(bytesToHex(exporterSecret))
  expect(decodeGroupState({ epoch, messageKeys }).treePrivate).toEqual(past.treePrivate)
})

test("the key of an encrypted commit is used up, for who made it and for who got it", async () => {
  const founder = at(0)
  const made = await createCommit(ctx, founder, { wireFormat: "private" })
  const sent = advanceEpoch({ ...openEpochWindow(founder), current: made.state }, made.next)
  const before = openEpochWindow(start)
  const { processed, window } = await processInWindow(ctx, before, made.commit)
  if (processed.kind !== "commit" || processed.next === undefined) throw new Error("no commit")
  const received = advanceEpoch(window, processed.next)
  for (const past of [window.current, ...sent.past, ...received.past]) {
    expect(await codeOf(() => processMessage(ctx, past, made.commit))).toBe("message_key_used")
  }
  // Nothing else has changed, neither here nor in a window before a commit in a PublicMessage.
  expect(window).toEqual({ ...before, current: processed.state })
  const open = await processInWindow(ctx, before, commits[0] ?? new Uint8Array())
  expect(open.window.current).toBe(start)
})

test("resumption PSKs of kept epochs, and no others; then those of the caller", async () => {
  const window = await followed({ epochs: 0, resumptionPsks: 2 })
  expect(window.past).toEqual([])
  const { groupId } = start.groupContext
  const id = (pskEpoch: bigint, pskGroupId = groupId) => ({
    kind: "resumption" as const,
    usage: "application" as const,
    pskGroupId,
    pskEpoch,
    pskNonce: new Uint8Array(32),
  })
  const store = windowPsks(window, { psk: () => Uint8Array.of(9) })
  expect(await store.psk(id(4n))).toEqual(at(3).epochSecrets.resumptionPsk)
  expect(await store.psk(id(3n))).toEqual(at(2).epochSecrets.resumptionPsk)
  for (const other of [id(2n), id(4n, Uint8Array.of(1))]) {
    expect(await store.psk(other)).toEqual(Uint8Array.of(9))
    expect(await windowPsks(window).psk(other)).toBeUndefined()
  }

  // A commit that injects the PSK of the epoch before last, as both sides keep it.
  const asking = { ...ctx, psks: windowPsks(window) }
  const psk = { ...id(3n), pskNonce: ctx.crypto.random(32) }
  const made = await createCommit(asking, at(EPOCHS), {
    proposals: [{ proposalType: proposalTypes.psk, psk }],
  })
  const { processed } = await processInWindow(ctx, window, made.commit)
  if (processed.kind !== "commit") throw new Error("no commit")
  expect(processed.next?.epochSecrets).toEqual(made.next.epochSecrets)
})

test("a proposal of the current epoch is kept in the window", async () => {
  const window = openEpochWindow(start)
  const remove = { proposalType: proposalTypes.remove, removed: 1 }
  const { message } = await createProposal(ctx, at(0), remove)
  const taken = await processInWindow(ctx, window, message)
  expect(taken.window.current.proposals.size).toBe(1)
  expect(window.current.proposals.size).toBe(0)
})
