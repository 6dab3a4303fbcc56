// RFC 9420 §7.2, §5.3, §13: leaf nodes and what they are made of, as bytes.

import { describe, expect, test } from "vitest"
import { encode, decode } from "./codec.ts"
import { type Credential, decodeCredential, encodeCredential } from "./credential.ts"
import {
  decodeExtensions,
  decodeExternalPub,
  decodeExternalSenders,
  decodeRequiredCapabilities,
  encodeExtensions,
  encodeExternalPub,
  encodeExternalSenders,
  encodeRequiredCapabilities,
} from "./extensions.ts"
import {
  type LeafNodeSource,
  decodeLeafNode,
  encodeLeafNode,
  leafNodeSignature,
  leafNodeTbs,
  skipLeafNode,
} from "./leaf-node.ts"
import {
  codeOf,
  cryptoOf,
  fuzzDecoder,
  identity,
  lifetime,
  member,
  resigned,
} from "./tree.fixture.ts"

const groupId = Uint8Array.of(1, 2, 3)
const sources: readonly LeafNodeSource[] = [
  { kind: "key_package", lifetime },
  { kind: "update" },
  { kind: "commit", parentHash: new Uint8Array(32).fill(7) },
]

describe("a leaf node", () => {
  test.each(sources)(
    "of source $kind decodes to itself and is signed with its place",
    async (source) => {
      const crypto = await cryptoOf("webcrypto")
      const own = await member(crypto, "alice")
      const extensions = [{ type: 0x0a0a, data: Uint8Array.of(5) }]
      const position = { groupId, leafIndex: 4 }
      const leaf = await resigned(crypto, own, { content: { source, extensions }, position })
      const bytes = encode(encodeLeafNode, leaf)
      expect(decode(decodeLeafNode, bytes)).toEqual(leaf)
      decode(skipLeafNode, bytes)
      expect(await crypto.verify(leafNodeSignature(leaf, position))).toBe(true)
      const elsewhere = leafNodeSignature(leaf, { groupId, leafIndex: 5 })
      expect(await crypto.verify(elsewhere)).toBe(source.kind === "key_package")
    },
  )

  test("of a commit or update cannot be checked without its place", async () => {
    const own = await member(await cryptoOf("webcrypto"), "alice")
    const leaf = { ...own.keyPackage.leafNode, source: { kind: "update" } as const }
    expect(await codeOf(() => leafNodeTbs(leaf))).toBe("misuse")
  })

  test("damaged in any way is refused with an MlsError or read whole", async () => {
    const own = await member(await cryptoOf("webcrypto"), "alice")
    const bytes = encode(encodeLeafNode, own.keyPackage.leafNode)
    expect(fuzzDecoder(decodeLeafNode, bytes)).toBeGreaterThanOrEqual(bytes.length)
    expect(fuzzDecoder(skipLeafNode, bytes)).toBeGreaterThanOrEqual(bytes.length)
  })

  test("with a source that is not known is refused", async () => {
    const own = await member(await cryptoOf("webcrypto"), "alice")
    const bytes = encode(encodeLeafNode, own.keyPackage.leafNode)
    const at = bytes.length - own.keyPackage.leafNode.signature.length - 2 - 1 - 17
    expect(bytes[at]).toBe(1)
    bytes[at] = 4
    expect(await codeOf(() => decode(decodeLeafNode, bytes))).toBe("decode")
  })
})

const credentials: readonly Credential[] = [
  identity("alice"),
  { kind: "x509", certificates: [Uint8Array.of(1, 2), Uint8Array.of(3)] },
  { kind: "unknown", type: 0x3a3a, data: Uint8Array.of(9, 9) },
]

test.each(credentials)("a credential of kind $kind decodes to itself", (credential) => {
  expect(decode(decodeCredential, encode(encodeCredential, credential))).toEqual(credential)
})

describe("extensions", () => {
  test("decode to themselves, of whatever type", () => {
    const extensions = [
      { type: 0xeaea, data: Uint8Array.of(1) },
      { type: 2, data: new Uint8Array() },
    ]
    expect(decode(decodeExtensions, encode(encodeExtensions, extensions))).toEqual(extensions)
  })

  test("of one type come once in a list (§13)", async () => {
    const twice = { type: 0x0a0a, data: new Uint8Array() }
    const bytes = encode(encodeExtensions, [twice, twice])
    expect(await codeOf(() => decode(decodeExtensions, bytes))).toBe("extension_duplicate")
  })

  test("that the RFC defines have data that decodes to itself", () => {
    const required = { extensions: [6], proposals: [8, 10], credentials: [1] }
    expect(
      decode(decodeRequiredCapabilities, encode(encodeRequiredCapabilities, required)),
    ).toEqual(required)
    const senders = [{ signatureKey: Uint8Array.of(4), credential: identity("server") }]
    expect(decode(decodeExternalSenders, encode(encodeExternalSenders, senders))).toEqual(senders)
    const key = new Uint8Array(32).fill(3)
    expect(decodeExternalPub(encodeExternalPub(key))).toEqual(key)
  })
})
