import { beforeAll, describe, expect, test } from "vitest"
import { createCommit, createGroup, decodeMlsMessage, wireFormats } from "../mls/index.ts"
import { type Rumor, toRumor } from "../nostr/event.ts"
import { fromBase64, toBase64 } from "./base64.ts"
import { keyPackageOptions } from "./capabilities.ts"
import { accountNamed, codeOf, deviceOf, NOW, testCrypto } from "./device.fixture.ts"
import { generateOwnKeyPackage } from "./key-package-event.ts"
import { parseWelcomeRumor, welcomeRumor } from "./welcome-event.ts"
import { generateKeyPackage } from "../mls/index.ts"

const EVENT_ID = "ab".repeat(32)
const RELAYS = ["wss://b.example", "wss://a.example"]

let welcome: Uint8Array
let commit: Uint8Array

beforeAll(async () => {
  const crypto = await testCrypto()
  const [alice, bob] = await Promise.all([deviceOf(crypto, "alice"), deviceOf(crypto, "bob")])
  const context = { crypto, now: NOW }
  const founded = await createGroup(context, {
    groupId: new Uint8Array(32),
    keyPackage: await generateKeyPackage(crypto, keyPackageOptions(alice, NOW)),
    extensions: [],
  })
  const { keyPackage } = await generateOwnKeyPackage(crypto, { device: bob, now: NOW * 1000 })
  const created = await createCommit(context, founded, {
    proposals: [{ proposalType: 1, keyPackage }],
  })
  welcome = created.welcome ?? new Uint8Array()
  commit = created.commit
})

const build = (relays: readonly string[] = RELAYS) =>
  welcomeRumor({
    pubkey: accountNamed("alice"),
    createdAt: NOW,
    welcome,
    keyPackageEventId: EVENT_ID,
    relays,
  })

const changed = (change: Partial<Rumor>) => toRumor({ ...build(), ...change })

describe("kind 444 (marmot-wire §7.5)", () => {
  test("built and read back", () => {
    const rumor = build()
    expect(rumor.kind).toBe(444)
    expect(rumor.tags).toEqual([
      ["e", EVENT_ID],
      ["relays", ...RELAYS],
    ])
    expect(rumor).not.toHaveProperty("sig")
    expect(decodeMlsMessage(fromBase64(rumor.content)).wireFormat).toBe(wireFormats.welcome)
    expect(parseWelcomeRumor(rumor)).toEqual({
      welcome,
      keyPackageEventId: EVENT_ID,
      relays: RELAYS,
    })
  })

  test("a builder names at most 16 relays, and refuses what no receiver would take", () => {
    const many = Array.from({ length: 20 }, (_, i) => `wss://r${i}.example`)
    expect(parseWelcomeRumor(build(many)).relays).toEqual(many.slice(0, 16))
    expect(codeOf(() => build([]))).toBe("invalid_event")
    expect(codeOf(() => build(["https://a.example"]))).toBe("invalid_event")
  })

  const e = ["e", EVENT_ID]
  const relays = ["relays", ...RELAYS]
  test.each([
    ["no tag", []],
    ["no e", [relays]],
    ["no relays", [e]],
    ["two e", [e, e, relays]],
    ["e without a value", [["e"], relays]],
    ["e with a relay hint", [[...e, "wss://a.example"], relays]],
    ["e in upper case", [["e", EVENT_ID.toUpperCase()], relays]],
    ["a short e", [["e", "ab"], relays]],
    ["two relays tags", [e, relays, relays]],
    ["relays without a value", [e, ["relays"]]],
    ["a repeated relay", [e, [...relays, "wss://a.example"]]],
    ["an empty relay", [e, ["relays", ""]]],
    ["another scheme", [e, ["relays", "https://a.example"]]],
    ["a relay with a user", [e, ["relays", "wss://u@a.example"]]],
    ["a relay of 513 bytes", [e, ["relays", `wss://a.example/${"p".repeat(497)}`]]],
    ["17 relays", [e, ["relays", ...Array.from({ length: 17 }, (_, i) => `wss://${i}.example`)]]],
  ])("%s is refused", (_, tags) => {
    expect(codeOf(() => parseWelcomeRumor(changed({ tags })))).toBe("invalid_event")
  })

  test("another kind, another message and other content are refused", () => {
    expect(codeOf(() => parseWelcomeRumor(changed({ kind: 445 })))).toBe("invalid_event")
    expect(codeOf(() => parseWelcomeRumor(changed({ content: toBase64(commit) })))).toBe(
      "invalid_event",
    )
    expect(codeOf(() => parseWelcomeRumor(changed({ content: "?" })))).toBe("invalid_encoding")
    for (const content of ["", toBase64(welcome.subarray(0, 3))]) {
      expect(() => parseWelcomeRumor(changed({ content }))).toThrow()
    }
  })
})
