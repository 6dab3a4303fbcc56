// RFC 9420 §12.1.8, §5.3.1: proposals from outside, and what the authentication service says.

import { beforeAll, describe, expect, test } from "vitest"
import { appDataExtension } from "./app-data.ts"
import { encode } from "./codec.ts"
import { createCommit } from "./commit-create.ts"
import { MlsError } from "./error.ts"
import { encodeExternalSenders } from "./extensions.ts"
import {
  type Backend,
  add,
  afterProposal,
  backends,
  codeOf,
  forgeMessage,
  groupOf,
  keyPackageOf,
  required,
  testContext,
} from "./group.fixture.ts"
import type { AuthenticationService, GroupState, MlsContext } from "./group-types.ts"
import { createGroup, createUpdateProposal } from "./group.ts"
import type { OwnKeyPackage } from "./key-package.ts"
import { processMessage } from "./process.ts"
import type { Proposal } from "./proposal-codec.ts"
import { contentTypes, extensionTypes, proposalTypes, senderTypes } from "./registry.ts"
import { joinGroup } from "./welcome.ts"

const remove = (removed: number): Proposal => ({ proposalType: proposalTypes.remove, removed })
const selfRemove: Proposal = { proposalType: proposalTypes.selfRemove }
const externalInit: Proposal = {
  proposalType: proposalTypes.externalInit,
  kemOutput: new Uint8Array(32),
}

const dictionary = appDataExtension(new Map([[0x8001, new Uint8Array([1])]]))

describe.each(backends)("proposals from outside, %s", (backend: Backend) => {
  let ctx: MlsContext
  /** Leaves 0 and 1: a committer, and the one that judges it. */
  let bad: GroupState
  let judge: GroupState
  let newcomer: OwnKeyPackage

  beforeAll(async () => {
    ctx = await testContext(backend, "proposal senders")
    const states = await groupOf(ctx, ["a", "b"], [required, dictionary])
    ;[bad, judge] = states as [GroupState, GroupState]
    newcomer = await keyPackageOf(ctx.crypto, "newcomer")
  })

  describe("who may send what from outside (§12.1.8)", () => {
    let open: GroupState
    let outsider: { publicKey: Uint8Array; privateKey: Uint8Array }

    beforeAll(async () => {
      outsider = await ctx.crypto.generateSignatureKeyPair()
      const senders = encode(encodeExternalSenders, [
        {
          signatureKey: outsider.publicKey,
          credential: { kind: "basic", identity: new Uint8Array([9]) },
        },
      ])
      const extension = { type: extensionTypes.externalSenders, data: senders }
      const [state] = await groupOf(ctx, ["a", "b"], [extension])
      if (state === undefined) throw new Error("no state")
      open = state
    })

    const external = async (proposal: Proposal, senderIndex = 0, key = outsider.privateKey) =>
      forgeMessage(ctx, open, {
        body: { contentType: contentTypes.proposal, proposal },
        sender: { senderType: senderTypes.external, senderIndex },
        signaturePrivateKey: key,
      })
    const answer = async (message: Uint8Array) => codeOf(() => processMessage(ctx, open, message))

    test("an external sender's Remove is committed by reference", async () => {
      const state = await afterProposal(ctx, open, await external(remove(1)))
      const made = await createCommit(ctx, state, { proposalRefs: "all" })
      expect(made.summary.removed.map((member) => member.leafIndex)).toEqual([1])
      expect(made.summary.proposals[0]?.sender.senderType).toBe(senderTypes.external)
    })
    test("unknown_external_sender", async () => {
      expect(await answer(await external(remove(1), 1))).toBe("unknown_external_sender")
    })
    test("signature_invalid", async () => {
      const message = await external(remove(1), 0, open.signaturePrivateKey)
      expect(await answer(message)).toBe("signature_invalid")
    })
    test("external_proposal_type", async () => {
      expect(await answer(await external(externalInit))).toBe("external_proposal_type")
      expect(await answer(await external(selfRemove))).toBe("external_proposal_type")
    })
    test("a newcomer proposes its own Add, and nothing else", async () => {
      const fromNewcomer = (proposal: Proposal, key: Uint8Array) =>
        forgeMessage(ctx, open, {
          body: { contentType: contentTypes.proposal, proposal },
          sender: { senderType: senderTypes.newMemberProposal },
          signaturePrivateKey: key,
        })
      const { signaturePrivateKey } = newcomer
      const message = await fromNewcomer(add(newcomer), signaturePrivateKey)
      const state = await afterProposal(ctx, open, message)
      const made = await createCommit(ctx, state, { proposalRefs: "all" })
      if (made.welcome === undefined) throw new Error("no welcome")
      const joined = await joinGroup(ctx, { welcome: made.welcome, keyPackages: [newcomer] })
      expect(joined.state.ownLeafIndex).toBe(2)
      expect(await answer(await fromNewcomer(remove(1), signaturePrivateKey))).toBe("external_add")
      const forged = await fromNewcomer(add(newcomer), outsider.privateKey)
      expect(await answer(forged)).toBe("signature_invalid")
    })
    test("sender_not_allowed: a commit from an external sender, application data from outside", async () => {
      const commit = await forgeMessage(ctx, open, {
        body: { contentType: contentTypes.commit, commit: { proposals: [], path: undefined } },
        sender: { senderType: senderTypes.external, senderIndex: 0 },
        signaturePrivateKey: outsider.privateKey,
      })
      expect(await answer(commit)).toBe("sender_not_allowed")
    })
  })

  describe("the authentication service", () => {
    const refusing = (what: Partial<AuthenticationService>): MlsContext => ({
      ...ctx,
      auth: { validate: () => undefined, ...what },
    })
    test("credential_rejected: what the service throws", async () => {
      const auth = refusing({
        validate: () => {
          throw new MlsError("credential_rejected", "no")
        },
      })
      const { commit } = await createCommit(ctx, bad, { proposals: [add(newcomer)] })
      expect(await codeOf(() => processMessage(auth, judge, commit))).toBe("credential_rejected")
      expect(await codeOf(() => createCommit(auth, bad, { forcePath: true }))).toBe(
        "credential_rejected",
      )
    })
    test("is asked about the external senders that a group is founded with", async () => {
      const auth = refusing({
        validate: (_credential, _key, leaf) => {
          if (leaf === undefined) throw new MlsError("credential_rejected", "no")
        },
      })
      const keyPackage = await keyPackageOf(ctx.crypto, "founder")
      const credential = { kind: "basic" as const, identity: new Uint8Array([9]) }
      const signatureKey = keyPackage.keyPackage.leafNode.signatureKey
      const data = encode(encodeExternalSenders, [{ signatureKey, credential }])
      const extensions = [{ type: extensionTypes.externalSenders, data }]
      const founding = (each: MlsContext) =>
        createGroup(each, { groupId: new Uint8Array([3]), keyPackage, extensions })
      expect(await codeOf(() => founding(auth))).toBe("credential_rejected")
      expect(await codeOf(() => founding(refusing({})))).toBe("nothing thrown")
    })
    test("credential_successor, for a path and for an Update", async () => {
      const refusingOf = (kind: "commit" | "update") =>
        refusing({ validSuccessor: (_current, next) => next.source.kind !== kind })
      const ofPaths = refusingOf("commit")
      const ofUpdates = refusingOf("update")
      const answers = async (on: MlsContext, state: GroupState, commit: Uint8Array) =>
        codeOf(() => processMessage(on, state, commit))
      const { commit } = await createCommit(ctx, bad)
      expect(await answers(ofPaths, judge, commit)).toBe("credential_successor")
      expect(await answers(ofUpdates, judge, commit)).toBe("nothing thrown")
      const renewing = await createUpdateProposal(ctx, judge)
      const pending = await afterProposal(ctx, bad, renewing.message)
      const options = { proposalRefs: [renewing.ref] }
      expect(await codeOf(() => createCommit(ofUpdates, pending, options))).toBe(
        "credential_successor",
      )
      const taken = await createCommit(ctx, pending, options)
      expect(await answers(ofUpdates, renewing.state, taken.commit)).toBe("credential_successor")
      expect(await answers(refusing({}), renewing.state, taken.commit)).toBe("nothing thrown")
    })
  })
})
