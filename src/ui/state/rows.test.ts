import { describe, expect, test } from "vitest"
import type { MessageItem, TimelineItem } from "../../client/api.ts"
import { mergeNewest, mergeOlder } from "./merge-page.ts"
import { arrivals, layOut, unreadFrom } from "./rows.ts"

const noon = new Date(2026, 4, 4, 12).getTime() / 1000

function message(id: string, author: string, createdAt: number): MessageItem {
  return {
    type: "message",
    messageId: id,
    author: { pubkey: author, npub: `npub1${author}`, name: author },
    own: false,
    createdAt,
    kind: 9,
    content: id,
    tags: [],
    delivery: { status: "received" },
    attachments: [],
  }
}

const summary = (items: readonly TimelineItem[], unreadFrom?: string) =>
  layOut(items, { complete: false, unreadFrom }).map((row) =>
    row.type === "message" ? `${row.first ? "[" : ""}${row.key}${row.last ? "]" : ""}` : row.type,
  )

describe("layOut", () => {
  test("groups a run of one author", () => {
    const items = [
      message("1", "a", noon),
      message("2", "a", noon + 60),
      message("3", "b", noon + 61),
    ]
    expect(summary(items)).toEqual(["day", "[m1", "m2]", "[m3]"])
  })

  test("a reaction, an edit or what another app gossips is no message of its own", () => {
    const decorations = [7, 5, 1009, 447, 458, 1984].map((kind) => ({
      ...message(`k${kind}`, "b", noon + 1),
      kind,
    }))
    const items = [message("1", "a", noon), ...decorations, message("2", "a", noon + 2)]
    expect(summary(items)).toEqual(["day", "[m1", "m2]"])
  })

  test("an agent's message is the end of its stream, not the beginning", () => {
    const start = { ...message("s", "a", noon), kind: 1200, content: "" }
    const tags = [
      ["stream", "ab".repeat(32)],
      ["stream-start", "s"],
      ["stream-chunks", "3"],
    ]
    const end = { ...message("e", "a", noon + 9), content: "the whole answer", tags }
    expect(summary([start, end])).toEqual(["day", "[me]"])
  })

  test("a system row that somebody sent is shown as what they say, apart from messages", () => {
    const text = "Member removed"
    const claim = (content: string) => ({ ...message("c", "a", noon + 1), kind: 1210, content })
    const around = [message("1", "a", noon), message("2", "a", noon + 2)] as const
    const withClaim = (content: string) => [around[0], claim(content), around[1]]
    const good = withClaim(JSON.stringify({ v: 1, system_type: "member_removed", text, data: {} }))
    expect(summary(good)).toEqual(["day", "[m1]", "claim", "[m2]"])
    const rows = layOut(good, { complete: false, unreadFrom: undefined })
    expect(rows[2]).toMatchObject({ type: "claim", text, author: { pubkey: "a" } })
    for (const bad of ["", "{", "7", "{}", '{"text":7}', '{"text":" "}']) {
      expect(summary(withClaim(bad))).toEqual(["day", "[m1", "m2]"])
    }
  })

  test("a pause, a day and a system line break a run", () => {
    const system: TimelineItem = {
      type: "system",
      id: "x",
      createdAt: noon + 600,
      change: { event: "joined", actor: message("0", "a", 0).author },
    }
    const items = [
      message("1", "a", noon),
      message("2", "a", noon + 301),
      system,
      message("3", "a", noon + 601),
      message("4", "a", noon + 86_400),
    ]
    expect(summary(items)).toEqual(["day", "[m1]", "[m2]", "system", "[m3]", "day", "[m4]"])
  })

  test("the unread line stands before the first unread item and breaks its run", () => {
    const items = [message("1", "a", noon), message("2", "a", noon + 1)]
    expect(summary(items, "m2")).toEqual(["day", "[m1]", "unread", "[m2]"])
  })

  test("the beginning is marked when nothing is older", () => {
    expect(layOut([], { complete: true, unreadFrom: undefined })).toEqual([
      { type: "beginning", key: "beginning" },
    ])
  })
})

describe("what is new", () => {
  const reaction = (id: string): MessageItem => ({ ...message(id, "b", noon), kind: 7 })
  const own: MessageItem = { ...message("o", "a", noon), own: true }
  const items = [message("1", "b", noon), reaction("2"), message("3", "b", noon), own]
  const all = [...items, reaction("4"), reaction("5")]

  test("the unread line counts others' messages, not what decorates them", () => {
    expect(unreadFrom(all, 1)).toBe("m3")
    expect(unreadFrom(all, 2)).toBe("m1")
    expect(unreadFrom(all, 0)).toBeUndefined()
    expect(unreadFrom(all, 3)).toBeUndefined()
  })

  test("others' messages behind the newest one known have arrived", () => {
    expect(arrivals(all, "m1").map((item) => item.messageId)).toEqual(["3"])
    expect(arrivals(all, "m3")).toEqual([])
  })

  test("in an empty conversation everything has arrived", () => {
    expect(arrivals(all, undefined).map((item) => item.messageId)).toEqual(["1", "3"])
  })

  test("nothing has arrived when the newest one is gone", () => {
    expect(arrivals(all, "mgone")).toEqual([])
  })
})

describe("pages", () => {
  const [a, b, c, d] = ["a", "b", "c", "d"].map((id, index) => message(id, "x", noon + index)) as [
    MessageItem,
    MessageItem,
    MessageItem,
    MessageItem,
  ]

  test("the newest page keeps older items and replaces the overlap", () => {
    const changed: MessageItem = { ...c, delivery: { status: "sent", relays: [] } }
    const merged = mergeNewest(
      { items: [a, b, c], before: "1" },
      { items: [changed, d], before: "3" },
    )
    expect(merged).toEqual({ items: [a, b, changed, d], before: "1" })
  })

  test("a withdrawn item disappears", () => {
    const merged = mergeNewest({ items: [a, b, c], before: "1" }, { items: [b, d], before: "2" })
    expect(merged.items).toEqual([a, b, d])
  })

  test("a gap leaves only the newest page", () => {
    expect(mergeNewest({ items: [a], before: "1" }, { items: [c, d], before: "3" })).toEqual({
      items: [c, d],
      before: "3",
    })
  })

  test("a page without older ones is the whole timeline", () => {
    expect(mergeNewest({ items: [a, b], before: "1" }, { items: [b], before: undefined })).toEqual({
      items: [b],
      before: undefined,
    })
  })

  test("an older page goes in front once", () => {
    expect(mergeOlder({ items: [b, c], before: "2" }, { items: [a, b], before: "1" })).toEqual({
      items: [a, b, c],
      before: "1",
    })
  })
})
