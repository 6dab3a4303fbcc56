import { expect, test } from "vitest"
import { RelayError } from "./error.ts"
import { finalizeEvent, generateSecretKey } from "./event.ts"
import {
  inboxListTemplate,
  parseInboxList,
  parseRelayList,
  relayListTemplate,
} from "./relay-lists.ts"

const key = generateSecretKey()
const signed = (kind: number, tags: string[][]) =>
  finalizeEvent({ created_at: 1, kind, tags, content: "" }, key)

test("our own lists are read back", () => {
  const relays = ["wss://one.example", "wss://two.example", "wss://one.example"]
  const unique = ["wss://one.example", "wss://two.example"]
  const list = finalizeEvent(relayListTemplate(relays, 1_700_000_000_999), key)
  expect(list.created_at).toBe(1_700_000_000)
  expect(list.tags).toEqual(unique.map((url) => ["r", url]))
  expect(parseRelayList(list)).toEqual({ read: unique, write: unique })
  expect(parseInboxList(finalizeEvent(inboxListTemplate(relays, 0), key))).toEqual(unique)
  expect(() => relayListTemplate(["http://x"], 0)).toThrow(RelayError)
})

test("write capability: no marker or `write`, in any case; the rest does not count", () => {
  const list = signed(10002, [
    ["r", "wss://both.example"],
    ["r", "wss://write.example", "WRITE"],
    ["r", "wss://read.example", "read"],
    ["r", "wss://unknown.example", "archive"],
    ["r", "https://no.example"],
    ["r"],
    ["relay", "wss://other-tag.example"],
    ["r", "wss://both.example", "write"],
  ])
  expect(parseRelayList(list)).toEqual({
    read: ["wss://both.example", "wss://read.example"],
    write: ["wss://both.example", "wss://write.example"],
  })
})

test("an empty set is a value, another kind an error, a huge list bounded", () => {
  expect(parseRelayList(signed(10002, []))).toEqual({ read: [], write: [] })
  expect(parseInboxList(signed(10050, [["relay"], ["r", "wss://x.example"]]))).toEqual([])
  expect(() => parseRelayList(signed(10050, []))).toThrow(RelayError)
  expect(() => parseInboxList(signed(10002, []))).toThrow(RelayError)
  const many = Array.from({ length: 1000 }, (_, i) => ["relay", `wss://r${i}.example`])
  expect(parseInboxList(signed(10050, many))).toHaveLength(64)
})
