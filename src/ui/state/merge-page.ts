// What is loaded of a timeline, and how the newest page read again changes it.
import type { TimelineCursor, TimelineItem, TimelinePage } from "../../client/api.ts"
import { itemKey } from "./rows.ts"

export interface Loaded {
  /** Oldest first. */
  readonly items: readonly TimelineItem[]
  readonly before: TimelineCursor | undefined
}

/**
 * The newest page replaces everything from its first item on: new, changed, late and withdrawn items
 * are all inside it. Without a common item there is a gap, and the page alone remains.
 */
export function mergeNewest(
  { items, before }: Loaded,
  page: TimelinePage,
  now = Date.now() / 1000,
): Loaded {
  // What is further back than the page is not read again: messages that are over go all the same.
  const loaded = { items: items.filter((item) => !isOver(item, now)), before }
  if (page.before === undefined) return page
  const fresh = new Set(page.items.map(itemKey))
  const overlap = loaded.items.findIndex((item) => fresh.has(itemKey(item)))
  if (overlap <= 0) return page
  return { items: [...loaded.items.slice(0, overlap), ...page.items], before: loaded.before }
}

const isOver = (item: TimelineItem, now: number) =>
  item.type === "message" && item.expiresAt !== undefined && item.expiresAt <= now

/** An older page goes in front; what is there already is not doubled. */
export function mergeOlder(loaded: Loaded, page: TimelinePage): Loaded {
  const known = new Set(loaded.items.map(itemKey))
  const older = page.items.filter((item) => !known.has(itemKey(item)))
  return { items: [...older, ...loaded.items], before: page.before }
}
