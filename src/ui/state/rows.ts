// A timeline as rows to draw: day separators, system lines and bubbles grouped by author.
import type { MessageItem, PersonView, SystemItem, TimelineItem } from "../../client/api.ts"
import { isChatKind, SYSTEM_ROW_KIND } from "../../client/chat-kinds.ts"

export type Row =
  | { readonly type: "beginning"; readonly key: string }
  | { readonly type: "day"; readonly key: string; readonly seconds: number }
  | { readonly type: "unread"; readonly key: string }
  | { readonly type: "system"; readonly key: string; readonly item: SystemItem }
  /** Somebody's app says that something happened to the group; nobody has checked that. */
  | {
      readonly type: "claim"
      readonly key: string
      readonly author: PersonView
      readonly text: string
    }
  | {
      readonly type: "message"
      readonly key: string
      readonly item: MessageItem
      /** First and last of a run by one author. */
      readonly first: boolean
      readonly last: boolean
    }

/** A run is broken by another author, another day, a line between, or a pause this long. */
const pauseSeconds = 5 * 60

export function itemKey(item: TimelineItem): string {
  return item.type === "message" ? `m${item.messageId}` : `s${item.id}`
}

/**
 * Lays out items, oldest first. `complete` says that nothing is older; `unreadFrom` is the key of the
 * first item that was unread when the conversation was opened.
 */
export function layOut(
  items: readonly TimelineItem[],
  options: { readonly complete: boolean; readonly unreadFrom: string | undefined },
): readonly Row[] {
  const rows: Row[] = options.complete ? [{ type: "beginning", key: "beginning" }] : []
  // Reactions, edits and the like change a message; they are no messages of their own.
  const shown = items.filter(
    (item) => item.type === "system" || isChatKind(item.kind) || claimOf(item) !== undefined,
  )
  let previous: TimelineItem | undefined
  for (const [index, item] of shown.entries()) {
    const key = itemKey(item)
    const newDay = previous === undefined || !sameDay(previous.createdAt, item.createdAt)
    if (newDay) rows.push({ type: "day", key: `d${key}`, seconds: item.createdAt })
    const unread = key === options.unreadFrom
    if (unread) rows.push({ type: "unread", key: "unread" })
    const claim = item.type === "message" ? claimOf(item) : undefined
    if (item.type === "system") rows.push({ type: "system", key, item })
    else if (claim !== undefined)
      rows.push({ type: "claim", key, author: item.author, text: claim })
    else {
      const next = shown[index + 1]
      const nextUnread = next !== undefined && itemKey(next) === options.unreadFrom
      const first = unread || !continues(previous, item)
      rows.push({ type: "message", key, item, first, last: nextUnread || !continues(item, next) })
    }
    previous = item
  }
  return rows
}

const isChatMessage = (item: TimelineItem): item is MessageItem =>
  item.type === "message" && isChatKind(item.kind)

const isOthersMessage = (item: TimelineItem): item is MessageItem =>
  isChatMessage(item) && !item.own

/** The first of others' newest `unread` messages, by its key; what decorates a message was not counted either. */
export function unreadFrom(items: readonly TimelineItem[], unread: number): string | undefined {
  const first = unread > 0 ? items.filter(isOthersMessage).at(-unread) : undefined
  return first && itemKey(first)
}

/** Others' messages behind the item that was the newest; none if that is not there any more. */
export function arrivals(
  items: readonly TimelineItem[],
  newest: string | undefined,
): readonly MessageItem[] {
  const known = items.findLastIndex((item) => itemKey(item) === newest)
  return newest !== undefined && known < 0 ? [] : items.slice(known + 1).filter(isOthersMessage)
}

const longestClaim = 200

/** What a received kind 1210 event says, in its author's words. */
function claimOf({ kind, content }: MessageItem): string | undefined {
  if (kind !== SYSTEM_ROW_KIND) return undefined
  try {
    const value: unknown = JSON.parse(content)
    if (typeof value !== "object" || value === null || !("text" in value)) return undefined
    if (typeof value.text !== "string" || value.text.trim() === "") return undefined
    return value.text.slice(0, longestClaim)
  } catch {
    return undefined
  }
}

export function sameDay(a: number, b: number): boolean {
  return new Date(a * 1000).toDateString() === new Date(b * 1000).toDateString()
}

function continues(earlier: TimelineItem | undefined, later: TimelineItem | undefined): boolean {
  if (earlier?.type !== "message" || later?.type !== "message") return false
  if (earlier.author.pubkey !== later.author.pubkey) return false
  if (claimOf(earlier) !== undefined || claimOf(later) !== undefined) return false
  if (!sameDay(earlier.createdAt, later.createdAt)) return false
  return Math.abs(later.createdAt - earlier.createdAt) <= pauseSeconds
}
