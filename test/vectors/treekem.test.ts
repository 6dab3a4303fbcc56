// RFC 9420 §7.4 to §7.6: the official treekem vectors, for every suite on both back ends.

import { describe, expect, test } from "vitest"
import { bytesToHex } from "../../src/mls/bytes.ts"
import { decode, encode } from "../../src/mls/codec.ts"
import type { MlsCrypto } from "../../src/mls/crypto.ts"
import { encodeGroupContext } from "../../src/mls/key-schedule.ts"
import { decodeRatchetTree, encodeRatchetTree } from "../../src/mls/ratchet-tree-codec.ts"
import { treeHash } from "../../src/mls/tree-hash.ts"
import { leafIndex, nodeIndex } from "../../src/mls/tree-math.ts"
import {
  type TreePrivate,
  createTreePrivate,
  privateFromPathSecret,
} from "../../src/mls/tree-private.ts"
import { fromHex } from "../../src/mls/tree.fixture.ts"
import { type RatchetTree, encryptionKey, leafNode } from "../../src/mls/tree.ts"
import {
  mergeUpdatePath,
  openUpdatePath,
  prepareUpdatePath,
  sealUpdatePath,
} from "../../src/mls/treekem.ts"
import { decodeUpdatePath, encodeUpdatePath } from "../../src/mls/update-path.ts"
import { implementedSuites, vectorBackEnds, vectorCrypto } from "../../src/mls/vectors.fixture.ts"
import { withShared } from "../shared.ts"

interface TreeKemCase {
  readonly cipher_suite: number
  readonly group_id: string
  readonly epoch: number
  readonly confirmed_transcript_hash: string
  readonly ratchet_tree: string
  readonly leaves_private: readonly {
    readonly index: number
    readonly encryption_priv: string
    readonly signature_priv: string
    readonly path_secrets: readonly { readonly node: number; readonly path_secret: string }[]
  }[]
  readonly update_paths: readonly {
    readonly sender: number
    readonly update_path: string
    readonly path_secrets: readonly (string | null)[]
    readonly commit_secret: string
    readonly tree_hash_after: string
  }[]
}

withShared<readonly TreeKemCase[]>("vectors/mls/treekem.json", (vectors) => {
  describe.each(vectorBackEnds)("treekem on %s", (backend) => {
    test.each(implementedSuites)("every case of suite %i", async (suite) => {
      const crypto = remembering(await vectorCrypto({ cipher_suite: suite }, backend))
      const cases = vectors.filter((item) => item.cipher_suite === suite)
      expect(cases).toHaveLength(11)
      for (const item of cases) {
        const tree = decodeRatchetTree(fromHex(item.ratchet_tree))
        const privates = await privatesOf(crypto, item, tree)
        for (const sent of item.update_paths)
          await checkReceived(crypto, { item, tree, privates, sent })
        const [first] = item.update_paths
        if (first !== undefined) await checkSent(crypto, { item, tree, privates, sent: first })
      }
    })
  })
})

/** Every receiver derives the same key pairs from the same secrets: on the slow curves that is most of the time. */
function remembering(crypto: MlsCrypto): MlsCrypto {
  const pairs = new Map<string, ReturnType<MlsCrypto["deriveKemKeyPair"]>>()
  return {
    ...crypto,
    deriveKemKeyPair: (secret) => {
      const name = bytesToHex(secret)
      const pair = pairs.get(name) ?? crypto.deriveKemKeyPair(secret)
      pairs.set(name, pair)
      return pair
    },
  }
}

/** The GroupContext that a case's path is sealed with. */
function contextOf(item: TreeKemCase, hash: Uint8Array): Uint8Array {
  return encode(encodeGroupContext, {
    version: 1,
    cipherSuite: item.cipher_suite,
    groupId: fromHex(item.group_id),
    epoch: BigInt(item.epoch),
    treeHash: hash,
    confirmedTranscriptHash: fromHex(item.confirmed_transcript_hash),
    extensions: [],
  })
}

/** The members' keys, each checked against the tree. */
async function privatesOf(crypto: MlsCrypto, item: TreeKemCase, tree: RatchetTree) {
  const privates = new Map<number, TreePrivate>()
  for (const entry of item.leaves_private) {
    const own = createTreePrivate(leafIndex(entry.index), fromHex(entry.encryption_priv))
    const keys = new Map(own.keys)
    for (const { node, path_secret } of entry.path_secrets) {
      const secret = crypto.deriveSecret(fromHex(path_secret), "node")
      const pair = await crypto.deriveKemKeyPair(secret)
      expect(pair.publicKey).toEqual(encryptionKey(tree, nodeIndex(node)))
      keys.set(nodeIndex(node), pair.privateKey)
    }
    privates.set(entry.index, { ...own, keys })
  }
  return privates
}

interface PathCheck {
  readonly item: TreeKemCase
  readonly tree: RatchetTree
  readonly privates: ReadonlyMap<number, TreePrivate>
  readonly sent: TreeKemCase["update_paths"][number]
}

async function checkReceived(crypto: MlsCrypto, check: PathCheck): Promise<void> {
  const { item, tree, privates, sent } = check
  const path = decode(decodeUpdatePath, fromHex(sent.update_path))
  expect(bytesToHex(encode(encodeUpdatePath, path))).toBe(sent.update_path)
  const received = { sender: leafIndex(sent.sender), path, exclude: [] }
  const merged = mergeUpdatePath(crypto, tree, received)
  const hash = treeHash(crypto, merged)
  expect(bytesToHex(hash)).toBe(sent.tree_hash_after)
  const groupContext = contextOf(item, hash)
  for (const [index, treePrivate] of privates) {
    const expected = sent.path_secrets[index]
    if (expected === undefined || expected === null) continue
    const opened = await openUpdatePath(crypto, merged, { ...received, treePrivate, groupContext })
    expect(bytesToHex(opened.commitSecret)).toBe(sent.commit_secret)
    const pathSecret = fromHex(expected)
    const { sender } = received
    const derived = await privateFromPathSecret(crypto, merged, { treePrivate, sender, pathSecret })
    expect(derived).toEqual(opened)
  }
}

/** A path of our own from the same member reaches all others. */
async function checkSent(crypto: MlsCrypto, check: PathCheck): Promise<void> {
  const { item, tree, privates, sent } = check
  const sender = leafIndex(sent.sender)
  const leaf = leafNode(tree, sender)
  const own = item.leaves_private.find((entry) => entry.index === sent.sender)
  if (leaf === undefined || own === undefined) throw new Error("the sender has no keys")
  const prepared = await prepareUpdatePath(crypto, tree, {
    leafIndex: sender,
    groupId: fromHex(item.group_id),
    leaf,
    signaturePrivateKey: fromHex(own.signature_priv),
  })
  const groupContext = contextOf(item, treeHash(crypto, prepared.tree))
  const path = await sealUpdatePath(crypto, prepared, { groupContext, exclude: [] })
  const received = { sender, path, exclude: [] }
  const merged = mergeUpdatePath(crypto, tree, received)
  expect(encodeRatchetTree(merged)).toEqual(encodeRatchetTree(prepared.tree))
  for (const [index, treePrivate] of privates) {
    if (index === sent.sender) continue
    const opened = await openUpdatePath(crypto, merged, { ...received, treePrivate, groupContext })
    expect(opened.commitSecret).toEqual(prepared.commitSecret)
  }
}
