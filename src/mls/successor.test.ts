// RFC 9420 §11.2, §11.3, §12.4.3.1: groups that follow another one.

import { beforeAll, describe, expect, test } from "vitest"
import { createCrypto } from "./backend.ts"
import { createCommit } from "./commit-create.ts"
import {
  type Backend,
  add,
  afterCommit,
  backends,
  capabilities,
  codeOf,
  groupOf,
  keyPackageOf,
  required,
  testContext,
} from "./group.fixture.ts"
import { advanceEpoch, openEpochWindow, windowPsks } from "./epoch-window.ts"
import type { GroupState, MlsContext, Succession, SuccessorOptions } from "./group-types.ts"
import type { OwnKeyPackage } from "./key-package.ts"
import { createGroup, encryptApplication } from "./group.ts"
import { processMessage } from "./process.ts"
import { extensionTypes, proposalTypes } from "./registry.ts"
import { createBranch, createReinitialized } from "./successor.ts"
import { cipherSuite } from "./suites.ts"
import { joinGroup } from "./welcome.ts"

const groupId = new Uint8Array([7, 7])
const applicationData = { type: extensionTypes.appDataDictionary, data: new Uint8Array([0]) }

describe.each(backends)("successors, %s", (backend: Backend) => {
  let ctx: MlsContext
  let alice: GroupState
  let bob: GroupState
  let carol: GroupState
  let packages: OwnKeyPackage[]

  beforeAll(async () => {
    ctx = await testContext(backend, "successors")
    const states = await groupOf(ctx, ["alice", "bob", "carol"], [required])
    ;[alice, bob, carol] = states as [GroupState, GroupState, GroupState]
    packages = await Promise.all(
      ["alice", "bob", "carol"].map((name) => keyPackageOf(ctx.crypto, name)),
    )
  })

  const own = (index: number): OwnKeyPackage => {
    const found = packages[index]
    if (found === undefined) throw new Error("no such package")
    return found
  }
  const founding = (...members: number[]): SuccessorOptions => ({
    keyPackage: own(0),
    members: members.map((index) => own(index).keyPackage),
  })
  const welcomed = (made: { readonly welcome?: Uint8Array }) => {
    if (made.welcome === undefined) throw new Error("no Welcome")
    return made.welcome
  }

  describe("branching (§11.3)", () => {
    test("some members go on in a group that is linked to the old one", async () => {
      const made = await createBranch(ctx, alice, { ...founding(1), groupId, extensions: [] })
      const welcome = welcomed(made)
      const joined = await joinGroup(ctx, { welcome, keyPackages: [own(1)], parent: bob })
      expect(joined.state.groupContext).toEqual(made.next.groupContext)
      expect(joined.state.groupContext.epoch).toBe(1n)
      expect(joined.state.groupContext.groupId).toEqual(groupId)
      expect(joined.state.epochSecrets.epochAuthenticator).toEqual(
        made.next.epochSecrets.epochAuthenticator,
      )
      const data = new Uint8Array([1, 2])
      const { message } = await encryptApplication(ctx, made.next, data)
      expect(await processMessage(ctx, joined.state, message)).toMatchObject({ data })
      const { groupId: followed, epoch } = alice.groupContext
      expect(joined.succession).toEqual({ usage: "branch", groupId: followed, epoch })
      // The old group goes on.
      expect((await createCommit(ctx, alice, { forcePath: true })).next.groupContext.epoch).toBe(2n)
    })

    test("the old group is looked up by what the Welcome says, where it says that it follows one", async () => {
      const made = await createBranch(ctx, alice, { ...founding(1), groupId, extensions: [] })
      const asked: Succession[] = []
      const parent = (succession: Succession) => {
        asked.push(succession)
        return bob
      }
      const join = { welcome: welcomed(made), keyPackages: [own(1)] }
      const joined = await joinGroup(ctx, { ...join, parent })
      expect(asked).toEqual([joined.succession])
      expect(asked[0]).toMatchObject({ usage: "branch", epoch: bob.groupContext.epoch })
      const none = () => undefined
      expect(await codeOf(() => joinGroup(ctx, { ...join, parent: none }))).toBe("successor_parent")
      const unrelated = await createGroup(ctx, { groupId, extensions: [], keyPackage: own(0) })
      const welcome = welcomed(await createCommit(ctx, unrelated, { proposals: [add(own(1))] }))
      const first = await joinGroup(ctx, { welcome, keyPackages: [own(1)], parent })
      expect(first.succession).toBeUndefined()
      expect(asked).toHaveLength(1)
    })

    test("who was no member of that epoch does not get in", async () => {
      const made = await createBranch(ctx, alice, { ...founding(1), groupId, extensions: [] })
      const welcome = welcomed(made)
      const keyPackages = [own(1)]
      expect(await codeOf(() => joinGroup(ctx, { welcome, keyPackages }))).toBe("successor_parent")
      const [stranger] = await groupOf(ctx, ["bob"])
      expect(
        await codeOf(() =>
          joinGroup(ctx, { welcome, keyPackages, parent: stranger as GroupState }),
        ),
      ).toBe("psk_unknown")
    })

    test("successor_parent: the key is one of the old group's, not of another that both know", async () => {
      const names = ["alice", "bob", "carol"]
      const [other] = await groupOf(ctx, names, [required])
      if (other === undefined) throw new Error("no other group")
      const groupContext = { ...other.groupContext, groupId: new Uint8Array([8]) }
      const elsewhere = { ...other, groupContext }
      const made = await createBranch(ctx, elsewhere, { ...founding(1), groupId, extensions: [] })
      const knowing = { ...ctx, psks: { psk: () => other.epochSecrets.resumptionPsk } }
      const join = { welcome: welcomed(made), keyPackages: [own(1)] }
      expect(await codeOf(() => joinGroup(knowing, { ...join, parent: bob }))).toBe(
        "successor_parent",
      )
      expect(await codeOf(() => joinGroup(ctx, { ...join, parent: elsewhere }))).toBe(
        "nothing thrown",
      )
    })
    test("successor_parent: a reinitialised group is followed in its last epoch", async () => {
      const extensions = [required, applicationData]
      const reInit = { version: 1, cipherSuite: 1, groupId, extensions }
      const proposals = [{ proposalType: proposalTypes.reinit, ...reInit }] as const
      const ended = await afterCommit(
        ctx,
        bob,
        (await createCommit(ctx, alice, { proposals })).commit,
      )
      const earlier = { ...alice, reInit: ended.reInit }
      const made = await createReinitialized(ctx, earlier, founding(1, 2))
      const knowing = { ...ctx, psks: { psk: () => alice.epochSecrets.resumptionPsk } }
      const join = { welcome: welcomed(made), keyPackages: [own(1)], parent: ended }
      expect(await codeOf(() => joinGroup(knowing, join))).toBe("successor_parent")
    })
    test("a window's past epoch can be the old group; its key is among the window's", async () => {
      const made = await createBranch(ctx, alice, { ...founding(1), groupId, extensions: [] })
      const { commit } = await createCommit(ctx, alice)
      const window = advanceEpoch(openEpochWindow(bob), await afterCommit(ctx, bob, commit))
      const [parent] = window.past
      if (parent === undefined) throw new Error("no past epoch")
      const join = { welcome: welcomed(made), keyPackages: [own(1)], parent }
      const joined = await joinGroup({ ...ctx, psks: windowPsks(window) }, join)
      expect(joined.state.groupContext).toEqual(made.next.groupContext)
    })
    test("a branch is known by the group in a later epoch, too, with the key of its own", async () => {
      const made = await createBranch(ctx, alice, { ...founding(1), groupId, extensions: [] })
      const { commit } = await createCommit(ctx, alice)
      const parent = await afterCommit(ctx, bob, commit)
      const join = { welcome: welcomed(made), keyPackages: [own(1)], parent }
      expect(await codeOf(() => joinGroup(ctx, join))).toBe("psk_unknown")
      const knowing = { ...ctx, psks: windowPsks(advanceEpoch(openEpochWindow(bob), parent)) }
      const joined = await joinGroup(knowing, join)
      expect(joined.succession?.epoch).toBe(alice.groupContext.epoch)
    })
    test("successor_parent: the key alone does not tell whether the members are right", async () => {
      const made = await createBranch(ctx, alice, { ...founding(1), groupId, extensions: [] })
      const welcome = welcomed(made)
      const knowing = { ...ctx, psks: { psk: () => alice.epochSecrets.resumptionPsk } }
      expect(await codeOf(() => joinGroup(knowing, { welcome, keyPackages: [own(1)] }))).toBe(
        "successor_parent",
      )
    })

    test("successor_parent: an old group was given, and no PSK for branching leads to it", async () => {
      const resumption = {
        kind: "resumption",
        usage: "application",
        pskGroupId: alice.groupContext.groupId,
        pskEpoch: alice.groupContext.epoch,
        pskNonce: ctx.crypto.random(ctx.crypto.suite.hash.size),
      } as const
      const knowing = { ...ctx, psks: { psk: () => alice.epochSecrets.resumptionPsk } }
      const linked = { proposalType: proposalTypes.psk, psk: resumption } as const
      for (const proposals of [[add(own(1))], [add(own(1)), linked]]) {
        const group = await createGroup(ctx, { groupId, extensions: [], keyPackage: own(0) })
        const welcome = welcomed(await createCommit(knowing, group, { proposals }))
        const join = { welcome, keyPackages: [own(1)] }
        expect(await codeOf(() => joinGroup(knowing, { ...join, parent: bob }))).toBe(
          "successor_parent",
        )
        // One who does not take it for a branch may join.
        expect((await joinGroup(knowing, join)).state.groupContext.groupId).toEqual(groupId)
      }
    })

    test("successor_members: a stranger in the branch, when made and when joined", async () => {
      const stranger = await keyPackageOf(ctx.crypto, "mallory")
      const members = [own(1).keyPackage, stranger.keyPackage]
      const options = { keyPackage: own(0), members, groupId, extensions: [] }
      expect(await codeOf(() => createBranch(ctx, alice, options))).toBe("successor_members")
      const blind = { ...ctx, auth: { validate: () => undefined, memberId: () => "anyone" } }
      const made = await createBranch(blind, alice, options)
      const join = { welcome: welcomed(made), keyPackages: [own(1)], parent: bob }
      expect(await codeOf(() => joinGroup(ctx, join))).toBe("successor_members")
      expect((await joinGroup(blind, join)).state.groupContext.epoch).toBe(1n)
    })

    test("successor_suite: crypto of another suite than the old group's", async () => {
      const other = { ...ctx, crypto: await createCrypto({ suite: cipherSuite(3), backend }) }
      const options = { ...founding(1), groupId, extensions: [] }
      expect(await codeOf(() => createBranch(other, alice, options))).toBe("successor_suite")
    })
  })

  describe("reinitialisation (§11.2)", () => {
    const reInit = { groupId, version: 1, cipherSuite: 3, extensions: [required] }
    let next: MlsContext
    let ended: [GroupState, GroupState, GroupState]
    let renewed: OwnKeyPackage[]

    beforeAll(async () => {
      const crypto = await createCrypto({ suite: cipherSuite(3), backend })
      next = { ...ctx, crypto }
      const made = await createCommit(ctx, bob, {
        proposals: [{ proposalType: proposalTypes.reinit, ...reInit }],
      })
      ended = [
        await afterCommit(ctx, alice, made.commit),
        made.next,
        await afterCommit(ctx, carol, made.commit),
      ]
      const suite3 = { capabilities: { ...capabilities, cipherSuites: [1, 3] } }
      renewed = await Promise.all(
        ["alice", "bob", "carol"].map((name) => keyPackageOf(crypto, name, suite3)),
      )
    })

    const renewedOptions = (...members: number[]): SuccessorOptions => {
      const [keyPackage] = renewed
      if (keyPackage === undefined) throw new Error("no package")
      return { keyPackage, members: members.flatMap((i) => renewed[i]?.keyPackage ?? []) }
    }

    test("all members go on, under another suite", async () => {
      const [parent, , carolEnded] = ended
      const made = await createReinitialized(next, parent, {
        ...renewedOptions(1, 2),
        ratchetTree: true,
        forcePath: true,
      })
      expect(made.next.groupContext).toMatchObject({ groupId, cipherSuite: 3, epoch: 1n })
      const joined = await joinGroup(next, {
        welcome: welcomed(made),
        keyPackages: renewed.slice(2),
        parent: carolEnded,
      })
      expect(joined.state.epochSecrets.epochAuthenticator).toEqual(
        made.next.epochSecrets.epochAuthenticator,
      )
      const { groupId: followed, epoch } = parent.groupContext
      expect(joined.succession).toEqual({ usage: "reinit", groupId: followed, epoch })
    })

    test("not_reinitialised, when made and when joined", async () => {
      expect(await codeOf(() => createReinitialized(ctx, alice, founding(1, 2)))).toBe(
        "not_reinitialised",
      )
      const [parent] = ended
      const made = await createReinitialized(next, parent, renewedOptions(1, 2))
      // One who holds the right key, of a group that he does not know to have ended.
      const unaware = { ...ended[1], reInit: undefined }
      const join = { welcome: welcomed(made), keyPackages: renewed.slice(1, 2), parent: unaware }
      expect(await codeOf(() => joinGroup(next, join))).toBe("not_reinitialised")
    })

    test("successor_parent: a group of the agreed parameters that an outsider made", async () => {
      const [, bobEnded] = ended
      const { extensions } = reInit
      const mallory = await keyPackageOf(next.crypto, "alice", {
        capabilities: { ...capabilities, cipherSuites: [1, 3] },
      })
      const members = renewed.slice(1)
      const group = await createGroup(next, { groupId, extensions, keyPackage: mallory })
      const made = await createCommit(next, group, { proposals: members.map(add) })
      // Nothing but the PSK tells it from the successor.
      expect(made.next.groupContext).toMatchObject({ ...reInit, epoch: 1n })
      const join = { welcome: welcomed(made), keyPackages: renewed.slice(1, 2), parent: bobEnded }
      expect(await codeOf(() => joinGroup(next, join))).toBe("successor_parent")
    })

    test("unsupported: a successor of another protocol version than we speak", async () => {
      const [parent] = ended
      const later = { ...parent, reInit: { ...reInit, version: 2 } }
      expect(await codeOf(() => createReinitialized(next, later, renewedOptions(1, 2)))).toBe(
        "unsupported",
      )
    })

    test("successor_members: one of the old members is missing", async () => {
      const [parent, bobEnded] = ended
      expect(await codeOf(() => createReinitialized(next, parent, renewedOptions(1)))).toBe(
        "successor_members",
      )
      const blind = { ...next, auth: { validate: () => undefined, memberId: () => "anyone" } }
      const made = await createReinitialized(blind, parent, renewedOptions(1))
      const join = { welcome: welcomed(made), keyPackages: renewed.slice(1, 2), parent: bobEnded }
      expect(await codeOf(() => joinGroup(next, join))).toBe("successor_members")
    })

    test("successor_parameters: another group id, or other extensions, than agreed", async () => {
      const [parent, bobEnded] = ended
      for (const changed of [{ groupId: new Uint8Array([8]) }, { extensions: [applicationData] }]) {
        const forged = { ...parent, reInit: { ...reInit, ...changed } }
        const made = await createReinitialized(next, forged, renewedOptions(1, 2))
        const join = { welcome: welcomed(made), keyPackages: renewed.slice(1, 2), parent: bobEnded }
        expect(await codeOf(() => joinGroup(next, join))).toBe("successor_parameters")
      }
    })
  })
})
