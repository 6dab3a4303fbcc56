// RFC 9420 §17.1: a group's whole life with each suite, its members on different back ends.

import { describe, expect, test } from "vitest"
import { createCrypto } from "./backend.ts"
import { createCommit } from "./commit-create.ts"
import { joinByExternalCommit } from "./external.ts"
import {
  add,
  afterCommit,
  afterProposal,
  capabilities,
  keyPackageOf,
  required,
  testContext,
} from "./group.fixture.ts"
import { exportGroupInfo } from "./group-info.ts"
import type { GroupState, MlsContext } from "./group-types.ts"
import { createGroup, createUpdateProposal, encryptApplication } from "./group.ts"
import { processMessage } from "./process.ts"
import { proposalTypes } from "./registry.ts"
import { decodeGroupState, encodeGroupState } from "./state-codec.ts"
import { cipherSuite } from "./suites.ts"
import { implementedSuites, postQuantumSuites } from "./vectors.fixture.ts"
import { joinGroup } from "./welcome.ts"

test("every suite of the RFC, those of the draft, and no other", () => {
  const names = implementedSuites.map((id) => cipherSuite(id).name)
  expect(names).toEqual([
    "MLS_128_DHKEMX25519_AES128GCM_SHA256_Ed25519",
    "MLS_128_DHKEMP256_AES128GCM_SHA256_P256",
    "MLS_128_DHKEMX25519_CHACHA20POLY1305_SHA256_Ed25519",
    "MLS_256_DHKEMX448_AES256GCM_SHA512_Ed448",
    "MLS_256_DHKEMP521_AES256GCM_SHA512_P521",
    "MLS_256_DHKEMX448_CHACHA20POLY1305_SHA512_Ed448",
    "MLS_256_DHKEMP384_AES256GCM_SHA384_P384",
  ])
  expect(postQuantumSuites.map((id) => cipherSuite(id).name)).toEqual([
    "MLS_128_MLKEM768X25519_AES128GCM_SHA256_Ed25519",
    "MLS_128_MLKEM768X25519_AES256GCM_SHA384_Ed25519",
    "MLS_128_MLKEM768P256_AES128GCM_SHA256_P256",
    "MLS_128_MLKEM768P256_AES256GCM_SHA384_P256",
    "MLS_192_MLKEM1024P384_AES256GCM_SHA384_P384",
    "MLS_128_MLKEM768_AES256GCM_SHA384_Ed25519",
    "MLS_128_MLKEM768_AES256GCM_SHA384_P256",
    "MLS_192_MLKEM1024_AES256GCM_SHA384_P384",
    "MLS_128_MLKEM768X25519_CHACHA20POLY1305_SHA384_MLDSA44",
    "MLS_192_MLKEM768_AES256GCM_SHA384_MLDSA65",
    "MLS_256_MLKEM1024_AES256GCM_SHA384_MLDSA87",
    "MLS_256_XWING_AES256GCM_SHA512_Ed25519",
    "MLS_256_XWING_CHACHA20POLY1305_SHA512_Ed25519",
  ])
  for (const id of [0, 8, 0x0a0a, 0xf031]) {
    expect(() => cipherSuite(id)).toThrow(expect.objectContaining({ code: "unsupported" }))
  }
})

interface Member {
  readonly ctx: MlsContext
  readonly state: GroupState
}

describe.each([...implementedSuites, ...postQuantumSuites])("suite %i", (id) => {
  const suite = cipherSuite(id)
  const own = { ...capabilities, cipherSuites: [id] }

  const contextOn = async (backend: "webcrypto" | "noble"): Promise<MlsContext> => ({
    ...(await testContext(backend)),
    crypto: await createCrypto({ suite, backend }),
  })
  const keyPackage = ({ crypto }: MlsContext, name: string) =>
    keyPackageOf(crypto, name, { capabilities: own })

  /** The others follow; all agree, and hear the committer. */
  async function follow(committer: Member, others: readonly Member[], commit: Uint8Array) {
    const followers: Member[] = []
    for (const { ctx, state } of others) {
      followers.push({ ctx, state: await afterCommit(ctx, state, commit) })
    }
    return heard([committer, ...followers])
  }

  /** The first speaks, and everybody hears it. */
  async function heard(members: readonly Member[]): Promise<Member[]> {
    const [speaker, ...others] = members
    if (speaker === undefined) throw new Error("nobody")
    const data = Uint8Array.of(1, 2, 3)
    const sent = await encryptApplication(speaker.ctx, speaker.state, data)
    const after: Member[] = [{ ctx: speaker.ctx, state: sent.state }]
    for (const { ctx, state } of others) {
      expect(state.epochSecrets).toEqual(sent.state.epochSecrets)
      const result = await processMessage(ctx, state, sent.message)
      if (result.kind !== "application") throw new Error(`no message but ${result.kind}`)
      expect(result.data).toEqual(data)
      after.push({ ctx, state: result.state })
    }
    return after
  }

  test("a group is made, joined both ways, updated, stored and left", async () => {
    const [native, portable] = [await contextOn("webcrypto"), await contextOn("noble")]
    const packages = [await keyPackage(native, "a"), await keyPackage(portable, "b")] as const
    const groupId = Uint8Array.of(1)
    const extensions = [required]
    let founder = await createGroup(native, { groupId, keyPackage: packages[0], extensions })
    const added = await createCommit(native, founder, { proposals: [add(packages[1])] })
    founder = added.next
    const { welcome } = added
    if (welcome === undefined) throw new Error("no Welcome")
    const joined = await joinGroup(portable, { welcome, keyPackages: [packages[1]] })
    const [a, b] = (await heard([
      { ctx: native, state: founder },
      { ctx: portable, state: joined.state },
    ])) as [Member, Member]

    const info = await exportGroupInfo(b.ctx, b.state, { externalPub: true, ratchetTree: true })
    const external = await joinByExternalCommit(native, {
      groupInfo: info,
      credential: { kind: "basic", identity: Uint8Array.of(3) },
      capabilities: own,
      signatureKeyPair: await native.crypto.generateSignatureKeyPair(),
    })
    const three = await follow({ ctx: native, state: external.state }, [a, b], external.commit)

    const [c, a2, b2] = three as [Member, Member, Member]
    const update = await createUpdateProposal(portable, b2.state)
    const proposed = {
      c: await afterProposal(native, c.state, update.message),
      a: await afterProposal(native, a2.state, update.message),
    }
    const removal = { proposalType: proposalTypes.remove, removed: c.state.ownLeafIndex }
    const last = await createCommit(native, proposed.a, { proposals: [removal] })
    const left = await processMessage(native, proposed.c, last.commit)
    expect(left.kind === "commit" && left.next).toBeUndefined()
    const committer = { ctx: native, state: last.next }
    const two = await follow(committer, [{ ctx: portable, state: update.state }], last.commit)

    const restored = two.map(({ ctx, state }) => ({
      ctx,
      state: decodeGroupState(encodeGroupState(state)),
    }))
    const again = await heard(restored)
    expect(again.map(({ state }) => state.groupContext.cipherSuite)).toEqual([id, id])
  })
})
