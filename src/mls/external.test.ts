// RFC 9420 §12.4.3.2: external commits, good ones and ones that break each rule.

import { beforeAll, describe, expect, test } from "vitest"
import { appDataDictionary, appDataExtension, componentIds, encodeSafeAad } from "./app-data.ts"
import { createCommit } from "./commit-create.ts"
import { joinByExternalCommit } from "./external.ts"
import {
  type Backend,
  afterCommit,
  afterProposal,
  backends,
  capabilities,
  codeOf,
  forgeExternalCommit,
  forgeMessage,
  groupOf,
  testContext,
} from "./group.fixture.ts"
import { exportGroupInfo } from "./group-info.ts"
import { createProposal, leafNodeOf, members } from "./group.ts"
import type { GroupState, JoinExternallyOptions, MlsContext } from "./group-types.ts"
import { decodeMlsMessage } from "./message.ts"
import { processMessage } from "./process.ts"
import type { Proposal } from "./proposal-codec.ts"
import { contentTypes, proposalTypes, wireFormats } from "./registry.ts"
import { leafIndex } from "./tree-math.ts"
import type { UpdatePath } from "./update-path.ts"

const all = { externalPub: true, ratchetTree: true }
const remove = (removed: number): Proposal => ({ proposalType: proposalTypes.remove, removed })
const selfRemove: Proposal = { proposalType: proposalTypes.selfRemove }

describe.each(backends)("external commits, %s", (backend: Backend) => {
  let ctx: MlsContext
  let inside: GroupState
  let other: GroupState
  let groupInfo: Uint8Array
  let joining: JoinExternallyOptions
  /** Of a good external commit. */
  let path: UpdatePath
  let kemOutput: Uint8Array

  beforeAll(async () => {
    ctx = await testContext(backend, "external")
    const states = await groupOf(ctx, ["a", "b", "c"])
    ;[inside, other] = states as [GroupState, GroupState]
    groupInfo = await exportGroupInfo(ctx, inside, all)
    joining = {
      groupInfo,
      credential: { kind: "basic", identity: new TextEncoder().encode("newcomer") },
      capabilities,
      signatureKeyPair: await ctx.crypto.generateSignatureKeyPair(),
    }
    const message = decodeMlsMessage((await joinByExternalCommit(ctx, joining)).commit)
    if (message.wireFormat !== wireFormats.publicMessage) throw new Error("no PublicMessage")
    const { content } = message.publicMessage
    if (content.contentType !== contentTypes.commit) throw new Error("no commit")
    const [first] = content.commit.proposals
    if (first?.kind !== "proposal" || content.commit.path === undefined) throw new Error("commit")
    if (first.proposal.proposalType !== proposalTypes.externalInit) throw new Error("no init")
    ;({ kemOutput } = first.proposal)
    ;({ path } = content.commit)
  })

  const externalInit = (): Proposal => ({ proposalType: proposalTypes.externalInit, kemOutput })

  const verdict = async (proposals: readonly (Proposal | Uint8Array)[], withPath = true) => {
    const message = await forgeExternalCommit(ctx, inside, {
      proposals,
      ...(withPath && { path }),
      signaturePrivateKey: joining.signatureKeyPair.privateKey,
    })
    return codeOf(() => processMessage(ctx, inside, message))
  }

  test("one joins; the others go on with it", async () => {
    const { commit, state } = await joinByExternalCommit(ctx, joining)
    const result = await processMessage(ctx, inside, commit)
    if (result.kind !== "commit" || result.next === undefined) throw new Error("no next epoch")
    expect(result.commit).toMatchObject({
      external: true,
      committer: 3,
      hasPath: true,
      removed: [],
    })
    expect(result.commit.committerLeaf.credential).toEqual(joining.credential)
    expect(state.epochSecrets).toEqual(result.next.epochSecrets)
    const next = await createCommit(ctx, state)
    expect((await afterCommit(ctx, result.next, next.commit)).groupContext).toEqual(
      next.next.groupContext,
    )
  })
  test("resync: the former leaf goes with the same commit", async () => {
    const resync = { ...joining, credential: leafNodeOf(inside, leafIndex(1)).credential }
    const made = await joinByExternalCommit(ctx, { ...resync, resync: leafIndex(1) })
    expect(made.state.ownLeafIndex).toBe(1)
    const result = await processMessage(ctx, inside, made.commit)
    if (result.kind !== "commit" || result.next === undefined) throw new Error("no next epoch")
    expect(result.commit.removed.map((member) => member.leafIndex)).toEqual([1])
    expect(result.next.groupContext).toEqual(made.state.groupContext)
    // The one that was replaced sees that it is out.
    const former = await processMessage(ctx, other, made.commit)
    expect(former.kind === "commit" && former.next).toBeUndefined()
    const strict = { ...ctx, auth: { validate: () => undefined, validSuccessor: () => false } }
    expect(await codeOf(() => processMessage(strict, inside, made.commit))).toBe(
      "credential_successor",
    )
  })
  test("resync: nobody removes another member by joining", async () => {
    const another = { ...joining, resync: leafIndex(1) }
    expect(await codeOf(() => joinByExternalCommit(ctx, another))).toBe("credential_successor")
    // Made by one who does not look.
    const careless = { ...ctx, auth: { validate: () => undefined, validSuccessor: () => true } }
    const { commit } = await joinByExternalCommit(careless, another)
    expect(await codeOf(() => processMessage(ctx, inside, commit))).toBe("credential_successor")
    const knowing = { ...ctx, auth: { validate: () => undefined, memberId: () => "the same" } }
    const result = await processMessage(knowing, inside, commit)
    expect(result.kind === "commit" && result.next).toBeDefined()
  })
  test("resync: not with the encryption key of the former leaf", async () => {
    const former = leafNodeOf(inside, leafIndex(1))
    const keys = [{ publicKey: former.encryptionKey, privateKey: new Uint8Array(32) }]
    const generateKemKeyPair = async () => keys.pop() ?? ctx.crypto.generateKemKeyPair()
    const repeating = { ...ctx, crypto: { ...ctx.crypto, generateKemKeyPair } }
    const resync = { ...joining, credential: former.credential, resync: leafIndex(1) }
    const { commit } = await joinByExternalCommit(repeating, resync)
    expect(keys).toEqual([])
    expect(await codeOf(() => processMessage(ctx, inside, commit))).toBe(
      "leaf_encryption_key_unchanged",
    )
  })
  test("SelfRemove by reference, AppDataUpdate and a PSK come along", async () => {
    const secret = new Uint8Array(32).fill(4)
    const knowing = { ...ctx, psks: { psk: () => secret } }
    const leaving = await createProposal(ctx, other, selfRemove)
    const update = new Uint8Array([1])
    const made = await joinByExternalCommit(knowing, {
      ...joining,
      selfRemoves: [leaving.message],
      psks: [{ kind: "external", pskId: secret, pskNonce: secret }],
      proposals: [{ proposalType: proposalTypes.appDataUpdate, componentId: 0x8001, update }],
    })
    expect(await codeOf(() => processMessage(knowing, inside, made.commit))).toBe(
      "unknown_proposal",
    )
    const next = await afterCommit(
      knowing,
      await afterProposal(ctx, inside, leaving.message),
      made.commit,
    )
    expect(next.groupContext).toEqual(made.state.groupContext)
    expect(appDataDictionary(next.groupContext.extensions)?.get(0x8001)).toEqual(update)
    expect([...members(next)].map((member) => member.leafIndex)).toEqual([0, 1, 2])
    expect(leafNodeOf(next, leafIndex(1)).credential).toEqual(joining.credential)
  })
  test("what is offered as a SelfRemove must be one, by its sender", async () => {
    const offer = (message: Uint8Array) =>
      codeOf(() => joinByExternalCommit(ctx, { ...joining, selfRemoves: [message] }))
    const removing = await createProposal(ctx, other, remove(0))
    expect(await offer(removing.message)).toBe("external_commit_reference")
    expect(await offer((await createCommit(ctx, other)).commit)).toBe("external_commit_type")
    const leaving = await createProposal({ ...ctx }, other, selfRemove)
    const forged = { ...other, signaturePrivateKey: inside.signaturePrivateKey }
    expect(await offer((await createProposal(ctx, forged, selfRemove)).message)).toBe(
      "signature_invalid",
    )
    expect(await offer(leaving.message)).toBe("nothing thrown")
    expect(await offer(groupInfo)).toBe("self_remove_encrypted")
  })

  test("safe_aad: a SelfRemove that members refuse is not committed: none of them could follow", async () => {
    const dictionary = appDataExtension(new Map([[componentIds.safeAad, new Uint8Array(1)]]))
    const [leaver] = await groupOf(ctx, ["leaver"], [dictionary])
    if (leaver === undefined) throw new Error("no group")
    const safeAad = encodeSafeAad([])
    const body = { contentType: contentTypes.proposal, proposal: selfRemove } as const
    const info = await exportGroupInfo(ctx, leaver, all)
    const answers = async (authenticatedData: Uint8Array) => {
      const message = await forgeMessage(ctx, leaver, { body, authenticatedData })
      const offered = { groupInfo: info, authenticatedData: safeAad, selfRemoves: [message] }
      return [
        await codeOf(() => processMessage(ctx, leaver, message)),
        await codeOf(() => joinByExternalCommit(ctx, { ...joining, ...offered })),
      ]
    }
    expect(await answers(new Uint8Array())).toEqual(["safe_aad", "safe_aad"])
    expect(await answers(safeAad)).toEqual(["nothing thrown", "nothing thrown"])
  })

  test("external_init_missing and external_init_multiple", async () => {
    expect(await verdict([])).toBe("external_init_missing")
    expect(await verdict([externalInit(), externalInit()])).toBe("external_init_multiple")
  })
  test("external_remove_multiple", async () => {
    expect(await verdict([externalInit(), remove(1), remove(2)])).toBe("external_remove_multiple")
  })
  test("external_commit_type", async () => {
    const { extensions } = inside.groupContext
    const gce: Proposal = { proposalType: proposalTypes.groupContextExtensions, extensions }
    expect(await verdict([externalInit(), gce])).toBe("external_commit_type")
  })
  test("self_remove_by_value, update_sender", async () => {
    expect(await verdict([externalInit(), selfRemove])).toBe("self_remove_by_value")
    const { leafNode } = path
    expect(await verdict([{ proposalType: proposalTypes.update, leafNode }])).toBe("update_sender")
  })
  test("external_commit_reference", async () => {
    const removing = await createProposal(ctx, other, remove(2))
    const state = await afterProposal(ctx, inside, removing.message)
    const message = await forgeExternalCommit(ctx, state, {
      proposals: [externalInit(), removing.ref],
      path,
      signaturePrivateKey: joining.signatureKeyPair.privateKey,
    })
    expect(await codeOf(() => processMessage(ctx, state, message))).toBe(
      "external_commit_reference",
    )
  })
  test("remove_not_member, duplicate_psk, self_remove_conflict", async () => {
    expect(await verdict([externalInit(), remove(9)])).toBe("remove_not_member")
    const nonce = new Uint8Array(32)
    const psk: Proposal = {
      proposalType: proposalTypes.psk,
      psk: { kind: "external", pskId: nonce, pskNonce: nonce },
    }
    expect(await verdict([externalInit(), psk, psk])).toBe("duplicate_psk")
    const leaving = await createProposal(ctx, other, selfRemove)
    const offered = { ...joining, selfRemoves: [leaving.message], resync: leafIndex(1) }
    expect(await codeOf(() => joinByExternalCommit(ctx, offered))).toBe("self_remove_conflict")
  })
  test("path_missing", async () => {
    expect(await verdict([externalInit()], false)).toBe("path_missing")
  })
  test("confirmation_tag and signature_invalid", async () => {
    expect(await verdict([externalInit()])).toBe("confirmation_tag")
    const message = await forgeExternalCommit(ctx, inside, {
      proposals: [externalInit()],
      path,
      signaturePrivateKey: inside.signaturePrivateKey,
    })
    expect(await codeOf(() => processMessage(ctx, inside, message))).toBe("signature_invalid")
  })
  test("a KEM output that gives no secret", async () => {
    const zeros = { ...externalInit(), kemOutput: new Uint8Array(32) } as Proposal
    expect(await verdict([zeros])).toBe("aead_failed")
  })

  test("unsupported: a group that says that it is in the last epoch", async () => {
    const groupContext = { ...inside.groupContext, epoch: 2n ** 64n - 1n }
    const info = await exportGroupInfo(ctx, { ...inside, groupContext }, all)
    const offered = { ...joining, groupInfo: info }
    expect(await codeOf(() => joinByExternalCommit(ctx, offered))).toBe("unsupported")
  })
  test("external_pub_missing, ratchet_tree_missing, unexpected_message", async () => {
    const using = async (bytes: Uint8Array) =>
      codeOf(() => joinByExternalCommit(ctx, { ...joining, groupInfo: bytes }))
    expect(await using(await exportGroupInfo(ctx, inside, { ratchetTree: true }))).toBe(
      "external_pub_missing",
    )
    expect(await using(await exportGroupInfo(ctx, inside, { externalPub: true }))).toBe(
      "ratchet_tree_missing",
    )
    expect(await using((await createCommit(ctx, inside)).commit)).toBe("unexpected_message")
  })
})
