// Marmot inner application events (marmot-wire §8): the plaintext of an MLS application message.

import { eventId, isHex32, type Rumor, toRumor } from "../nostr/event.ts"
import { MarmotError } from "./error.ts"
import { kinds } from "./registry.ts"
import { JsonScanner } from "./strict-json.ts"

/** Payloads beyond this are dropped unread (bytes): ours, not the protocol's. */
const MAX_PAYLOAD = 1024 * 1024

const MEMBERS = ["id", "pubkey", "created_at", "kind", "tags", "content"] as const

/** The six members as UTF-8 JSON. */
export function encodeAppEvent(event: Rumor): Uint8Array {
  const { id, pubkey, created_at, kind, tags, content } = event
  return new TextEncoder().encode(JSON.stringify({ id, pubkey, created_at, kind, tags, content }))
}

/**
 * The event in a payload that the MLS layer attributes to `account` (64 hex). Throws `MarmotError`
 * `invalid_app_event` for anything but exactly six well-typed members, the right id, and that account as author.
 */
export function decodeAppEvent(payload: Uint8Array, account: string): Rumor {
  const event = scan(textOf(payload))
  if (!isHex32(event.id) || !isHex32(event.pubkey))
    throw invalid("an id or key that is not lowercase hex")
  if (event.id !== eventId(event)) throw invalid("the id is not that of the content")
  // The group may show a message only under the name of who really sent it.
  if (event.pubkey !== account) throw invalid("the author is not the sender")
  return event
}

export interface ChatMessage {
  readonly pubkey: string
  /** Seconds. */
  readonly createdAt: number
  readonly content: string
  /** Inner id of the message that this one answers. */
  readonly replyTo?: string
  /** Default: kind 9, chat. */
  readonly kind?: number
  readonly tags?: readonly (readonly string[])[]
}

/** A message as peers understand it: a reply names its target in `e` and `q`. */
export function chatEvent(message: ChatMessage): Rumor {
  const { pubkey, createdAt, content, replyTo, kind = kinds.chat, tags = [] } = message
  const reply =
    replyTo === undefined
      ? []
      : [
          ["e", replyTo],
          ["q", replyTo],
        ]
  return toRumor({ pubkey, created_at: createdAt, kind, tags: [...reply, ...tags], content })
}

interface Authored {
  readonly pubkey: string
  /** Seconds. */
  readonly createdAt: number
}

const REACTION = /^(?!\s)[^\p{Cc}]{1,64}(?<!\s)$/u

/** A reaction to `target` (inner id). Throws `MarmotError` `misuse` for text that peers refuse to show. */
export function reactionEvent(author: Authored, target: string, emoji: string): Rumor {
  if (!REACTION.test(emoji)) {
    throw new MarmotError("misuse", "a reaction is 1 to 64 characters without outer white space")
  }
  return appEvent(author, kinds.reaction, [["e", target]], emoji)
}

/** Takes back own events, reactions too (kind 5). */
export function deletionEvent(author: Authored, targets: readonly string[]): Rumor {
  const tags = targets.map((target) => ["e", target])
  return appEvent(author, kinds.delete, tags, "")
}

/** Replaces the text of an own message (kind 1009). */
export function editEvent(author: Authored, target: string, content: string): Rumor {
  return appEvent(author, kinds.edit, [["e", target]], content)
}

function appEvent(author: Authored, kind: number, tags: string[][], content: string): Rumor {
  return toRumor({ pubkey: author.pubkey, created_at: author.createdAt, kind, tags, content })
}

function textOf(payload: Uint8Array): string {
  if (payload.length > MAX_PAYLOAD) throw invalid("the payload is too large")
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(payload)
  } catch {
    throw invalid("the payload is not UTF-8")
  }
}

function scan(text: string): Rumor {
  const scanner = new JsonScanner(text)
  const seen = new Set<string>()
  let [id, pubkey, content] = ["", "", ""]
  let [created_at, kind] = [0, 0]
  let tags: string[][] = []
  const readers: Readonly<Record<(typeof MEMBERS)[number], () => void>> = {
    id: () => (id = scanner.string()),
    pubkey: () => (pubkey = scanner.string()),
    created_at: () => (created_at = scanner.integer()),
    kind: () => (kind = scanner.integer()),
    tags: () => (tags = scanner.array(() => scanner.array(() => scanner.string()))),
    content: () => (content = scanner.string()),
  }
  scanner.object((name) => {
    const member = MEMBERS.find((known) => known === name)
    if (member === undefined) throw invalid("a member that does not belong there")
    seen.add(member)
    readers[member]()
  })
  scanner.end()
  if (seen.size !== MEMBERS.length) throw invalid("a member is missing")
  if (kind > 0xffff) throw invalid("a kind out of range")
  return { id, pubkey, created_at, kind, tags, content }
}

function invalid(problem: string): MarmotError {
  return new MarmotError("invalid_app_event", problem)
}
