// Marmot transport §7.8: how far back to ask each relay. A hint only: what is asked for twice is recognised.

import { sha256 } from "@noble/hashes/sha2.js"
import { bytesToHex } from "../nostr/event.ts"
import type { Store } from "../store/types.ts"
import type { Draft } from "./draft.ts"
import { RecordMap } from "./record-map.ts"

/**
 * A message bears the time at which its author wrote it (wire §7.3), not that of its publication, and is retried for a
 * day while relays can't be reached: so a range that was read completely is asked for again a day later, and an hour
 * more for clocks that differ (seconds).
 */
export const OVERLAP = 25 * 3600

interface Cursor {
  /** A group id, or `inbox`. */
  readonly owner: string
  /** Of a group: the routing id that was asked for. Each is read by itself, since a relay may have had it for long. */
  readonly address?: string
  readonly url: string
  /** Unix seconds: all that the relay held then has been processed. */
  readonly at: number
}

/** What was asked for, and where. */
type Place = Pick<Cursor, "owner" | "address" | "url">

export class Cursors {
  readonly #records = new RecordMap<Cursor>({
    table: "cursors",
    scope: "relays",
    keyOf,
    // Group ids are private, and sort keys stand in the clear.
    sortOf: (key) => bytesToHex(sha256(new TextEncoder().encode(key))),
  })

  load(store: Store): Promise<void> {
    return this.#records.load(store)
  }

  get(place: Place): number | undefined {
    return this.#records.get(keyOf(place))?.at
  }

  /** Moves forward only. */
  advance(draft: Draft, place: Place, at: number): void {
    const known = this.#records.get(keyOf(place), draft)
    if (known === undefined || known.at < at) this.#records.put(draft, { ...place, at })
  }

  /** Ask all relays of `owner` again from `at` on. */
  rewind(draft: Draft, owner: string, at: number): void {
    for (const cursor of this.#records.values(draft)) {
      if (cursor.owner === owner && cursor.at > at) this.#records.put(draft, { ...cursor, at })
    }
  }

  forget(draft: Draft, owner: string): void {
    for (const cursor of this.#records.values(draft)) {
      if (cursor.owner === owner) this.#records.delete(draft, keyOf(cursor))
    }
  }
}

const keyOf = ({ owner, address, url }: Place) =>
  address === undefined ? `${owner} ${url}` : `${owner} ${address} ${url}`
