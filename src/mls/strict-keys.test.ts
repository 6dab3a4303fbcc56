import { ed25519 } from "@noble/curves/ed25519.js"
import { sha512 } from "@noble/hashes/sha2.js"
import { describe, expect, test } from "vitest"
import { nobleAead, nobleGroup } from "./back-end-noble.ts"
import { concatBytes } from "./bytes.ts"
import { hpke } from "./hpke.ts"
import { longHashFunctions } from "./long-hash.ts"
import { hashFunctions } from "./primitives.ts"
import { cipherSuite } from "./suites.ts"
import { bytes, hex, vectorBackEnds, vectorCrypto } from "./vectors.fixture.ts"

const suite = { cipher_suite: 1 }
const { Point } = ed25519
const ORDER = Point.Fn.ORDER
const TORSION = Point.fromHex("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a")

/** RFC 7748's low-order u coordinates, reduced or not; the last two with the bit that is ignored. */
const UNUSABLE = [
  "0000000000000000000000000000000000000000000000000000000000000000",
  "0100000000000000000000000000000000000000000000000000000000000000",
  "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
  "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
  "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
  "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
  "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
  "0000000000000000000000000000000000000000000000000000000000000080",
  "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
]

describe.each(vectorBackEnds)("X25519 on %s", (backend) => {
  test.each(UNUSABLE)("%s is refused before use, in use and as a KEM output", async (key) => {
    const crypto = await vectorCrypto(suite, backend)
    const publicKey = bytes(key)
    const empty = bytes("")
    const refused = { code: "invalid_public_key" }
    expect(() => {
      crypto.validateKemPublicKey(publicKey)
    }).toThrow(expect.objectContaining(refused))
    await expect(crypto.encryptWithLabel(publicKey, "x", empty, empty)).rejects.toMatchObject(
      refused,
    )
    await expect(crypto.externalInit(publicKey, empty, 32)).rejects.toMatchObject(refused)
    const { privateKey } = await crypto.generateKemKeyPair()
    const sealed = { kemOutput: publicKey, ciphertext: new Uint8Array(32) }
    await expect(crypto.decryptWithLabel(privateKey, "x", empty, sealed)).rejects.toMatchObject({
      code: "aead_failed",
    })
  })

  test("a key that is no point of the curve but of its twist is used, as RFC 7748 has it", async () => {
    const crypto = await vectorCrypto(suite, backend)
    const twist = bytes("02".padEnd(64, "0"))
    crypto.validateKemPublicKey(twist)
    const { kemOutput } = await crypto.encryptWithLabel(twist, "x", bytes(""), bytes(""))
    expect(kemOutput.length).toBe(32)
  })

  test("private keys of another length are a misuse", async () => {
    const crypto = await vectorCrypto(suite, backend)
    const sealed = { kemOutput: bytes("09".padEnd(64, "0")), ciphertext: new Uint8Array(32) }
    for (const length of [0, 31, 33]) {
      const key = new Uint8Array(length)
      const misuse = { code: "misuse" }
      await expect(crypto.decryptWithLabel(key, "x", key, sealed)).rejects.toMatchObject(misuse)
      await expect(crypto.sign(key, "x", key)).rejects.toMatchObject(misuse)
    }
  })

  test("HKDF ends at 255 blocks", async () => {
    const crypto = await vectorCrypto(suite, backend)
    const secret = new Uint8Array(32)
    expect(crypto.expandWithLabel(secret, "x", secret, 8160).length).toBe(8160)
    const longer = () => crypto.expandWithLabel(secret, "x", secret, 8161)
    expect(longer).toThrow(expect.objectContaining({ code: "misuse" }))
  })
})

test("an all-zero secret is refused even where the engine gives one", async () => {
  const row = cipherSuite(1)
  const zeros = (length: number) => new Uint8Array(length)
  const engine = {
    aead: nobleAead(row.aead.name),
    kem: { ...(await nobleGroup("X25519")), diffieHellman: () => Promise.resolve(zeros(32)) },
  }
  const short = hashFunctions(row.hash.name)
  const hashes = { ...short, ...longHashFunctions(row.hash.name, short, false) }
  const kem = hpke(row, hashes, engine, zeros)
  const key = bytes("09".padEnd(64, "0"))
  const sealing = kem.sealAll(zeros(0), [{ publicKey: key, plaintext: zeros(0) }])
  await expect(sealing).rejects.toMatchObject({ code: "invalid_public_key" })
  const opening = kem.open(key, zeros(0), { kemOutput: key, ciphertext: zeros(32) })
  await expect(opening).rejects.toMatchObject({ code: "aead_failed" })
})

describe.each(vectorBackEnds)("Ed25519 on %s", (backend) => {
  const content = bytes("01")
  const message = bytes(`09${hex(utf8("MLS 1.0 x"))}0101`)

  test("a public key of small order verifies nothing, though the equation holds", async () => {
    const crypto = await vectorCrypto(suite, backend)
    // R = S·B and A = the neutral element: S·B − k·A is R for every message.
    for (const key of [Point.ZERO, TORSION, TORSION.multiplyUnsafe(4n)]) {
      const publicKey = key.toBytes()
      const signature = concatBytes(Point.BASE.multiply(5n).toBytes(), scalarBytes(5n))
      expect(await crypto.verify({ publicKey, label: "x", content, signature })).toBe(false)
    }
  })

  test("an R of small order is refused, though the equation holds", async () => {
    const crypto = await vectorCrypto(suite, backend)
    const secret = 4711n
    const publicKey = Point.BASE.multiply(secret).toBytes()
    const R = Point.ZERO.toBytes()
    const S = (challenge(R, publicKey, message) * secret) % ORDER
    const signature = concatBytes(R, scalarBytes(S))
    expect(await crypto.verify({ publicKey, label: "x", content, signature })).toBe(false)
  })

  test("S and S + L are not both valid", async () => {
    const crypto = await vectorCrypto(suite, backend)
    const { publicKey, privateKey } = await crypto.generateSignatureKeyPair()
    const signature = await crypto.sign(privateKey, "x", content)
    expect(await crypto.verify({ publicKey, label: "x", content, signature })).toBe(true)
    const S = littleEndian(signature.subarray(32))
    const malleated = concatBytes(signature.subarray(0, 32), scalarBytes(S + ORDER))
    expect(await crypto.verify({ publicKey, label: "x", content, signature: malleated })).toBe(
      false,
    )
  })

  test("a key of mixed order verifies exactly what the equation without cofactor says", async () => {
    const crypto = await vectorCrypto(suite, backend)
    const secret = 4711n
    const publicKey = Point.BASE.multiply(secret).add(TORSION).toBytes()
    const outcomes = new Set<boolean>()
    for (let nonce = 1n; nonce <= 64n; nonce++) {
      const R = Point.BASE.multiply(nonce).toBytes()
      const k = challenge(R, publicKey, message)
      const signature = concatBytes(R, scalarBytes((nonce + k * secret) % ORDER))
      const holds = k % 8n === 0n
      outcomes.add(holds)
      expect(await crypto.verify({ publicKey, label: "x", content, signature })).toBe(holds)
    }
    expect([...outcomes].sort()).toEqual([false, true])
  })

  test("keys and signatures of other lengths, and keys that are no point, verify nothing", async () => {
    const crypto = await vectorCrypto(suite, backend)
    const { publicKey, privateKey } = await crypto.generateSignatureKeyPair()
    const signature = await crypto.sign(privateKey, "x", content)
    const noPoint = bytes("02".padEnd(64, "0"))
    expect(() => Point.fromBytes(noPoint)).toThrow()
    const checks = [
      { publicKey: publicKey.subarray(1), signature },
      { publicKey: bytes(""), signature },
      { publicKey: noPoint, signature },
      { publicKey, signature: signature.subarray(1) },
      { publicKey, signature: bytes("") },
      { publicKey, signature: concatBytes(signature, bytes("00")) },
      { publicKey, signature },
    ].map((check) => ({ ...check, label: "x", content }))
    expect(await crypto.verifyAll(checks)).toEqual([...Array<boolean>(6).fill(false), true])
  })
})

function utf8(text: string): Uint8Array {
  return new TextEncoder().encode(text)
}

function challenge(R: Uint8Array, publicKey: Uint8Array, message: Uint8Array): bigint {
  return littleEndian(sha512(concatBytes(R, publicKey, message))) % ORDER
}

function littleEndian(value: Uint8Array): bigint {
  return value.reduceRight((sum, byte) => (sum << 8n) | BigInt(byte), 0n)
}

function scalarBytes(value: bigint): Uint8Array {
  return Uint8Array.from({ length: 32 }, (_, i) => Number((value >> BigInt(8 * i)) & 0xffn))
}
