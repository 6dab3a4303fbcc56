// Marmot transport §7.9: events of the account itself, signed once and stored before they are published.

import type { EventTemplate, NostrEvent } from "../nostr/event.ts"
import type { Account } from "./account.ts"
import { ClientError } from "./api.ts"
import type { Draft } from "./draft.ts"
import type { Mailbox } from "./mailbox.ts"
import type { Outbox } from "./outbox.ts"
import type { World } from "./ports.ts"
import { Waiters } from "./waiters.ts"

const PUBLISH_MS = 30_000
const NOT_REACHED = "No relay has taken it yet. It is tried again when one can be reached."

export interface AccountPublisherOptions {
  readonly world: World
  readonly mailbox: Mailbox
  readonly outbox: Outbox
  readonly account: Account
}

export class AccountPublisher {
  readonly #options: AccountPublisherOptions
  readonly #acknowledged: Waiters<undefined>

  constructor(options: AccountPublisherOptions) {
    this.#options = options
    this.#acknowledged = new Waiters(options.world.timers)
  }

  close(): void {
    this.#acknowledged.rejectAll(new ClientError("no_account", "The session has ended."))
  }

  /** A publication of the account was acknowledged, or refused by every relay. */
  concluded(draft: Draft, eventId: string, outcome: "accepted" | "rejected"): void {
    const error = new ClientError("publish_failed", "The relays refused to store it.")
    draft.after(() => {
      if (outcome === "accepted") this.#acknowledged.resolve(eventId, undefined)
      else this.#acknowledged.reject(eventId, error)
    })
  }

  /** A replacement is newer than what it replaces (Unix seconds), whatever the clock says. */
  sign(
    template: Omit<EventTemplate, "created_at">,
    previous: number | undefined,
  ): Promise<NostrEvent> {
    const { account, world } = this.#options
    const now = Math.floor(world.now() / 1000)
    const created_at = previous === undefined ? now : Math.max(now, previous + 1)
    const { kind, tags, content } = template
    return account.signer.signEvent({ created_at, kind, tags, content })
  }

  /**
   * Owes `event` to `relays`, together with what `also` drafts; resolves with the first acknowledgement. Rejects with
   * `ClientError` `timeout` or `publish_failed`.
   */
  async publish(
    event: NostrEvent,
    relays: readonly string[],
    also?: (draft: Draft) => void,
  ): Promise<void> {
    const { outbox, mailbox } = this.#options
    const waiting = outbox.get(event.id)
    if (waiting?.acceptedAt !== undefined) return
    const done = this.#acknowledged.wait(event.id, PUBLISH_MS, NOT_REACHED)
    done.catch(() => undefined)
    await mailbox.run((draft) => {
      also?.(draft)
      this.owe(draft, event, relays)
    })
    if (waiting !== undefined) outbox.wakeAll()
    await done
  }

  owe(draft: Draft, event: NostrEvent, relays: readonly string[]): void {
    const purpose = "account"
    this.#options.outbox.add(draft, {
      event,
      purpose,
      relays,
      groupId: undefined,
      innerId: undefined,
    })
  }

  /** An event of this kind that is on its way already: each signature may cost the user a question. */
  waiting(kind: number): NostrEvent | undefined {
    return this.#options.outbox.find(
      ({ purpose, event }) => purpose === "account" && event.kind === kind,
    )?.event
  }
}
