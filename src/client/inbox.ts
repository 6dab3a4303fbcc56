// Marmot transport §7.5, §7.8: gift wraps from our own inbox relays; a Welcome inside becomes an invitation.

import { MlsError } from "../mls/index.ts"
import { MarmotError } from "../marmot/error.ts"
import { parseWelcomeRumor, WELCOME_KIND } from "../marmot/welcome-event.ts"
import { RelayError, SignerError } from "../nostr/error.ts"
import { bytesToHex } from "../nostr/event.ts"
import type { NostrEvent } from "../nostr/event.ts"
import type { Filter } from "../nostr/filter.ts"
import { GIFT_WRAP_BACKDATE, GIFT_WRAP_KIND, unwrap } from "../nostr/gift-wrap.ts"
import type { Unwrapped } from "../nostr/gift-wrap.ts"
import type { Subscription } from "../nostr/pool.ts"
import type { Account } from "./account.ts"
import type { Cursors } from "./cursors.ts"
import type { Draft } from "./draft.ts"
import type { Groups } from "./groups.ts"
import { inviteIdOf, mayReplaceLater } from "./invites.ts"
import type { Invites } from "./invites.ts"
import type { KeyPackages } from "./key-packages.ts"
import type { Mailbox } from "./mailbox.ts"
import type { Timer, World } from "./ports.ts"
import type { SeenEvents } from "./seen-events.ts"

/** Owner of the inbox's cursors and of the ids that it has seen. */
export const INBOX = "inbox"

/** What failed for now is tried again after this; in one run at most so often, unless nobody could be asked. */
const RETRY_MS = 30_000
const MAX_ATTEMPTS = 5
/** What is on its way while the stored events are read (seconds). */
const SETTLING = 60

export interface InboxOptions {
  readonly world: World
  readonly mailbox: Mailbox
  readonly account: Account
  readonly groups: Groups
  readonly invites: Invites
  readonly keyPackages: KeyPackages
  readonly cursors: Cursors
  readonly seen: SeenEvents
  progressed(): void
}

type Arrival =
  { readonly event: NostrEvent } | { readonly completeAt: number; readonly url: string }

export class Inbox {
  readonly #options: InboxOptions
  readonly #queue: Arrival[] = []
  readonly #waiting = new Set<string>()
  readonly #attempts = new Map<string, number>()
  readonly #complete = new Set<string>()
  #subscription: Subscription | undefined
  #relays: readonly string[] = []
  readonly #held = new Map<string, { readonly event: NostrEvent; readonly timer: Timer }>()
  #pumping = false
  #closed = false

  constructor(options: InboxOptions) {
    this.#options = options
  }

  close(): void {
    this.#closed = true
    this.#subscription?.close()
    for (const { timer } of this.#held.values()) this.#options.world.timers.clearTimeout(timer)
  }

  get pending(): number {
    return this.#queue.length
  }

  get relays(): readonly string[] {
    return this.#relays
  }

  /** Nothing older is asked for any more (Unix seconds). */
  get oldestAsked(): number {
    return Math.min(...this.#options.account.inboxRelays.map((url) => this.#since(url)))
  }

  isComplete(url: string): boolean {
    return !this.#relays.includes(url) || this.#complete.has(url)
  }

  disconnected(url: string): void {
    this.#complete.delete(url)
  }

  /** Listens on the account's inbox relays, as they are now. */
  refresh(): void {
    const { account, world } = this.#options
    const relays = account.inboxRelays
    if (this.#closed || JSON.stringify(relays) === JSON.stringify(this.#relays)) return
    this.#relays = relays
    this.#complete.clear()
    const filters = (url: string) => this.#filters(url)
    if (this.#subscription !== undefined) this.#subscription.update({ relays, filters })
    else {
      this.#subscription = world.pool.subscribe({
        relays,
        filters,
        onEvent: (event) => this.receive(event),
        onEose: (url) => {
          const completeAt = Math.floor(world.now() / 1000) - SETTLING
          this.#enqueue({ completeAt, url })
        },
      })
    }
  }

  /** The signer is back. */
  wake(): void {
    const held = [...this.#held.values()]
    this.#held.clear()
    for (const { event, timer } of held) {
      this.#options.world.timers.clearTimeout(timer)
      this.receive(event)
    }
  }

  receive(event: NostrEvent): void {
    if (event.kind !== GIFT_WRAP_KIND || this.#waiting.has(event.id)) return
    if (this.#options.seen.has(INBOX, event.id)) return
    this.#waiting.add(event.id)
    this.#enqueue({ event })
  }

  #isClosed(): boolean {
    return this.#closed
  }

  #filters(url: string): readonly Filter[] {
    const { account } = this.#options
    return [{ kinds: [GIFT_WRAP_KIND], "#p": [account.pubkey], since: this.#since(url) }]
  }

  #since(url: string): number {
    const { cursors, account, world } = this.#options
    // Nothing older can be for a KeyPackage of this device; and each wrap may cost the user a question.
    const known = cursors.get({ owner: INBOX, url }) ?? account.record.createdAt - SETTLING
    // A clock that was ahead for a while must not make us deaf until its time has come.
    const at = Math.min(known, Math.floor(world.now() / 1000))
    return Math.max(0, at - GIFT_WRAP_BACKDATE)
  }

  #enqueue(arrival: Arrival): void {
    if (this.#closed) return
    this.#queue.push(arrival)
    this.#options.progressed()
    void this.#pump()
  }

  /** One at a time: an extension may ask the user for each. Unwrapping happens outside of the mailbox. */
  async #pump(): Promise<void> {
    if (this.#pumping) return
    this.#pumping = true
    for (let next = this.#queue[0]; next !== undefined && !this.#closed; next = this.#queue[0]) {
      try {
        if ("event" in next) await this.#take(next.event)
        else await this.#finished(next.url, next.completeAt)
      } catch (error) {
        if (this.#isClosed()) break
        this.#options.world.log("a gift wrap was not processed", error)
        if ("event" in next) this.#again(next.event, error)
      }
      this.#queue.shift()
      if ("event" in next) this.#waiting.delete(next.event.id)
      this.#options.progressed()
    }
    this.#pumping = false
  }

  async #take(event: NostrEvent): Promise<void> {
    const { mailbox, seen, account } = this.#options
    if (seen.has(INBOX, event.id)) return
    const opened = await this.#open(event, account)
    await mailbox.run(async (draft) => {
      if (opened !== undefined) await this.#admit(draft, opened)
      seen.remember(draft, INBOX, [event])
    })
    this.#attempts.delete(event.id)
  }

  /** `undefined` for what nobody will ever open. Throws `SignerError` for what may open later. */
  async #open(event: NostrEvent, account: Account): Promise<Unwrapped | undefined> {
    try {
      return await unwrap({ signer: account.signer, event })
    } catch (error) {
      if (error instanceof RelayError) return undefined
      if (error instanceof SignerError && isFinal(error)) return undefined
      throw error
    }
  }

  /** A Welcome that must be rejected leaves no trace; neither does a rumor of another kind. */
  async #admit(draft: Draft, { rumor, sealAuthor }: Unwrapped): Promise<void> {
    if (rumor.kind !== WELCOME_KIND) return
    try {
      const { welcome } = parseWelcomeRumor(rumor)
      await this.#invite(draft, { welcome, inviter: sealAuthor, sentAt: rumor.created_at })
    } catch (error) {
      if (!(error instanceof MarmotError || error instanceof MlsError)) throw error
      this.#options.world.log("an invitation was rejected", error)
    }
  }

  async #invite(
    draft: Draft,
    found: { readonly welcome: Uint8Array; readonly inviter: string; readonly sentAt: number },
  ): Promise<void> {
    const { world, account, groups, invites, keyPackages } = this.#options
    if (invites.has(draft, inviteIdOf(found.welcome))) return
    if (!invites.hasRoom(draft, found.inviter)) return
    const env = { crypto: world.crypto, now: draft.now, random: (n: number) => world.random(n) }
    const joined = await world.engine.joinMarmotGroup(env, {
      device: account.device,
      welcome: found.welcome,
      keyPackages: keyPackages.own(draft),
      inviter: found.inviter,
    })
    const { epoch } = world.engine.summary(joined.group)
    const { preview } = joined
    const held = groups.get(preview.groupId, draft)
    const sentAt = Math.min(found.sentAt, Math.floor(draft.now / 1000))
    const again = invites.again({ preview, epoch, sentAt }, draft)
    if (held !== undefined && !mayReplaceLater(world.engine.summary(held), again)) return
    invites.add(draft, {
      welcome: found.welcome,
      keyPackageRef: bytesToHex(joined.keyPackageRef),
      preview,
      epoch,
      sentAt,
    })
  }

  async #finished(url: string, at: number): Promise<void> {
    const { mailbox, cursors } = this.#options
    await mailbox.run((draft) => {
      // A wrap that still waits for the signer keeps the range open.
      if (this.#attempts.size === 0) cursors.advance(draft, { owner: INBOX, url }, at)
      draft.swap(() => this.#complete.add(url))
    })
  }

  #again(event: NostrEvent, error: unknown): void {
    const unasked = error instanceof SignerError && error.code === "unavailable"
    const attempts = (this.#attempts.get(event.id) ?? 0) + (unasked ? 0 : 1)
    this.#attempts.set(event.id, attempts)
    // The user said no: the next run may ask again, this one does not.
    const refused = error instanceof SignerError && error.code === "refused"
    if (attempts >= MAX_ATTEMPTS || refused) return
    const timer = this.#options.world.timers.setTimeout(() => {
      this.#held.delete(event.id)
      this.receive(event)
    }, RETRY_MS)
    this.#held.set(event.id, { event, timer })
  }
}

const isFinal = ({ code }: SignerError) => code !== "refused" && code !== "unavailable"
