import { ed25519 } from "@noble/curves/ed25519.js"
import { sha512 } from "@noble/hashes/sha2.js"
import { describe, expect, test } from "vitest"
import { withShared } from "../../test/shared.ts"
import { createCrypto } from "./backend.ts"
import { ed25519Strict } from "./edwards-strict.ts"
import { cipherSuite } from "./suites.ts"
import { bytes, hex, implemented, vectorBackEnds, vectorCrypto } from "./vectors.fixture.ts"

interface CryptoBasicsVector {
  readonly cipher_suite: number
  readonly ref_hash: { readonly label: string; readonly value: string; readonly out: string }
  readonly expand_with_label: {
    readonly secret: string
    readonly label: string
    readonly context: string
    readonly length: number
    readonly out: string
  }
  readonly derive_secret: { readonly secret: string; readonly label: string; readonly out: string }
  readonly derive_tree_secret: {
    readonly secret: string
    readonly label: string
    readonly generation: number
    readonly length: number
    readonly out: string
  }
  readonly sign_with_label: {
    readonly priv: string
    readonly pub: string
    readonly content: string
    readonly label: string
    readonly signature: string
  }
  readonly encrypt_with_label: {
    readonly priv: string
    readonly pub: string
    readonly label: string
    readonly context: string
    readonly plaintext: string
    readonly kem_output: string
    readonly ciphertext: string
  }
}

withShared<CryptoBasicsVector[]>("vectors/mls/crypto-basics.json", (vectors) => {
  describe.each(vectorBackEnds)("crypto-basics on %s", (backend) => {
    test.each(implemented(vectors))("suite $cipher_suite", async (vector) => {
      const crypto = await vectorCrypto(vector, backend)
      // WebCrypto has no algorithm of suite 6.
      expect(crypto.backend).toBe(vector.cipher_suite === 6 ? "noble" : backend)

      const ref = vector.ref_hash
      expect(hex(crypto.refHash(ref.label, bytes(ref.value)))).toBe(ref.out)
      const expand = vector.expand_with_label
      const expanded = crypto.expandWithLabel(
        bytes(expand.secret),
        expand.label,
        bytes(expand.context),
        expand.length,
      )
      expect(hex(expanded)).toBe(expand.out)
      const derive = vector.derive_secret
      expect(hex(crypto.deriveSecret(bytes(derive.secret), derive.label))).toBe(derive.out)
      const tree = vector.derive_tree_secret
      const treeSecret = crypto.deriveTreeSecret(
        bytes(tree.secret),
        tree.label,
        tree.generation,
        tree.length,
      )
      expect(hex(treeSecret)).toBe(tree.out)

      const { priv, pub, label, content, signature } = vector.sign_with_label
      const check = { publicKey: bytes(pub), label, content: bytes(content) }
      expect(await crypto.verify({ ...check, signature: bytes(signature) })).toBe(true)
      const own = await crypto.sign(bytes(priv), label, bytes(content))
      expect(await crypto.verify({ ...check, signature: own })).toBe(true)
      expect(await crypto.verify({ ...check, label: `${label}.`, signature: own })).toBe(false)

      const seal = vector.encrypt_with_label
      const context = bytes(seal.context)
      const sealed = { kemOutput: bytes(seal.kem_output), ciphertext: bytes(seal.ciphertext) }
      const open = (box: typeof sealed) =>
        crypto.decryptWithLabel(bytes(seal.priv), seal.label, context, box)
      expect(hex(await open(sealed))).toBe(seal.plaintext)
      const again = await crypto.encryptWithLabel(
        bytes(seal.pub),
        seal.label,
        context,
        bytes(seal.plaintext),
      )
      expect(hex(await open({ ...sealed, ...again }))).toBe(seal.plaintext)
    })
  })
})

const suite = cipherSuite(1)

describe.each(vectorBackEnds)("keys on %s", (backend) => {
  test("the same randomness gives the same keys on every back end", async () => {
    const random = (length: number) => new Uint8Array(length).fill(5)
    const [here, reference] = await Promise.all([
      createCrypto({ suite, backend, random }),
      createCrypto({ suite, backend: "noble", random }),
    ])
    expect(await here.generateSignatureKeyPair()).toEqual(
      await reference.generateSignatureKeyPair(),
    )
    expect(await here.generateKemKeyPair()).toEqual(await reference.generateKemKeyPair())
    const { publicKey } = await here.generateKemKeyPair()
    const context = bytes("01")
    expect(await here.encryptWithLabel(publicKey, "x", context, context)).toEqual(
      await reference.encryptWithLabel(publicKey, "x", context, context),
    )
  })

  test("a KEM key that yields no secret is refused", async () => {
    const crypto = await createCrypto({ suite, backend })
    const empty = new Uint8Array()
    for (const key of [new Uint8Array(32), new Uint8Array(31), bytes("01".padEnd(64, "0"))]) {
      await expect(crypto.encryptWithLabel(key, "x", empty, empty)).rejects.toMatchObject({
        code: "invalid_public_key",
      })
    }
  })

  test("a changed ciphertext does not open", async () => {
    const crypto = await createCrypto({ suite, backend })
    const key = new Uint8Array(16)
    const nonce = new Uint8Array(12)
    const sealed = await crypto.aeadSeal(key, nonce, nonce, bytes("010203"))
    const changed = sealed.with(0, (sealed[0] ?? 0) ^ 1)
    const code = { code: "aead_failed" }
    await expect(crypto.aeadOpen(key, nonce, nonce, changed)).rejects.toMatchObject(code)
    await expect(crypto.aeadOpen(key, nonce, nonce, bytes("00"))).rejects.toMatchObject(code)
  })

  test("an external join agrees on its secret", async () => {
    const crypto = await createCrypto({ suite, backend })
    const { publicKey, privateKey } = await crypto.generateKemKeyPair()
    const context = bytes("0a0b")
    const { kemOutput, secret } = await crypto.externalInit(publicKey, context, 32)
    expect(await crypto.externalOpen(privateKey, kemOutput, context, 32)).toEqual(secret)
  })
})

/** Encodings on which Ed25519 verifiers are known to disagree ("Taming the many EdDSAs", tables 1 and 2). */
const SMALL_ORDER = [
  "0100000000000000000000000000000000000000000000000000000000000000",
  "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
  "0000000000000000000000000000000000000000000000000000000000000080",
  "0000000000000000000000000000000000000000000000000000000000000000",
  "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
  "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
  "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
  "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
]
const NON_CANONICAL = [
  "0100000000000000000000000000000000000000000000000000000000000080",
  "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
  "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
  "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
  "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
  "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
]

const { isStrictPoint, isStrictSignature } = ed25519Strict

describe("strict Ed25519", () => {
  test.each([...SMALL_ORDER, ...NON_CANONICAL])("%s is refused as a key and as R", (encoding) => {
    expect(isStrictPoint(bytes(encoding))).toBe(false)
    expect(isStrictSignature(bytes(encoding + "00".repeat(32)))).toBe(false)
  })

  test("the small-order points are all there are", () => {
    const { Point } = ed25519
    const torsion = Point.fromBytes(bytes(SMALL_ORDER[4] ?? ""))
    const all = Array.from({ length: 8 }, (_, i) => torsion.multiplyUnsafe(BigInt(i)).toHex())
    expect(all.map((point) => isStrictPoint(bytes(point)))).toEqual(Array(8).fill(false))
  })

  test("an S that is not reduced is refused", () => {
    const R = hex(ed25519.Point.BASE.toBytes())
    const order = "edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010"
    expect(isStrictSignature(bytes(R + order))).toBe(false)
    expect(isStrictSignature(bytes(R + order.replace(/^ed/, "ec")))).toBe(true)
  })

  test.each(vectorBackEnds)("%s verifies without a cofactor", async (backend) => {
    // R carries a component of order 8: verifiers that multiply by the cofactor accept such a signature.
    const crypto = await createCrypto({ suite, backend })
    const { Point } = ed25519
    const content = bytes("01")
    const secret = 12345n
    const nonce = 67890n
    const publicKey = Point.BASE.multiply(secret).toBytes()
    const R = Point.BASE.multiply(nonce).add(Point.fromBytes(bytes(SMALL_ORDER[4] ?? "")))
    const message = signContent("x", content)
    const k = challenge(R.toBytes(), publicKey, message)
    const order = Point.Fn.ORDER
    const S = littleEndian((nonce + k * secret) % order)
    const signature = bytes(hex(R.toBytes()) + hex(S))
    expect(ed25519.verify(signature, message, publicKey)).toBe(true)
    expect(await crypto.verify({ publicKey, label: "x", content, signature })).toBe(false)
    const honest = Point.BASE.multiply(nonce).toBytes()
    const honestS = (nonce + challenge(honest, publicKey, message) * secret) % order
    const good = bytes(hex(honest) + hex(littleEndian(honestS)))
    expect(await crypto.verify({ publicKey, label: "x", content, signature: good })).toBe(true)
  })
})

function signContent(label: string, content: Uint8Array): Uint8Array {
  const prefixed = new TextEncoder().encode(`MLS 1.0 ${label}`)
  return Uint8Array.from([prefixed.length, ...prefixed, content.length, ...content])
}

function challenge(R: Uint8Array, publicKey: Uint8Array, message: Uint8Array): bigint {
  const digest = sha512(Uint8Array.from([...R, ...publicKey, ...message]))
  return digest.reduceRight((sum, byte) => (sum << 8n) | BigInt(byte), 0n) % ed25519.Point.Fn.ORDER
}

function littleEndian(value: bigint): Uint8Array {
  return Uint8Array.from({ length: 32 }, (_, i) => Number((value >> BigInt(8 * i)) & 0xffn))
}
