// What a group's timeline holds, as it is stored.

import type { GroupChange, StateId } from "../marmot/engine-types.ts"
import type { Rumor } from "../nostr/event.ts"
import type { StoreKey } from "../store/types.ts"
import type { DeliveryView } from "./api.ts"

export interface MessageRecord {
  readonly type: "message"
  readonly rumor: Rumor
  readonly own: boolean
  /** Counts up within the group in order of arrival; what is beyond the read mark is unread. */
  readonly arrival: number
  readonly delivery: DeliveryView
  /** Our own: the newest kind 445 event that carries it. */
  readonly eventId?: string
  /** Unix seconds: from then on nothing of it may be readable here. */
  readonly expiresAt?: number
  /** Milliseconds: where it stands, if its author's time lay further ahead than that when it came. */
  readonly shownAt?: number
  /**
   * Keys of its attachments, hex, by the place of the tag: their epoch may be gone before they are fetched. More than
   * one if the message has come in several epochs.
   */
  readonly mediaKeys?: Readonly<Record<number, readonly string[]>>
}

export type RowChange =
  | GroupChange
  | { readonly type: "group_created"; readonly actor: string }
  | { readonly type: "joined"; readonly actor: string }
  | { readonly type: "change_lost"; readonly text: string }

export interface SystemRecord {
  readonly type: "system"
  readonly id: string
  /** Milliseconds. */
  readonly seenAt: number
  readonly change: RowChange
  /** The kind 1210 event that tells the same, for what the specification has a row (wire §8.2). */
  readonly row?: Rumor
}

export type TimelineRecord = MessageRecord | SystemRecord

/**
 * A message is dated after everything that its author has seen, so that conversations read in order on every device,
 * as long as that does not lead further into the future than this (milliseconds).
 */
export const MAX_AHEAD_MS = 10_000

/** Nothing stands further ahead of our clock than this when it comes (milliseconds). */
export const MAX_SKEW_MS = 300_000

/** Milliseconds within the second of `created_at`. Nostr's times are too coarse to order a conversation. */
const MS_TAG = "ms"

/** The author's time in milliseconds, as `created_at` and the tag that refines it. */
export function timed(ms: number): { readonly created_at: number; readonly tag: string[] } {
  return { created_at: Math.floor(ms / 1000), tag: [MS_TAG, String(ms % 1000)] }
}

/** Milliseconds. Without a valid tag, as from other clients, the second begins. */
export function rumorMs({ created_at, tags }: Rumor): number {
  const [, fraction = ""] = tags.find(([name]) => name === MS_TAG) ?? []
  return created_at * 1000 + (/^\d{1,3}$/.test(fraction) ? Number(fraction) : 0)
}

export const msOf = (record: TimelineRecord): number =>
  record.type === "message" ? (record.shownAt ?? rumorMs(record.rumor)) : record.seenAt

/** Unix seconds. */
export const timeOf = (record: TimelineRecord): number => Math.floor(msOf(record) / 1000)

/**
 * The record's place; stable for ever and the same on every device: by the author's time, then by id, so that a late
 * message slots in where it belongs. Of one moment, rows come first: who joins speaks afterwards. Twenty digits hold
 * every time; beyond 2^53 it is rounded, everywhere alike. What claims a far future stands at the end of the near one,
 * or it would hide what is said after it.
 */
export function sortOf(record: TimelineRecord): string {
  if (record.type === "system") return `${timeSort(record.seenAt)}:e:${record.id}`
  const { rumor, shownAt } = record
  if (shownAt === undefined) return messageSort(rumor)
  return `${timeSort(shownAt)}:m:${timeSort(rumorMs(rumor))}:${rumor.id}`
}

/** The same, for a message that stands where its author's time puts it. */
export function messageSort(rumor: Rumor): string {
  return `${timeSort(rumorMs(rumor))}:m:${rumor.id}`
}

const timeSort = (ms: number) => BigInt(ms).toString().padStart(20, "0")

const EXPIRY_DIGITS = 16

export const expiryScope = (groupId: string) => `expiry:${groupId}`
export const expiryKey = (groupId: string, at: number, messageId: string): StoreKey => ({
  scope: expiryScope(groupId),
  sort: `${String(at).padStart(EXPIRY_DIGITS, "0")}:${messageId}`,
})
export const parseExpiry = (sort: string) => ({
  at: Number(sort.slice(0, EXPIRY_DIGITS)),
  messageId: sort.slice(EXPIRY_DIGITS + 1),
})

/** Of messages that are withdrawn. */
export const hiddenScope = (groupId: string) => `hidden:${groupId}`

const placeScope = (groupId: string) => `places:${groupId}`
/** Where the message with an inner id is. */
export const placeKey = (groupId: string, id: string): StoreKey => ({
  scope: placeScope(groupId),
  sort: id,
})

const noticeScope = (groupId: string) => `notices:${groupId}`
/** Where the rows of a Commit are. */
export const noticeKey = (groupId: string, digest: StateId): StoreKey => ({
  scope: noticeScope(groupId),
  sort: digest,
})

export const aheadScope = (groupId: string) => `ahead:${groupId}`
/** That a message which stands elsewhere would stand here by its author's time. */
export const aheadKey = (groupId: string, rumor: Rumor): StoreKey => ({
  scope: aheadScope(groupId),
  sort: messageSort(rumor),
})

const packScope = (groupId: string) => `packed:${groupId}`
/** Of messages that are stored together, by the `sortOf` of the first. */
export const packKey = (groupId: string, sort: string): StoreKey => ({
  scope: packScope(groupId),
  sort,
})

/** All scopes of the table that hold something of a group. */
export const scopesOf = (groupId: string): readonly string[] => [
  groupId,
  ...[hiddenScope, placeScope, noticeScope, expiryScope, aheadScope, packScope].map((scope) =>
    scope(groupId),
  ),
]
