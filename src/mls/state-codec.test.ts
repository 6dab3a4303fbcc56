// The stored form of group states: what is read back is the same value, and damage is noticed.

import { beforeAll, describe, expect, test } from "vitest"
import { createCommit } from "./commit-create.ts"
import { MlsError } from "./error.ts"
import {
  add,
  afterCommit,
  afterProposal,
  codeOf,
  groupOf,
  keyPackageOf,
  required,
  testContext,
  stored,
} from "./group.fixture.ts"
import {
  createProposal,
  createUpdateProposal,
  encryptApplication,
  safeExportSecret,
} from "./group.ts"
import type { EncodedGroupState, GroupState, MlsContext } from "./group-types.ts"
import { processMessage } from "./process.ts"
import { proposalTypes } from "./registry.ts"
import { decodeGroupState } from "./state-codec.ts"

let ctx: MlsContext
let state: GroupState
let peer: GroupState
let encoded: EncodedGroupState

beforeAll(async () => {
  ctx = await testContext("noble", "state codec")
  const states = await groupOf(ctx, ["a", "b", "c"], [required])
  ;[state, peer] = states as [GroupState, GroupState]
  const removal = await createProposal(ctx, peer, {
    proposalType: proposalTypes.remove,
    removed: 2,
  })
  state = await afterProposal(ctx, state, removal.message)
  state = (await createUpdateProposal(ctx, state)).state
  const { message } = await encryptApplication(ctx, peer, new Uint8Array([1]))
  const read = await processMessage(ctx, state, message)
  if (read.kind === "commit") throw new Error("no application message")
  state = read.state
  encoded = stored(state)
})

test("a state is read back with all that it holds", async () => {
  const restored = decodeGroupState(encoded)
  expect(stored(restored)).toEqual(encoded)
  expect(restored.groupContext).toEqual(state.groupContext)
  expect(restored.proposals).toEqual(state.proposals)
  expect(restored.secretTree).toEqual(state.secretTree)
  const { commit, next } = await createCommit(ctx, peer)
  expect((await afterCommit(ctx, restored, commit)).groupContext).toEqual(next.groupContext)
})

test("a cached proposal can still be committed, our own Update by others", async () => {
  const { commit, summary } = await createCommit(ctx, decodeGroupState(encoded), {
    proposalRefs: "all",
  })
  expect(summary.removed.map((member) => member.leafIndex)).toEqual([2])
  expect(await codeOf(() => processMessage(ctx, peer, commit))).toBe("unknown_proposal")
  const update = await createUpdateProposal(ctx, state)
  const committer = await afterProposal(ctx, peer, update.message)
  const made = await createCommit(ctx, committer, { proposalRefs: "all" })
  const own = decodeGroupState(stored(update.state))
  expect((await afterCommit(ctx, own, made.commit)).groupContext).toEqual(made.next.groupContext)
  const withoutKeys = await afterProposal(ctx, state, update.message)
  expect(await codeOf(() => processMessage(ctx, withoutKeys, made.commit))).toBe("own_update_keys")
})

test("a message changes the message keys alone, a proposal the epoch alone", async () => {
  const talkative = { ...ctx, commitBeforeSending: false }
  const sent = stored((await encryptApplication(talkative, state, new Uint8Array())).state)
  expect(sent.epoch).toEqual(encoded.epoch)
  expect(sent.messageKeys).not.toEqual(encoded.messageKeys)
  const proposal = { proposalType: proposalTypes.selfRemove }
  const proposed = stored((await createProposal(ctx, state, proposal)).state)
  expect(proposed.epoch).not.toEqual(encoded.epoch)
  expect(proposed.messageKeys).toEqual(encoded.messageKeys)
})

test("a reinitialised group stays so", async () => {
  const { next } = await createCommit(ctx, peer, {
    proposals: [
      {
        proposalType: proposalTypes.reinit,
        groupId: new Uint8Array([1]),
        version: 1,
        cipherSuite: 1,
        extensions: [],
      },
    ],
  })
  const { groupId, cipherSuite, version, extensions } = next.reInit ?? {}
  expect(version).toBe(1)
  expect(next.reInit).toEqual({ groupId, cipherSuite, version, extensions })
  expect(decodeGroupState(stored(next)).reInit).toEqual(next.reInit)
})

describe("state_decode", () => {
  const decoding = (changes: Partial<EncodedGroupState>) =>
    codeOf(() => decodeGroupState({ ...encoded, ...changes }))

  test("another version", async () => {
    const [epoch, messageKeys] = [encoded.epoch.slice(), encoded.messageKeys.slice()]
    for (const [epochFormat, keysFormat] of [
      [3, 2],
      [0, 0],
    ] as const) {
      epoch[1] = epochFormat
      messageKeys[1] = keysFormat
      expect(await decoding({ epoch })).toBe("state_decode")
      expect(await decoding({ messageKeys })).toBe("state_decode")
    }
  })
  test("the first format, without an exporter tree, is read: no component gets a secret from it", () => {
    // The tree's vector: one byte for its length, then the root and a secret of 32 bytes.
    const epoch = encoded.epoch.slice(0, -38).with(1, 1)
    const old = decodeGroupState({ epoch, messageKeys: encoded.messageKeys })
    expect(old).toEqual({ ...decodeGroupState(encoded), exporterTree: { subtrees: new Map() } })
    expect(() => safeExportSecret(ctx.crypto, old, 1)).toThrow(
      expect.objectContaining({ code: "component_secret_used" }),
    )
  })
  test("halves of different epochs, groups or sizes", async () => {
    const added = await keyPackageOf(ctx.crypto, "d")
    const { next } = await createCommit(ctx, peer, { proposals: [add(added)] })
    const { messageKeys } = stored(next)
    expect(await decoding({ messageKeys })).toBe("state_decode")
    const groupContext = { ...peer.groupContext, groupId: new Uint8Array([7]) }
    const other = stored({ ...peer, groupContext })
    expect(await decoding({ messageKeys: other.messageKeys })).toBe("state_decode")
  })
  test("every truncation, and damage in general, gives a typed error or a value", () => {
    let refused = 0
    const attempt = (changes: Partial<EncodedGroupState>) => {
      try {
        decodeGroupState({ ...encoded, ...changes })
      } catch (error) {
        if (!(error instanceof MlsError)) throw error
        expect(error.code).toBe("state_decode")
        refused++
      }
    }
    const { epoch, messageKeys } = encoded
    for (let i = 0; i < epoch.length; i += 7) attempt({ epoch: epoch.subarray(0, i) })
    for (let i = 0; i < messageKeys.length; i++)
      attempt({ messageKeys: messageKeys.subarray(0, i) })
    expect(refused).toBe(Math.ceil(epoch.length / 7) + messageKeys.length)
    for (let i = 0; i < epoch.length; i += 3) {
      const damaged = epoch.slice()
      damaged[i] = (damaged[i] ?? 0) ^ 0x55
      attempt({ epoch: damaged })
    }
    for (let i = 0; i < messageKeys.length; i++) {
      const damaged = messageKeys.slice()
      damaged[i] = (damaged[i] ?? 0) ^ 0xff
      attempt({ messageKeys: damaged })
    }
  })
})
