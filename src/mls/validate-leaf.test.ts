// RFC 9420 §7.2, §7.3: a test for each rule, on a leaf that breaks that one only.

import { beforeAll, describe, expect, test } from "vitest"
import { atOnce } from "./batches.ts"
import { encode } from "./codec.ts"
import type { MlsCrypto } from "./crypto.ts"
import { type RequiredCapabilities, encodeRequiredCapabilities } from "./extensions.ts"
import type { OwnKeyPackage } from "./key-package.ts"
import { type Capabilities, type LeafNode, leafNodeSignature } from "./leaf-node.ts"
import { extensionTypes } from "./registry.ts"
import { leafIndex, nodeIndex } from "./tree-math.ts"
import { NOW, capabilities, codeOf, cryptoOf, member, members } from "./tree.fixture.ts"
import { applyProposalsToTree, createTree, setPath } from "./tree.ts"
import {
  type LeafNodeChecks,
  leafChecksInTree,
  supportedByAll,
  validateLeafNode,
  verifyLeafSignatures,
} from "./validate-leaf.ts"
import { requiredWireFormats } from "./wire-formats.ts"

const APP_DATA = extensionTypes.appDataDictionary
const GREASE = 0x1a1a

let crypto: MlsCrypto
let own: OwnKeyPackage
let leaf: LeafNode

beforeAll(async () => {
  crypto = await cryptoOf("webcrypto")
  own = await member(crypto, "alice")
  leaf = own.keyPackage.leafNode
})

const codeFor = (bad: LeafNode, checks?: LeafNodeChecks) =>
  codeOf(() => validateLeafNode(crypto, bad, checks))

function withCapabilities(change: Partial<Capabilities>): LeafNode {
  return { ...leaf, capabilities: { ...capabilities, ...change } }
}

function requiring(change: Partial<RequiredCapabilities>): LeafNodeChecks {
  const required = { extensions: [], proposals: [], credentials: [], ...change }
  const data = encode(encodeRequiredCapabilities, required)
  return { groupExtensions: [{ type: extensionTypes.requiredCapabilities, data }] }
}

describe("a leaf on its own (§7.3)", () => {
  test("is valid", async () => {
    expect(await codeFor(leaf, { source: "key_package", now: NOW, groupExtensions: [] })).toBe(
      "nothing thrown",
    )
  })

  test("supports the protocol version", async () => {
    expect(await codeFor(withCapabilities({ versions: [2, GREASE] }))).toBe(
      "leaf_version_unsupported",
    )
  })

  test("supports the cipher suite", async () => {
    expect(await codeFor(withCapabilities({ cipherSuites: [3] }))).toBe("leaf_suite_unsupported")
  })

  test("is held to what the group requires, which is read once for all leaves", async () => {
    const { groupExtensions = [] } = requiring({ credentials: [1, 1] })
    let read = 0
    const counting = [...groupExtensions, requiredWireFormats([1, 1])].map(({ type, data }) => ({
      type,
      get data() {
        read++
        return data
      },
    }))
    const extensions = [extensionTypes.requiredWireFormats]
    for (let i = 0; i < 3; i++) {
      const listing = withCapabilities({ extensions })
      expect(await codeFor(listing, { groupExtensions: counting })).toBe("nothing thrown")
    }
    expect(read).toBe(2)
  })

  test("lists the type of its credential", async () => {
    expect(await codeFor(withCapabilities({ credentials: [2] }))).toBe("leaf_credential_not_listed")
  })

  test("lists its extensions, but for the default ones", async () => {
    const bad = { ...leaf, extensions: [{ type: APP_DATA, data: Uint8Array.of(0) }] }
    expect(await codeFor(bad)).toBe("leaf_extension_not_listed")
    const listed = { ...bad, capabilities: { ...capabilities, extensions: [APP_DATA] } }
    expect(await codeFor(listed)).toBe("nothing thrown")
    const byDefault = { ...leaf, extensions: [{ type: 1, data: new Uint8Array() }] }
    expect(await codeFor(byDefault)).toBe("nothing thrown")
  })

  test("supports the extensions that the group requires", async () => {
    expect(await codeFor(leaf, requiring({ extensions: [APP_DATA] }))).toBe(
      "leaf_required_extension",
    )
    expect(await codeFor(leaf, requiring({ extensions: [5] }))).toBe("nothing thrown")
  })

  test("supports the proposals that the group requires", async () => {
    expect(await codeFor(leaf, requiring({ proposals: [8] }))).toBe("leaf_required_proposal")
    expect(await codeFor(leaf, requiring({ proposals: [1, 7] }))).toBe("nothing thrown")
  })

  test("supports the credentials that the group requires", async () => {
    expect(await codeFor(leaf, requiring({ credentials: [2] }))).toBe("leaf_required_credential")
  })

  test("supports the extensions of the GroupContext", async () => {
    const groupExtensions = [{ type: APP_DATA, data: new Uint8Array() }]
    expect(await codeFor(leaf, { groupExtensions })).toBe("leaf_group_extension")
  })

  test("has a dictionary whose entries ascend, if it has one (draft §4.6)", async () => {
    const having = (...data: number[]): LeafNode => ({
      ...withCapabilities({ extensions: [APP_DATA] }),
      extensions: [{ type: APP_DATA, data: Uint8Array.from(data) }],
    })
    expect(await codeFor(having(6, 0, 4, 0, 0, 5, 0))).toBe("nothing thrown")
    expect(await codeFor(having(6, 0, 5, 0, 0, 4, 0))).toBe("app_data_order")
    expect(await codeFor(having(6, 0, 4, 0, 0, 4, 0))).toBe("app_data_order")
    expect(await codeFor(having(6, 0, 4, 0))).toBe("decode")
  })

  test("is of the source that its carrier demands", async () => {
    expect(await codeFor(leaf, { source: "update" })).toBe("leaf_source")
    expect(await codeFor(leaf, { source: "commit" })).toBe("leaf_source")
    expect(await codeFor({ ...leaf, source: { kind: "update" } }, { source: "key_package" })).toBe(
      "leaf_source",
    )
  })

  test("has another encryption key than the leaf that it replaces", async () => {
    expect(await codeFor(leaf, { replaced: leaf })).toBe("leaf_encryption_key_unchanged")
  })

  test("is within its lifetime", async () => {
    expect(await codeFor(leaf, { now: NOW - 3601 })).toBe("leaf_not_yet_valid")
    expect(await codeFor(leaf, { now: NOW + 86_401 })).toBe("leaf_expired")
    expect(await codeFor(leaf, { now: NOW - 3600 })).toBe("nothing thrown")
    expect(await codeFor(leaf, { now: NOW + 86_400 })).toBe("nothing thrown")
  })

  test("has a lifetime that is not too long, if there is a limit", async () => {
    // From an hour before NOW to a day after it.
    expect(await codeFor(leaf, { maxLifetime: 90_000 })).toBe("nothing thrown")
    expect(await codeFor(leaf, { maxLifetime: 89_999 })).toBe("leaf_lifetime_too_long")
    const lasting = (notBefore: bigint, notAfter: bigint): LeafNode => ({
      ...leaf,
      source: { kind: "key_package", lifetime: { notBefore, notAfter } },
    })
    const always = lasting(0n, 2n ** 64n - 1n)
    expect(await codeFor(always)).toBe("nothing thrown")
    expect(await codeFor(always, { maxLifetime: 2 ** 40 })).toBe("leaf_lifetime_too_long")
    expect(await codeFor(lasting(2n, 1n), { maxLifetime: 1 })).toBe("leaf_lifetime_too_long")
  })

  test("has an encryption key to which something can be sealed", async () => {
    expect(await codeFor({ ...leaf, encryptionKey: Uint8Array.of(1) })).toBe("invalid_public_key")
  })

  test("may hold GREASE values in all its lists (§13.5)", async () => {
    const greased = withCapabilities({
      versions: [GREASE, 1],
      cipherSuites: [GREASE, 1],
      extensions: [GREASE],
      proposals: [GREASE],
      credentials: [1, GREASE],
    })
    const extensions = [{ type: GREASE, data: Uint8Array.of(1, 2) }]
    expect(await codeFor({ ...greased, extensions }, { groupExtensions: [] })).toBe(
      "nothing thrown",
    )
  })

  test("has a valid signature", async () => {
    const good = { leafIndex: 0, check: leafNodeSignature(leaf) }
    const bad = { leafIndex: 1, check: leafNodeSignature({ ...leaf, signature: own.bytes }) }
    const many = Array.from({ length: 600 }, () => good)
    expect(await codeOf(() => verifyLeafSignatures(crypto, many))).toBe("nothing thrown")
    expect(await codeOf(() => verifyLeafSignatures(crypto, [...many, bad]))).toBe(
      "leaf_signature_invalid",
    )
    expect(await codeOf(() => verifyLeafSignatures(crypto, [bad, good]))).toBe(
      "leaf_signature_invalid",
    )
  })
})

describe("a leaf among others (§7.3)", () => {
  /** The code for the last of these leaves, in a tree of them all. */
  async function codeAmong(leaves: readonly LeafNode[]): Promise<string> {
    const [first, ...adds] = leaves
    if (first === undefined) throw new Error("no leaf")
    const { tree } = applyProposalsToTree(createTree(first), { updates: [], removes: [], adds })
    return codeOf(() => atOnce(leafChecksInTree(tree, [leafIndex(leaves.length - 1)])))
  }

  let others: LeafNode[]

  beforeAll(async () => {
    others = (await members(crypto, 3)).map(({ keyPackage }) => keyPackage.leafNode)
  })

  test("is valid", async () => {
    expect(await codeAmong([...others, leaf])).toBe("nothing thrown")
  })

  test("has an encryption key of its own", async () => {
    const shared = { ...leaf, encryptionKey: others[1]?.encryptionKey ?? new Uint8Array() }
    expect(await codeAmong([...others, shared])).toBe("leaf_encryption_key_not_unique")
  })

  test("has no parent's encryption key: nobody could join any more (§12.2, §12.4.3.1)", async () => {
    const [first = leaf, ...rest] = others
    const adds = [...rest, leaf]
    const { tree } = applyProposalsToTree(createTree(first), { updates: [], removes: [], adds })
    const withRoot = (encryptionKey: Uint8Array) => {
      const root = { encryptionKey, parentHash: new Uint8Array(), unmergedLeaves: [] }
      const parents = new Map([[nodeIndex(3), root]])
      return setPath(tree, { leafIndex: leafIndex(0), leafNode: first, parents })
    }
    const code = (key: Uint8Array) =>
      codeOf(() => atOnce(leafChecksInTree(withRoot(key), [leafIndex(3)])))
    expect(await code(leaf.encryptionKey)).toBe("parent_key_not_unique")
    expect(await code(own.keyPackage.initKey)).toBe("nothing thrown")
  })

  test("has a signature key of its own", async () => {
    const shared = { ...leaf, signatureKey: others[2]?.signatureKey ?? new Uint8Array() }
    expect(await codeAmong([...others, shared])).toBe("leaf_signature_key_not_unique")
  })

  test("has a credential of a type that all support", async () => {
    const certificates = [Uint8Array.of(1)]
    const other = {
      ...withCapabilities({ credentials: [1, 2] }),
      credential: { kind: "x509", certificates } as const,
    }
    expect(await codeAmong([...others, other])).toBe("leaf_credential_unsupported")
    const open = others.map((node) => ({
      ...node,
      capabilities: { ...node.capabilities, credentials: [2, 1] },
    }))
    expect(await codeAmong([...open, other])).toBe("nothing thrown")
  })

  test("supports the types of credentials that others use", async () => {
    const both = others.map((node) => ({
      ...node,
      capabilities: { ...node.capabilities, credentials: [1, 2] },
    }))
    const closed = {
      ...withCapabilities({ credentials: [2] }),
      credential: { kind: "x509", certificates: [] } as const,
    }
    expect(await codeAmong([...both, closed])).toBe("leaf_credentials_in_use")
  })

  test("counts for what all members support", async () => {
    const [a, b] = await Promise.all([
      member(crypto, "a", { capabilities: { extensions: [APP_DATA, APP_DATA], proposals: [8] } }),
      member(crypto, "b", { capabilities: { extensions: [APP_DATA] } }),
    ])
    const adds = [b.keyPackage.leafNode]
    const { tree } = applyProposalsToTree(createTree(a.keyPackage.leafNode), {
      updates: [],
      removes: [],
      adds,
    })
    expect(supportedByAll(tree, "extensions", APP_DATA)).toBe(true)
    expect(supportedByAll(tree, "extensions", 3)).toBe(true)
    expect(supportedByAll(tree, "proposals", 8)).toBe(false)
    expect(supportedByAll(tree, "proposals", 2)).toBe(true)
    expect(supportedByAll(tree, "credentials", 1)).toBe(true)
  })
})
