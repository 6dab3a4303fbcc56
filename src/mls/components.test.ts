// draft-ietf-mls-extensions-10 §4.1 to §4.5, §5, §6.4: the safe application interface.

import { describe, expect, test } from "vitest"
import { appDataExtension, componentIds, encodeComponentsList } from "./app-data.ts"
import {
  componentOperationLabel,
  componentSupport,
  isLastResort,
  lastResortComponent,
  missingComponents,
  safeDecryptWithLabel,
  safeEncryptWithLabel,
  safeSignWithLabel,
  safeVerifyWithLabel,
} from "./components.ts"
import { createCommit } from "./commit-create.ts"
import { createExporterTree, exportFromTree } from "./exporter-tree.ts"
import { add, afterCommit, groupOf, keyPackageOf, testContext } from "./group.fixture.ts"
import { createGroup, safeExportSecret } from "./group.ts"
import { secretsOf } from "./key-schedule.ts"
import { processMessage } from "./process.ts"
import { proposalTypes } from "./registry.ts"
import { decodeGroupState, encodeGroupState } from "./state-codec.ts"
import { bytes, hex } from "./vectors.fixture.ts"
import { joinGroup } from "./welcome.ts"

const component = { componentId: 0x8a01, label: "x" }

test("ComponentOperationLabel", () => {
  // A vector of 13 bytes, the id, a vector of one byte.
  const text = hex(new TextEncoder().encode("MLS Component"))
  expect(hex(componentOperationLabel(component))).toBe(`0d${text}8a010178`)
})

describe("keys of MLS used by a component", () => {
  const content = bytes("0102")
  const others = [
    { ...component, componentId: 0x8a02 },
    { ...component, label: "y" },
  ]

  test("a signature verifies for its component and label alone, and is none of MLS", async () => {
    const { crypto } = await testContext("webcrypto")
    const { publicKey, privateKey } = await crypto.generateSignatureKeyPair()
    const signature = await safeSignWithLabel(crypto, privateKey, component, content)
    const signed = { ...component, publicKey, content, signature }
    expect(await safeVerifyWithLabel(crypto, signed)).toBe(true)
    for (const other of others) {
      expect(await safeVerifyWithLabel(crypto, { ...signed, ...other })).toBe(false)
    }
    expect(await safeVerifyWithLabel(crypto, { ...signed, content: bytes("0103") })).toBe(false)
    expect(await crypto.verify({ publicKey, label: "x", content, signature })).toBe(false)
  })

  test("a ciphertext opens for its component, label and context alone", async () => {
    const { crypto } = await testContext("webcrypto")
    const { publicKey, privateKey } = await crypto.generateKemKeyPair()
    const context = bytes("aa")
    const sealing = { ...component, publicKey, context, plaintext: content }
    const sealed = await safeEncryptWithLabel(crypto, sealing)
    const opening = { ...sealed, ...component, privateKey, context }
    expect(await safeDecryptWithLabel(crypto, opening)).toEqual(content)
    for (const other of [...others, { context: bytes("ab") }]) {
      await expect(safeDecryptWithLabel(crypto, { ...opening, ...other })).rejects.toMatchObject({
        code: "aead_failed",
      })
    }
    await expect(crypto.decryptWithLabel(privateKey, "x", context, sealed)).rejects.toMatchObject({
      code: "aead_failed",
    })
  })
})

describe("SafeExportSecret", () => {
  test("members agree; each secret is given out once and is no component's but its own", async () => {
    const ctx = await testContext("webcrypto")
    const [a, b] = await groupOf(ctx, ["a", "b"])
    if (a === undefined || b === undefined) throw new Error("two members")
    const first = safeExportSecret(ctx.crypto, a, 0x8001)
    expect(first.secret).toHaveLength(32)
    // In another order, and from a state that was stored in between.
    const other = safeExportSecret(ctx.crypto, b, 0xffff)
    const stored = decodeGroupState(encodeGroupState(other.state))
    const theirs = safeExportSecret(ctx.crypto, stored, 0x8001)
    expect(hex(theirs.secret)).toBe(hex(first.secret))
    expect(hex(other.secret)).not.toBe(hex(first.secret))
    for (const state of [
      first.state,
      theirs.state,
      decodeGroupState(encodeGroupState(first.state)),
    ]) {
      expect(() => safeExportSecret(ctx.crypto, state, 0x8001)).toThrow(
        expect.objectContaining({ code: "component_secret_used" }),
      )
    }
    expect(hex(safeExportSecret(ctx.crypto, first.state, 0xffff).secret)).toBe(hex(other.secret))
    // The next epoch has others.
    const { next } = await createCommit(ctx, first.state)
    expect(hex(safeExportSecret(ctx.crypto, next, 0x8001).secret)).not.toBe(hex(first.secret))
  })

  test("what was exported is the caller's to overwrite, whatever was exported before", async () => {
    const ctx = await testContext("noble")
    const [state] = await groupOf(ctx, ["a"])
    if (state === undefined) throw new Error("a member")
    // Beside the leaf that was taken, the other's secret is there as it is.
    const after = safeExportSecret(ctx.crypto, state, 0x8000).state
    const { secret } = safeExportSecret(ctx.crypto, after, 0x8001)
    const copy = secret.slice()
    secret.fill(0)
    expect(safeExportSecret(ctx.crypto, after, 0x8001).secret).toEqual(copy)
  })

  test("it is the leaf of a tree of 2^16 leaves under application_export", async () => {
    const { crypto } = await testContext("noble")
    const epochSecret = new Uint8Array(32).fill(9)
    const root = secretsOf(crypto, epochSecret).applicationExportSecret
    expect(hex(root)).toBe(hex(crypto.deriveSecret(epochSecret, "application_export")))
    for (const id of [0, 1, 0x1234, 0x8000, 0xffff]) {
      let secret = root
      for (let bit = 15; bit >= 0; bit--) {
        const side = (id >> bit) & 1 ? "right" : "left"
        secret = crypto.expandWithLabel(secret, "tree", new TextEncoder().encode(side), 32)
      }
      const exported = exportFromTree(crypto, createExporterTree(root), id)
      expect(hex(exported.secret)).toBe(hex(secret))
      // §9.2: neither the root nor anything above the leaf stays; one sibling for each level does.
      expect(exported.tree.subtrees.size).toBe(16)
      const kept = [...exported.tree.subtrees.values()].map((each) => hex(each))
      expect(kept).not.toContain(hex(secret))
      expect(kept).not.toContain(hex(root))
    }
  })

  test.each([-1, 1.5, 0x10000])("component %d does not exist", async (id) => {
    const ctx = await testContext("noble")
    const [state] = await groupOf(ctx, ["a"])
    if (state === undefined) throw new Error("a member")
    expect(() => safeExportSecret(ctx.crypto, state, id)).toThrow(
      expect.objectContaining({ code: "invalid_index" }),
    )
  })
})

test("a component's PSK: the group goes on for those who know it", async () => {
  const ctx = await testContext("webcrypto")
  const [a, b] = await groupOf(ctx, ["a", "b"])
  if (a === undefined || b === undefined) throw new Error("two members")
  const asked: number[] = []
  const store = (secret: string) => ({
    ...ctx,
    psks: {
      psk: (id: { kind: string; componentId?: number }) => {
        if (id.kind !== "application" || id.componentId === undefined) return undefined
        asked.push(id.componentId)
        return bytes(secret)
      },
    },
  })
  const psk = {
    kind: "application" as const,
    componentId: 0x8a01,
    pskId: bytes("01"),
    pskNonce: new Uint8Array(32).fill(3),
  }
  const proposals = [{ proposalType: proposalTypes.psk, psk }]
  const made = await createCommit(store("aa"), a, { proposals })
  const next = await afterCommit(store("aa"), b, made.commit)
  expect(next.epochSecrets).toEqual(made.next.epochSecrets)
  expect(asked).toEqual([0x8a01, 0x8a01])
  await expect(processMessage(store("ab"), b, made.commit)).rejects.toMatchObject({
    code: "confirmation_tag",
  })
  await expect(processMessage(ctx, b, made.commit)).rejects.toMatchObject({ code: "psk_unknown" })
})

test("what a group requires of components and a leaf does not have", () => {
  const saying = (components: number[], safeAad?: number[]) => [
    appDataExtension(
      new Map([
        [componentIds.appComponents, encodeComponentsList(components)],
        ...(safeAad === undefined
          ? []
          : [[componentIds.safeAad, encodeComponentsList(safeAad)] as const]),
      ]),
    ),
  ]
  const group = saying([1, 0x8001, 0x8002], [0x8001])
  expect(componentSupport(group)).toEqual({ components: [1, 0x8001, 0x8002], safeAad: [0x8001] })
  expect(componentSupport([])).toEqual({ components: undefined, safeAad: undefined })
  // 0x2a2a is a GREASE value (§5.1), which is as good as any other unknown one.
  const enough = saying([1, 0x2a2a, 0x8001, 0x8002], [0x2a2a, 0x8001])
  expect(missingComponents(group, enough)).toEqual({ components: [], safeAad: [] })
  expect(missingComponents(group, saying([1, 0x8002]))).toEqual({
    components: [0x8001],
    safeAad: [0x8001],
  })
  expect(missingComponents([], [])).toEqual({ components: [], safeAad: [] })
})

test("lists of components in any order, with repetitions (§5)", () => {
  const saying = (list: string) => {
    const { appComponents, safeAad } = componentIds
    return [appDataExtension(new Map([appComponents, safeAad].map((id) => [id, bytes(list)])))]
  }
  const group = saying("0a00030001000300020001")
  expect(componentSupport(group)).toEqual({ components: [3, 1, 2], safeAad: [3, 1, 2] })
  expect(missingComponents(group, saying("080002000300020001"))).toEqual({
    components: [],
    safeAad: [],
  })
  expect(missingComponents(group, saying("0400020002"))).toEqual({
    components: [3, 1],
    safeAad: [3, 1],
  })
})

test("a KeyPackage of last resort says so, and is seen to in an Add", async () => {
  const ctx = await testContext("webcrypto")
  const extensions = [appDataExtension(new Map([lastResortComponent]))]
  const own = await keyPackageOf(ctx.crypto, "b", { extensions })
  expect(isLastResort(own.keyPackage)).toBe(true)
  const founder = await keyPackageOf(ctx.crypto, "a")
  expect(isLastResort(founder.keyPackage)).toBe(false)
  const state = await createGroup(ctx, {
    groupId: bytes("01"),
    keyPackage: founder,
    extensions: [],
  })
  const { welcome, summary } = await createCommit(ctx, state, { proposals: [add(own)] })
  const [committed] = summary.proposals
  if (committed?.proposal.proposalType !== proposalTypes.add || welcome === undefined) {
    throw new Error("an Add")
  }
  expect(isLastResort(committed.proposal.keyPackage)).toBe(true)
  expect((await joinGroup(ctx, { welcome, keyPackages: [own] })).state.ownLeafIndex).toBe(1)
})
