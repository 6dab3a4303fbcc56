// What a group's timeline holds, as it is stored.

import type { GroupChange } from "../marmot/engine-types.ts"
import type { Rumor } from "../nostr/event.ts"
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
}

export type TimelineRecord = MessageRecord | SystemRecord

/** Kinds that are shown as messages of their own; others change or decorate one (wire §8.2). */
export function isChatKind(kind: number): boolean {
  return !DECORATIONS.has(kind)
}

/** Deletion, reaction, push gossip, edit, poll response, system row. */
const DECORATIONS = new Set([5, 7, 447, 448, 449, 1009, 1018, 1200, 1201, 1202, 1210])

/**
 * The place in the timeline: by the author's time, then by id, so that a late message slots in where it belongs.
 * Sixteen digits hold every `created_at` (below 2^53).
 */
function timelineSort(createdAt: number, id: string): string {
  return `${String(createdAt).padStart(16, "0")}:${id}`
}

/**
 * Messages of one second stand in the order of their ids. So a message is dated after everything that its author has
 * seen, as long as that does not lead further into the future than this (seconds).
 */
export const MAX_AHEAD = 10

/** Unix seconds of the author's time. */
export const timeOf = (record: TimelineRecord): number =>
  record.type === "message" ? record.rumor.created_at : Math.floor(record.seenAt / 1000)

/** The record's place; stable for ever. Of one second, rows come first: who joins speaks afterwards. */
export function sortOf(record: TimelineRecord): string {
  const place = record.type === "message" ? `m:${record.rumor.id}` : `e:${rowPlace(record)}`
  return timelineSort(timeOf(record), place)
}

const rowPlace = ({ seenAt, id }: SystemRecord) => `${String(seenAt).padStart(16, "0")}:${id}`
