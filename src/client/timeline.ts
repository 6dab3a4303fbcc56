// A group's timeline: messages and system rows, each exactly once, in a stable order that a late message can enter.

import type { GroupChange, StateId } from "../marmot/engine-types.ts"
import type { Rumor } from "../nostr/event.ts"
import type { Store, StoreKey } from "../store/types.ts"
import type { DeliveryView } from "./api.ts"
import { isChatKind } from "./chat-kinds.ts"
import type { Chats } from "./chats.ts"
import type { Draft } from "./draft.ts"
import { decodeRecord, encodeRecord, readRecord } from "./record-map.ts"
import { MAX_AHEAD_MS, msOf, sortOf } from "./timeline-records.ts"
import type { MessageRecord, RowChange, SystemRecord, TimelineRecord } from "./timeline-records.ts"

/** Where an inner id (or a row's id) is in the timeline. */
interface Place {
  readonly sort: string
  /** Withdrawn: kept, but not in the timeline. */
  readonly hidden?: true
}

export interface Page {
  /** Oldest first. */
  readonly records: readonly TimelineRecord[]
  readonly before: string | undefined
}

export class Timeline {
  readonly #store: Store
  readonly #chats: Chats

  constructor(store: Store, chats: Chats) {
    this.#store = store
    this.#chats = chats
  }

  /** Newest `limit` records, or those before a cursor. */
  async page(groupId: string, limit: number, before: string | undefined): Promise<Page> {
    const rows = await this.#store.range("timeline", groupId, {
      ...(before === undefined ? {} : { before }),
      limit: limit + 1,
      reverse: true,
    })
    const shown = rows.slice(0, limit)
    return {
      records: shown.map(({ value }) => decodeRecord(value) as TimelineRecord).reverse(),
      before: rows.length > limit ? shown.at(-1)?.sort : undefined,
    }
  }

  async message(
    draft: Draft,
    groupId: string,
    messageId: string,
  ): Promise<MessageRecord | undefined> {
    const place = await this.#place(draft, groupId, messageId)
    return place === undefined ? undefined : this.#read(draft, groupId, place)
  }

  /** Shows an application event. A second time for one id changes nothing. */
  async deliver(
    draft: Draft,
    groupId: string,
    message: { readonly rumor: Rumor; readonly own: boolean; readonly delivery: DeliveryView },
  ): Promise<void> {
    const place = await this.#place(draft, groupId, message.rumor.id)
    if (place !== undefined) {
      if (place.hidden) await this.restore(draft, groupId, message.rumor.id)
      return
    }
    const arrival = this.#chats.arrived(draft, groupId, countsAsUnread(message))
    this.#put(draft, groupId, { type: "message", ...message, arrival })
  }

  /** Hides what `deliver` showed: the branch that it belonged to lost. It may come back. */
  async withdraw(draft: Draft, groupId: string, messageId: string): Promise<void> {
    const place = await this.#place(draft, groupId, messageId)
    if (place === undefined || place.hidden) return
    const record = await this.#read(draft, groupId, place)
    if (record === undefined) return
    if (countsAsUnread(record)) this.#chats.withdrew(draft, groupId, record.arrival)
    this.#move(draft, groupId, record, true)
  }

  async restore(draft: Draft, groupId: string, messageId: string): Promise<void> {
    const place = await this.#place(draft, groupId, messageId)
    if (place?.hidden !== true) return
    const record = await this.#read(draft, groupId, place)
    if (record === undefined) return
    if (countsAsUnread(record)) this.#chats.returned(draft, groupId, record.arrival)
    this.#move(draft, groupId, record, false)
  }

  /** Changes what is known of our own message's way out. */
  async setDelivery(
    draft: Draft,
    groupId: string,
    messageId: string,
    change: Pick<MessageRecord, "delivery" | "eventId">,
  ): Promise<void> {
    const place = await this.#place(draft, groupId, messageId)
    if (place === undefined || place.hidden) return
    const record = await this.#read(draft, groupId, place)
    if (record?.own === true) this.#put(draft, groupId, { ...record, ...change })
  }

  /** The rows of a Commit, keyed by its digest and their index: however often they are announced, shown once. */
  async notify(
    draft: Draft,
    groupId: string,
    notice: {
      readonly digest: StateId
      readonly changes: readonly (GroupChange | RowChange)[]
      /** Milliseconds. */
      readonly seenAt: number
    },
  ): Promise<void> {
    const key = noticeKey(groupId, notice.digest)
    if ((await this.#stored(draft, key)) !== undefined) return
    const seenAt = await this.#afterMessages(groupId, notice.seenAt)
    const rows = notice.changes.map((change, index): SystemRecord => {
      const id = `${notice.digest}:${String(index).padStart(4, "0")}`
      return { type: "system", id, seenAt, change }
    })
    for (const row of rows) this.#putRow(draft, groupId, row)
    draft.put("timeline", key, encodeRecord(rows.map(sortOf)))
  }

  /** Messages may be dated a little ahead of the clock; a change that comes after them is shown after them. */
  async #afterMessages(groupId: string, seenAt: number): Promise<number> {
    const { records } = await this.page(groupId, 1, undefined)
    const [newest] = records
    const next = newest === undefined ? 0 : msOf(newest) + 1
    return next > seenAt && next <= seenAt + MAX_AHEAD_MS ? next : seenAt
  }

  async withdrawNotices(draft: Draft, groupId: string, digest: StateId): Promise<void> {
    const key = noticeKey(groupId, digest)
    const sorts = (await this.#stored(draft, key)) as readonly string[] | undefined
    if (sorts === undefined) return
    for (const sort of sorts) draft.put("timeline", { scope: groupId, sort }, undefined)
    draft.put("timeline", key, undefined)
    this.#chats.touch(draft, groupId)
  }

  /** Deletes everything that is stored of a group's timeline. */
  async forget(draft: Draft, groupId: string): Promise<void> {
    const scopes = [groupId, hiddenScope(groupId), placeScope(groupId), noticeScope(groupId)]
    for (const scope of scopes) {
      for (const { sort } of await this.#store.range("timeline", scope)) {
        draft.put("timeline", { scope, sort }, undefined)
      }
    }
  }

  async #read(draft: Draft, groupId: string, place: Place): Promise<MessageRecord | undefined> {
    const key = { scope: place.hidden ? hiddenScope(groupId) : groupId, sort: place.sort }
    const record = (await this.#stored(draft, key)) as TimelineRecord | undefined
    return record?.type === "message" ? record : undefined
  }

  #put(draft: Draft, groupId: string, record: MessageRecord): void {
    const place: Place = { sort: sortOf(record) }
    draft.put("timeline", { scope: groupId, sort: place.sort }, encodeRecord(record))
    draft.put("timeline", placeKey(groupId, record.rumor.id), encodeRecord(place))
    this.#chats.touch(draft, groupId)
  }

  #move(draft: Draft, groupId: string, record: MessageRecord, hide: boolean): void {
    const sort = sortOf(record)
    const [from, to] = hide ? [groupId, hiddenScope(groupId)] : [hiddenScope(groupId), groupId]
    const place: Place = hide ? { sort, hidden: true } : { sort }
    draft.put("timeline", { scope: from, sort }, undefined)
    draft.put("timeline", { scope: to, sort }, encodeRecord(record))
    draft.put("timeline", placeKey(groupId, record.rumor.id), encodeRecord(place))
    this.#chats.touch(draft, groupId)
  }

  #putRow(draft: Draft, groupId: string, row: SystemRecord): void {
    draft.put("timeline", { scope: groupId, sort: sortOf(row) }, encodeRecord(row))
    this.#chats.touch(draft, groupId)
  }

  async #place(draft: Draft, groupId: string, id: string): Promise<Place | undefined> {
    return (await this.#stored(draft, placeKey(groupId, id))) as Place | undefined
  }

  #stored(draft: Draft, key: StoreKey): Promise<unknown> {
    return readRecord(this.#store, draft, "timeline", key)
  }
}

const countsAsUnread = ({ own, rumor }: Pick<MessageRecord, "own" | "rumor">) =>
  !own && isChatKind(rumor.kind)

const hiddenScope = (groupId: string) => `hidden:${groupId}`
const placeScope = (groupId: string) => `places:${groupId}`
const noticeScope = (groupId: string) => `notices:${groupId}`
const placeKey = (groupId: string, id: string): StoreKey => ({
  scope: placeScope(groupId),
  sort: id,
})
const noticeKey = (groupId: string, digest: StateId): StoreKey => ({
  scope: noticeScope(groupId),
  sort: digest,
})
