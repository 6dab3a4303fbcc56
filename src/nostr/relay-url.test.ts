import fc from "fast-check"
import { describe, expect, test } from "vitest"
import { RelayError } from "./error.ts"
import { isRelayUrl, parseRelayUrl, relayUrlFromInput } from "./relay-url.ts"

describe("the relay URL profile", () => {
  test.each([
    "wss://relay.example",
    "wss://relay.example/",
    "wss://relay.example/path?x=1",
    "ws://127.0.0.1:4869",
    "ws://[::1]:4869/",
    "WSS://Relay.Example",
    "wss://relay.example:443",
    "wss://relay.example/" + "a".repeat(512 - 20),
  ])("%s stands as it is", (url) => {
    expect(isRelayUrl(url)).toBe(true)
    expect(parseRelayUrl(url)).toBe(url)
  })

  test.each([
    "",
    "relay.example",
    "https://relay.example",
    "wss:relay.example",
    "wss:///relay.example",
    "wss://",
    "wss://relay.example#",
    "wss://relay.example#x",
    "wss://user@relay.example",
    "wss://user:pass@relay.example",
    "wss://@relay.example",
    " wss://relay.example",
    "wss://relay.example\n",
    "wss://relay\t.example",
    "wss:\\\\relay.example",
    "wss://relay.example:99999",
    "wss://[::1",
    "wss://relay.example/\ud800",
    "wss://relay.example/" + "a".repeat(513 - 20),
    "wss://relay.example/" + "é".repeat(250),
  ])("%j is refused", (url) => {
    expect(isRelayUrl(url)).toBe(false)
    expect(() => parseRelayUrl(url)).toThrow(RelayError)
  })

  test.each([
    ["relay.example", "wss://relay.example"],
    ["  Relay.Example/ ", "wss://relay.example"],
    ["wss://relay.example:443/", "wss://relay.example"],
    ["WSS://RELAY.example/Path/", "wss://relay.example/Path/"],
    ["localhost:4869", "ws://localhost:4869"],
    ["127.0.0.1:4869", "ws://127.0.0.1:4869"],
    ["ws://relay.example:80/?a=1", "ws://relay.example/?a=1"],
  ])("typed %j becomes %s", (input, url) => {
    expect(relayUrlFromInput(input)).toBe(url)
  })

  test("any text gives a URL of the profile or a typed refusal", () => {
    const text = fc.oneof(
      fc.string({ unit: "binary" }),
      fc.webUrl(),
      fc.string().map((tail) => `wss://${tail}`),
    )
    fc.assert(
      fc.property(text, (input) => {
        try {
          expect(isRelayUrl(relayUrlFromInput(input))).toBe(true)
        } catch (error) {
          expect(error).toBeInstanceOf(RelayError)
        }
      }),
    )
  })
})
