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
  {
    name: "ML-KEM-1024",
    ikmE: "0152bf3799ed0803b9ac3e62695c51065fe2cd4a18ff655fb3efe7399c404e19",
    ikmR:
      "ece1c121b5cc978bdce5eb8d60e9ff101d65b94379898e800c37f79164a25d03" +
      "264a357df7cd28214b11e171c94dea2338b736e7dbb6f00a0b1b280ae6ad1ba4",
    skRm:
      "c58f733ea1245a7a54723c30dbf0837acdd7e93c188692523b53b132b993a25a" +
      "f933368a76bbcbf1212e1d34d7128e32c387dc9b04a7ceb0e2b40e1e5769c57d",
    pkRm: "121abb2e70d21f6bead6d5cdf57f9cbc3dc460081b36007054cb01963b6f6140",
    enc: "9cf10683e968ebdf277b15e857d5805783cbb42d9b7cc89c97d5102764e80655",
    sharedSecret: "a9f5e349635145bb8a06c0b50b027bef523c5868dd3477a8a92cb5deecc4113b",
    sizes: [1568, 1568],
  },
  {
    name: "MLKEM768-P256",
    ikmE:
      "0ec0fee6a71457a9dac898a1c161bf1068e68de093f07754155bb8b8b378c17e" +
      "d09ead96300cc402a6371b58928592dd93565834a19839e7dda048d8e04ff65c" +
      "7b645f36738c370fbb2d684f59e16ea08aea04444762fdf3a70a114ecf0ba435" +
      "c9a1e869578142b445398f49093bcca618f0ae5e810163b1503faf3eeaff0bdc",
    ikmR: "5e28a96731c6665f07bb00811cd70f0d3d6c44666ca54cddbb7e5946053b6415",
    skRm: "724eed44c3843d1f260f79b142ce633d602f7989a53ffc9fd4a68690c8e7baa5",
    pkRm: "f1e1000a59e126ef85a7b85720c2d24bc10c2412db23e2120ef44cfae64abec2",
    enc: "6959c57471177c588d3ef3558c83602c9769a40fdce9e51dd70435458aebfcf7",
    sharedSecret: "26c25e807a24354387a7385bc374953539001fcb7eb99eb8d63ec7fdb8441f46",
    sizes: [1249, 1153],
  },
  {
    name: "MLKEM1024-P384",
    ikmE:
      "bd1207854ec0963347d5218f900783d6ca0ff62c5e2181ca5a932e2d6d8d96cc" +
      "9b092a9d709468d10f7e8ec8d9eccd7e7a647d351133e2a2f4b438154d1dd708" +
      "50af7f7841c1dbd0699feb9852d99c08",
    ikmR: "0fce198c0c1ccfca5cd1ca8bc495b06696cbb8c733e708ead4531b2b294c38d2",
    skRm: "dbdae0423ba0e5db3d6322601b8dc302d3051d4677142079c7bdf441f4c448dd",
    pkRm: "5d0b42c6f1471a72045ec087a4c2e61875541f4550b513672f2d858eb1a133c3",
    enc: "f2efb14c611a8637a214286298706af1433acb4f3bdc2f6a25c0d72dd3decf13",
    sharedSecret: "cb959223131df11c3a3dc1da2ff8670249cb41be2d0b399a3706d3a23b158bc7",
    sizes: [1665, 1665],
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
