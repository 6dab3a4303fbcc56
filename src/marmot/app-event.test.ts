import fc from "fast-check"
import { describe, expect, test } from "vitest"
import { eventId, type Rumor, toRumor } from "../nostr/event.ts"
import {
  chatEvent,
  decodeAppEvent,
  deletionEvent,
  editEvent,
  encodeAppEvent,
  reactionEvent,
} from "./app-event.ts"
import { accountNamed, codeOf } from "./device.fixture.ts"
import { MarmotError } from "./error.ts"

const AUTHOR = accountNamed("author")
const author = { pubkey: AUTHOR, createdAt: 1_700_000_000 }
const bytes = (text: string) => new TextEncoder().encode(text)
const decodeText = (text: string) => decodeAppEvent(bytes(text), AUTHOR)
const chat = chatEvent({ ...author, content: 'He said "é\\" \u{1f600}\n\u0001\u007f/' })
const json = JSON.stringify(chat)
const codeFor = (text: string) => codeOf(() => decodeText(text))

/** The event as JSON in which the member `name` is written as `raw`. */
const withRaw = (name: keyof Rumor, raw: string) =>
  json.replace(
    `${JSON.stringify(name)}:${JSON.stringify(chat[name])}`,
    `${JSON.stringify(name)}:${raw}`,
  )

describe("round trip (marmot-wire §8.1)", () => {
  test("six members and nothing else", () => {
    const event = { ...chat, sig: "00", seen: true }
    const payload = encodeAppEvent(event)
    expect(Object.keys(JSON.parse(new TextDecoder().decode(payload)) as object)).toEqual([
      ...["id", "pubkey", "created_at", "kind", "tags", "content"],
    ])
    expect(decodeAppEvent(payload, AUTHOR)).toEqual(chat)
  })

  test("every well-formed event", () => {
    const text = fc.string({ unit: "binary" })
    const event = fc.record({
      created_at: fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER }),
      kind: fc.integer({ min: 0, max: 0xffff }),
      tags: fc.array(fc.array(text, { maxLength: 4 }), { maxLength: 5 }),
      content: text,
    })
    fc.assert(
      fc.property(event, (fields) => {
        const rumor = toRumor({ pubkey: AUTHOR, ...fields })
        expect(decodeAppEvent(encodeAppEvent(rumor), AUTHOR)).toEqual(rumor)
      }),
    )
  })

  test("order, white space and escapes are free", () => {
    const { id, pubkey, created_at, kind, tags } = chat
    const reordered = JSON.stringify(
      { tags, kind, content: chat.content, created_at, pubkey, id },
      null,
      "\t",
    )
    expect(decodeText(`\r\n ${reordered} \n`)).toEqual(chat)
    const escaped = Array.from(
      { length: chat.content.length },
      (_, i) => `\\u${chat.content.charCodeAt(i).toString(16).padStart(4, "0").toUpperCase()}`,
    )
    expect(decodeText(withRaw("content", `"${escaped.join("")}"`))).toEqual(chat)
    expect(
      decodeText(withRaw("content", JSON.stringify(chat.content).replace("/", "\\/"))),
    ).toEqual(chat)
  })

  test("unknown kinds are valid, and tags never matter", () => {
    const event = toRumor({
      pubkey: AUTHOR,
      created_at: 0,
      kind: 4242,
      tags: [["h", "x"], ["expiration", "1"], ["relay"], []],
      content: "",
    })
    expect(decodeAppEvent(encodeAppEvent(event), AUTHOR)).toEqual(event)
  })

  test("control characters in an id: the form of the Rust reference, not the specification's", () => {
    const content = "a\u0001b\u001f\u007f"
    const rumor = chatEvent({ ...author, content })
    expect(JSON.stringify(content)).toBe('"a\\u0001b\\u001f\u007f"')
    expect(rumor.id).toBe(
      eventId({ pubkey: AUTHOR, created_at: author.createdAt, kind: 9, tags: [], content }),
    )
    expect(decodeAppEvent(encodeAppEvent(rumor), AUTHOR).content).toBe(content)
  })
})

/** An event whose id fits `content`, in which `content` is written as `raw`. */
function written(content: string, raw: string): string {
  const event = chatEvent({ ...author, content })
  return JSON.stringify(event).replace(JSON.stringify(content), raw)
}

describe("what is dropped", () => {
  const others = JSON.stringify(
    chatEvent({ ...author, pubkey: accountNamed("other"), content: "x" }),
  )
  test.each([
    ["nothing", ""],
    ["white space", "  "],
    ["null", "null"],
    ["an array", `[${json}]`],
    ["a string", '"x"'],
    ["text before", `x${json}`],
    ["text after", `${json}x`],
    ["a second object", json + json],
    ["a byte order mark", `\ufeff${json}`],
    ["an event by somebody else", others],
    ["a signature", json.replace("{", '{"sig":"00",')],
    ["a null signature", json.replace("{", '{"sig":null,')],
    ["an unknown member", json.replace("{", '{"x":1,')],
    ["an empty name", json.replace("{", '{"":1,')],
    ["a prototype's name", json.replace("{", '{"__proto__":[],')],
    ["a duplicate member", json.replace("{", `{"kind":9,`)],
    ["a duplicate member, escaped", json.replace("{", '{"\\u006bind":9,')],
    ["a trailing comma", `${json.slice(0, -1)},}`],
    ["a leading comma", json.replace("{", "{,")],
    ["a comment", json.replace("{", "{/**/")],
    ["no end", json.slice(0, -1)],
    ["single quotes", json.replaceAll('"', "'")],
    ["another id", withRaw("id", `"${"00".repeat(32)}"`)],
    ["an id in upper case", withRaw("id", `"${chat.id.toUpperCase()}"`)],
    ["a key in upper case", withRaw("pubkey", `"${AUTHOR.toUpperCase()}"`)],
    ["a short key", withRaw("pubkey", `"${AUTHOR.slice(2)}"`)],
    ["a time with a fraction", withRaw("created_at", "1700000000.0")],
    ["a time with an exponent", withRaw("created_at", "17e8")],
    ["a time as text", withRaw("created_at", '"1700000000"')],
    ["a time with a leading zero", withRaw("created_at", "01700000000")],
    ["a time with a plus", withRaw("created_at", "+1700000000")],
    ["a negative time", withRaw("created_at", "-1")],
    ["minus zero", withRaw("created_at", "-0")],
    ["a time in hex", withRaw("created_at", "0x6553f100")],
    ["a time of 2^53", withRaw("created_at", "9007199254740992")],
    ["a time of many digits", withRaw("created_at", "1".repeat(400))],
    ["no time", withRaw("created_at", "null")],
    ["a kind of 65536", withRaw("kind", "65536")],
    ["a kind with a fraction", withRaw("kind", "9.0")],
    ["tags that are no array", withRaw("tags", "{}")],
    ["a tag that is no array", withRaw("tags", '["e"]')],
    ["a value that is no text", withRaw("tags", '[["e",1]]')],
    ["a nested tag", withRaw("tags", '[[["e"]]]')],
    ["a trailing comma in tags", withRaw("tags", '[["e"],]')],
    ["content that is no text", withRaw("content", "null")],
    ["half a surrogate pair", withRaw("content", '"\\ud83d"')],
    ["the halves in the wrong order", withRaw("content", '"\\ude00\\ud83d"')],
    ["an unknown escape", written("x41", '"\\x41"')],
    ["a short escape", withRaw("content", '"\\u12"')],
    ["a raw line break", written("a\nb", '"a\nb"')],
    ["a raw control character", written("a\u0000b", '"a\u0000b"')],
    ["an open string", withRaw("content", '"abc')],
  ])("%s", (_, text) => {
    expect(codeFor(text)).toBe("invalid_app_event")
  })

  test.each(["id", "pubkey", "created_at", "kind", "tags", "content"] as const)("no %s", (name) => {
    const rest = Object.fromEntries(Object.entries(chat).filter(([key]) => key !== name))
    expect(codeFor(JSON.stringify(rest))).toBe("invalid_app_event")
  })

  test("bytes that are no UTF-8", () => {
    for (const bad of [
      [0xff],
      [0xc0, 0xaf],
      [0xed, 0xa0, 0x80],
      [0xf4, 0x90, 0x80, 0x80],
      [0xe2, 0x82],
    ]) {
      const payload = new Uint8Array([...bytes(json.slice(0, -2)), ...bad, ...bytes('"}')])
      expect(codeOf(() => decodeAppEvent(payload, AUTHOR))).toBe("invalid_app_event")
    }
  })

  test("bytes that are no UTF-8, even with the id of what they would be repaired to", () => {
    const repaired = JSON.stringify(chatEvent({ ...author, content: "\ufffd" }))
    const [before = "", after = ""] = repaired.split("\ufffd")
    const payload = new Uint8Array([...bytes(before), 0xff, ...bytes(after)])
    expect(decodeText(repaired).content).toBe("\ufffd")
    expect(codeOf(() => decodeAppEvent(payload, AUTHOR))).toBe("invalid_app_event")
  })

  test("payloads beyond the limit, and deep nesting, without much work", () => {
    const large = chatEvent({ ...author, content: "x".repeat(1024 * 1024) })
    expect(codeOf(() => decodeAppEvent(encodeAppEvent(large), AUTHOR))).toBe("invalid_app_event")
    expect(codeFor(withRaw("tags", "[".repeat(500_000)))).toBe("invalid_app_event")
    expect(codeFor("[".repeat(500_000))).toBe("invalid_app_event")
  })

  test("the author is the MLS sender", () => {
    expect(codeOf(() => decodeAppEvent(bytes(json), accountNamed("other")))).toBe(
      "invalid_app_event",
    )
  })
})

test("a changed payload is dropped by a typed error, or is the same event", () => {
  const payload = bytes(json)
  const edit = fc.record({
    at: fc.nat(payload.length - 1),
    replacement: fc.uint8Array({ maxLength: 4 }),
    skip: fc.nat(4),
  })
  fc.assert(
    fc.property(fc.array(edit, { minLength: 1, maxLength: 3 }), (edits) => {
      let changed = payload
      for (const { at, replacement, skip } of edits) {
        changed = new Uint8Array([
          ...changed.subarray(0, at),
          ...replacement,
          ...changed.subarray(at + skip),
        ])
      }
      try {
        expect(decodeAppEvent(changed, AUTHOR)).toEqual(chat)
      } catch (error) {
        if (!(error instanceof MarmotError)) throw error
        expect(error.code).toBe("invalid_app_event")
      }
    }),
    { numRuns: 300 },
  )
})

test("pieces of JSON that are no event are refused by a typed error", () => {
  const pieces = fc.constantFrom(
    ...[
      "{",
      "}",
      "[",
      "]",
      ",",
      ":",
      '"id"',
      '"kind"',
      '"tags"',
      '"content"',
      "9",
      "1.0",
      " ",
      '"\\u0041"',
      "null",
    ],
  )
  fc.assert(
    fc.property(fc.array(pieces, { maxLength: 12 }), (parts) => {
      expect(codeFor(parts.join(""))).toBe("invalid_app_event")
    }),
  )
})

describe("builders (§8.2)", () => {
  const target = "aa".repeat(32)

  test("a reply names its target in e and q, before other tags", () => {
    const reply = chatEvent({ ...author, content: "yes", replyTo: target, tags: [["p", AUTHOR]] })
    expect(reply.kind).toBe(9)
    expect(reply.tags).toEqual([
      ["e", target],
      ["q", target],
      ["p", AUTHOR],
    ])
  })

  test("reactions, deletions and edits", () => {
    expect(reactionEvent(author, target, "👍🏽")).toMatchObject({
      kind: 7,
      tags: [["e", target]],
      content: "👍🏽",
    })
    expect(deletionEvent(author, [target, AUTHOR])).toMatchObject({
      kind: 5,
      tags: [
        ["e", target],
        ["e", AUTHOR],
      ],
      content: "",
    })
    expect(editEvent(author, target, "new")).toMatchObject({
      kind: 1009,
      tags: [["e", target]],
      content: "new",
    })
    for (const event of [reactionEvent(author, target, "+"), editEvent(author, target, "")]) {
      expect(decodeAppEvent(encodeAppEvent(event), AUTHOR)).toEqual(event)
    }
  })

  test.each(["", " ", "👍 ", "\ta", "a\u0007b", "x".repeat(65)])("%j is no reaction", (emoji) => {
    expect(codeOf(() => reactionEvent(author, target, emoji))).toBe("misuse")
  })
})
