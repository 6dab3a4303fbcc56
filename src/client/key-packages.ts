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
  /** Milliseconds: a successor in the same slot was acknowledged. */
  readonly replacedAt: number | undefined
}

/**
 * How long the private part of a replaced package is kept. An invitation may be on its way to it: it was made from the
 * package before, or is about to be, by someone who fetched it a moment ago. Without this the invitation would be lost
 * for good, since the inviter's Commit has consumed the package. The wire digest (§5) would delete at once, MDK keeps
 * it until `not_after`; a day is the time for which a Welcome is retried.
 */
export const REPLACED_KEPT_MS = 24 * 3_600_000

/** A package is renewed when less than this is left of its life (seconds; MDK: 14 to 21 days). */
export const RENEW_BEFORE = 14 * 24 * 3600

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
    return this.#records
      .values(draft)
      .map(({ own }) => decode(decodeOwnKeyPackage, fromBase64(own)))
  }

  /** The newest package, if it may stay in its slot. `now` in milliseconds. */
  current(now: number): KeyPackageRecord | undefined {
    const newest = this.newest
    if (newest === undefined || newest.consumed) return undefined
    return newest.notAfter - now / 1000 > RENEW_BEFORE ? newest : undefined
  }

  get newest(): KeyPackageRecord | undefined {
    return [...this.#records.values()]
      .sort((a, b) => a.event.created_at - b.event.created_at)
      .at(-1)
  }

  add(
    draft: Draft,
    made: { ref: string; own: OwnKeyPackage; event: NostrEvent; notAfter: number },
  ): void {
    const { ref, event, notAfter } = made
    const own = toBase64(encode(encodeOwnKeyPackage, made.own))
    const state = { published: false, consumed: false, replacedAt: undefined }
    this.#records.put(draft, { ref, own, event, notAfter, ...state })
  }

  consumed(draft: Draft, ref: string): void {
    const record = this.#records.get(ref, draft)
    if (record !== undefined) this.#records.put(draft, { ...record, consumed: true })
  }

  /** A relay has acknowledged `eventId`: what it replaces has a day left. */
  acknowledged(draft: Draft, eventId: string): void {
    const record = this.#records.values(draft).find(({ event }) => event.id === eventId)
    if (record === undefined) return
    if (!record.published) this.#records.put(draft, { ...record, published: true })
    for (const older of this.#records.values(draft)) {
      if (older.replacedAt !== undefined || older.event.created_at >= record.event.created_at)
        continue
      this.#records.put(draft, { ...older, replacedAt: draft.now })
    }
  }

  /** Deletes what nothing can need any more; `needed` are the refs of invitations that wait for the user. */
  sweep(draft: Draft, needed: ReadonlySet<string>): void {
    for (const { ref, replacedAt, notAfter } of this.#records.values(draft)) {
      const expired = draft.now / 1000 > notAfter
      const released =
        replacedAt !== undefined && draft.now > replacedAt + REPLACED_KEPT_MS && !needed.has(ref)
      if (expired || released) this.#records.delete(draft, ref)
    }
  }
}
