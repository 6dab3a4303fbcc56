// The chat list: one record a group, with what the engine's state does not know: reading, and dates of this device.

import { sha256 } from "@noble/hashes/sha2.js"
import { bytesToHex } from "../nostr/event.ts"
import type { Store } from "../store/types.ts"
import type { Draft } from "./draft.ts"
import { RecordMap } from "./record-map.ts"

export interface ChatRecord {
  readonly groupId: string
  /** Unix seconds: when this device made or joined the group. */
  readonly createdAt: number
  /** How many messages have arrived here so far. */
  readonly arrivals: number
  /** Messages up to this arrival have been read. */
  readonly readTo: number
  readonly unread: number
  /** Milliseconds: when to renew our own leaf next. */
  readonly selfUpdateAt: number | undefined
  /**
   * Our leaf's key (hex) when we last wanted to renew it: while it is the same, that has not come about. `next`: when to
   * renew it again once it has (milliseconds).
   */
  readonly renewing?: { readonly key: string; readonly next: number } | undefined
  /** The address of a picture on the web that the user wanted to see: none is fetched unasked. */
  readonly webPicture?: string
}

export class Chats {
  readonly #records = new RecordMap<ChatRecord>({
    table: "meta",
    scope: "chats",
    keyOf: (chat) => chat.groupId,
    // The group id is private, and sort keys stand in the clear.
    sortOf: (groupId) => bytesToHex(sha256(new TextEncoder().encode(groupId))),
  })

  load(store: Store): Promise<void> {
    return this.#records.load(store)
  }

  get(groupId: string): ChatRecord | undefined {
    return this.#records.get(groupId)
  }

  all(): readonly ChatRecord[] {
    return this.#records.values()
  }

  /** A group that this device has just made or joined; one that it knew before keeps its reading. */
  open(draft: Draft, groupId: string, selfUpdateAt: number | undefined): void {
    const known = this.#records.get(groupId, draft)
    const fresh = { arrivals: 0, readTo: 0, unread: 0, createdAt: Math.floor(draft.now / 1000) }
    const due = { groupId, selfUpdateAt, renewing: undefined }
    this.#records.put(draft, { ...fresh, ...known, ...due })
    draft.change({ topic: "chats" })
  }

  setSelfUpdate(
    draft: Draft,
    groupId: string,
    next: Pick<ChatRecord, "selfUpdateAt" | "renewing">,
  ): void {
    const chat = this.#records.get(groupId, draft)
    if (chat !== undefined) this.#records.put(draft, { ...chat, renewing: undefined, ...next })
  }

  showWebPicture(draft: Draft, groupId: string, webPicture: string): void {
    const chat = this.#records.get(groupId, draft)
    if (chat === undefined) return
    this.#records.put(draft, { ...chat, webPicture })
    draft.change({ topic: "chats" })
    draft.change({ topic: "group", groupId })
  }

  /** Counts a message in and gives it its number. */
  arrived(draft: Draft, groupId: string, counts: boolean): number {
    const chat = this.#records.get(groupId, draft)
    if (chat === undefined) return 0
    const arrivals = chat.arrivals + 1
    this.#records.put(draft, { ...chat, arrivals, unread: chat.unread + (counts ? 1 : 0) })
    return arrivals
  }

  withdrew(draft: Draft, groupId: string, arrival: number): void {
    const chat = this.#records.get(groupId, draft)
    if (chat === undefined || arrival <= chat.readTo) return
    this.#records.put(draft, { ...chat, unread: Math.max(0, chat.unread - 1) })
  }

  returned(draft: Draft, groupId: string, arrival: number): void {
    const chat = this.#records.get(groupId, draft)
    if (chat === undefined || arrival <= chat.readTo) return
    this.#records.put(draft, { ...chat, unread: chat.unread + 1 })
  }

  markRead(draft: Draft, groupId: string): void {
    const chat = this.#records.get(groupId, draft)
    if (chat === undefined || (chat.unread === 0 && chat.readTo === chat.arrivals)) return
    this.#records.put(draft, { ...chat, unread: 0, readTo: chat.arrivals })
    draft.change({ topic: "chats" })
  }

  forget(draft: Draft, groupId: string): void {
    this.#records.delete(draft, groupId)
    draft.change({ topic: "chats" })
  }

  /** Something in the timeline is different. */
  touch(draft: Draft, groupId: string): void {
    draft.change({ topic: "timeline", groupId })
    draft.change({ topic: "chats" })
  }
}
