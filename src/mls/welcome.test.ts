// RFC 9420 §12.4.3.1: joining with a Welcome, each rule broken by a Welcome that a peer really made.

import { beforeAll, describe, expect, test } from "vitest"
import { createCommit } from "./commit-create.ts"
import { MlsError } from "./error.ts"
import {
  type Backend,
  add,
  afterCommit,
  backends,
  codeOf,
  groupOf,
  keyPackageOf,
  testContext,
} from "./group.fixture.ts"
import { type WelcomeContents, createWelcome, exportGroupInfo } from "./group-info.ts"
import { members } from "./group.ts"
import type { GroupState, MlsContext } from "./group-types.ts"
import { type OwnKeyPackage, keyPackageRef } from "./key-package.ts"
import { decodeMlsMessage, encodeMlsMessage } from "./message.ts"
import { type PreSharedKeyId, pskSecret } from "./psk.ts"
import { encodeRatchetTree } from "./ratchet-tree-codec.ts"
import { proposalTypes, wireFormats } from "./registry.ts"
import { type LeafIndex, leafIndex } from "./tree-math.ts"
import { joinGroup, welcomeRefs } from "./welcome.ts"

describe.each(backends)("welcome, %s", (backend: Backend) => {
  let ctx: MlsContext
  /** The committer's state after the commit that added `own` at leaf 2. */
  let next: GroupState
  let own: OwnKeyPackage
  let welcome: Uint8Array

  beforeAll(async () => {
    ctx = await testContext(backend, "welcome")
    const [founder] = await groupOf(ctx, ["a", "b"])
    own = await keyPackageOf(ctx.crypto, "c")
    if (founder === undefined) throw new Error("no founder")
    const made = await createCommit(ctx, founder, { proposals: [add(own)], forcePath: true })
    if (made.welcome === undefined) throw new Error("no welcome")
    ;({ next } = made)
    welcome = made.welcome
  })

  const join = (message: Uint8Array, context = ctx, keyPackages = [own]) =>
    codeOf(() => joinGroup(context, { welcome: message, keyPackages }))

  /** A Welcome for `own` with what `changes` say, and otherwise as it should be but for the joiner secret. */
  async function forged(changes: Partial<WelcomeContents>): Promise<Uint8Array> {
    const contents = {
      next,
      joinerSecret: new Uint8Array(32).fill(3),
      pskSecret: new Uint8Array(32),
      psks: [],
      newMembers: [{ keyPackage: own.keyPackage, pathSecret: undefined }],
      withRatchetTree: true,
      extensions: [],
    }
    return (await createWelcome(ctx, { ...contents, ...changes })).welcome
  }

  test("the joiner has the committer's epoch and reads what comes next", async () => {
    const other = await keyPackageOf(ctx.crypto, "other")
    const joined = await joinGroup(ctx, { welcome, keyPackages: [other, own] })
    expect(joined.keyPackageRef).toEqual(keyPackageRef(ctx.crypto, own.keyPackage))
    expect(joined.signer).toBe(0)
    expect(joined.state.ownLeafIndex).toBe(2)
    expect(joined.state.epochSecrets).toEqual(next.epochSecrets)
    expect([...members(joined.state)]).toHaveLength(3)
    const { commit, next: after } = await createCommit(ctx, next)
    expect((await afterCommit(ctx, joined.state, commit)).groupContext).toEqual(after.groupContext)
    expect(welcomeRefs(welcome)).toEqual([joined.keyPackageRef])
  })
  test("the tree may come by another way", async () => {
    const own2 = await keyPackageOf(ctx.crypto, "d")
    const extra = { type: 0x0a0a, data: new Uint8Array([1]) }
    const made = await createCommit(ctx, next, {
      proposals: [add(own2)],
      ratchetTree: false,
      groupInfoExtensions: [extra],
    })
    if (made.welcome === undefined) throw new Error("no welcome")
    const bare = { welcome: made.welcome, keyPackages: [own2] }
    expect(await codeOf(() => joinGroup(ctx, bare))).toBe("ratchet_tree_missing")
    const wrong = encodeRatchetTree(next.tree)
    expect(await codeOf(() => joinGroup(ctx, { ...bare, ratchetTree: wrong }))).toBe("tree_hash")
    const ratchetTree = encodeRatchetTree(made.next.tree)
    const joined = await joinGroup(ctx, { ...bare, ratchetTree })
    expect(joined.groupInfoExtensions).toEqual([extra])
    const small = { ...ctx, limits: { maxLeaves: 2 } }
    expect(await codeOf(() => joinGroup(small, { ...bare, ratchetTree }))).toBe("tree_too_large")
  })
  test("unexpected_message", async () => {
    const groupInfo = await exportGroupInfo(ctx, next)
    expect(await join(groupInfo)).toBe("unexpected_message")
    expect(await codeOf(() => welcomeRefs(groupInfo))).toBe("unexpected_message")
  })
  test("welcome_not_for_us", async () => {
    expect(await join(welcome, ctx, [])).toBe("welcome_not_for_us")
    const other = await keyPackageOf(ctx.crypto, "other")
    expect(await join(welcome, ctx, [other])).toBe("welcome_not_for_us")
  })
  test("welcome_suite, of the Welcome or of the group", async () => {
    const message = decodeMlsMessage(welcome)
    if (message.wireFormat !== wireFormats.welcome) throw new Error("no Welcome")
    const other = { ...message, welcome: { ...message.welcome, cipherSuite: 2 } }
    expect(await join(encodeMlsMessage(other))).toBe("welcome_suite")
    const groupContext = { ...next.groupContext, cipherSuite: 2 }
    expect(await join(await forged({ next: { ...next, groupContext } }))).toBe("welcome_suite")
  })
  test("aead_failed: another init key, or damaged secrets", async () => {
    const other = await keyPackageOf(ctx.crypto, "other")
    const wrong = { ...own, initPrivateKey: other.initPrivateKey }
    expect(await join(welcome, ctx, [wrong])).toBe("aead_failed")
    const flipped = welcome.slice()
    flipped[flipped.length - 1] = (flipped.at(-1) ?? 0) ^ 1
    expect(await join(flipped)).toBe("aead_failed")
  })
  test("psk_unknown, psk_nonce and welcome_psk", async () => {
    const pskNonce = new Uint8Array(32)
    const external: PreSharedKeyId = { kind: "external", pskId: new Uint8Array([1]), pskNonce }
    const branch: PreSharedKeyId = {
      kind: "resumption",
      usage: "branch",
      pskGroupId: new Uint8Array([1]),
      pskEpoch: 3n,
      pskNonce,
    }
    const secret = new Uint8Array(32)
    const knowing = { ...ctx, psks: { psk: () => secret } }
    expect(await join(await forged({ psks: [external] }))).toBe("psk_unknown")
    const short = { ...external, pskNonce: new Uint8Array(31) }
    expect(await join(await forged({ psks: [short] }), knowing)).toBe("psk_nonce")
    const reinit = { ...branch, usage: "reinit" } as const
    expect(await join(await forged({ psks: [branch, reinit] }), knowing)).toBe("welcome_psk")
    const late = await forged({
      psks: [branch],
      pskSecret: pskSecret(ctx.crypto, [{ id: branch, secret }]),
    })
    // The group is in epoch 2, and a branch begins with epoch 1.
    const following = { welcome: late, keyPackages: [own], parent: next }
    expect(await codeOf(() => joinGroup(knowing, following))).toBe("welcome_psk")
  })
  test("a PSK that was committed with the Add is in the Welcome", async () => {
    const secret = new Uint8Array(32).fill(8)
    const knowing = { ...ctx, psks: { psk: () => secret } }
    const own2 = await keyPackageOf(ctx.crypto, "d")
    const psk = { kind: "external", pskId: new Uint8Array([1]), pskNonce: secret } as const
    const proposals = [add(own2), { proposalType: proposalTypes.psk, psk }]
    const made = await createCommit(knowing, next, { proposals })
    if (made.welcome === undefined) throw new Error("no welcome")
    const joined = await joinGroup(knowing, { welcome: made.welcome, keyPackages: [own2] })
    expect(joined.state.epochSecrets).toEqual(made.next.epochSecrets)
    expect(await join(made.welcome, ctx, [own2])).toBe("psk_unknown")
  })
  test("group_info_signature and group_info_signer", async () => {
    const { signaturePrivateKey } = own
    expect(await join(await forged({ next: { ...next, signaturePrivateKey } }))).toBe(
      "group_info_signature",
    )
    for (const ownLeafIndex of [leafIndex(3), (2 ** 32 - 1) as LeafIndex]) {
      expect(await join(await forged({ next: { ...next, ownLeafIndex } }))).toBe(
        "group_info_signer",
      )
    }
  })
  test("own_leaf_missing", async () => {
    const other = await keyPackageOf(ctx.crypto, "other")
    const message = await forged({
      newMembers: [{ keyPackage: other.keyPackage, pathSecret: undefined }],
    })
    expect(await join(message, ctx, [other])).toBe("own_leaf_missing")
  })
  test("path_public_key: a path secret that is not the tree's", async () => {
    const pathSecret = new Uint8Array(32).fill(1)
    const message = await forged({ newMembers: [{ keyPackage: own.keyPackage, pathSecret }] })
    expect(await join(message)).toBe("path_public_key")
  })
  test("confirmation_tag", async () => {
    expect(await join(await forged({}))).toBe("confirmation_tag")
  })
  test("extensions that the joiner does not support, or that are misplaced", async () => {
    const withExtension = (type: number) => {
      const extensions = [{ type, data: new Uint8Array() }]
      return forged({ next: { ...next, groupContext: { ...next.groupContext, extensions } } })
    }
    expect(await join(await withExtension(0xf00d))).toBe("leaf_group_extension")
    expect(await join(await withExtension(4))).toBe("extension_misplaced")
  })
  test("every member's credential is put to the authentication service", async () => {
    const seen: string[] = []
    const auth = {
      ...ctx,
      auth: {
        validate: (credential: { kind: string; identity?: Uint8Array }) => {
          seen.push(new TextDecoder().decode(credential.identity))
          if (seen.at(-1) === "b") throw new MlsError("credential_rejected", "not b")
        },
      },
    }
    expect(await join(welcome, auth)).toBe("credential_rejected")
    expect(seen).toEqual(["a", "b", "c"])
  })
})
