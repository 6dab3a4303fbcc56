// draft-ietf-mls-extensions-10 §6.5: what all members must support of each other's multi-credentials.

import { beforeAll, describe, expect, test, vi } from "vitest"
import { atOnce } from "./batches.ts"
import { createCommit } from "./commit-create.ts"
import type { Credential } from "./credential.ts"
import { add, capabilities, forgeCommit, testContext } from "./group.fixture.ts"
import type { GroupState, MlsContext } from "./group-types.ts"
import { createGroup, createUpdateProposal } from "./group.ts"
import { type OwnKeyPackage, generateKeyPackage } from "./key-package.ts"
import { type MultiCredentialKind, multiCredential } from "./multi-credential.ts"
import { processMessage } from "./process.ts"
import { credentialTypes, proposalTypes } from "./registry.ts"
import { encodeGroupState } from "./state-codec.ts"
import { leafIndex } from "./tree-math.ts"
import { bindingChecks } from "./validate-bindings.ts"
import { validateLeafNode } from "./validate-leaf.ts"
import { joinGroup } from "./welcome.ts"

const basic: Credential = { kind: "basic", identity: Uint8Array.of(1) }
const unsupported = { code: "credential_binding_unsupported" }
const supported = [1, credentialTypes.multi, credentialTypes.weakMulti]
let ctx: MlsContext

beforeAll(async () => {
  ctx = await testContext("webcrypto")
})

/** Bindings of basic credentials that nobody signed: these rules are of capabilities alone. */
function binding(kind: MultiCredentialKind, ...suites: number[]): Credential {
  const unsigned = { credential: basic, credentialKey: Uint8Array.of(), signature: Uint8Array.of() }
  return multiCredential(
    kind,
    suites.map((cipherSuite) => ({ cipherSuite, ...unsigned })),
  )
}

function member(
  suites: readonly number[],
  credential: Credential = basic,
  credentials: readonly number[] = supported,
): Promise<OwnKeyPackage> {
  return generateKeyPackage(ctx.crypto, {
    credential,
    capabilities: { ...capabilities, cipherSuites: [1, ...suites], credentials },
    lifetime: { notBefore: 0n, notAfter: 2n ** 40n },
  })
}

/** The states of all, the founder's first. */
async function group(founder: OwnKeyPackage, ...others: OwnKeyPackage[]): Promise<GroupState[]> {
  const options = { groupId: Uint8Array.of(1), keyPackage: founder, extensions: [] }
  const alone = await createGroup(ctx, options)
  const { next, welcome } = await createCommit(ctx, alone, { proposals: others.map(add) })
  if (welcome === undefined) return [next]
  const joined = others.map((own) => joinGroup(ctx, { welcome, keyPackages: [own] }))
  return [next, ...(await Promise.all(joined)).map(({ state }) => state)]
}

async function adding(state: GroupState | undefined, own: OwnKeyPackage) {
  if (state === undefined) throw new Error("no state")
  return createCommit(ctx, state, { proposals: [add(own)] })
}

describe("multi: all members support all bindings", () => {
  test("who holds one comes in, and reads of others", async () => {
    const holder = await member([2, 3], binding("multi", 2, 3, 2))
    const [founder, second] = await group(await member([2, 3]), await member([3, 2, 7]))
    const { commit, next } = await adding(founder, holder)
    if (second === undefined) throw new Error("no second member")
    const processed = await processMessage(ctx, second, commit)
    if (processed.kind !== "commit") throw new Error("no commit")
    expect(processed.next?.epochSecrets).toEqual(next.epochSecrets)
    await adding(next, await member([2, 3]))
    await expect(adding(next, await member([2]))).rejects.toMatchObject(unsupported)
  })

  test.each([
    ["cipher suite", [2], basic, supported],
    ["credential type", [2], { kind: "x509", certificates: [] } as const, supported],
  ])("a %s that one lacks", async (_name, suites, bound, credentials) => {
    const unsigned = { credentialKey: Uint8Array.of(), signature: Uint8Array.of() }
    const bindings = [2, 3].map((cipherSuite) => ({ cipherSuite, credential: bound, ...unsigned }))
    const both = [...credentials, credentialTypes.x509]
    const holder = await member([2, 3], multiCredential("multi", bindings), both)
    const [state] = await group(await member([2, 3], basic, both), await member(suites))
    await expect(adding(state, holder)).rejects.toMatchObject(unsupported)
  })

  test("nothing is asked where nothing is bound", async () => {
    await group(await member([]), await member([], binding("multi")))
  })

  test("who lacks it may be removed by the same commit", async () => {
    const holder = await member([2], binding("multi", 2))
    const [state] = await group(await member([2]), await member([]))
    if (state === undefined) throw new Error("no state")
    const removing = { proposalType: proposalTypes.remove, removed: leafIndex(1) } as const
    const { summary } = await createCommit(ctx, state, { proposals: [removing, add(holder)] })
    expect(summary.added).toEqual([1])
  })
})

describe("weak-multi: each member supports a binding", () => {
  test("each another", async () => {
    const holder = await member([2, 3], binding("weak-multi", 2, 3))
    const [state, ...others] = await group(await member([2]), await member([3]), holder)
    expect(others).toHaveLength(2)
    await adding(state, await member([3, 7]))
    await expect(adding(state, await member([7]))).rejects.toMatchObject(unsupported)
  })

  test("one that supports none keeps the holder out", async () => {
    const [state] = await group(await member([2]), await member([]))
    const holder = await member([2, 3], binding("weak-multi", 2, 3))
    await expect(adding(state, holder)).rejects.toMatchObject(unsupported)
    // With one that all support, the others don't matter.
    await adding(state, await member([2], binding("weak-multi", 1, 2)))
  })

  test("neither the cipher suite nor the credential type of a binding is enough", async () => {
    const x509 = { kind: "x509", certificates: [] } as const
    const unsigned = { credentialKey: Uint8Array.of(), signature: Uint8Array.of() }
    const both = [...supported, credentialTypes.x509]
    const bindings = [
      { cipherSuite: 2, credential: x509, ...unsigned },
      { cipherSuite: 3, credential: basic, ...unsigned },
    ]
    const holder = await member([2], multiCredential("weak-multi", bindings), both)
    const [other] = await group(await member([3]))
    const [suiteAlone] = await group(await member([2]))
    const [typeAlone] = await group(await member([], basic, both))
    await adding(other, holder)
    await expect(adding(suiteAlone, holder)).rejects.toMatchObject(unsupported)
    await expect(adding(typeAlone, holder)).rejects.toMatchObject(unsupported)
  })

  test("none at all is supported by nobody", async () => {
    const [state] = await group(await member([2]))
    await expect(adding(state, await member([2], binding("weak-multi")))).rejects.toMatchObject(
      unsupported,
    )
  })
})

describe("wherever a credential comes in", () => {
  test("in the founder's leaf", async () => {
    const keyPackage = await member([], binding("multi", 2))
    const founding = { groupId: Uint8Array.of(1), keyPackage, extensions: [] }
    await expect(createGroup(ctx, founding)).rejects.toMatchObject(unsupported)
  })

  test("in a commit that was received: nothing changes", async () => {
    const [attacker, victim] = await group(await member([2]), await member([]))
    if (attacker === undefined || victim === undefined) throw new Error("two members")
    const before = encodeGroupState(victim)
    const proposals = [add(await member([2], binding("multi", 2)))]
    const forged = await forgeCommit(ctx, attacker, { proposals })
    await expect(processMessage(ctx, victim, forged)).rejects.toMatchObject(unsupported)
    expect(encodeGroupState(victim)).toEqual(before)
  })

  test("in one's own new leaf, by a commit or an Update", async () => {
    const [state, second] = await group(await member([2]), await member([]))
    if (state === undefined || second === undefined) throw new Error("two members")
    const leafNode = { credential: binding("multi", 2) }
    await expect(createCommit(ctx, state, { leafNode })).rejects.toMatchObject(unsupported)
    const { message } = await createUpdateProposal(ctx, state, leafNode)
    const heard = await processMessage(ctx, second, message)
    if (heard.kind !== "proposal") throw new Error("no proposal")
    const naming = { proposalRefs: [heard.ref] }
    await expect(createCommit(ctx, heard.state, naming)).rejects.toMatchObject(unsupported)
  })

  test("one that can't be read is refused", async () => {
    const data = Uint8Array.of(0, 2)
    const broken = await member([2], { kind: "unknown", type: credentialTypes.multi, data })
    const [state] = await group(await member([2]))
    await expect(adding(state, broken)).rejects.toMatchObject({ code: "decode" })
    // Before it is in any tree, too.
    const { leafNode } = broken.keyPackage
    expect(() => {
      validateLeafNode(ctx.crypto, leafNode, { source: "key_package" })
    }).toThrow(expect.objectContaining({ code: "decode" }))
  })
})

test("what many have alike is looked at once", async () => {
  // Thirty members, two kinds of capabilities, one demand: what differs from them is in nobody's way.
  const others = await Promise.all(Array.from({ length: 29 }, (_, i) => member([2 + (i % 2)])))
  const [state] = await group(await member([2, 3], binding("weak-multi", 2, 3)), ...others)
  expect([...(state?.tree.index.demands.keys() ?? [])]).toEqual(["weak-multi 2/1 3/1"])
  expect([...(state?.tree.index.profiles.keys() ?? [])]).toHaveLength(3)
})

test("capabilities are read once, however many different demands are held against them", async () => {
  const holders = [5, 6, 7].map((suite) =>
    member([2 + (suite % 2)], binding("weak-multi", 2, 3, suite)),
  )
  const [state] = await group(await member([2, 3]), ...(await Promise.all(holders)))
  if (state === undefined) throw new Error("no state")
  const { demands, profiles } = state.tree.index
  expect([...demands.keys()]).toHaveLength(3)
  const read = vi.spyOn(profiles, "keys")
  atOnce(bindingChecks(state.tree))
  expect(read).toHaveBeenCalledOnce()
})
