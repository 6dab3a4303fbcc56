import { describe, expect, test } from "vitest"
import { withShared } from "../../test/shared.ts"
import { createCrypto } from "./backend.ts"
import {
  createSecretTree,
  decodeSecretTree,
  encodeSecretTree,
  messageKey,
  nextMessageKey,
} from "./secret-tree.ts"
import { cipherSuite } from "./suites.ts"
import { leafIndex } from "./tree-math.ts"
import { bytes, hex, implemented, vectorBackEnds, vectorCrypto } from "./vectors.fixture.ts"

interface GenerationVector {
  readonly generation: number
  readonly application_key: string
  readonly application_nonce: string
  readonly handshake_key: string
  readonly handshake_nonce: string
}

interface SecretTreeVector {
  readonly cipher_suite: number
  readonly encryption_secret: string
  readonly sender_data: {
    readonly sender_data_secret: string
    readonly ciphertext: string
    readonly key: string
    readonly nonce: string
  }
  readonly leaves: readonly (readonly GenerationVector[])[]
}

withShared<SecretTreeVector[]>("vectors/mls/secret-tree.json", (vectors) => {
  describe.each(vectorBackEnds)("secret-tree on %s", (backend) => {
    test.each(implemented(vectors))(
      "suite $cipher_suite, $leaves.length leaves",
      async (vector) => {
        const crypto = await vectorCrypto(vector, backend)
        let tree = createSecretTree(bytes(vector.encryption_secret), vector.leaves.length)
        for (const [leaf, generations] of vector.leaves.entries()) {
          for (const expected of generations) {
            for (const kind of ["application", "handshake"] as const) {
              const taken = messageKey(crypto, tree, leafIndex(leaf), kind, expected.generation)
              tree = taken.tree
              expect(hex(taken.key.key)).toBe(expected[`${kind}_key`])
              expect(hex(taken.key.nonce)).toBe(expected[`${kind}_nonce`])
            }
          }
        }
        const { sender_data_secret, ciphertext, key, nonce } = vector.sender_data
        const sample = bytes(ciphertext).subarray(0, crypto.suite.hash.size)
        const secret = bytes(sender_data_secret)
        const { aead } = crypto.suite
        expect(hex(crypto.expandWithLabel(secret, "key", sample, aead.keySize))).toBe(key)
        expect(hex(crypto.expandWithLabel(secret, "nonce", sample, aead.nonceSize))).toBe(nonce)
      },
    )
  })
})

describe("ratchets", () => {
  const suite = cipherSuite(1)
  const leaf = leafIndex(1)
  const limits = { outOfOrder: 3, forward: 10 }
  const fresh = () => createSecretTree(new Uint8Array(32).fill(1), 4)

  test("a key is given once, whether in order or late", async () => {
    const crypto = await createCrypto({ suite })
    const ahead = messageKey(crypto, fresh(), leaf, "application", 2, limits)
    const late = messageKey(crypto, ahead.tree, leaf, "application", 0, limits)
    for (const used of [0, 2]) {
      const again = () => messageKey(crypto, late.tree, leaf, "application", used, limits)
      expect(again).toThrow(expect.objectContaining({ code: "message_key_used" }))
    }
    expect(messageKey(crypto, late.tree, leaf, "application", 1, limits).key.generation).toBe(1)
  })

  test("no more than the allowed keys are kept for late messages", async () => {
    const crypto = await createCrypto({ suite })
    const { tree } = messageKey(crypto, fresh(), leaf, "application", 5, limits)
    const given = [0, 1].map((generation) => () => {
      messageKey(crypto, tree, leaf, "application", generation, limits)
    })
    for (const early of given)
      expect(early).toThrow(expect.objectContaining({ code: "message_key_used" }))
    expect(messageKey(crypto, tree, leaf, "application", 2, limits).key.generation).toBe(2)
  })

  test("a message can't skip more than the limit", async () => {
    const crypto = await createCrypto({ suite })
    const skip = () => messageKey(crypto, fresh(), leaf, "application", 11, limits)
    expect(skip).toThrow(expect.objectContaining({ code: "generation_too_far" }))
  })

  test("secrets above a leaf go when the leaf is opened", async () => {
    const crypto = await createCrypto({ suite })
    const root = new Uint8Array(32).fill(1)
    const { tree } = nextMessageKey(crypto, createSecretTree(root, 4), leaf, "application")
    expect([...tree.subtrees.values()]).not.toContainEqual(root)
    expect([...tree.subtrees.keys()].sort()).toEqual([0, 5])
  })

  test("the stored form gives the same keys", async () => {
    const crypto = await createCrypto({ suite })
    const { tree } = messageKey(crypto, fresh(), leaf, "application", 2, limits)
    const restored = decodeSecretTree(encodeSecretTree(tree))
    expect(restored).toEqual(tree)
  })
})
