// Messages that came in one step by the dozen, a few records for all of them: to store a record costs more than what is
// in it. Packs of one group do not overlap, and a message of which anything changes leaves its pack.

import type { Store, StoreKey } from "../store/types.ts"
import type { Draft } from "./draft.ts"
import { decodeRecord, encodeRecord } from "./record-map.ts"
import { sortOf } from "./timeline-records.ts"
import type { MessageRecord } from "./timeline-records.ts"

/** Messages in one pack: so many are read for the sake of one. */
const LARGEST = 64
/** Fewer are no gain. */
const SMALLEST = 8
/** Packs that a step looks at for where its own ones may stand. */
const MOST_NEIGHBOURS = 32
/** Packs that are looked through at once. */
const FEW = 8
/** What is above all sorts that begin with a given one. */
const END = "~"

/** In the order of `sortOf`, from the key of their record on; the first ones may have left. */
interface Pack {
  readonly sort: string
  readonly records: readonly MessageRecord[]
}

export class PackedMessages {
  readonly #store: Store

  constructor(store: Store) {
    this.#store = store
  }

  /** At least the newest `limit` before a cursor, or all that there are; newest first. As it is stored. */
  async page(groupId: string, limit: number, before: string | undefined): Promise<MessageRecord[]> {
    const found: MessageRecord[] = []
    let cursor = before
    while (found.length < limit) {
      const packs = await this.#packs(groupId, Math.ceil(limit / LARGEST), cursor)
      for (const { records } of packs) {
        found.push(
          ...records.filter((each) => before === undefined || sortOf(each) < before).reverse(),
        )
      }
      cursor = packs.at(-1)?.sort
      if (cursor === undefined) break
    }
    return found
  }

  /** The `sortOf` of all from `first` to `last`; `undefined` if they are in more packs than are looked at. */
  async sorts(
    groupId: string,
    first: string,
    last: string,
  ): Promise<readonly string[] | undefined> {
    return (await this.#near(groupId, first, last))?.flatMap(sortsOf)
  }

  /** Where `sortOf` of the message is not known, all packs are looked through, the newest first. */
  async find(
    draft: Draft,
    groupId: string,
    messageId: string,
    sort?: string,
  ): Promise<MessageRecord | undefined> {
    const [, record] = (await this.#find(draft, groupId, messageId, sort)) ?? []
    return record
  }

  /** The same, and nothing of it is left here. */
  async takeOut(
    draft: Draft,
    groupId: string,
    messageId: string,
    sort?: string,
  ): Promise<MessageRecord | undefined> {
    const [pack, record] = (await this.#find(draft, groupId, messageId, sort)) ?? []
    if (pack === undefined || record === undefined) return undefined
    const rest = pack.records.filter((each) => each !== record)
    const key = keyOf(groupId, pack.sort)
    draft.put("timeline", key, rest.length === 0 ? undefined : encodeRecord(rest))
    return record
  }

  /** Stores what can be packed of messages that are new to the group, and gives those. */
  async pack(
    draft: Draft,
    groupId: string,
    messages: readonly MessageRecord[],
  ): Promise<readonly MessageRecord[]> {
    const sorted = messages
      .map((record) => ({ sort: sortOf(record), record }))
      .sort((a, b) => (a.sort < b.sort ? -1 : 1))
    const [first, last] = [sorted[0], sorted.at(-1)]
    if (first === undefined || last === undefined || sorted.length < SMALLEST) return []
    const neighbours = await this.#near(groupId, first.sort, last.sort)
    if (neighbours === undefined) return []
    // By the pack that they come after; what is within it stays by itself.
    const gaps = new Map<Pack | undefined, (typeof sorted)[number][]>()
    for (const each of sorted) {
      const before = neighbours.find((pack) => pack.sort <= each.sort)
      if (before !== undefined && each.sort <= endOf(before)) continue
      gaps.set(before, [...(gaps.get(before) ?? []), each])
    }
    const packed: MessageRecord[] = []
    for (const gap of gaps.values()) {
      for (let start = 0; start + SMALLEST <= gap.length; start += LARGEST) {
        const part = gap.slice(start, start + LARGEST)
        const [head] = part
        if (head === undefined || part.length < SMALLEST) break
        const records = part.map(({ record }) => record)
        draft.putEncoded("timeline", keyOf(groupId, head.sort), () => encodeRecord(records))
        packed.push(...records)
      }
    }
    return packed
  }

  async forget(draft: Draft, groupId: string): Promise<void> {
    for (const { sort } of await this.#store.range("timeline", scopeOf(groupId))) {
      draft.put("timeline", keyOf(groupId, sort), undefined)
    }
  }

  async #find(
    draft: Draft,
    groupId: string,
    messageId: string,
    sort: string | undefined,
  ): Promise<readonly [Pack, MessageRecord] | undefined> {
    let cursor = sort === undefined ? undefined : sort + END
    do {
      const packs = await this.#packs(groupId, sort === undefined ? FEW : 1, cursor)
      for (const stored of packs) {
        const pack = this.#asDrafted(draft, groupId, stored)
        const record = pack.records.find(({ rumor }) => rumor.id === messageId)
        if (record !== undefined) return [pack, record]
      }
      cursor = packs.at(-1)?.sort
    } while (cursor !== undefined && sort === undefined)
    return undefined
  }

  #asDrafted(draft: Draft, groupId: string, pack: Pack): Pack {
    const written = draft.written("timeline", keyOf(groupId, pack.sort))
    if (written === undefined) return pack
    return { sort: pack.sort, records: written === null ? [] : recordsOf(written) }
  }

  /** Those that reach from `first` to `last` or a part of it, newest first; `undefined`: too many. */
  async #near(groupId: string, first: string, last: string): Promise<readonly Pack[] | undefined> {
    const near: Pack[] = []
    let cursor: string | undefined = last + END
    while (cursor !== undefined) {
      const packs = await this.#packs(groupId, near.length === 0 ? 1 : FEW, cursor)
      const reaching = packs.filter((pack) => endOf(pack) >= first)
      near.push(...reaching)
      if (near.length >= MOST_NEIGHBOURS) return undefined
      cursor = reaching.length === packs.length ? packs.at(-1)?.sort : undefined
    }
    return near
  }

  /** The newest `limit` that begin before a cursor, newest first. */
  async #packs(groupId: string, limit: number, before: string | undefined): Promise<Pack[]> {
    const rows = await this.#store.range("timeline", scopeOf(groupId), {
      ...(before === undefined ? {} : { before }),
      limit,
      reverse: true,
    })
    return rows.map(({ sort, value }) => ({ sort, records: recordsOf(value) }))
  }
}

const recordsOf = (value: Uint8Array) => decodeRecord(value) as readonly MessageRecord[]

const sortsOf = ({ records }: Pack): readonly string[] => records.map(sortOf)

/** `sortOf` of its last message. */
function endOf({ sort, records }: Pack): string {
  const last = records.at(-1)
  return last === undefined ? sort : sortOf(last)
}

const scopeOf = (groupId: string) => `packed:${groupId}`
const keyOf = (groupId: string, sort: string): StoreKey => ({ scope: scopeOf(groupId), sort })
