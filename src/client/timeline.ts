// A group's timeline: messages and system rows, each exactly once, in a stable order that a late message can enter.

import type { GroupChange, StateId } from "../marmot/engine-types.ts"
import type { Rumor } from "../nostr/event.ts"
import type { Store, StoreKey } from "../store/types.ts"
import { isChatKind } from "./chat-kinds.ts"
import type { Chats } from "./chats.ts"
import type { Draft } from "./draft.ts"
import { systemRowEvent, systemRowOf } from "../marmot/system-rows.ts"
import { forgetFiles, forgetMedia } from "./media-records.ts"
import { PackedMessages } from "./packed-messages.ts"
import { decodeRecord, encodeRecord, readRecord } from "./record-map.ts"
import {
  aheadKey,
  aheadScope,
  expiryKey,
  expiryScope,
  hiddenScope,
  MAX_AHEAD_MS,
  MAX_SKEW_MS,
  messageSort,
  msOf,
  noticeKey,
  parseExpiry,
  placeKey,
  rumorMs,
  scopesOf,
  sortOf,
} from "./timeline-records.ts"
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

export interface TimelineClock {
  /** Milliseconds. */
  now(): number
  /** A message that is over at this time (Unix seconds) has been stored. */
  expiring(at: number): void
}

/** So many messages that are over are deleted in one step. */
const EXPIRED_AT_ONCE = 200

interface NewMessageRecord extends Omit<
  MessageRecord,
  "type" | "arrival" | "expiresAt" | "shownAt"
> {
  readonly expiresAt?: number | undefined
}

/** For as many messages as this, a look at each is as good as one at all. */
const FEW = 4

export class Timeline {
  readonly #store: Store
  readonly #chats: Chats
  readonly #clock: TimelineClock
  readonly #packed: PackedMessages
  /** What a step has found not to be there: ids that have no place, and Commits that have no rows. */
  readonly #absent = new WeakMap<Draft, Set<string>>()
  readonly #newest = new WeakMap<Draft, Map<string, Promise<number | undefined>>>()

  constructor(store: Store, chats: Chats, clock: TimelineClock) {
    this.#store = store
    this.#chats = chats
    this.#clock = clock
    this.#packed = new PackedMessages(store)
  }

  /** Newest `limit` records, or those before a cursor; a few less where messages are over but not deleted yet. */
  async page(groupId: string, limit: number, before: string | undefined): Promise<Page> {
    // A message may leave its pack meanwhile, and none enters one: in this order none is missed.
    const packed = await this.#packed.page(groupId, limit + 1, before)
    const rows = await this.#store.range("timeline", groupId, {
      ...(before === undefined ? {} : { before }),
      limit: limit + 1,
      reverse: true,
    })
    const found = new Map<string, TimelineRecord>(packed.map((each) => [sortOf(each), each]))
    for (const { sort, value } of rows) found.set(sort, decodeRecord(value) as TimelineRecord)
    const newestFirst = [...found].sort(([a], [b]) => (a < b ? 1 : -1))
    const shown = newestFirst.slice(0, limit)
    return {
      records: shown
        .map(([, record]) => record)
        .filter((record) => !this.#isOver(record))
        .reverse(),
      before: newestFirst.length > limit ? shown.at(-1)?.[0] : undefined,
    }
  }

  /** `sort`: where the message would stand, where that is known; a look at all is saved. */
  async message(
    draft: Draft,
    groupId: string,
    messageId: string,
    sort?: string,
  ): Promise<MessageRecord | undefined> {
    const place = await this.#ownPlace(draft, groupId, messageId)
    const record =
      place === undefined
        ? await this.#packed.find(draft, groupId, messageId, sort)
        : await this.#read(draft, groupId, place)
    return record === undefined || this.#isOver(record) ? undefined : record
  }

  /**
   * Looks once where many messages would stand, so that `deliver` need not look for each of them: an id has a place
   * only if its message stands where its time puts it, shown or hidden, or has left its mark there.
   */
  async foresee(draft: Draft, groupId: string, rumors: readonly Rumor[]): Promise<void> {
    const sorts = rumors.map(messageSort).sort()
    const [first, last] = [sorts[0], sorts.at(-1)]
    if (first === undefined || last === undefined || sorts.length < FEW) return
    const limit = sorts.length
    // Just before the first and just after the last one: both bounds are exclusive.
    const options = { after: first.slice(0, -1), before: `${last}~`, limit }
    const found = await Promise.all(
      [groupId, hiddenScope(groupId), aheadScope(groupId)].map((scope) =>
        this.#store.range("timeline", scope, options),
      ),
    )
    const packed = await this.#packed.sorts(groupId, first, last)
    // So much is there that a look at each is no worse.
    if (packed === undefined || found.some((rows) => rows.length === limit)) return
    const taken = new Set([...found.flat().map(({ sort }) => sort), ...packed])
    const absent = this.#absentIn(draft)
    for (const rumor of rumors) {
      if (!taken.has(messageSort(rumor))) absent.add(`${groupId} ${rumor.id}`)
    }
  }

  /** Looks for the rows of many Commits side by side, so that `notify` need not wait for each of them. */
  async foreseeNotices(draft: Draft, groupId: string, digests: readonly StateId[]): Promise<void> {
    const absent = this.#absentIn(draft)
    await Promise.all(
      digests.map(async (digest) => {
        const rows = await this.#stored(draft, noticeKey(groupId, digest))
        if (rows === undefined) absent.add(noticeName(groupId, digest))
      }),
    )
  }

  #absentIn(draft: Draft): Set<string> {
    const absent = this.#absent.get(draft) ?? new Set()
    this.#absent.set(draft, absent)
    return absent
  }

  /** Shows an application event. A second time for one id changes nothing. */
  async deliver(
    draft: Draft,
    groupId: string,
    { expiresAt, ...message }: NewMessageRecord,
  ): Promise<void> {
    const expiry = expiresAt === undefined ? {} : { expiresAt }
    if (this.#isOver({ type: "message", arrival: 0, ...message, ...expiry })) return
    const place = await this.#place(draft, groupId, message.rumor.id, messageSort(message.rumor))
    if (place !== undefined) {
      await this.#addKeys(draft, groupId, place, message.mediaKeys)
      // Encrypted anew, it has the time of its new epoch.
      if (place.hidden || message.own) await this.#setExpiry(draft, groupId, place, expiresAt)
      if (place.hidden) await this.restore(draft, groupId, message.rumor.id)
      return
    }
    const arrival = this.#chats.arrived(draft, groupId, countsAsUnread(message))
    const latest = draft.now + MAX_SKEW_MS
    const isAhead = !message.own && rumorMs(message.rumor) > latest
    const ahead = isAhead ? { shownAt: latest } : {}
    const record: MessageRecord = { type: "message", ...message, ...expiry, ...ahead, arrival }
    const isNew = draft.written("timeline", placeKey(groupId, message.rumor.id)) === undefined
    this.#put(draft, groupId, record)
    if (isAhead) draft.put("timeline", aheadKey(groupId, record.rumor), new Uint8Array())
    // What may be gone soon, what will hear of its delivery, and what stands elsewhere has a record of its own.
    const isOrdinary = !record.own && !isAhead && expiresAt === undefined
    if (isNew && isOrdinary) this.#packed.add(draft, groupId, record)
  }

  /** Deletes messages that are over, hidden ones too. Unix seconds of the next one to come, at once if there are more. */
  async expire(draft: Draft, groupId: string): Promise<number | undefined> {
    const now = Math.floor(draft.now / 1000)
    const waiting = await this.#store.range("timeline", expiryScope(groupId), {
      limit: EXPIRED_AT_ONCE,
    })
    for (const { sort } of waiting) {
      const { at, messageId } = parseExpiry(sort)
      if (at > now) return at
      await this.delete(draft, groupId, messageId)
      draft.put("timeline", { scope: expiryScope(groupId), sort }, undefined)
    }
    return waiting.length < EXPIRED_AT_ONCE ? undefined : now
  }

  /** What comes again in another epoch has other keys; which of them its files were sealed with, they will tell. */
  async #addKeys(
    draft: Draft,
    groupId: string,
    place: Place,
    keys: MessageRecord["mediaKeys"],
  ): Promise<void> {
    const record = keys && (await this.#read(draft, groupId, place))
    if (record === undefined) return
    const mediaKeys = mergedKeys(record.mediaKeys ?? {}, keys)
    const scope = place.hidden ? hiddenScope(groupId) : groupId
    draft.put("timeline", { scope, sort: place.sort }, encodeRecord({ ...record, mediaKeys }))
  }

  /** Deletes a message and its files, as if it had never been. */
  async delete(draft: Draft, groupId: string, messageId: string): Promise<void> {
    const place = await this.#place(draft, groupId, messageId)
    const record = place && (await this.#read(draft, groupId, place))
    if (place === undefined || record === undefined) return
    if (!place.hidden && countsAsUnread(record)) {
      this.#chats.withdrew(draft, groupId, record.arrival)
    }
    const scope = place.hidden ? hiddenScope(groupId) : groupId
    draft.put("timeline", { scope, sort: place.sort }, undefined)
    draft.put("timeline", placeKey(groupId, messageId), undefined)
    if (record.shownAt !== undefined) {
      draft.put("timeline", aheadKey(groupId, record.rumor), undefined)
    }
    forgetFiles(draft, groupId, record.rumor)
    this.#chats.touch(draft, groupId)
  }

  async #setExpiry(
    draft: Draft,
    groupId: string,
    place: Place,
    expiresAt: number | undefined,
  ): Promise<void> {
    const record = await this.#read(draft, groupId, place)
    if (record === undefined || record.expiresAt === expiresAt) return
    const { expiresAt: before, ...rest } = record
    if (before !== undefined) {
      draft.put("timeline", expiryKey(groupId, before, record.rumor.id), undefined)
    }
    const changed = expiresAt === undefined ? rest : { ...rest, expiresAt }
    const scope = place.hidden ? hiddenScope(groupId) : groupId
    draft.put("timeline", { scope, sort: place.sort }, encodeRecord(changed))
    this.#watch(draft, groupId, changed)
    this.#chats.touch(draft, groupId)
  }

  #isOver(record: TimelineRecord): boolean {
    if (record.type !== "message" || record.expiresAt === undefined) return false
    return record.expiresAt * 1000 <= this.#clock.now()
  }

  #watch(draft: Draft, groupId: string, { rumor, expiresAt }: MessageRecord): void {
    if (expiresAt === undefined) return
    draft.put("timeline", expiryKey(groupId, expiresAt, rumor.id), new Uint8Array())
    draft.after(() => this.#clock.expiring(expiresAt))
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

  /** Nothing of it may be readable from then on (Unix seconds); what ends before keeps its time. */
  async endAt(draft: Draft, groupId: string, messageId: string, expiresAt: number): Promise<void> {
    const place = await this.#place(draft, groupId, messageId)
    const record = place && (await this.#read(draft, groupId, place))
    if (place === undefined || (record?.expiresAt ?? Infinity) <= expiresAt) return
    await this.#setExpiry(draft, groupId, place, expiresAt)
  }

  /** The rows of a Commit, keyed by its digest and their index: however often they are announced, shown once. */
  async notify(
    draft: Draft,
    groupId: string,
    notice: {
      readonly digest: StateId
      readonly changes: readonly RowChange[]
      /** Where a Commit made the changes: the epoch that it made. */
      readonly epoch?: number
      /** Milliseconds. */
      readonly seenAt: number
    },
  ): Promise<void> {
    const key = noticeKey(groupId, notice.digest)
    const isForeseen =
      draft.written("timeline", key) === undefined &&
      this.#absent.get(draft)?.has(noticeName(groupId, notice.digest)) === true
    if (!isForeseen && (await this.#stored(draft, key)) !== undefined) return
    const seenAt = await this.#afterMessages(draft, groupId, notice.seenAt)
    const rows = notice.changes.map((change, index): SystemRecord => {
      const id = `${notice.digest}:${String(index).padStart(4, "0")}`
      const event = rowEvent(groupId, notice, change)
      return { type: "system", id, seenAt, change, ...(event === undefined ? {} : { row: event }) }
    })
    for (const row of rows) this.#putRow(draft, groupId, row)
    draft.put("timeline", key, encodeRecord(rows.map(sortOf)))
  }

  /** Messages may be dated a little ahead of the clock; a change that comes after them is shown after them. */
  async #afterMessages(draft: Draft, groupId: string, seenAt: number): Promise<number> {
    const newest = await this.#newestAt(draft, groupId)
    const next = newest === undefined ? 0 : newest + 1
    return next > seenAt && next <= seenAt + MAX_AHEAD_MS ? next : seenAt
  }

  /** Milliseconds, as the step found it: what it writes itself is not looked at. One look a step and group. */
  #newestAt(draft: Draft, groupId: string): Promise<number | undefined> {
    const known = this.#newest.get(draft) ?? new Map<string, Promise<number | undefined>>()
    this.#newest.set(draft, known)
    const look = async () => {
      const { records } = await this.page(groupId, 1, undefined)
      return records[0] && msOf(records[0])
    }
    const newest = known.get(groupId) ?? look()
    known.set(groupId, newest)
    return newest
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
    await forgetMedia(this.#store, draft, groupId)
    this.#packed.forget(draft, groupId)
    for (const scope of scopesOf(groupId)) {
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
    // What is packed in the end is not encoded by itself.
    draft.putEncoded("timeline", { scope: groupId, sort: place.sort }, () => encodeRecord(record))
    draft.putEncoded("timeline", placeKey(groupId, record.rumor.id), () => encodeRecord(place))
    this.#watch(draft, groupId, record)
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

  /** Of a message that something is about to happen to: it leaves its pack. `sort`: its `messageSort`, where known. */
  async #place(
    draft: Draft,
    groupId: string,
    id: string,
    sort?: string,
  ): Promise<Place | undefined> {
    this.#packed.keepApart(draft, groupId, id)
    const key = placeKey(groupId, id)
    const isNew = draft.written("timeline", key) === undefined
    if (isNew && this.#absent.get(draft)?.has(`${groupId} ${id}`) === true) return undefined
    const place = await this.#ownPlace(draft, groupId, id)
    if (place !== undefined || !isNew) return place
    const record = await this.#packed.takeOut(draft, groupId, id, sort)
    if (record === undefined) return undefined
    const own: Place = { sort: sortOf(record) }
    draft.put("timeline", { scope: groupId, sort: own.sort }, encodeRecord(record))
    draft.put("timeline", key, encodeRecord(own))
    return own
  }

  /** Of a message that is in no pack. */
  async #ownPlace(draft: Draft, groupId: string, id: string): Promise<Place | undefined> {
    return (await this.#stored(draft, placeKey(groupId, id))) as Place | undefined
  }

  #stored(draft: Draft, key: StoreKey): Promise<unknown> {
    return readRecord(this.#store, draft, "timeline", key)
  }
}

const noticeName = (groupId: string, digest: StateId) => `${groupId} rows ${digest}`

const MAX_KEYS = 8

function mergedKeys(
  before: NonNullable<MessageRecord["mediaKeys"]>,
  more: MessageRecord["mediaKeys"] = {},
): NonNullable<MessageRecord["mediaKeys"]> {
  const merged: Record<number, readonly string[]> = { ...before }
  for (const [index, keys] of Object.entries(more)) {
    const all = [...(merged[Number(index)] ?? []), ...keys]
    merged[Number(index)] = [...new Set(all)].slice(0, MAX_KEYS)
  }
  return merged
}

const countsAsUnread = ({ own, rumor }: Pick<MessageRecord, "own" | "rumor">) =>
  !own && isChatKind(rumor.kind)

/** The kind 1210 event for a change, where there is one. */
function rowEvent(
  groupId: string,
  { epoch, seenAt }: { readonly epoch?: number; readonly seenAt: number },
  change: RowChange,
): Rumor | undefined {
  if (epoch === undefined || !isGroupChange(change)) return undefined
  const row = systemRowOf(change)
  return row && systemRowEvent(groupId, { epoch, seenAt, row })
}

const isGroupChange = (change: RowChange): change is GroupChange =>
  change.type !== "group_created" && change.type !== "joined" && change.type !== "change_lost"
