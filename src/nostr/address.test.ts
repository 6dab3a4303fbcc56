import fc from "fast-check"
import { expect, test } from "vitest"
import { nprofileEncode, noteEncode } from "nostr-tools/nip19"
import { npubOf, nsecOf, parseNsec, parsePerson } from "./address.ts"
import { RelayError, SignerError } from "./error.ts"
import { generateSecretKey, publicKeyOf } from "./event.ts"

// The examples of NIP-19.
const PUBKEY = "7e7e9c42a91bfef19fa929e5fda1b72e0ebc1a4c1141673e2794234d86addf4e"
const NPUB = "npub10elfcs4fr0l0r8af98jlmgdh9c8tcxjvz9qkw038js35mp4dma8qzvjptg"

test("npub, nprofile, hex, with blanks and nostr: around", () => {
  const person = { pubkey: PUBKEY, relays: [] }
  for (const input of [NPUB, ` ${NPUB}\n`, `nostr:${NPUB}`, PUBKEY, PUBKEY.toUpperCase()]) {
    expect(parsePerson(input)).toEqual(person)
  }
  expect(npubOf(PUBKEY)).toBe(NPUB)
  const relays = ["wss://r.x.com", "https://no.example", "wss://djbas.sadkb.com", "wss://r.x.com"]
  expect(parsePerson(nprofileEncode({ pubkey: PUBKEY, relays }))).toEqual({
    pubkey: PUBKEY,
    relays: ["wss://r.x.com", "wss://djbas.sadkb.com"],
  })
})

test("everything else is refused, and a secret key is not repeated", () => {
  const nsec = nsecOf(generateSecretKey())
  const bad = [
    "",
    "alice",
    NPUB.slice(0, -1),
    noteEncode(PUBKEY),
    "00".repeat(32),
    PUBKEY + "00",
    nsec,
    "npub1" + "q".repeat(10_000),
  ]
  for (const input of bad) expect(() => parsePerson(input)).toThrow(RelayError)
  try {
    parsePerson(nsec)
  } catch (error) {
    expect(String(error)).not.toContain(nsec.slice(4))
  }
  expect(() => npubOf("alice")).toThrow(RelayError)
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), (input) => {
      expect(() => parsePerson(input)).toThrow(RelayError)
      expect(() => parseNsec(input)).toThrow(SignerError)
    }),
  )
})

test("nsec there and back", () => {
  const key = generateSecretKey()
  const parsed = parseNsec(` ${nsecOf(key)} `)
  expect(parsed).toEqual(key)
  expect(publicKeyOf(parsed)).toBe(publicKeyOf(key))
  expect(() => parseNsec(NPUB)).toThrow(SignerError)
  expect(() => nsecOf(new Uint8Array(32))).toThrow(SignerError)
})
