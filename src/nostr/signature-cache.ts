// NIP-01: one event comes from several relays; its signature need not be computed for each of them.

import { eventId } from "./event.ts"
import type { NostrEvent } from "./event.ts"
import type { FrameCheck } from "./verify-frame.ts"

/** About half a megabyte. */
const MAX_REMEMBERED = 2_048

/**
 * Remembers which signatures belong to which ids. The id is computed afresh for every copy, so that a changed copy
 * never profits: a signature depends on nothing but the id and the author, and the id on all the rest.
 */
export class SignatureCache {
  readonly #verify: (event: NostrEvent) => boolean
  readonly #elsewhere: FrameCheck | undefined
  readonly #known = new Set<string>()

  /** `elsewhere` is asked first: what it confirms is not computed here. */
  constructor(verify: (event: NostrEvent) => boolean, elsewhere?: FrameCheck) {
    this.#verify = verify
    this.#elsewhere = elsewhere
  }

  /** `event` is what `frame` holds. A promise where the answer comes from elsewhere. */
  verify(event: NostrEvent, frame: string): boolean | Promise<boolean> {
    if (this.#known.has(nameOf(event))) return eventId(event) === event.id
    const confirmed = this.#elsewhere?.confirm(frame)
    if (confirmed === undefined) return this.#check(event)
    return confirmed.then((isConfirmed) => {
      if (isConfirmed) this.#remember(event)
      return isConfirmed || this.#check(event)
    })
  }

  #check(event: NostrEvent): boolean {
    const isValid = this.#verify(event)
    if (isValid) this.#remember(event)
    return isValid
  }

  #remember(event: NostrEvent): void {
    const [oldest] = this.#known
    if (this.#known.size >= MAX_REMEMBERED && oldest !== undefined) this.#known.delete(oldest)
    this.#known.add(nameOf(event))
  }
}

const nameOf = ({ id, sig }: NostrEvent) => id + sig
