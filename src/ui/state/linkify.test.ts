import { describe, expect, test } from "vitest"
import { isOnlyEmoji, linkify } from "./linkify.ts"

const links = (text: string) =>
  linkify(text).flatMap((part) => (part.type === "link" ? [part.href] : []))

describe("linkify", () => {
  test("finds http and https addresses and keeps the text whole", () => {
    const text = "see https://example.org/a?b=c#d, or http://x.io."
    expect(links(text)).toEqual(["https://example.org/a?b=c#d", "http://x.io/"])
    expect(
      linkify(text)
        .map((part) => part.text)
        .join(""),
    ).toBe(text)
  })

  test("leaves trailing punctuation and unmatched brackets outside", () => {
    expect(links("(https://en.wikipedia.org/wiki/Burrow_(den))")).toEqual([
      "https://en.wikipedia.org/wiki/Burrow_(den)",
    ])
    expect(links("really https://a.b/c?!")).toEqual(["https://a.b/c"])
  })

  test.each([
    "javascript:alert(1)",
    "data:text/html,x",
    "ftp://example.org",
    "https://",
    "https://bank.example@evil.example/",
    "nostr:npub1xyz",
    "www.example.org",
  ])("makes no link of %s", (text) => {
    expect(links(text)).toEqual([])
    expect(linkify(text)).toEqual([{ type: "text", text }])
  })

  test("a bidirectional control ends an address", () => {
    expect(links("https://a.b/\u202egpj.exe")).toEqual(["https://a.b/"])
  })

  test("what is longer than any address stays text, however many brackets it ends with", () => {
    for (const end of [")", "]}", "a"]) {
      const text = `http://a.b/${end.repeat(40_000)}`
      expect(linkify(`${text} http://x.io`)).toEqual([
        { type: "text", text: `${text} ` },
        { type: "link", href: "http://x.io/", text: "http://x.io" },
      ])
    }
  })

  test("of many closing brackets an address keeps those that it opens", () => {
    expect(links(`http://a.b/((c]))}.${")".repeat(2_000)}`)).toEqual(["http://a.b/((c]))"])
    expect(links(`http://a.b/${")".repeat(2_000)}`)).toEqual(["http://a.b/"])
  })

  test("empty text has no parts", () => {
    expect(linkify("")).toEqual([])
  })
})

describe("isOnlyEmoji", () => {
  test.each(["🙂", "👍🏽", "👩‍👩‍👧 🎉", "❤️"])("%s is", (text) => {
    expect(isOnlyEmoji(text)).toBe(true)
  })
  test.each(["", "1", "ok 👍", "🙂🙂🙂🙂"])("%s is not", (text) => {
    expect(isOnlyEmoji(text)).toBe(false)
  })
})
