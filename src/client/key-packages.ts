// Marmot wire §5: our own KeyPackages with their private parts, from generation to deletion.

import {
  decode,
  decodeOwnKeyPackage,
  encode,
  encodeOwnKeyPackage,
  type OwnKeyPackage,
} from "../mls/index.ts"
import type { NostrEvent } from "../nostr/event.ts"
import type { Store } from "../store/types.ts"
import { fromBase64, toBase64 } from "../marmot/base64.ts"
import type { Draft } from "./draft.ts"
import { RecordMap } from "./record-map.ts"

export interface KeyPackageRecord {
  /** Hex KeyPackageRef. */
  readonly ref: string
  /** Base64 of the private record. */
  readonly own: string
  /** The signed kind 30443. */
  readonly event: NostrEvent
  /** Unix seconds: end of the lifetime. */
  readonly notAfter: number
  /** A relay has acknowledged it. */
  readonly published: boolean
  /** A Welcome to it was accepted: it is to be replaced. */
  readonly consumed: boolean
  /** Milliseconds: a fresher package of ours was acknowledged, in whatever slot. */
  readonly supersededAt: number | undefined
  /** Taken back: it stands in no slot, and its private part is kept for those who have it all the same. */
  readonly withdrawn?: boolean
}

/**
 * A package that is to be replaced stays in its slot for this long after a fresher one stands in another slot. Someone
 * may have fetched it a moment ago, and their Commit uses it up: their invitation would be lost for good. The private
 * part goes with the slot's next package, as §5 demands.
 */
export const KEPT_MS = 24 * 3_600_000

/** Slots of a device: one to be found, others for what was found a moment ago. */
export const MAX_SLOTS = 3

/** A package is renewed 14 to 21 days before its end, as its reference falls (§5). Seconds. */
const RENEW_BEFORE = 14 * 24 * 3600
const RENEW_SPREAD = 7 * 24 * 3600
/** With less than this left it is renewed even if an invitation waits for it. Seconds. */
const LAST_MOMENT = 24 * 3600

/** What to do next: publish a package in a slot of ours, or in a new one. */
export type SlotPlan =
  | { readonly do: "nothing" }
  | { readonly do: "replace"; readonly slot: string }
  | { readonly do: "add" }

export interface SlotQuestion {
  /** Milliseconds. */
  readonly now: number
  /** Refs of packages without which an open invitation could not be accepted. */
  readonly needed: ReadonlySet<string>
  /** Whether the package says all that this version of the app can do. */
  readonly isCurrent: (record: KeyPackageRecord) => boolean
}

export const slotOf = ({ tags }: Pick<NostrEvent, "tags">): string =>
  tags.find(([name]) => name === "d")?.[1] ?? ""

export class KeyPackages {
  readonly #records = new RecordMap<KeyPackageRecord>({
    table: "keyPackages",
    scope: "self",
    keyOf: ({ ref }) => ref,
  })

  load(store: Store): Promise<void> {
    return this.#records.load(store)
  }

  /** The private parts that a Welcome may need. */
  own(draft?: Draft): readonly OwnKeyPackage[] {
    return this.#records.values(draft).map(ownOf)
  }

  /** The package that stands, or is to stand, in each slot; the freshest first. */
  standing(draft?: Draft): readonly KeyPackageRecord[] {
    const slots = new Map<string, KeyPackageRecord>()
    for (const record of this.#records.values(draft)) {
      if (record.withdrawn === true) continue
      const other = slots.get(slotOf(record.event))
      if (other === undefined || isFresher(record, other)) slots.set(slotOf(record.event), record)
    }
    return [...slots.values()].sort((a, b) => b.event.created_at - a.event.created_at)
  }

  get newest(): KeyPackageRecord | undefined {
    return this.standing()[0]
  }

  /** By event id: one that a relay can hold with good reason. */
  has(eventId: string): boolean {
    return this.#records.values().some(({ event }) => event.id === eventId)
  }

  hasPrivatePart(ref: string, draft?: Draft): boolean {
    return this.#records.get(ref, draft) !== undefined
  }

  isKnownSlot(slot: string): boolean {
    return this.#records.values().some(({ event }) => slotOf(event) === slot)
  }

  /**
   * The freshest package must be one that anybody can use: else there is to be a fresher one, in a slot that nobody
   * needs. What was used up or ends soon is replaced in its own slot once that can do no harm.
   */
  plan(question: SlotQuestion): SlotPlan {
    const standing = this.standing()
    const [newest, ...others] = standing
    if (newest === undefined) return { do: "add" }
    const { now, needed } = question
    const isFree = (record: KeyPackageRecord) =>
      hasEnded(record, now) || (!needed.has(record.ref) && isReleased(record, now))
    // The oldest first.
    const free = others.filter(isFree).reverse()
    if (!isDue(newest, question)) {
      const due =
        free.find((record) => isDue(record, question)) ?? others.find((r) => isLast(r, now))
      return due === undefined ? { do: "nothing" } : { do: "replace", slot: slotOf(due.event) }
    }
    const [place] = free
    if (place !== undefined) return { do: "replace", slot: slotOf(place.event) }
    if (standing.length < MAX_SLOTS) return { do: "add" }
    // One of last resort may serve again: until a slot is free, unless it is about to end.
    if (question.isCurrent(newest) && !isLast(newest, now)) return { do: "nothing" }
    const least = others.filter(({ ref }) => !needed.has(ref)).at(-1) ?? others.at(-1) ?? newest
    return { do: "replace", slot: slotOf(least.event) }
  }

  add(
    draft: Draft,
    made: { ref: string; own: OwnKeyPackage; event: NostrEvent; notAfter: number },
  ): void {
    const { ref, event, notAfter } = made
    const own = toBase64(encode(encodeOwnKeyPackage, made.own))
    const state = { published: false, consumed: false, supersededAt: undefined }
    this.#records.put(draft, { ref, own, event, notAfter, ...state })
  }

  consumed(draft: Draft, ref: string): void {
    const record = this.#records.get(ref, draft)
    if (record !== undefined) this.#records.put(draft, { ...record, consumed: true })
  }

  withdraw(draft: Draft, ref: string): void {
    const record = this.#records.get(ref, draft)
    if (record !== undefined) this.#records.put(draft, { ...record, withdrawn: true })
  }

  /**
   * A relay has acknowledged `eventId`. §5: the private part of what it replaces in its slot is deleted now, and not
   * before.
   */
  acknowledged(draft: Draft, eventId: string): void {
    const record = this.#records.values(draft).find(({ event }) => event.id === eventId)
    if (record === undefined) return
    if (!record.published) this.#records.put(draft, { ...record, published: true })
    for (const older of this.#records.values(draft)) {
      if (older.ref === record.ref || older.withdrawn === true) continue
      if (!isFresher(record, older)) continue
      if (slotOf(older.event) === slotOf(record.event)) this.#records.delete(draft, older.ref)
      else if (older.supersededAt === undefined) {
        this.#records.put(draft, { ...older, supersededAt: draft.now })
      }
    }
  }

  /** §5: nothing outlives its lifetime. */
  sweep(draft: Draft): void {
    for (const record of this.#records.values(draft)) {
      if (hasEnded(record, draft.now)) this.#records.delete(draft, record.ref)
    }
  }
}

export const ownOf = ({ own }: KeyPackageRecord): OwnKeyPackage =>
  decode(decodeOwnKeyPackage, fromBase64(own))

/** Ties go to the lower event id, as relays have it. */
function isFresher({ event: a }: KeyPackageRecord, { event: b }: KeyPackageRecord): boolean {
  return a.created_at > b.created_at || (a.created_at === b.created_at && a.id < b.id)
}

const hasEnded = ({ notAfter }: KeyPackageRecord, now: number) => now / 1000 > notAfter

const isLast = ({ notAfter }: KeyPackageRecord, now: number) => now / 1000 > notAfter - LAST_MOMENT

const isReleased = ({ supersededAt }: KeyPackageRecord, now: number) =>
  supersededAt !== undefined && now > supersededAt + KEPT_MS

/** It should not be there any longer. */
function isDue(record: KeyPackageRecord, { now, isCurrent }: SlotQuestion): boolean {
  const spread = (parseInt(record.ref.slice(0, 4), 16) / 0xffff) * RENEW_SPREAD
  const renewAt = record.notAfter - RENEW_BEFORE - spread
  return record.consumed || now / 1000 > renewAt || !isCurrent(record)
}
