import { expect, test } from "vitest"
import { mediaTag } from "../marmot/media.ts"
import { toRumor } from "../nostr/event.ts"
import { timelineItem } from "./views.ts"

const AUTHOR = "f9308a019258c31049344f85f89d5229b531c845836f99b08601f113bce036f9"
const viewer = {
  self: AUTHOR,
  person: (pubkey: string) => ({ pubkey, npub: `npub1${pubkey}`, name: undefined }),
}

const itemOf = (fields: { created_at?: number; kind?: number; tags?: string[][] }) =>
  timelineItem(
    {
      type: "message",
      rumor: toRumor({ pubkey: AUTHOR, created_at: 1, kind: 9, tags: [], content: "x", ...fields }),
      own: false,
      arrival: 1,
      delivery: { status: "received" },
    },
    viewer,
  )

test.each([9, 1210])("a message of kind %d has a date, whatever time it claims", (kind) => {
  const last = new Date(itemOf({ created_at: 2 ** 53 - 1, kind }).createdAt * 1000)
  expect(last.toISOString()).toBe("+275760-09-13T00:00:00.000Z")
  expect(itemOf({ created_at: 1_700_000_000, kind }).createdAt).toBe(1_700_000_000)
})

test("a row has a date too", () => {
  const change = { type: "joined", actor: AUTHOR } as const
  const item = timelineItem({ type: "system", id: "x", seenAt: 2 ** 60, change }, viewer)
  expect(new Date(item.createdAt * 1000).toISOString()).toMatch(/^\+275760/)
})

test("of a message with very many attachments the first sixteen are shown", () => {
  const good = mediaTag({
    version: "encrypted-media-v2",
    locators: [{ kind: "blossom-v1", value: "https://media.example/x" }],
    ciphertextSha256: "ab".repeat(32),
    plaintextSha256: "cd".repeat(32),
    nonce: "ef".repeat(12),
    mediaType: "image/png",
    filename: "a.png",
    dim: undefined,
    thumbhash: undefined,
  })
  const item = itemOf({ tags: [["p", "x"], ["imeta", "v ?"], ...Array<string[]>(150).fill(good)] })
  const indexes = item.type === "message" ? item.attachments.map(({ index }) => index) : []
  expect(indexes).toEqual(Array.from({ length: 16 }, (_, place) => place + 2))
})
