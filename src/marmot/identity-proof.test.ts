import fc from "fast-check"
import { describe, expect, test } from "vitest"
import { bytesToHex, eventId, finalizeEvent, hexToBytes, signSchnorr } from "../nostr/event.ts"
import { accountNamed, codeOf, secretKeyOf } from "./device.fixture.ts"
import {
  IDENTITY_PROOF_SIZE,
  identityProofFrom,
  identityProofTemplate,
  verifyIdentityProof,
} from "./identity-proof.ts"

const THREE = hexToBytes("00".repeat(31) + "03")
const LEAF_KEY = Uint8Array.from({ length: 32 }, (_, i) => i)
const KEY = { ciphersuite: 1, signaturePublicKey: LEAF_KEY }
const PUBKEY = "f9308a019258c31049344f85f89d5229b531c845836f99b08601f113bce036f9"
/** marmot-wire §3.3. */
const VECTOR = hexToBytes(
  PUBKEY +
    "000000006553f100" +
    "c5315d3c85b9d4907cb03395a2a97b3ba2eab393f8e45b13a5d5233acedac60a" +
    "51d2a295e1b1b5ee372d18a49bdb8041a7dba9dedce722c7c6f712f78bbdfb5d",
)

const template = identityProofTemplate(KEY, 1_700_000_000)
const expected = { ...KEY, account: hexToBytes(PUBKEY) }

function changed(at: number, ...bytes: number[]): Uint8Array {
  const copy = VECTOR.slice()
  copy.set(bytes, at)
  return copy
}

describe("the specification's vector", () => {
  test("the event's id", () => {
    expect(eventId({ ...template, pubkey: PUBKEY })).toBe(
      "b7e9a15dd85990fb0f49c33db3cc9875f73986207b038404ceb6b7fec4e0af6b",
    )
  })

  test("the 104 bytes, made and verified", () => {
    const id = eventId({ ...template, pubkey: PUBKEY })
    const sig = signSchnorr(hexToBytes(id), THREE, new Uint8Array(32))
    const signed = { ...template, pubkey: PUBKEY, id, sig }
    expect(bytesToHex(identityProofFrom(template, signed, PUBKEY))).toBe(bytesToHex(VECTOR))
    expect(VECTOR.length).toBe(IDENTITY_PROOF_SIZE)
    verifyIdentityProof(VECTOR, expected)
  })
})

test("the template names the key, the suite and its signature scheme", () => {
  expect(template).toEqual({
    kind: 450,
    created_at: 1_700_000_000,
    tags: [
      ["d", "marmot.account-identity-proof.v2"],
      ["component", "0x8009"],
      ["ciphersuite", "0x0001"],
      ["signature_scheme", "0x0807"],
      ["mls_signature_key", "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"],
    ],
    content: "Authorize this MLS leaf key for my Marmot account",
  })
  const schemes = [1, 2, 3, 4, 5, 6, 7].map(
    (ciphersuite) => identityProofTemplate({ ...KEY, ciphersuite }, 1).tags[3]?.[1],
  )
  expect(schemes).toEqual(["0x0807", "0x0403", "0x0807", "0x0808", "0x0603", "0x0808", "0x0503"])
  expect(codeOf(() => identityProofTemplate({ ...KEY, ciphersuite: 8 }, 1))).toBe("misuse")
  for (const time of [0, -1, 1.5, 2 ** 53]) {
    expect(codeOf(() => identityProofTemplate(KEY, time))).toBe("misuse")
  }
})

describe("what a signer returns (marmot-wire §3.2)", () => {
  const mine = accountNamed("signer")
  const sign = (change: Partial<typeof template>) =>
    finalizeEvent({ ...template, ...change }, secretKeyOf("signer"))

  test("the very event is accepted", () => {
    const proof = identityProofFrom(template, sign({}), mine)
    verifyIdentityProof(proof, { ...KEY, account: hexToBytes(mine) })
  })

  test.each([
    ["another time", sign({ created_at: template.created_at + 1 })],
    ["another kind", sign({ kind: 1 })],
    ["a further tag", sign({ tags: [...template.tags, ["client", "x"]] })],
    ["tags in another order", sign({ tags: [...template.tags].reverse() })],
    ["a further value", sign({ tags: template.tags.map((tag) => [...tag, ""]) })],
    ["another text", sign({ content: `${template.content}.` })],
    ["another account", finalizeEvent(template, secretKeyOf("other"))],
    ["a wrong signature", { ...sign({}), sig: sign({ content: "" }).sig }],
    ["a wrong id", { ...sign({}), id: sign({ content: "" }).id }],
  ])("%s is refused", (_, signed) => {
    expect(codeOf(() => identityProofFrom(template, signed, mine))).toBe("signer_changed_event")
  })
})

describe("verification", () => {
  test.each([
    ["no proof", undefined],
    ["an empty proof", new Uint8Array()],
    ["a byte too few", VECTOR.subarray(0, 103)],
    ["a byte too many", new Uint8Array([...VECTOR, 0])],
    ["another signer", changed(0, ...hexToBytes(accountNamed("other")))],
    ["time zero", changed(32, 0, 0, 0, 0, 0, 0, 0, 0)],
    ["a time of 2^53", changed(32, 0, 0x20, 0, 0, 0, 0, 0, 0)],
    ["the largest time", changed(32, 255, 255, 255, 255, 255, 255, 255, 255)],
    ["another time", changed(39, 1)],
    ["another signature", changed(103, 0)],
  ])("refuses %s", (_, proof) => {
    expect(codeOf(() => verifyIdentityProof(proof, expected))).toBe("invalid_identity_proof")
  })

  test("refuses the proof of another leaf key or suite", () => {
    const key = LEAF_KEY.slice().fill(9)
    const other = { ...expected, signaturePublicKey: key }
    expect(codeOf(() => verifyIdentityProof(VECTOR, other))).toBe("invalid_identity_proof")
    const suite = { ...expected, ciphersuite: 3 }
    expect(codeOf(() => verifyIdentityProof(VECTOR, suite))).toBe("invalid_identity_proof")
    const unknown = { ...expected, ciphersuite: 0x7777 }
    expect(codeOf(() => verifyIdentityProof(VECTOR, unknown))).toBe("invalid_identity_proof")
  })

  test("refuses a valid proof by another account for the same leaf key", () => {
    const other = accountNamed("other")
    const proof = identityProofFrom(template, finalizeEvent(template, secretKeyOf("other")), other)
    verifyIdentityProof(proof, { ...KEY, account: hexToBytes(other) })
    expect(codeOf(() => verifyIdentityProof(proof, expected))).toBe("invalid_identity_proof")
  })

  test("refuses an account that is no Nostr key", () => {
    const notOnCurve = { ...expected, account: new Uint8Array(32).fill(0xff) }
    expect(codeOf(() => verifyIdentityProof(VECTOR, notOnCurve))).toBe("invalid_identity")
    const short = { ...expected, account: expected.account.subarray(0, 31) }
    expect(codeOf(() => verifyIdentityProof(VECTOR, short))).toBe("invalid_identity")
  })

  test("reads the proof where it stands in a larger buffer", () => {
    const buffer = new Uint8Array(200)
    buffer.set(VECTOR, 50)
    verifyIdentityProof(buffer.subarray(50, 154), expected)
  })

  test("every flipped bit is noticed", () => {
    fc.assert(
      fc.property(fc.nat(IDENTITY_PROOF_SIZE * 8 - 1), (bit) => {
        const at = bit >> 3
        const flipped = changed(at, (VECTOR[at] ?? 0) ^ (1 << (bit & 7)))
        expect(codeOf(() => verifyIdentityProof(flipped, expected))).toBe("invalid_identity_proof")
      }),
      { numRuns: 30 },
    )
  })
})
