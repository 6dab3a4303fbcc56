// RFC 9420 §5.2, §10, §10.1: key packages: bytes, references, and a test for each rule.

import { beforeAll, describe, expect, test } from "vitest"
import { decode, encode } from "./codec.ts"
import type { MlsCrypto } from "./crypto.ts"
import {
  type KeyPackage,
  type OwnKeyPackage,
  decodeKeyPackage,
  decodeOwnKeyPackage,
  encodeKeyPackage,
  encodeOwnKeyPackage,
  keyPackageRef,
  keyPackageSignature,
} from "./key-package.ts"
import { extensionTypes, labels } from "./registry.ts"
import { NOW, backends, codeOf, cryptoOf, fuzzDecoder, member, resigned } from "./tree.fixture.ts"
import { validateKeyPackage, validateKeyPackages } from "./validate-key-package.ts"

let crypto: MlsCrypto
let own: OwnKeyPackage

beforeAll(async () => {
  crypto = await cryptoOf("webcrypto")
  own = await member(crypto, "alice")
})

/** The key package with something changed, signed again. */
async function changed(change: Partial<KeyPackage>): Promise<KeyPackage> {
  const content = { ...own.keyPackage, ...change }
  const tbs = keyPackageSignature(content).content
  const signature = await crypto.sign(own.signaturePrivateKey, labels.keyPackageTbs, tbs)
  return { ...content, signature }
}

describe.each(backends)("a fresh key package, %s", (backend) => {
  test("is valid, and so is what its bytes decode to", async () => {
    const fresh = await member(await cryptoOf(backend), "bob")
    await validateKeyPackage(crypto, fresh.keyPackage, { now: NOW, groupExtensions: [] })
    expect(decode(decodeKeyPackage, fresh.bytes)).toEqual(fresh.keyPackage)
    expect(encode(encodeKeyPackage, fresh.keyPackage)).toEqual(fresh.bytes)
  })
})

describe("a key package", () => {
  test("of another protocol version is refused (§10.1)", async () => {
    const bad = await changed({ version: 2 })
    expect(await codeOf(() => validateKeyPackage(crypto, bad))).toBe("key_package_version")
  })

  test("of another cipher suite is refused (§10.1)", async () => {
    const bad = await changed({ cipherSuite: 3 })
    expect(await codeOf(() => validateKeyPackage(crypto, bad))).toBe("key_package_suite")
  })

  test("with a leaf that is not valid for a key package is refused (§10.1)", async () => {
    const position = { groupId: Uint8Array.of(1), leafIndex: 0 }
    const content = { source: { kind: "update" } as const }
    const bad = await changed({ leafNode: await resigned(crypto, own, { content, position }) })
    expect(await codeOf(() => validateKeyPackage(crypto, bad))).toBe("leaf_source")
    const expired = await codeOf(() =>
      validateKeyPackage(crypto, own.keyPackage, { now: NOW + 100_000 }),
    )
    expect(expired).toBe("leaf_expired")
  })

  test("with a wrong signature of its leaf is refused (§10.1)", async () => {
    const signature = new Uint8Array(own.keyPackage.leafNode.signature)
    signature[5] = (signature[5] ?? 0) ^ 1
    const bad = await changed({ leafNode: { ...own.keyPackage.leafNode, signature } })
    expect(await codeOf(() => validateKeyPackage(crypto, bad))).toBe("leaf_signature_invalid")
  })

  test("with a wrong signature is refused, among good ones too (§10.1)", async () => {
    const extensions = [{ type: 0x0a0a, data: new Uint8Array() }]
    const bad = { ...own.keyPackage, extensions }
    expect(await codeOf(() => validateKeyPackage(crypto, bad))).toBe("key_package_signature")
    const many = [own.keyPackage, bad, own.keyPackage]
    expect(await codeOf(() => validateKeyPackages(crypto, many))).toBe("key_package_signature")
  })

  test("whose init key is its leaf's encryption key is refused (§10.1)", async () => {
    const bad = await changed({ initKey: own.keyPackage.leafNode.encryptionKey })
    expect(await codeOf(() => validateKeyPackage(crypto, bad))).toBe("key_package_init_key")
  })

  test("whose dictionary's entries do not ascend is refused (draft §4.6)", async () => {
    const data = Uint8Array.of(6, 0, 5, 0, 0, 4, 0)
    const bad = await changed({ extensions: [{ type: extensionTypes.appDataDictionary, data }] })
    expect(await codeOf(() => validateKeyPackage(crypto, bad))).toBe("app_data_order")
  })

  test("whose init key is no key is refused", async () => {
    const bad = await changed({ initKey: Uint8Array.of(1, 2, 3) })
    expect(await codeOf(() => validateKeyPackage(crypto, bad))).toBe("invalid_public_key")
  })

  test("has a reference that depends on every byte (§5.2)", async () => {
    const reference = keyPackageRef(crypto, own.keyPackage)
    expect(reference).toHaveLength(32)
    const other = await changed({ extensions: [{ type: 0x0a0a, data: new Uint8Array() }] })
    expect(keyPackageRef(crypto, other)).not.toEqual(reference)
    expect(keyPackageRef(crypto, decode(decodeKeyPackage, own.bytes))).toEqual(reference)
  })

  test("damaged in any way is refused with an MlsError or read whole", () => {
    expect(fuzzDecoder(decodeKeyPackage, own.bytes)).toBeGreaterThanOrEqual(own.bytes.length)
  })
})

describe("a key package of ours", () => {
  test("is stored with its secrets", async () => {
    const bytes = encode(encodeOwnKeyPackage, own)
    expect(decode(decodeOwnKeyPackage, bytes)).toEqual(own)
    expect(fuzzDecoder(decodeOwnKeyPackage, bytes)).toBeGreaterThanOrEqual(bytes.length)
    bytes[0] = 2
    expect(await codeOf(() => decode(decodeOwnKeyPackage, bytes))).toBe("unsupported")
  })
})
