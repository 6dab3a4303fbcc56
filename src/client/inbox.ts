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
import { drained } from "./drained.ts"
import type { Groups } from "./groups.ts"
import { inviteIdOf, mayReplaceLater } from "./invites.ts"
import type { Invites } from "./invites.ts"
import type { KeyPackages } from "./key-packages.ts"
import type { Mailbox } from "./mailbox.ts"
import type { Timer, World } from "./ports.ts"
import type { SeenEvents } from "./seen-events.ts"
import { SHORTEST_CUT } from "./stored-events.ts"

/** Owner of the inbox's cursors and of the ids that it has seen. */
export const INBOX = "inbox"

/** What failed for now is tried again after this; in one run at most so often, unless nobody could be asked. */
const RETRY_MS = 30_000
const MAX_ATTEMPTS = 5
/** Anyone can send gift wraps: so many wait for their turn, and so many for the signer; relays keep the others. */
const MAX_WAITING = 2_000
/** So many stored ones come with a subscription, the newest ones; if there are more, they are read page by page. */
const PAGE = 200
/** One second that fills a page is asked for by itself, with room for so many. */
const MAX_IN_SECOND = 5_000
const QUERY_MS = 10_000
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

/** All that a relay has stored came before this. `completeAt` undefined: not everything could be read. */
interface Completion {
  readonly completeAt: number | undefined
  readonly url: string
  readonly round: number
}

type Arrival = { readonly event: NostrEvent } | Completion

/** What a relay has answered so far: how many, and how far back (Unix seconds). */
interface Reading {
  count: number
  oldest: number | undefined
}

export class Inbox {
  readonly #options: InboxOptions
  readonly #queue: Arrival[] = []
  readonly #waiting = new Set<string>()
  readonly #attempts = new Map<string, number>()
  readonly #complete = new Set<string>()
  /** By relay, from the question until all that it has stored was read. */
  readonly #readings = new Map<string, Reading>()
  /** By relay, how often it was asked or cut off: what was read before says nothing of what is asked now. */
  readonly #rounds = new Map<string, number>()
  /** Relays of which something was not taken for lack of room: they are read again when there is some. */
  readonly #overflown = new Set<string>()
  /** Something waits for the signer or for room among the invitations, and is not held here: relays are asked again. */
  #unheld = false
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
    this.#readings.delete(url)
    this.#nextRound(url)
  }

  #nextRound(url: string): void {
    this.#rounds.set(url, this.#round(url) + 1)
  }

  #round(url: string): number {
    return this.#rounds.get(url) ?? 0
  }

  /** Listens on the account's inbox relays, as they are now. */
  refresh(): void {
    const relays = this.#options.account.inboxRelays
    if (this.#closed || JSON.stringify(relays) === JSON.stringify(this.#relays)) return
    this.#relays = relays
    this.#ask()
  }

  #ask(): void {
    const { world } = this.#options
    const relays = this.#relays
    this.#complete.clear()
    this.#readings.clear()
    for (const url of relays) this.#nextRound(url)
    const filters = (url: string) => this.#filters(url)
    if (this.#subscription !== undefined) this.#subscription.update({ relays, filters })
    else {
      this.#subscription = world.pool.subscribe({
        relays,
        filters,
        onEvent: (event, url) => this.#heard(event, url),
        onEose: (url) => this.#ended(url),
      })
    }
  }

  /** The signer is back, or an invitation was answered: there is room for another one. */
  wake(): void {
    const held = [...this.#held.values()]
    this.#held.clear()
    for (const { event, timer } of held) {
      this.#options.world.timers.clearTimeout(timer)
      this.#receive(event, this.#relays)
    }
    if (this.#unheld && !this.#closed) {
      this.#unheld = false
      this.#ask()
    }
  }

  #heard(event: NostrEvent, url: string): void {
    if (!this.#complete.has(url)) {
      const reading = this.#reading(url)
      reading.count++
      reading.oldest = Math.min(reading.oldest ?? Infinity, event.created_at)
    }
    this.#receive(event, [url])
  }

  #receive(event: NostrEvent, urls: readonly string[]): void {
    if (event.kind !== GIFT_WRAP_KIND || this.#waiting.has(event.id)) return
    if (this.#options.seen.has(INBOX, event.id) || this.#held.has(event.id)) return
    if ((this.#attempts.get(event.id) ?? 0) >= MAX_ATTEMPTS) return
    if (this.#queue.length >= MAX_WAITING) {
      for (const url of urls) this.#overflown.add(url)
      return
    }
    this.#waiting.add(event.id)
    this.#enqueue({ event })
  }

  #reading(url: string): Reading {
    const reading = this.#readings.get(url) ?? { count: 0, oldest: undefined }
    this.#readings.set(url, reading)
    return reading
  }

  /** The relay has sent the newest of what it has stored: strangers' junk may lie above what we are looking for. */
  #ended(url: string): void {
    const reading = this.#reading(url)
    const isWhole = reading.count < SHORTEST_CUT
    void this.#read(url, reading, isWhole ? Promise.resolve(true) : this.#readFrom(url, reading))
  }

  /** There is room for what had none. */
  #readAgain(): void {
    for (const url of this.#overflown) {
      // One that is being read goes on, and this is asked again at its end.
      if (this.#readings.has(url)) continue
      this.#overflown.delete(url)
      if (!this.#relays.includes(url)) continue
      this.#complete.delete(url)
      const reading = this.#reading(url)
      void this.#read(url, reading, this.#readFrom(url, reading))
    }
  }

  async #read(url: string, reading: Reading, whole: Promise<boolean>): Promise<void> {
    const at = Math.floor(this.#options.world.now() / 1000) - SETTLING
    const isWhole = await whole
    // Asked anew meanwhile, or cut off: another end follows.
    if (this.#readings.get(url) !== reading) return
    this.#readings.delete(url)
    this.#enqueue({ completeAt: isWhole ? at : undefined, url, round: this.#round(url) })
  }

  /** Reads on, page by page, from what is there; whether that was all. */
  async #readFrom(url: string, reading: Reading): Promise<boolean> {
    let until = reading.oldest
    let isWhole = true
    for (;;) {
      await this.#drained()
      if (this.#closed || this.#readings.get(url) !== reading) return false
      const page = await this.#query(url, until === undefined ? {} : { until })
      if (page.failed.length > 0) return false
      page.events.forEach((event) => this.#receive(event, [url]))
      if (page.events.length < SHORTEST_CUT) return isWhole
      // Pages share their border second. Where it alone fills a page, the next one begins below it.
      const oldest = Math.min(...page.events.map(({ created_at }) => created_at))
      if (oldest === until && !(await this.#readSecond(url, oldest))) {
        this.#options.world.log("a relay may hold more gift wraps of one second than it gives", url)
        isWhole = false
      }
      until = oldest === until ? oldest - 1 : oldest
    }
  }

  /**
   * Whether all of one second (Unix seconds) was read. NIP-01 has no paging inside of one, and relays cut answers where
   * they like: that this one was not cut is known when the relay gives a longer one.
   */
  async #readSecond(url: string, second: number): Promise<boolean> {
    const found = await this.#query(url, { since: second, until: second, limit: MAX_IN_SECOND })
    found.events.forEach((event) => this.#receive(event, [url]))
    const { length } = found.events
    if (found.failed.length > 0 || length >= MAX_IN_SECOND) return false
    if (length < SHORTEST_CUT) return true
    const longer = await this.#query(url, { limit: length + 1 })
    return longer.events.length > length
  }

  #query(url: string, range: Filter) {
    const filters = this.#filters(url).map((filter) => ({ ...filter, ...range }))
    return this.#options.world.pool.query([url], filters, { timeoutMs: QUERY_MS })
  }

  /** There is room for a page. */
  #drained(): Promise<void> {
    const { timers } = this.#options.world
    return drained(timers, () => this.#queue.length > MAX_WAITING - PAGE && !this.#closed)
  }

  #isClosed(): boolean {
    return this.#closed
  }

  #filters(url: string): readonly Filter[] {
    const { account } = this.#options
    const since = this.#since(url)
    return [{ kinds: [GIFT_WRAP_KIND], "#p": [account.pubkey], since, limit: PAGE }]
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
        else await this.#finished(next)
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
    if (!this.#closed) this.#readAgain()
  }

  async #take(event: NostrEvent): Promise<void> {
    const { mailbox, seen, account } = this.#options
    if (seen.has(INBOX, event.id)) return
    const opened = await this.#open(event, account)
    await mailbox.run(async (draft) => {
      const hasRoom = opened === undefined || (await this.#admit(draft, opened))
      if (hasRoom) seen.remember(draft, INBOX, [event])
      else draft.after(() => (this.#unheld = true))
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

  /**
   * False if there is no room for the invitation. A Welcome that must be rejected leaves no trace; neither does a rumor of
   * another kind.
   */
  async #admit(draft: Draft, { rumor, sealAuthor }: Unwrapped): Promise<boolean> {
    if (rumor.kind !== WELCOME_KIND) return true
    try {
      const { welcome } = parseWelcomeRumor(rumor)
      if (this.#options.invites.has(draft, inviteIdOf(welcome))) return true
      if (!this.#options.invites.hasRoom(draft, sealAuthor)) return false
      await this.#invite(draft, { welcome, inviter: sealAuthor, sentAt: rumor.created_at })
    } catch (error) {
      if (!(error instanceof MarmotError || error instanceof MlsError)) throw error
      this.#options.world.log("an invitation was rejected", error)
    }
    return true
  }

  async #invite(
    draft: Draft,
    found: { readonly welcome: Uint8Array; readonly inviter: string; readonly sentAt: number },
  ): Promise<void> {
    const { world, account, groups, invites, keyPackages } = this.#options
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

  async #finished({ url, completeAt: at, round }: Completion): Promise<void> {
    const { mailbox, cursors } = this.#options
    // Cut off or asked anew meanwhile: another end follows.
    if (round !== this.#round(url)) return
    // What still waits for the signer, or had no room, keeps the range open.
    const isOpen = this.#attempts.size > 0 || this.#overflown.has(url) || this.#unheld
    await mailbox.run((draft) => {
      if (at !== undefined && !isOpen) cursors.advance(draft, { owner: INBOX, url }, at)
      draft.swap(() => round === this.#round(url) && this.#complete.add(url))
    })
  }

  #again(event: NostrEvent, error: unknown): void {
    const unasked = error instanceof SignerError && error.code === "unavailable"
    // The user said no: the next run may ask again, this one does not.
    const refused = error instanceof SignerError && error.code === "refused"
    const before = this.#attempts.get(event.id) ?? 0
    const attempts = refused ? MAX_ATTEMPTS : before + (unasked ? 0 : 1)
    if (attempts < MAX_ATTEMPTS && this.#held.size >= MAX_WAITING) {
      this.#unheld = true
      return
    }
    this.#attempts.set(event.id, attempts)
    if (attempts >= MAX_ATTEMPTS) return
    const timer = this.#options.world.timers.setTimeout(() => {
      this.#held.delete(event.id)
      this.#receive(event, this.#relays)
    }, RETRY_MS)
    this.#held.set(event.id, { event, timer })
  }
}

const isFinal = ({ code }: SignerError) => code !== "refused" && code !== "unavailable"
