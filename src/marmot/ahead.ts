// Marmot inbound processing, ahead of its turn: messages of one state that follow each other are opened side by side.
// Only functions of values are computed early; what they mean is decided when each message has its turn.

import {
  type GroupState,
  type MlsContext,
  processAhead,
  type ProcessedApplication,
} from "../mls/index.ts"
import type { NostrEvent } from "../nostr/event.ts"
import { MarmotError } from "./error.ts"
import { openGroupEvent, parseGroupEvent } from "./group-event.ts"

/** Messages that are opened at once: more as long as all of them can be taken in, so that bad ones waste little. */
const FEWEST = 4
const MOST = 64

interface Opened {
  /** The outer key. */
  readonly key: Uint8Array
  readonly message: Uint8Array
}

interface Prepared {
  /** The very state that the message was processed on. */
  readonly before: GroupState
  readonly processed: ProcessedApplication
}

/** For the events of one step, in their order. */
export class Ahead {
  readonly #events: readonly NostrEvent[]
  #next = 0
  #most = FEWEST
  readonly #opened = new Map<NostrEvent, Opened>()
  readonly #prepared = new Map<Uint8Array, Prepared>()

  constructor(events: readonly NostrEvent[]) {
    this.#events = events
  }

  /** The turn of the next event has come. */
  advance(): void {
    this.#next++
  }

  /** The content of `event`, if it was opened with `key` ahead of its turn. */
  opened(event: NostrEvent, key: Uint8Array): Uint8Array | undefined {
    const found = this.#opened.get(event)
    return found?.key === key ? found.message : undefined
  }

  /**
   * What `processMessage` gives for `message` on `state`, and with it what it gives for those that follow under the same
   * outer key; `undefined` where it must be asked itself.
   */
  async process(
    mls: MlsContext,
    state: GroupState,
    { message, key }: Opened,
  ): Promise<ProcessedApplication | undefined> {
    const known = this.#take(state, message)
    if (known !== undefined) return known
    const messages = [message, ...this.#following(key)]
    if (messages.length === 1) return undefined
    const results = await processAhead(mls, state, messages)
    this.#most = results.length < messages.length ? FEWEST : Math.min(MOST, 2 * this.#most)
    this.#prepared.clear()
    let before = state
    results.forEach((processed, i) => {
      this.#prepared.set(messages[i] ?? message, { before, processed })
      before = processed.state
    })
    return this.#take(state, message)
  }

  #take(state: GroupState, message: Uint8Array): ProcessedApplication | undefined {
    const prepared = this.#prepared.get(message)
    return prepared?.before === state ? prepared.processed : undefined
  }

  #following(key: Uint8Array): Uint8Array[] {
    const messages: Uint8Array[] = []
    for (let i = this.#next; messages.length + 1 < this.#most; i++) {
      const event = this.#events[i]
      const message = event && (this.opened(event, key) ?? openWith(key, event))
      if (event === undefined || message === undefined) break
      this.#opened.set(event, { key, message })
      messages.push(message)
    }
    return messages
  }
}

function openWith(key: Uint8Array, event: NostrEvent): Uint8Array | undefined {
  try {
    return openGroupEvent(key, parseGroupEvent(event))
  } catch (error) {
    if (error instanceof MarmotError) return undefined
    throw error
  }
}
