// NIP-01: one event comes from several relays; its id and signature need not be computed for each of them.

import { eventId } from "./event.ts"
import type { NostrEvent } from "./event.ts"
import type { FrameCheck } from "./verify-frame.ts"

/** About half a megabyte. */
const MAX_REMEMBERED = 2_048
/** Of the newest ones the events themselves, unless their frames are larger than this (UTF-16 units): a few megabytes. */
const MAX_WHOLE = 512
const MAX_WHOLE_LENGTH = 8_192

/**
 * Remembers which signatures belong to which ids. A copy that equals an event whose id was right needs no hash; the id
 * of every other one is computed afresh, so that a changed copy never profits: a signature depends on nothing but the
 * id and the author, and the id on all the rest.
 */
export class SignatureCache {
  readonly #verify: (event: NostrEvent) => boolean
  readonly #elsewhere: FrameCheck | undefined
  readonly #known = new Set<string>()
  readonly #whole = new Map<string, NostrEvent>()

  /** `elsewhere` is asked first: what it confirms is not computed here. */
  constructor(verify: (event: NostrEvent) => boolean, elsewhere?: FrameCheck) {
    this.#verify = verify
    this.#elsewhere = elsewhere
  }

  /** `event` is what `frame` holds. A promise where the answer comes from elsewhere. */
  verify(event: NostrEvent, frame: string): boolean | Promise<boolean> {
    const name = nameOf(event)
    if (this.#known.has(name)) {
      const whole = this.#whole.get(name)
      return (whole !== undefined && areEqual(whole, event)) || eventId(event) === event.id
    }
    const confirmed = this.#elsewhere?.confirm(frame)
    if (confirmed === undefined) return this.#check(event, frame)
    return confirmed.then((isConfirmed) => {
      if (isConfirmed) this.#remember(event, frame)
      return isConfirmed || this.#check(event, frame)
    })
  }

  #check(event: NostrEvent, frame: string): boolean {
    const isValid = this.#verify(event)
    if (isValid) this.#remember(event, frame)
    return isValid
  }

  #remember(event: NostrEvent, frame: string): void {
    const name = nameOf(event)
    makeRoom(this.#known, MAX_REMEMBERED)
    this.#known.add(name)
    if (frame.length > MAX_WHOLE_LENGTH) return
    makeRoom(this.#whole, MAX_WHOLE)
    this.#whole.set(name, event)
  }
}

const nameOf = ({ id, sig }: NostrEvent) => id + sig

function makeRoom(kept: Set<string> | Map<string, NostrEvent>, most: number): void {
  if (kept.size < most) return
  for (const oldest of kept.keys()) {
    kept.delete(oldest)
    return
  }
}

/** In all that the id covers. */
function areEqual(a: NostrEvent, b: NostrEvent): boolean {
  return (
    a.content === b.content &&
    a.pubkey === b.pubkey &&
    a.created_at === b.created_at &&
    a.kind === b.kind &&
    a.tags.length === b.tags.length &&
    a.tags.every((tag, at) => {
      const other = b.tags[at]
      return tag.length === other?.length && tag.every((value, index) => value === other[index])
    })
  )
}
