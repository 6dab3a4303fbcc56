// RFC 9420 §7.4 to §7.6: paths from committer to members. The treekem vectors are in test/vectors.

import { beforeAll, describe, expect, test } from "vitest"
import { decode, encode } from "./codec.ts"
import type { MlsCrypto } from "./crypto.ts"
import type { OwnKeyPackage } from "./key-package.ts"
import type { LeafNode } from "./leaf-node.ts"
import { decodeRatchetTree, encodeRatchetTree } from "./ratchet-tree-codec.ts"
import { treeHash } from "./tree-hash.ts"
import { type LeafIndex, leafIndex, leafToNode, nodeIndex } from "./tree-math.ts"
import {
  type TreePrivate,
  createTreePrivate,
  decodeTreePrivate,
  encodeTreePrivate,
  privateFromPathSecret,
  pruneTreePrivate,
} from "./tree-private.ts"
import { codeOf, cryptoOf, fuzzDecoder, member, resigned } from "./tree.fixture.ts"
import {
  type RatchetTree,
  applyProposalsToTree,
  createTree,
  encryptionKey,
  leafNode,
  nonBlankLeaves,
  removeLeaf,
  reserveLeaf,
} from "./tree.ts"
import {
  type PreparedPath,
  type ReceivedPath,
  mergeUpdatePath,
  openUpdatePath,
  pathSecretFor,
  prepareUpdatePath,
  sealUpdatePath,
} from "./treekem.ts"
import { type UpdatePath, decodeUpdatePath, encodeUpdatePath } from "./update-path.ts"
import { validateTree } from "./validate-tree.ts"

const groupId = Uint8Array.of(7, 7, 7)

let crypto: MlsCrypto

beforeAll(async () => {
  crypto = await cryptoOf("webcrypto")
})

/** A group as all its members see it. */
interface Session {
  readonly tree: RatchetTree
  readonly members: ReadonlyMap<LeafIndex, { own: OwnKeyPackage; keys: TreePrivate }>
}

interface Round {
  readonly committer: LeafIndex
  readonly adds?: readonly string[]
  readonly removes?: readonly LeafIndex[]
}

async function founded(): Promise<Session> {
  const own = await member(crypto, "founder")
  const keys = createTreePrivate(leafIndex(0), own.encryptionPrivateKey)
  return {
    tree: createTree(own.keyPackage.leafNode),
    members: new Map([[leafIndex(0), { own, keys }]]),
  }
}

function signerOf(session: Session, leaf: LeafIndex): OwnKeyPackage {
  const found = session.members.get(leaf)
  if (found === undefined) throw new Error(`no member ${leaf}`)
  return found.own
}

function pathFrom(
  session: Session,
  tree: RatchetTree,
  committer: LeafIndex,
): Promise<PreparedPath> {
  const own = signerOf(session, committer)
  return prepareUpdatePath(crypto, tree, {
    leafIndex: committer,
    groupId,
    leaf: own.keyPackage.leafNode,
    signaturePrivateKey: own.signaturePrivateKey,
  })
}

/** One commit: the committer sends it, every other member processes it, new members join. */
async function commit(session: Session, round: Round): Promise<Session> {
  const { committer, removes = [] } = round
  const newcomers = await Promise.all((round.adds ?? []).map((name) => member(crypto, name)))
  const adds = newcomers.map((own) => own.keyPackage.leafNode)
  const { tree, added } = applyProposalsToTree(session.tree, { updates: [], removes, adds })
  const prepared = await pathFrom(session, tree, committer)
  const groupContext = treeHash(crypto, prepared.tree)
  const sealed = await sealUpdatePath(crypto, prepared, { groupContext, exclude: added })
  const path = decode(decodeUpdatePath, encode(encodeUpdatePath, sealed))
  const received = { sender: committer, path, exclude: added }
  const merged = mergeUpdatePath(crypto, tree, received)
  expect(treeHash(crypto, merged)).toEqual(groupContext)
  await validateTree(crypto, decodeRatchetTree(encodeRatchetTree(merged)), { groupId })
  const members = new Map<LeafIndex, { own: OwnKeyPackage; keys: TreePrivate }>()
  for (const [leaf, { own, keys }] of session.members) {
    if (removes.includes(leaf)) continue
    if (leaf === committer) {
      members.set(leaf, { own, keys: prepared.treePrivate })
      continue
    }
    const opened = await openUpdatePath(crypto, merged, {
      ...received,
      treePrivate: keys,
      groupContext,
    })
    expect(opened.commitSecret).toEqual(prepared.commitSecret)
    members.set(leaf, { own, keys: opened.treePrivate })
  }
  for (const [i, leaf] of added.entries()) {
    const own = newcomers[i]
    if (own === undefined) throw new Error("no newcomer")
    const joined = await privateFromPathSecret(crypto, merged, {
      treePrivate: createTreePrivate(leaf, own.encryptionPrivateKey),
      sender: committer,
      pathSecret: pathSecretFor(prepared, leaf),
    })
    expect(joined.commitSecret).toEqual(prepared.commitSecret)
    members.set(leaf, { own, keys: joined.treePrivate })
  }
  for (const { keys } of members.values()) await checkKeys(merged, keys)
  return { tree: merged, members }
}

/** Every private key of a member opens what is sealed to the node's public key, and none is of a blank. */
async function checkKeys(tree: RatchetTree, keys: TreePrivate): Promise<void> {
  expect(pruneTreePrivate(tree, keys)).toEqual(keys)
  for (const [node, privateKey] of keys.keys) {
    const publicKey = encryptionKey(tree, node)
    if (publicKey === undefined) throw new Error(`key of the blank node ${node}`)
    const sealed = await crypto.encryptWithLabel(publicKey, "test", groupId, groupId)
    expect(await crypto.decryptWithLabel(privateKey, "test", groupId, sealed)).toEqual(groupId)
  }
}

const at = (...leaves: number[]) => leaves.map(leafIndex)

test("all members follow commits that add and remove, whoever sends them", async () => {
  let session = await founded()
  session = await commit(session, { committer: leafIndex(0) })
  session = await commit(session, { committer: leafIndex(0), adds: ["1", "2", "3", "4", "5"] })
  session = await commit(session, { committer: leafIndex(3) })
  session = await commit(session, { committer: leafIndex(5), removes: at(1, 2), adds: ["6"] })
  session = await commit(session, { committer: leafIndex(1), adds: ["7", "8", "9"] })
  session = await commit(session, { committer: leafIndex(4), removes: at(0) })
  session = await commit(session, {
    committer: leafIndex(7),
    removes: at(4, 5, 6),
    adds: ["10", "11"],
  })
  session = await commit(session, { committer: leafIndex(3), removes: at(7) })
  expect([...session.members.keys()].sort((a, b) => a - b)).toEqual([0, 1, 2, 3, 4])
  expect([...nonBlankLeaves(session.tree)].map((entry) => entry.leafIndex)).toEqual([0, 1, 2, 3, 4])
})

test("an external committer's path reaches all members (§12.4.3.2)", async () => {
  const session = await commit(await founded(), { committer: leafIndex(0), adds: ["1", "2", "3"] })
  const own = await member(crypto, "external")
  const reserved = reserveLeaf(session.tree)
  const prepared = await prepareUpdatePath(crypto, reserved.tree, {
    leafIndex: reserved.leafIndex,
    groupId,
    leaf: own.keyPackage.leafNode,
    signaturePrivateKey: own.signaturePrivateKey,
  })
  const path = await sealUpdatePath(crypto, prepared, { groupContext: groupId, exclude: [] })
  const received = { sender: reserved.leafIndex, path, exclude: [] }
  const merged = mergeUpdatePath(crypto, reserveLeaf(session.tree).tree, received)
  await validateTree(crypto, merged, { groupId })
  for (const { keys } of session.members.values()) {
    const opening = { ...received, treePrivate: keys, groupContext: groupId }
    const opened = await openUpdatePath(crypto, merged, opening)
    expect(opened.commitSecret).toEqual(prepared.commitSecret)
  }
})

describe("a received path", () => {
  let session: Session
  let path: UpdatePath
  let prepared: PreparedPath
  const sender = leafIndex(1)

  beforeAll(async () => {
    session = await commit(await founded(), { committer: leafIndex(0), adds: ["1", "2", "3", "4"] })
    prepared = await pathFrom(session, session.tree, sender)
    path = await sealUpdatePath(crypto, prepared, { groupContext: groupId, exclude: [] })
  })

  const mergeCode = (change: Partial<UpdatePath>, exclude: readonly LeafIndex[] = []) =>
    codeOf(() =>
      mergeUpdatePath(crypto, session.tree, { sender, path: { ...path, ...change }, exclude }),
    )

  function openCode(
    treePrivate: TreePrivate,
    change: Partial<ReceivedPath & { context: Uint8Array }>,
  ) {
    const { context = groupId, ...rest } = change
    const opening = { sender, path, exclude: [], treePrivate, groupContext: context, ...rest }
    return codeOf(() => openUpdatePath(crypto, prepared.tree, opening))
  }

  function keysOf(leaf: number): TreePrivate {
    const found = session.members.get(leafIndex(leaf))
    if (found === undefined) throw new Error("no member")
    return found.keys
  }

  test("has a node for each of the filtered direct path", async () => {
    expect(await mergeCode({})).toBe("nothing thrown")
    expect(await mergeCode({ nodes: path.nodes.slice(1) })).toBe("path_length")
    expect(await mergeCode({ nodes: [...path.nodes, ...path.nodes.slice(0, 1)] })).toBe(
      "path_length",
    )
  })

  test("has a ciphertext for each node of the resolutions, without new members", async () => {
    const fewer = path.nodes.map((node) => ({ ...node, encryptedPathSecret: [] }))
    expect(await mergeCode({ nodes: fewer })).toBe("path_ciphertexts")
    expect(await mergeCode({}, at(4))).toBe("path_ciphertexts")
  })

  test("has fresh keys only (§12.4.2)", async () => {
    const old = leafNode(session.tree, leafIndex(3))?.encryptionKey ?? new Uint8Array()
    const reused = path.nodes.map((node, i) => (i === 0 ? { ...node, encryptionKey: old } : node))
    expect(await mergeCode({ nodes: reused })).toBe("path_key_reused")
    const ofParent = encryptionKey(session.tree, nodeIndex(7)) ?? new Uint8Array()
    const top = path.nodes.map((node, i) => (i === 2 ? { ...node, encryptionKey: ofParent } : node))
    expect(await mergeCode({ nodes: top })).toBe("path_key_reused")
    const own = leafNode(session.tree, sender)?.encryptionKey ?? new Uint8Array()
    const kept: LeafNode = { ...path.leafNode, encryptionKey: own }
    expect(await mergeCode({ leafNode: kept })).toBe("path_key_reused")
    const [first] = path.nodes
    const twice = path.nodes.map((node) => ({
      ...node,
      encryptionKey: first?.encryptionKey ?? own,
    }))
    expect(await mergeCode({ nodes: twice })).toBe("path_key_reused")
  })

  test("has keys that are keys", async () => {
    const bad = path.nodes.map((node) => ({
      ...node,
      encryptionKey: node.encryptionKey.subarray(1),
    }))
    expect(await mergeCode({ nodes: bad })).toBe("invalid_public_key")
  })

  test("has a leaf made for a commit, with the path's parent hash (§7.5)", async () => {
    const own = signerOf(session, sender)
    const position = { groupId, leafIndex: sender }
    const { encryptionKey: fresh } = path.leafNode
    const update = { encryptionKey: fresh, source: { kind: "update" } as const }
    const wrongSource = await resigned(crypto, own, { content: update, position })
    expect(await mergeCode({ leafNode: wrongSource })).toBe("leaf_source")
    const parentHash = new Uint8Array(32)
    const content = { encryptionKey: fresh, source: { kind: "commit", parentHash } as const }
    const wrongHash = await resigned(crypto, own, { content, position })
    expect(await mergeCode({ leafNode: wrongHash })).toBe("path_parent_hash")
  })

  test("opens with the right context and keys only", async () => {
    expect(await openCode(keysOf(3), {})).toBe("nothing thrown")
    expect(await openCode(keysOf(3), { context: Uint8Array.of(1) })).toBe("aead_failed")
    const stranger = createTreePrivate(leafIndex(6), new Uint8Array(32).fill(9))
    expect(await openCode(stranger, {})).toBe("path_no_key")
    expect(await openCode(keysOf(1), {})).toBe("path_no_key")
  })

  test("gives the public keys that it states (§7.5)", async () => {
    const other = await pathFrom(session, session.tree, sender)
    const foreign = await sealUpdatePath(crypto, other, { groupContext: groupId, exclude: [] })
    expect(await openCode(keysOf(3), { path: foreign })).toBe("path_public_key")
  })

  test("has a path secret for a new member below it only", async () => {
    expect(await codeOf(() => pathSecretFor(prepared, leafIndex(20)))).toBe("misuse")
    expect(await codeOf(() => pathSecretFor(prepared, sender))).toBe("misuse")
  })

  test("damaged in any way is refused with an MlsError or read whole", () => {
    const bytes = encode(encodeUpdatePath, path)
    expect(fuzzDecoder(decodeUpdatePath, bytes)).toBeGreaterThanOrEqual(bytes.length)
  })
})

describe("a member's private keys", () => {
  test("are stored and come back", async () => {
    const session = await commit(await founded(), { committer: leafIndex(0), adds: ["1", "2"] })
    const keys = session.members.get(leafIndex(2))?.keys
    if (keys === undefined) throw new Error("no keys")
    const bytes = encode(encodeTreePrivate, keys)
    expect(decode(decodeTreePrivate, bytes)).toEqual(keys)
    expect(fuzzDecoder(decodeTreePrivate, bytes)).toBeGreaterThanOrEqual(bytes.length)
    bytes[0] = 9
    expect(await codeOf(() => decode(decodeTreePrivate, bytes))).toBe("unsupported")
  })

  test("of nodes that became blank are dropped, the leaf's own stays", async () => {
    const session = await commit(await founded(), {
      committer: leafIndex(0),
      adds: ["1", "2", "3"],
    })
    const keys = session.members.get(leafIndex(3))?.keys
    if (keys === undefined) throw new Error("no keys")
    expect([...keys.keys.keys()]).toEqual([6, 3])
    const pruned = pruneTreePrivate(removeLeaf(session.tree, leafIndex(1)), keys)
    expect([...pruned.keys.keys()]).toEqual([leafToNode(leafIndex(3))])
    expect(pruneTreePrivate(session.tree, keys)).toEqual(keys)
  })
})
