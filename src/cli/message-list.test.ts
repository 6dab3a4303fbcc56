import { expect, test } from "vitest"
import type { ClientApi, MessageItem } from "../client/api.ts"
import { listMessages } from "./message-list.ts"

const A = "aa".repeat(32)
const B = "bb".repeat(32)

function item(
  messageId: string,
  pubkey: string,
  overrides: Partial<MessageItem> = {},
): MessageItem {
  return {
    type: "message",
    messageId,
    author: { pubkey, npub: "", name: undefined },
    own: false,
    createdAt: 0,
    kind: 9,
    content: messageId,
    tags: [],
    delivery: { status: "received" },
    attachments: [],
    ...overrides,
  }
}

const about = (kind: number, target: string, content = "") => ({
  kind,
  content,
  tags: [["e", target]],
})

/** Pages of two items, oldest first inside. */
function api(items: readonly MessageItem[]): Pick<ClientApi, "timeline"> {
  return {
    timeline: (_groupId, page) => {
      const end = page?.before === undefined ? items.length : Number(page.before)
      const start = Math.max(0, end - 2)
      const before = start === 0 ? undefined : String(start)
      return Promise.resolve({ items: items.slice(start, end), before })
    },
  }
}

test("only the author's edits and deletions count, everyone's reactions do", async () => {
  const list = await listMessages(
    api([
      item("m1", A),
      item("m2", B),
      item("r1", B, about(7, "m1", "👍")),
      item("e1", A, about(1009, "m1", "first edit")),
      item("e2", A, about(1009, "m1", "second edit")),
      item("e3", B, about(1009, "m1", "not mine to edit")),
      item("d1", A, about(5, "m2")),
      item("r2", A, about(7, "m2", "🔥")),
      item("d2", A, about(5, "r2")),
      item("m3", A),
      item("d3", A, about(5, "m3")),
    ]),
    "g",
    {},
  )
  expect(list).toMatchObject([
    { messageId: "m1", content: "second edit", edited: true },
    { messageId: "m2", content: "m2" },
    { messageId: "m3", content: "", deleted: true },
  ])
  expect(list[0]?.reactions).toEqual([{ messageId: "r1", pubkey: B, content: "👍" }])
  expect(list[1]).not.toHaveProperty("reactions")
  expect(list[1]).not.toHaveProperty("deleted")
})

test("what is dated before the message that it is about counts all the same", async () => {
  const all = api([item("r", B, about(7, "m", "👍")), item("0", A), item("m", A)])
  expect(await listMessages(all, "g", { limit: 1 })).toMatchObject([
    { messageId: "m", reactions: [{ messageId: "r" }] },
  ])
})

test("an edit of several messages is none", async () => {
  const tags = ["m1", "m2"].map((id) => ["e", id])
  const all = api([item("m1", A), item("m2", A), item("e", A, { kind: 1009, tags })])
  expect((await listMessages(all, "g", {})).map(({ content }) => content)).toEqual(["m1", "m2"])
})

test("limit and before page through the messages", async () => {
  const all = api(["1", "2", "3", "4", "5"].map((id) => item(id, A)))
  const ids = async (page: { limit?: number; before?: string }) =>
    (await listMessages(all, "g", page)).map(({ messageId }) => messageId)
  expect(await ids({ limit: 2 })).toEqual(["4", "5"])
  expect(await ids({ limit: 2, before: "4" })).toEqual(["2", "3"])
  expect(await ids({ before: "2" })).toEqual(["1"])
  expect(await ids({ before: "none" })).toEqual([])
})

test("what the app does not show is listed: a script may know what to do with it", async () => {
  const report = item("r", A, about(1984, "a"))
  const listed = await listMessages(
    api([item("a", B), report, item("x", A, about(447, "a"))]),
    "g",
    {},
  )
  expect(listed.map(({ messageId }) => messageId)).toEqual(["a", "r"])
})
