// Messages that came in one step by the dozen, a few records for all of them: to store a record costs more than what is
// in it. Packs of one group do not overlap, and a message of which anything changes leaves its pack.

import type { Store } from "../store/types.ts"
import type { Draft } from "./draft.ts"
import { decodeRecord, encodeRecord } from "./record-map.ts"
import { packKey, placeKey, sortOf } from "./timeline-records.ts"
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
  /** What a step has stored for the first time and not touched again, by group and id. */
  readonly #fresh = new WeakMap<Draft, Map<string, Map<string, MessageRecord>>>()

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
    const key = packKey(groupId, pack.sort)
    draft.put("timeline", key, rest.length === 0 ? undefined : encodeRecord(rest))
    return record
  }

  /** The step has given the message, new to its group, a record and a place: a pack may take them in when it ends. */
  add(draft: Draft, groupId: string, record: MessageRecord): void {
    const known = this.#fresh.get(draft)
    const fresh = known ?? new Map<string, Map<string, MessageRecord>>()
    if (known === undefined) {
      this.#fresh.set(draft, fresh)
      draft.closing(async () => {
        for (const [id, records] of fresh) await this.#pack(draft, id, [...records.values()])
      })
    }
    const records = fresh.get(groupId) ?? new Map<string, MessageRecord>()
    fresh.set(groupId, records.set(record.rumor.id, record))
  }

  /** Something more happens to a message in this step. */
  keepApart(draft: Draft, groupId: string, messageId: string): void {
    this.#fresh.get(draft)?.get(groupId)?.delete(messageId)
  }

  /** The group goes: this step packs nothing of it. */
  forget(draft: Draft, groupId: string): void {
    this.#fresh.get(draft)?.delete(groupId)
  }

  async #pack(draft: Draft, groupId: string, messages: readonly MessageRecord[]): Promise<void> {
    const sorted = messages
      .map((record) => ({ sort: sortOf(record), record }))
      .sort((a, b) => (a.sort < b.sort ? -1 : 1))
    const [first, last] = [sorted[0], sorted.at(-1)]
    if (first === undefined || last === undefined || sorted.length < SMALLEST) return
    const neighbours = await this.#near(groupId, first.sort, last.sort)
    if (neighbours === undefined) return
    // By the pack that they come after; what is within it stays by itself.
    const gaps = new Map<Pack | undefined, (typeof sorted)[number][]>()
    for (const each of sorted) {
      const before = neighbours.find((pack) => pack.sort <= each.sort)
      if (before !== undefined && each.sort <= endOf(before)) continue
      gaps.set(before, [...(gaps.get(before) ?? []), each])
    }
    for (const gap of gaps.values()) {
      for (let start = 0; start + SMALLEST <= gap.length; start += LARGEST) {
        putPack(
          draft,
          groupId,
          gap.slice(start, start + LARGEST).map(({ record }) => record),
        )
      }
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
    const written = draft.written("timeline", packKey(groupId, pack.sort))
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
    const { scope } = packKey(groupId, "")
    const rows = await this.#store.range("timeline", scope, {
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

/** In the place of their own records. */
function putPack(draft: Draft, groupId: string, records: readonly MessageRecord[]): void {
  const [head] = records
  if (head === undefined) return
  draft.putEncoded("timeline", packKey(groupId, sortOf(head)), () => encodeRecord(records))
  for (const record of records) {
    draft.drop("timeline", { scope: groupId, sort: sortOf(record) })
    draft.drop("timeline", placeKey(groupId, record.rumor.id))
  }
}
