// RFC 9420 §5.1: what is accepted and what is refused is the same on every back end, for every algorithm.

import fc from "fast-check"
import { afterEach, describe, expect, test, vi } from "vitest"
import { nobleGroup } from "./back-end-noble.ts"
import { webCryptoKem } from "./back-end-webcrypto.ts"
import { createCrypto } from "./backend.ts"
import { hexToBytes } from "./bytes.ts"
import { decodeEcdsaSignature, encodeEcdsaSignature } from "./ecdsa-signature.ts"
import { kemKeySamples } from "./kem-samples.fixture.ts"
import { kemRules } from "./kem-rules.ts"
import { type NistCurve, p256, p384, p521 } from "./nist-strict.ts"
import { SAMPLE, signatureSamples } from "./signature-samples.fixture.ts"
import { cipherSuite } from "./suites.ts"
import { implementedSuites, vectorBackEnds } from "./vectors.fixture.ts"

const EMPTY = new Uint8Array()

describe.each(vectorBackEnds)("signatures on %s", (backend) => {
  test.each([...implementedSuites, 0xf809, 0xf80a, 0xf80b])(
    "suite %i: each sample as it must be",
    async (id) => {
      const suite = cipherSuite(id)
      const crypto = await createCrypto({ suite, backend })
      const samples = signatureSamples(suite.signature.name)
      const checks = samples.map(({ publicKey, signature }) => ({
        ...SAMPLE,
        publicKey: hexToBytes(publicKey),
        signature: hexToBytes(signature),
      }))
      const verdicts = await crypto.verifyAll(checks)
      const outcome = (valid: (index: number) => boolean | undefined) =>
        samples.map(({ title }, i) => [title, valid(i)])
      expect(outcome((i) => verdicts[i])).toEqual(outcome((i) => samples[i]?.valid))
      expect(new Set(verdicts)).toEqual(new Set([true, false]))
    },
  )
})

describe.each(vectorBackEnds)("KEM keys on %s", (backend) => {
  test.each([...implementedSuites, 0xf801, 0xf803, 0xf805, 0xf806, 0xf808, 0xf00d])(
    "suite %i: each sample as it must be",
    async (id) => {
      const suite = cipherSuite(id)
      const crypto = await createCrypto({ suite, backend })
      const { privateKey } = await crypto.generateKemKeyPair()
      for (const { title, publicKey: hex, usable } of kemKeySamples(suite.kem.name)) {
        const publicKey = hexToBytes(hex)
        const refused = { code: "invalid_public_key" }
        const validate = () => {
          crypto.validateKemPublicKey(publicKey)
        }
        const sealing = crypto.encryptWithLabel(publicKey, "x", EMPTY, EMPTY)
        const joining = crypto.externalInit(publicKey, EMPTY, 32)
        if (usable) {
          expect(validate, title).not.toThrow()
          expect((await sealing).ciphertext, title).toHaveLength(16)
          expect((await joining).secret, title).toHaveLength(32)
        } else {
          expect(validate, title).toThrow(expect.objectContaining(refused))
          await expect(sealing, title).rejects.toMatchObject(refused)
          await expect(joining, title).rejects.toMatchObject(refused)
        }
        const sealed = { kemOutput: publicKey, ciphertext: new Uint8Array(16) }
        const opening = crypto.decryptWithLabel(privateKey, "x", EMPTY, sealed)
        await expect(opening, title).rejects.toMatchObject({ code: "aead_failed" })
      }
    },
  )
})

test.each([
  { name: "X25519", backEnd: webCryptoKem("X25519") },
  { name: "X25519", backEnd: nobleGroup("X25519") },
  { name: "X448", backEnd: nobleGroup("X448") },
] as const)("$name: u and u + p agree on the same secret", async ({ name, backEnd }) => {
  const { privateKeySize } = kemRules[name]
  const privateKey = new Uint8Array(privateKeySize).fill(7)
  const keyOf = (title: string) => {
    const found = kemKeySamples(name).find((sample) => sample.title === title)
    return hexToBytes(found?.publicKey ?? "")
  }
  const agreement = await backEnd
  const [secret, again] = await Promise.all([
    agreement?.diffieHellman(privateKey, keyOf("u = 2")),
    agreement?.diffieHellman(privateKey, keyOf("2 + p")),
  ])
  expect(secret).toHaveLength(privateKeySize)
  expect(again).toEqual(secret)
})

const NIST = [
  { id: 2, curve: p256 },
  { id: 5, curve: p521 },
  { id: 7, curve: p384 },
] as const

describe.each(vectorBackEnds)("private keys on %s", (backend) => {
  test.each(NIST)("suite $id: scalars out of range are a misuse", async ({ id, curve }) => {
    const crypto = await createCrypto({ suite: cipherSuite(id), backend })
    const n = orderOf(curve)
    const { publicKey } = await crypto.generateKemKeyPair()
    const sealed = await crypto.encryptWithLabel(publicKey, "x", EMPTY, EMPTY)
    const misuse = { code: "misuse" }
    const wrong = [0n, n, n + 1n, 2n ** BigInt(8 * curve.size) - 1n].map((d) => scalar(curve, d))
    for (const key of [...wrong, scalar(curve, 1n).subarray(1), new Uint8Array(), publicKey]) {
      await expect(crypto.sign(key, "x", EMPTY)).rejects.toMatchObject(misuse)
      await expect(crypto.decryptWithLabel(key, "x", EMPTY, sealed)).rejects.toMatchObject(misuse)
      await expect(crypto.externalOpen(key, publicKey, EMPTY, 32)).rejects.toMatchObject(misuse)
    }
    for (const key of [scalar(curve, 1n), scalar(curve, n - 1n)]) {
      await expect(crypto.sign(key, "x", EMPTY)).resolves.toBeInstanceOf(Uint8Array)
      const opening = crypto.decryptWithLabel(key, "x", EMPTY, sealed)
      await expect(opening).rejects.toMatchObject({ code: "aead_failed" })
    }
  })

  test.each([4, 6])("suite %i: keys of other lengths are a misuse", async (id) => {
    const crypto = await createCrypto({ suite: cipherSuite(id), backend })
    const { publicKey } = await crypto.generateKemKeyPair()
    const sealed = await crypto.encryptWithLabel(publicKey, "x", EMPTY, EMPTY)
    const misuse = { code: "misuse" }
    for (const length of [0, 32, 55, 58]) {
      const key = new Uint8Array(length).fill(3)
      await expect(crypto.sign(key, "x", EMPTY)).rejects.toMatchObject(misuse)
      await expect(crypto.decryptWithLabel(key, "x", EMPTY, sealed)).rejects.toMatchObject(misuse)
    }
  })
})

describe.each([
  { name: "P-256", curve: p256 },
  { name: "P-384", curve: p384 },
  { name: "P-521", curve: p521 },
])("ECDSA signatures of $name", ({ curve }) => {
  const { size } = curve
  const raws = fc.uint8Array({ minLength: 2 * size, maxLength: 2 * size })

  test("each pair of numbers has one encoding", () => {
    fc.assert(
      fc.property(raws, (raw) => {
        expect(decodeEcdsaSignature(encodeEcdsaSignature(raw), size)).toEqual(raw)
      }),
    )
  })

  test("no two encodings give the same numbers", () => {
    fc.assert(
      fc.property(raws, fc.nat(), fc.integer({ min: 1, max: 255 }), (raw, at, change) => {
        const der = encodeEcdsaSignature(raw)
        const index = at % der.length
        const changed = der.with(index, (der[index] ?? 0) ^ change)
        expect(decodeEcdsaSignature(changed, size)).not.toEqual(raw)
      }),
    )
  })

  test("arbitrary bytes are decoded to nothing, or to what they encode", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 2 * size + 12 }), (bytes) => {
        const raw = decodeEcdsaSignature(bytes, size)
        expect(raw === undefined ? bytes : encodeEcdsaSignature(raw)).toEqual(bytes)
      }),
    )
  })

  test("numbers that need more bytes than the curve has are refused", () => {
    const longer = new Uint8Array(2 * (size + 1)).fill(1)
    expect(decodeEcdsaSignature(encodeEcdsaSignature(longer), size)).toBeUndefined()
  })

  test("the first candidate in range becomes the private key", () => {
    const n = orderOf(curve)
    const candidates = [scalar(curve, 0n), scalar(curve, n), scalar(curve, n - 1n)]
    expect(curve.firstScalar((i) => candidates[i] ?? EMPTY)).toEqual(candidates[2])
    const none = () => curve.firstScalar(() => new Uint8Array(size))
    expect(none).toThrow(expect.objectContaining({ code: "internal" }))
  })

  test("scalars are compared as numbers", () => {
    const n = orderOf(curve)
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: 2n ** BigInt(8 * size) - 1n }), (value) => {
        expect(curve.isScalar(scalar(curve, value))).toBe(value > 0n && value < n)
      }),
    )
    const near = [n - 257n, n - 256n, n - 1n, n, n + 1n, n + 255n, n + 256n, n + 65536n, 1n, 256n]
    expect(near.map((value) => curve.isScalar(scalar(curve, value)))).toEqual(
      near.map((value) => value < n),
    )
  })
})

test("P-521: candidates keep one bit of their first byte (RFC 9180 §7.1.3)", () => {
  const candidate = scalar(p521, 5n).with(0, 0xff)
  expect(p521.firstScalar(() => candidate)).toEqual(candidate.with(0, 1))
  const whole = scalar(p256, 5n).with(0, 0xfe)
  expect(p256.firstScalar(() => whole)).toEqual(whole)
})

describe("an engine that lacks an algorithm", () => {
  afterEach(() => {
    vi.restoreAllMocks()
  })

  /** Makes WebCrypto refuse keys of this algorithm, as engines do that do not have it. */
  function without(name: string): void {
    const { subtle } = globalThis.crypto
    const importKey = subtle.importKey.bind(subtle) as (...parts: unknown[]) => Promise<CryptoKey>
    const refuse = (...parts: unknown[]) => {
      const algorithm = parts[2] as string | { readonly name: string }
      if ((typeof algorithm === "string" ? algorithm : algorithm.name) !== name) {
        return importKey(...parts)
      }
      return Promise.reject(new DOMException("not supported", "NotSupportedError"))
    }
    vi.spyOn(subtle, "importKey").mockImplementation(refuse as typeof subtle.importKey)
  }

  test.each([
    { id: 1, lacks: "Ed25519" },
    { id: 1, lacks: "X25519" },
    { id: 2, lacks: "ECDSA" },
    { id: 5, lacks: "ECDH" },
    { id: 7, lacks: "AES-GCM" },
  ])("suite $id without $lacks: only that is done by noble", async ({ id, lacks }) => {
    const suite = cipherSuite(id)
    const full = await createCrypto({ suite, backend: "webcrypto" })
    without(lacks)
    const unsupported = { code: "unsupported" }
    await expect(createCrypto({ suite, backend: "webcrypto" })).rejects.toMatchObject(unsupported)
    const crypto = await createCrypto({ suite })
    expect(crypto.backend).toBe("webcrypto")
    const { publicKey, privateKey } = await crypto.generateKemKeyPair()
    const sealed = await crypto.encryptWithLabel(publicKey, "x", EMPTY, hexToBytes("0102"))
    const signer = await crypto.generateSignatureKeyPair()
    const signature = await crypto.sign(signer.privateKey, "x", EMPTY)
    vi.restoreAllMocks()
    const opened = await full.decryptWithLabel(privateKey, "x", EMPTY, sealed)
    expect(opened).toEqual(hexToBytes("0102"))
    const check = { publicKey: signer.publicKey, label: "x", content: EMPTY, signature }
    expect(await full.verify(check)).toBe(true)
  })

  test("nothing is left: noble does it all", async () => {
    vi.spyOn(globalThis.crypto.subtle, "importKey").mockRejectedValue(new Error("no"))
    const crypto = await createCrypto({ suite: cipherSuite(2) })
    expect(crypto.backend).toBe("noble")
    const { publicKey, privateKey } = await crypto.generateSignatureKeyPair()
    const signature = await crypto.sign(privateKey, "x", EMPTY)
    expect(await crypto.verify({ publicKey, label: "x", content: EMPTY, signature })).toBe(true)
  })
})

function orderOf(curve: NistCurve): bigint {
  // The largest scalar plus one, found by its bits.
  let order = 0n
  for (let bit = BigInt(8 * curve.size - 1); bit >= 0n; bit--) {
    const more = order | (1n << bit)
    if (curve.isScalar(scalar(curve, more))) order = more
  }
  return order + 1n
}

function scalar(curve: NistCurve, value: bigint): Uint8Array {
  return hexToBytes(value.toString(16).padStart(2 * curve.size, "0"))
}
