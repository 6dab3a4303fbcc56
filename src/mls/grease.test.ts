// RFC 9420 §13.5, draft-ietf-mls-extensions-10 §5.1: GREASE where it is asked for.

import { expect, test } from "vitest"
import {
  appDataDictionary,
  appDataExtension,
  componentIds,
  encodeComponentsList,
} from "./app-data.ts"
import { createCommit } from "./commit-create.ts"
import { componentSupport } from "./components.ts"
import { joinByExternalCommit } from "./external.ts"
import {
  type LeafContents,
  greaseValues,
  greasedExtensions,
  greasedLeaf,
  withGrease,
} from "./grease.ts"
import { capabilities, add, testContext } from "./group.fixture.ts"
import { createGroup, encryptApplication } from "./group.ts"
import { exportGroupInfo } from "./group-info.ts"
import { generateKeyPackage } from "./key-package.ts"
import { processMessage } from "./process.ts"
import { inspectGroup } from "./public-group.ts"
import { leafIndex } from "./tree-math.ts"
import { leafNode } from "./tree.ts"
import { joinGroup } from "./welcome.ts"

const options = {
  credential: { kind: "basic", identity: Uint8Array.of(1) } as const,
  capabilities,
  lifetime: { notBefore: 0n, notAfter: 2n ** 40n },
  leafExtensions: [
    appDataExtension(
      new Map([
        [componentIds.appComponents, encodeComponentsList([1, 0x8001])],
        [componentIds.safeAad, encodeComponentsList([])],
        [0x8001, Uint8Array.of(1)],
      ]),
    ),
  ],
}

test("the fifteen values of the RFC", () => {
  expect(greaseValues.map((value) => value.toString(16))).toEqual(
    "0a 1a 2a 3a 4a 5a 6a 7a 8a 9a aa ba ca da ea"
      .split(" ")
      .map((byte) => Number.parseInt(byte + byte, 16).toString(16)),
  )
})

test("where it is asked for, each list has a value more; nothing is lost", async () => {
  const { crypto } = await testContext("webcrypto", "grease")
  const seen = new Set<number>()
  for (let i = 0; i < 40; i++) {
    const made = withGrease((length) => crypto.random(length), options)
    expect(made.capabilities.versions).toEqual(capabilities.versions)
    for (const kind of ["cipherSuites", "extensions", "proposals", "credentials"] as const) {
      const list = made.capabilities[kind]
      const grease = list.filter((type) => greaseValues.includes(type))
      expect(grease).toHaveLength(1)
      expect(list.filter((type) => !greaseValues.includes(type))).toEqual(capabilities[kind])
      seen.add(grease[0] ?? 0)
    }
    const dictionary = appDataDictionary(made.leafExtensions ?? [])
    expect(dictionary?.get(0x8001)).toEqual(Uint8Array.of(1))
    const component = [...(dictionary?.keys() ?? [])].filter((id) => greaseValues.includes(id))
    expect(component).toHaveLength(1)
    // No private-use component is taken for GREASE, in the dictionary or in its lists.
    const { components, safeAad } = componentSupport(made.leafExtensions ?? [])
    const forComponents = greaseValues.filter((value) => value < 0x8000)
    expect(components?.filter((id) => !forComponents.includes(id))).toEqual([1, 0x8001])
    expect(components).toHaveLength(3)
    expect(forComponents).toEqual(expect.arrayContaining([...component, ...(safeAad ?? [0])]))
    expect(safeAad).toHaveLength(1)
    expect(made.extensions).toHaveLength(1)
  }
  expect(seen.size).toBeGreaterThan(10)
})

test("what had it gets other values, not more", async () => {
  const { crypto } = await testContext("webcrypto", "again")
  const random = (length: number) => crypto.random(length)
  const { leafExtensions, ...rest } = options
  const once = greasedLeaf(random, { ...rest, extensions: leafExtensions })
  const twice = greasedLeaf(random, once)
  expect(twice).not.toEqual(once)
  expect(meaningIn(twice)).toEqual({ capabilities, extensions: leafExtensions })
  expect(twice.extensions).toHaveLength(2)
  for (const kind of ["cipherSuites", "extensions", "proposals", "credentials"] as const) {
    expect(twice.capabilities[kind]).toHaveLength(capabilities[kind].length + 1)
  }
})

test("members with it live in a group with others; GroupInfos, Updates and external joiners have it", async () => {
  const ctx = await testContext("webcrypto")
  const random = (length: number) => ctx.crypto.random(length)
  const greased = () => generateKeyPackage(ctx.crypto, withGrease(random, options))
  const [founder, second] = [await greased(), await greased()]
  const plain = await generateKeyPackage(ctx.crypto, options)
  const group = { groupId: Uint8Array.of(1), keyPackage: founder, extensions: [] }
  const shown = () => greasedExtensions(random, [appDataExtension(new Map([[0x8001, random(1)]]))])
  const made = await createCommit(ctx, await createGroup(ctx, group), {
    proposals: [add(second), add(plain)],
    groupInfoExtensions: shown(),
  })
  const { welcome } = made
  if (welcome === undefined) throw new Error("no Welcome")
  const joined = await joinGroup(ctx, { welcome, keyPackages: [plain] })
  expect(joined.state.epochSecrets).toEqual(made.next.epochSecrets)
  const entries = [...(appDataDictionary(joined.groupInfoExtensions)?.keys() ?? [])]
  expect(entries).toHaveLength(2)
  expect(entries.filter((id) => greaseValues.includes(id))).toHaveLength(1)

  const current = leafNode(made.next.tree, leafIndex(0))
  if (current === undefined) throw new Error("no leaf")
  const changes = greasedLeaf(random, current)
  const updated = await createCommit(ctx, made.next, { leafNode: changes })
  const heard = await processMessage(ctx, joined.state, updated.commit)
  if (heard.kind !== "commit" || heard.next === undefined) throw new Error("no commit")
  expect(leafNode(heard.next.tree, leafIndex(0))?.capabilities).toEqual(changes.capabilities)

  const groupInfo = await exportGroupInfo(ctx, updated.next, {
    externalPub: true,
    ratchetTree: true,
    extensions: shown(),
  })
  expect((await inspectGroup(ctx, groupInfo)).members).toHaveLength(3)
  const { credential, leafExtensions: extensions } = options
  const leaf = greasedLeaf(random, { capabilities, extensions })
  const { commit, state } = await joinByExternalCommit(ctx, {
    groupInfo,
    credential,
    signatureKeyPair: await ctx.crypto.generateSignatureKeyPair(),
    capabilities: leaf.capabilities,
    leafExtensions: leaf.extensions,
  })
  const seen = await processMessage(ctx, heard.next, commit)
  if (seen.kind !== "commit") throw new Error("no commit")
  expect(seen.next?.epochSecrets).toEqual(state.epochSecrets)
  if (seen.next === undefined) throw new Error("removed")
  const sent = await encryptApplication(ctx, state, new Uint8Array(1))
  expect((await processMessage(ctx, seen.next, sent.message)).kind).toBe("application")
})

/** A leaf's contents without what §13.5 says is to be ignored. */
function meaningIn({ capabilities: listed, extensions }: LeafContents): LeafContents {
  const known = (types: readonly number[]) => types.filter((type) => !greaseValues.includes(type))
  const dictionary = appDataDictionary(extensions) ?? new Map<number, Uint8Array>()
  const { components = [], safeAad = [] } = componentSupport(extensions)
  const entries = [...dictionary].filter(([id]) => !greaseValues.includes(id))
  return {
    capabilities: {
      versions: listed.versions,
      cipherSuites: known(listed.cipherSuites),
      extensions: known(listed.extensions),
      proposals: known(listed.proposals),
      credentials: known(listed.credentials),
    },
    extensions: [
      appDataExtension(
        new Map([
          ...entries,
          [componentIds.appComponents, encodeComponentsList(known(components))],
          [componentIds.safeAad, encodeComponentsList(known(safeAad))],
        ]),
      ),
    ],
  }
}
