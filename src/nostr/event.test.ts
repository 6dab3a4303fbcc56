import fc from "fast-check"
import { describe, expect, test } from "vitest"
import { verifyEvent as referenceVerify } from "nostr-tools/pure"
import { RelayError, SignerError } from "./error.ts"
import {
  bytesToHex,
  compareEvents,
  eventId,
  finalizeEvent,
  generateSecretKey,
  hexToBytes,
  isHex32,
  isLiftable,
  nip44Decrypt,
  nip44Encrypt,
  parseEvent,
  parseRumor,
  parseVerifiedEvent,
  publicKeyOf,
  signSchnorr,
  toRumor,
  verifyEvent,
  verifySchnorr,
} from "./event.ts"

const SECRET = hexToBytes("03".padStart(64, "0"))
const AUTHOR = "f9308a019258c31049344f85f89d5229b531c845836f99b08601f113bce036f9"
const template = { created_at: 1_700_000_000, kind: 1, tags: [["t", "x"]], content: "hello" }

const codeOf = (run: () => unknown): string => {
  try {
    run()
  } catch (error) {
    if (error instanceof RelayError || error instanceof SignerError) return error.code
    throw error
  }
  return "no error"
}

describe("event ids", () => {
  test("the pinned MDK event with control characters", () => {
    const id = eventId({
      pubkey: "4631637f31d9bcb674bd6a418ac2c50c429ecd925a7a998c0b1ac2f6f46df705",
      created_at: 1791157536,
      kind: 9,
      tags: [],
      content: 'wn hello ünïcødé 🐿 "q" \\ tab\there\nnewline \u0001ctl \u007f del',
    })
    expect(id).toBe("696796dcc6f074e63e9441a803b7293e50bcbe40640194bf42b9b00075559f19")
  })

  test("the account identity proof of Marmot §3.3: id and signature with zero auxiliary bytes", () => {
    const mlsKey = Uint8Array.from({ length: 32 }, (_, i) => i)
    const id = eventId({
      pubkey: AUTHOR,
      created_at: 1_700_000_000,
      kind: 450,
      tags: [
        ["d", "marmot.account-identity-proof.v2"],
        ["component", "0x8009"],
        ["ciphersuite", "0x0001"],
        ["signature_scheme", "0x0807"],
        ["mls_signature_key", bytesToHex(mlsKey)],
      ],
      content: "Authorize this MLS leaf key for my Marmot account",
    })
    expect(id).toBe("b7e9a15dd85990fb0f49c33db3cc9875f73986207b038404ceb6b7fec4e0af6b")
    expect(signSchnorr(hexToBytes(id), SECRET, new Uint8Array(32))).toBe(
      "c5315d3c85b9d4907cb03395a2a97b3ba2eab393f8e45b13a5d5233acedac60a51d2a295e1b1b5ee372d18a49bdb8041a7dba9dedce722c7c6f712f78bbdfb5d",
    )
  })

  test("lone surrogates are refused in content and tags", () => {
    const event = { ...template, pubkey: AUTHOR }
    expect(codeOf(() => eventId({ ...event, content: "a\ud800b" }))).toBe("invalid_event")
    expect(codeOf(() => eventId({ ...event, tags: [["t", "\udc00"]] }))).toBe("invalid_event")
    expect(eventId({ ...event, content: "\ud83d\ude00 \\ud800" })).toHaveLength(64)
  })

  test.each([
    ["created_at", 1.5],
    ["created_at", -1],
    ["created_at", 2 ** 53],
    ["created_at", NaN],
    ["kind", 65_536],
    ["kind", -1],
    ["kind", 0.5],
  ])("%s = %s is refused", (field, value) => {
    const event = { ...template, pubkey: AUTHOR, [field]: value }
    expect(codeOf(() => eventId(event))).toBe("invalid_event")
    const signed = finalizeEvent(template, SECRET)
    expect(codeOf(() => parseEvent({ ...signed, [field]: value }))).toBe("invalid_event")
  })
})

describe("signing and verifying", () => {
  test("a signed event verifies here and in nostr-tools, and its template is not touched", () => {
    const frozen = Object.freeze({ ...template, tags: Object.freeze([Object.freeze(["t", "x"])]) })
    const event = finalizeEvent(frozen, SECRET)
    expect(event.pubkey).toBe(AUTHOR)
    expect(verifyEvent(event)).toBe(true)
    expect(referenceVerify({ ...event, tags: event.tags.map((tag) => [...tag]) })).toBe(true)
    expect(Object.getOwnPropertySymbols(event)).toEqual([])
  })

  test("every field is covered, and no earlier success is remembered", () => {
    const event = finalizeEvent(template, SECRET)
    expect(verifyEvent(event)).toBe(true)
    const other = finalizeEvent({ ...template, content: "other" }, generateSecretKey())
    for (const field of ["id", "sig", "pubkey", "content"] as const) {
      expect(verifyEvent({ ...event, [field]: other[field] })).toBe(false)
    }
    expect(verifyEvent({ ...event, created_at: 1 })).toBe(false)
    expect(verifyEvent({ ...event, kind: 2 })).toBe(false)
    expect(verifyEvent({ ...event, tags: [] })).toBe(false)
    expect(codeOf(() => parseVerifiedEvent({ ...event, kind: 2 }))).toBe("invalid_signature")
  })

  test("a symbol that says `verified` is not believed", () => {
    const event = finalizeEvent(template, SECRET)
    const copy = { ...event, tags: event.tags.map((tag) => [...tag]) }
    referenceVerify(copy)
    copy.content = "forged"
    expect(verifyEvent(copy)).toBe(false)
    expect(Object.getOwnPropertySymbols(parseEvent(copy))).toEqual([])
  })

  test("keys out of range are refused", () => {
    const order = "fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141"
    expect(codeOf(() => publicKeyOf(new Uint8Array(32)))).toBe("invalid")
    expect(codeOf(() => publicKeyOf(hexToBytes(order)))).toBe("invalid")
    expect(codeOf(() => finalizeEvent(template, new Uint8Array(31)))).toBe("invalid")
    expect(codeOf(() => signSchnorr(new Uint8Array(31), SECRET))).toBe("invalid")
    const answers = [new Uint8Array(32), hexToBytes(order), SECRET]
    expect(generateSecretKey(() => answers.shift() ?? SECRET)).toBe(SECRET)
  })

  test("BIP-340: x outside the curve or the field does not lift and verifies nothing", () => {
    const notOnCurve = "eefdea4cdb677750a420fee807eacf21eb9898ae79b9768766e4faa04a2d4a34"
    const beyondField = "fffffffffffffffffffffffffffffffffffffffffffffffffffffffefffffc30"
    expect(isLiftable(hexToBytes(AUTHOR))).toBe(true)
    expect(isLiftable(hexToBytes(notOnCurve))).toBe(false)
    expect(isLiftable(hexToBytes(beyondField))).toBe(false)
    expect(isLiftable(new Uint8Array(32))).toBe(false)
    expect(isLiftable(new Uint8Array(31))).toBe(false)
    expect(verifySchnorr("00".repeat(64), new Uint8Array(32), notOnCurve)).toBe(false)
    expect(verifySchnorr("zz", new Uint8Array(32), AUTHOR)).toBe(false)
  })
})

describe("parsing", () => {
  test("unknown members are dropped, and the result shares nothing with its source", () => {
    const event = finalizeEvent(template, SECRET)
    const source = { ...event, tags: [["t", "x"]], extra: 1 }
    const parsed = parseEvent(source)
    expect(parsed).toEqual(event)
    source.tags[0]?.push("later")
    expect(parsed.tags).toEqual([["t", "x"]])
  })

  test("uppercase hex, short hex and wrong types are refused", () => {
    const event = finalizeEvent(template, SECRET)
    const bad = [
      { ...event, id: event.id.toUpperCase() },
      { ...event, pubkey: event.pubkey.slice(1) },
      { ...event, sig: event.sig + "00" },
      { ...event, created_at: "1700000000" },
      { ...event, tags: {} },
      { ...event, tags: [["t", 1]] },
      { ...event, tags: ["t"] },
      { ...event, tags: [["t", "\ud800"]] },
      { ...event, content: null },
      { ...event, content: "\udfff" },
      { ...event, tags: Array.from({ length: 16_385 }, () => []) },
      null,
      [],
      "event",
    ]
    for (const value of bad) expect(codeOf(() => parseEvent(value))).toBe("invalid_event")
  })

  test("any JSON gives an event or a typed refusal", () => {
    const nearly = fc.record(
      {
        id: fc.oneof(fc.constant(AUTHOR), fc.anything()),
        pubkey: fc.oneof(fc.constant(AUTHOR), fc.anything()),
        created_at: fc.oneof(fc.nat(), fc.anything()),
        kind: fc.oneof(fc.nat(70_000), fc.anything()),
        tags: fc.oneof(fc.array(fc.array(fc.string({ unit: "binary" }))), fc.anything()),
        content: fc.oneof(fc.string({ unit: "binary" }), fc.anything()),
        sig: fc.oneof(fc.constant(AUTHOR + AUTHOR), fc.anything()),
      },
      { requiredKeys: [] },
    )
    fc.assert(
      fc.property(fc.oneof(fc.jsonValue(), nearly), (value) => {
        expect(["no error", "invalid_event"]).toContain(codeOf(() => parseEvent(value)))
        expect(codeOf(() => parseVerifiedEvent(value))).not.toBe("no error")
      }),
      { numRuns: 500 },
    )
  })

  test("rumors: the id is checked and a sig of any value is refused", () => {
    const rumor = toRumor({ ...template, pubkey: AUTHOR })
    expect(parseRumor(JSON.parse(JSON.stringify(rumor)))).toEqual(rumor)
    expect(codeOf(() => parseRumor({ ...rumor, content: "x" }))).toBe("invalid_event")
    expect(codeOf(() => parseRumor({ ...rumor, sig: "" }))).toBe("invalid_event")
    expect(codeOf(() => parseRumor({ ...rumor, sig: undefined }))).toBe("invalid_event")
  })

  test("hex is lowercase and whole", () => {
    expect(hexToBytes("00ff")).toEqual(Uint8Array.of(0, 255))
    for (const text of ["0", "FF", "0x00", "zz"]) {
      expect(codeOf(() => hexToBytes(text))).toBe("invalid_hex")
    }
    expect(isHex32(AUTHOR)).toBe(true)
    expect(isHex32(AUTHOR.toUpperCase())).toBe(false)
    expect(isHex32(7)).toBe(false)
  })

  test("order: newest first, then the lower id", () => {
    const at = (created_at: number, id: string) => ({ ...template, pubkey: AUTHOR, created_at, id })
    const sorted = [at(1, "b"), at(2, "c"), at(1, "a"), at(1, "a")].sort(compareEvents)
    expect(sorted.map((event) => event.id)).toEqual(["c", "a", "a", "b"])
  })
})

describe("NIP-44", () => {
  test("the published vector", () => {
    const one = hexToBytes("01".padStart(64, "0"))
    const two = hexToBytes("02".padStart(64, "0"))
    const nonce = hexToBytes("01".padStart(64, "0"))
    const payload =
      "AgAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAABee0G5VSK0/9YypIObAtDKfYEAjD35uVkHyB0F4DwrcNaCXlCWZKaArsGrY6M9wnuTMxWfp1RTN9Xga8no+kF5Vsb"
    expect(nip44Encrypt(one, publicKeyOf(two), "a", nonce)).toBe(payload)
    expect(nip44Decrypt(two, publicKeyOf(one), payload)).toBe("a")
  })

  test("large texts, as a Welcome needs", () => {
    const key = generateSecretKey()
    const text = "é".repeat(200_000)
    expect(nip44Decrypt(SECRET, publicKeyOf(key), nip44Encrypt(key, AUTHOR, text))).toBe(text)
  })

  test("typed refusals", () => {
    const payload = nip44Encrypt(SECRET, publicKeyOf(generateSecretKey()), "text")
    expect(codeOf(() => nip44Decrypt(SECRET, AUTHOR, payload))).toBe("undecryptable")
    expect(codeOf(() => nip44Decrypt(SECRET, "00".repeat(32), payload))).toBe("invalid")
    expect(codeOf(() => nip44Encrypt(SECRET, AUTHOR, ""))).toBe("invalid")
    expect(codeOf(() => nip44Encrypt(SECRET, AUTHOR, "\ud800"))).toBe("invalid")
    expect(codeOf(() => nip44Encrypt(new Uint8Array(32), AUTHOR, "x"))).toBe("invalid")
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.base64String()), (text) => {
        expect(codeOf(() => nip44Decrypt(SECRET, AUTHOR, text))).toBe("undecryptable")
      }),
    )
  })
})
