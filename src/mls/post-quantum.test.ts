// draft-ietf-hpke-pq, draft-connolly-cfrg-xwing-kem: the post-quantum KEMs, against the draft's vectors and others' code.

import { XWing } from "@hpke/hybridkem-x-wing"
import { sha256 } from "@noble/hashes/sha2.js"
import { describe, expect, test } from "vitest"
import { createCrypto } from "./backend.ts"
import { postQuantumBackEnd } from "./noble-post-quantum.ts"
import { cipherSuite } from "./suites.ts"
import { bytes, hex, postQuantumSuites } from "./vectors.fixture.ts"

/** Of test-vectors.json in hpkewg/hpke-pq, the first of each KEM; what is long, as its SHA-256. */
const VECTORS = [
  {
    name: "ML-KEM-768",
    ikmE: "4b3d28ac17e3aadfe767671928e6c0d26c346d4c7dfcf1db0994d131fd76aaba",
    ikmR:
      "353e522ee88da0097916c435377e3ffee4cd8288b910a79882f4ac87787cebe6" +
      "ef7d126a2ef91b2c37f741af42851a08d24a756b225d86d534902829896e726b",
    skRm:
      "e3408aae322a3628a4d641c2690d4eb212fd66f369782f2dd22fa293476c6995" +
      "7716be20e83920cd26a7710110a34ac3d5da7d90efdc9759812f5cf1a47e85bf",
    pkRm: "cf9788b0adde41745ceb639c4a4ca6e58803207fd9861c3c662737b13184d413",
    enc: "687a88e2affee63efc5ca550ea5498beb0f1b717572c5b498231f17e7b14e68b",
    sharedSecret: "4f808592f5b6325b866e7d90e48bead8ec36ae17247cf3a1370d46c582dad42e",
    sizes: [1184, 1088],
  },
  {
    name: "MLKEM768-X25519",
    ikmE:
      "2a1c0a3745fe8a48fb62034d300f54dfe1974a5b2e169e580a8789cb1cf5fd19" +
      "0fc00f3fd899594e01a8b15334b9f3fa03d8de44da86e19f5776850fb689e6c8",
    ikmR: "b86e76a59fabfc87b30cd7b1f7aaa28a834eb64e7a261c197b9a842893fbce56",
    skRm: "3ec47fa82dd5689d27c6190e724c74ec8f608df3331ce331929e37b829676630",
    pkRm: "ad8aaf3f00d8a39bfeec2947a7d5dde68be08bba19bd301a348a45dc5fcc8341",
    enc: "95c0a5fca31ea59f29bbc66255ad6637b5a476b3212886af11afdc8930aeb772",
    sharedSecret: "58200ed1f137bd95a921bb47f6aaecf2395b26f7fd24efd3a5ffae4849e8dea3",
    sizes: [1216, 1120],
  },
] as const

test.each(VECTORS)("$name: the draft's vector", async (vector) => {
  const backEnd = postQuantumBackEnd(vector.name)
  const { privateKey, publicKey } = await backEnd.deriveKeyPair(bytes(vector.ikmR))
  expect(hex(privateKey)).toBe(vector.skRm)
  expect(hex(sha256(publicKey))).toBe(vector.pkRm)
  const { kemOutput, secret } = await backEnd.encapsulate(publicKey, bytes(vector.ikmE))
  expect(hex(sha256(kemOutput))).toBe(vector.enc)
  expect(hex(secret)).toBe(vector.sharedSecret)
  expect(await backEnd.decapsulate(privateKey, kemOutput)).toEqual(secret)
  expect([publicKey.length, kemOutput.length]).toEqual(vector.sizes)
})

describe("X-Wing as others have it", () => {
  const ours = postQuantumBackEnd("X-Wing")
  const theirs = new XWing()
  const ikm = Uint8Array.from({ length: 64 }, (_, i) => i)
  const buffer = (data: Uint8Array) => Uint8Array.from(data).buffer

  test("the same key pair from the same input", async () => {
    const { privateKey, publicKey } = await ours.deriveKeyPair(ikm)
    const peer = await theirs.deriveKeyPair(buffer(ikm))
    expect(hex(publicKey)).toBe(
      hex(new Uint8Array(await theirs.serializePublicKey(peer.publicKey))),
    )
    expect(hex(privateKey)).toBe(
      hex(new Uint8Array(await theirs.serializePrivateKey(peer.privateKey))),
    )
    // The number in HPKE is the same, the derivation of draft-ietf-hpke-pq another.
    const labelled = await postQuantumBackEnd("MLKEM768-X25519").deriveKeyPair(ikm)
    expect(hex(labelled.publicKey)).not.toBe(hex(publicKey))
  })

  test("each opens what the other encapsulates", async () => {
    const { privateKey, publicKey } = await ours.deriveKeyPair(ikm)
    const peer = await theirs.deriveKeyPair(buffer(ikm))
    const sent = await ours.encapsulate(publicKey, new Uint8Array(ours.randomSize).fill(5))
    const opened = await theirs.decap({
      enc: buffer(sent.kemOutput),
      recipientKey: peer.privateKey,
    })
    expect(hex(new Uint8Array(opened))).toBe(hex(sent.secret))
    const received = await theirs.encap({ recipientPublicKey: peer.publicKey })
    const secret = await ours.decapsulate(privateKey, new Uint8Array(received.enc))
    expect(hex(secret)).toBe(hex(new Uint8Array(received.sharedSecret)))
  })
})

describe.each(postQuantumSuites)("suite %i", (id) => {
  const suite = cipherSuite(id)
  const EMPTY = new Uint8Array()

  test("a KEM output of wrong length, or changed, is refused", async () => {
    const crypto = await createCrypto({ suite })
    const { privateKey, publicKey } = await crypto.generateKemKeyPair()
    const sealed = await crypto.encryptWithLabel(publicKey, "x", EMPTY, bytes("01"))
    const { kemOutput } = sealed
    expect(await crypto.decryptWithLabel(privateKey, "x", EMPTY, sealed)).toEqual(bytes("01"))
    const changed = kemOutput.with(0, (kemOutput[0] ?? 0) ^ 1)
    for (const other of [kemOutput.slice(1), EMPTY, changed]) {
      const opening = crypto.decryptWithLabel(privateKey, "x", EMPTY, {
        ...sealed,
        kemOutput: other,
      })
      await expect(opening).rejects.toMatchObject({ code: "aead_failed" })
    }
  })

  test("private keys of another length are a misuse", async () => {
    const crypto = await createCrypto({ suite })
    const { publicKey } = await crypto.generateKemKeyPair()
    const sealed = await crypto.encryptWithLabel(publicKey, "x", EMPTY, EMPTY)
    for (const length of [0, 31, 33, 63, 65, 2400]) {
      const opening = crypto.decryptWithLabel(new Uint8Array(length), "x", EMPTY, sealed)
      await expect(opening).rejects.toMatchObject({ code: "misuse" })
    }
  })
})
