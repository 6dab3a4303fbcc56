import fc from "fast-check"
import { randomBytes } from "node:crypto"
import { describe, expect, test } from "vitest"
import { unwrapEvent } from "nostr-tools/nip59"
import { RelayError, SignerError } from "./error.ts"
import {
  finalizeEvent,
  generateSecretKey,
  nip44Encrypt,
  publicKeyOf,
  toRumor,
  verifyEvent,
} from "./event.ts"
import type { NostrEvent } from "./event.ts"
import { GIFT_WRAP_BACKDATE, unwrap, wrap } from "./gift-wrap.ts"
import { LocalSigner } from "./local-signer.ts"

const NOW = 1_800_000_000_000
const random = (length: number) => new Uint8Array(randomBytes(length))
const alice = generateSecretKey()
const bob = generateSecretKey()
const mallory = generateSecretKey()
const aliceSigner = new LocalSigner(alice)
const bobSigner = new LocalSigner(bob)
const recipient = publicKeyOf(bob)
const rumor = toRumor({
  pubkey: publicKeyOf(alice),
  created_at: 1_799_999_999,
  kind: 444,
  tags: [
    ["e", "ab".repeat(32)],
    ["relays", "wss://relay.example"],
  ],
  content: "AAEC",
})

const codeOf = async (event: NostrEvent, signer = bobSigner): Promise<string> => {
  try {
    await unwrap({ signer, event })
  } catch (error) {
    if (error instanceof RelayError || error instanceof SignerError) return error.code
    throw error
  }
  return "no error"
}

/** A wrap built by hand, so that each part can be wrong. */
function forge({
  inner = JSON.stringify(rumor),
  sealKey = alice,
  seal = (event: NostrEvent): unknown => event,
  sealKind = 13,
  sealTags = [] as string[][],
  tags = [["p", recipient]],
  kind = 1059,
} = {}): NostrEvent {
  const sealed = finalizeEvent(
    {
      created_at: 1,
      kind: sealKind,
      tags: sealTags,
      content: nip44Encrypt(sealKey, recipient, inner),
    },
    sealKey,
  )
  const wrapKey = generateSecretKey()
  const content = nip44Encrypt(wrapKey, recipient, JSON.stringify(seal(sealed)))
  return finalizeEvent({ created_at: 1, kind, tags, content }, wrapKey)
}

describe("NIP-59", () => {
  test("wraps and unwraps, and nostr-tools reads it", async () => {
    const event = await wrap({ signer: aliceSigner, rumor, recipient, now: NOW, random })
    expect(event.kind).toBe(1059)
    expect(event.tags).toEqual([["p", recipient]])
    expect(event.pubkey).not.toBe(rumor.pubkey)
    expect(verifyEvent(event)).toBe(true)
    expect(event.created_at).toBeLessThanOrEqual(NOW / 1000)
    expect(event.created_at).toBeGreaterThan(NOW / 1000 - GIFT_WRAP_BACKDATE)
    expect(await unwrap({ signer: bobSigner, event })).toEqual({
      rumor,
      sealAuthor: publicKeyOf(alice),
    })
    const mutable = { ...event, tags: event.tags.map((tag) => [...tag]) }
    expect(unwrapEvent(mutable, bob)).toEqual(rumor)
  })

  test("a second wrap of one rumor shares neither key, content nor (in general) time", async () => {
    const params = { signer: aliceSigner, rumor, recipient, now: NOW, random }
    const [first, second] = [await wrap(params), await wrap(params)]
    expect(first.pubkey).not.toBe(second.pubkey)
    expect(first.content).not.toBe(second.content)
  })

  test("only the rumor's author can seal it", async () => {
    const wrapping = wrap({ signer: bobSigner, rumor, recipient, now: NOW, random })
    await expect(wrapping).rejects.toMatchObject({ code: "invalid_wrap" })
  })

  test("the forger's own building blocks are right", async () => {
    expect(await codeOf(forge())).toBe("no error")
  })

  test.each<[string, Parameters<typeof forge>[0]]>([
    ["another seal author than the rumor's", { sealKey: mallory }],
    ["a rumor with a sig", { inner: JSON.stringify({ ...rumor, sig: "00".repeat(64) }) }],
    ["a rumor with a wrong id", { inner: JSON.stringify({ ...rumor, content: "BBBB" }) }],
    ["a rumor without an id", { inner: JSON.stringify({ ...rumor, id: undefined }) }],
    ["a seal of another kind", { sealKind: 14 }],
    ["a seal with tags", { sealTags: [["p", recipient]] }],
    ["a seal with a wrong signature", { seal: (s) => ({ ...s, created_at: 2 }) }],
    ["a seal in another's name", { seal: (s) => ({ ...s, pubkey: publicKeyOf(mallory) }) }],
    ["an unsigned seal", { seal: (s) => ({ ...s, sig: undefined }) }],
    ["no seal", { seal: () => null }],
    ["a rumor that is no JSON", { inner: "{" }],
    ["another outer kind", { kind: 1060 }],
    ["no p tag", { tags: [] }],
    [
      "two p tags",
      {
        tags: [
          ["p", recipient],
          ["p", recipient],
        ],
      },
    ],
    ["a p tag with a hint", { tags: [["p", recipient, "wss://relay.example"]] }],
  ])("%s is refused", async (_, changes) => {
    expect(await codeOf(forge(changes))).toBe("invalid_wrap")
  })

  test("a wrap for somebody else, and one that only claims to be for us", async () => {
    const tags = [["p", publicKeyOf(mallory)]]
    expect(await codeOf(forge({ tags }))).toBe("wrong_recipient")
    expect(await codeOf(forge({ tags }), new LocalSigner(mallory))).toBe("invalid_wrap")
  })

  test("a changed wrap", async () => {
    const event = forge()
    expect(await codeOf({ ...event, created_at: 2 })).toBe("invalid_wrap")
    expect(await codeOf({ ...event, content: event.content.slice(4) })).toBe("invalid_wrap")
  })

  test("a signer that is away is not the wrap's fault", async () => {
    const away = new LocalSigner(bob)
    away.nip44Decrypt = () => Promise.reject(new SignerError("unavailable", "no tab"))
    expect(await codeOf(forge(), away)).toBe("unavailable")
  })

  test("any text inside gives a typed refusal", async () => {
    await fc.assert(
      fc.asyncProperty(fc.oneof(fc.json(), fc.string({ minLength: 1 })), async (inner) => {
        expect(await codeOf(forge({ inner }))).toBe("invalid_wrap")
        expect(await codeOf(forge({ seal: () => inner }))).toBe("invalid_wrap")
      }),
      { numRuns: 25 },
    )
  })
})
