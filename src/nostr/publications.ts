// NIP-01: events on their way to one relay. Only its OK counts as an acknowledgement.

import type { NostrEvent } from "./event.ts"
import { MAX_FRAME_LENGTH } from "./relay-message.ts"
import type { Timers } from "./timers.ts"

export interface PublishResult {
  /** The relay said OK, true or false; otherwise `message` says why there is no answer. */
  readonly answered: boolean
  readonly accepted: boolean
  readonly message: string
}

/** More events than this do not wait for one relay. */
const MAX_WAITING = 2_000

interface Publication {
  readonly frame: readonly unknown[]
  readonly waiters: Set<(result: PublishResult) => void>
  /** Over the connection of now. */
  sent: boolean
  authTried: boolean
}

export class Publications {
  readonly #send: (...frame: readonly unknown[]) => boolean
  readonly #authenticate: () => Promise<boolean>
  readonly #timers: Timers
  readonly #waiting = new Map<string, Publication>()

  constructor(options: {
    readonly send: (...frame: readonly unknown[]) => boolean
    readonly authenticate: () => Promise<boolean>
    readonly timers: Timers
  }) {
    this.#send = options.send
    this.#authenticate = options.authenticate
    this.#timers = options.timers
  }

  get size(): number {
    return this.#waiting.size
  }

  /** Sends now, or when the connection opens in time. Never rejects. */
  publish(event: NostrEvent, timeout: number): Promise<PublishResult> {
    const { id, pubkey, created_at, kind, tags, content, sig } = event
    const frame = ["EVENT", { id, pubkey, created_at, kind, tags, content, sig }] as const
    const known = this.#waiting.get(id)
    if (known === undefined && this.#waiting.size >= MAX_WAITING) {
      return Promise.resolve(unanswered("too many events are waiting for this relay"))
    }
    if (content.length > MAX_FRAME_LENGTH) return Promise.resolve(unanswered("too large"))
    const publication = known ?? { frame, waiters: new Set(), sent: false, authTried: false }
    this.#waiting.set(id, publication)
    const result = new Promise<PublishResult>((resolve) => {
      const settle = (answer: PublishResult) => {
        this.#timers.clearTimeout(timer)
        publication.waiters.delete(settle)
        if (publication.waiters.size === 0) this.#waiting.delete(id)
        resolve(answer)
      }
      const late = () => settle(unanswered("no answer in time"))
      const timer = this.#timers.setTimeout(late, timeout)
      publication.waiters.add(settle)
    })
    if (known === undefined) publication.sent = this.#send(...frame)
    return result
  }

  /** A connection is open: what has waited for it is sent. */
  opened(): void {
    for (const publication of this.#waiting.values()) {
      publication.authTried = false
      publication.sent = this.#send(...publication.frame)
    }
  }

  /**
   * The connection has ended, and the answers with it. What the relay tells us next may mean that the event should be
   * another by now, so whoever wants it published has to say so again.
   */
  down(): void {
    for (const publication of [...this.#waiting.values()]) {
      if (publication.sent) settleAll(publication, unanswered("the connection has ended"))
    }
  }

  answered(ok: {
    readonly id: string
    readonly accepted: boolean
    readonly message: string
  }): void {
    const publication = this.#waiting.get(ok.id)
    if (publication === undefined) return
    if (!ok.accepted && ok.message.startsWith("auth-required:") && !publication.authTried) {
      publication.authTried = true
      void this.#retry(publication, ok.message)
      return
    }
    // "duplicate:" says that the relay has the event, whatever the verdict beside it: some say false.
    const accepted = ok.accepted || ok.message.startsWith("duplicate:")
    settleAll(publication, { answered: true, accepted, message: ok.message })
  }

  close(): void {
    for (const publication of [...this.#waiting.values()]) {
      settleAll(publication, unanswered("closed"))
    }
  }

  async #retry(publication: Publication, message: string): Promise<void> {
    if (await this.#authenticate()) this.#send(...publication.frame)
    else settleAll(publication, { answered: true, accepted: false, message })
  }
}

const unanswered = (message: string): PublishResult => ({
  answered: false,
  accepted: false,
  message,
})

function settleAll(publication: Publication, result: PublishResult): void {
  for (const settle of [...publication.waiters]) settle(result)
}
