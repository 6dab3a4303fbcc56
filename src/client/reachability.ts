// Marmot wire §5, §7.6, §7.7: being reachable: relay lists and a KeyPackage that really are on a relay.

import { keyPackageRef, type OwnKeyPackage } from "../mls/index.ts"
import { generateOwnKeyPackage, keyPackageTemplate } from "../marmot/key-package-event.ts"
import { SignerError } from "../nostr/error.ts"
import { bytesToHex } from "../nostr/event.ts"
import type { EventTemplate, NostrEvent } from "../nostr/event.ts"
import {
  INBOX_LIST_KIND,
  inboxListTemplate,
  parseInboxList,
  parseRelayList,
  RELAY_LIST_KIND,
  relayListTemplate,
} from "../nostr/relay-lists.ts"
import type { Account } from "./account.ts"
import { ClientError } from "./api.ts"
import type { ReachabilityView } from "./api.ts"
import { KEY_PACKAGE_KIND, newest, PROFILE_KIND } from "./directory.ts"
import type { Draft } from "./draft.ts"
import { asClientError } from "./failure.ts"
import type { KeyPackages } from "./key-packages.ts"
import type { Mailbox } from "./mailbox.ts"
import type { Outbox, Publication } from "./outbox.ts"
import type { World } from "./ports.ts"
import { Waiters } from "./waiters.ts"

const QUERY_MS = 8_000
const PUBLISH_MS = 30_000
const NOT_REACHED = "No relay has taken it yet. It is tried again when one can be reached."

export interface ReachabilityOptions {
  readonly world: World
  readonly mailbox: Mailbox
  readonly outbox: Outbox
  readonly account: Account
  readonly keyPackages: KeyPackages
  /** The account's relay lists are known now, or others than before. */
  relaysChanged(): void
  changed(): void
}

export class Reachability {
  readonly #options: ReachabilityOptions
  readonly #acknowledged: Waiters<undefined>
  #running: Promise<{ keyPackageEventId: string }> | undefined
  #again = false
  #refused = false
  #view: ReachabilityView = { relayLists: false, keyPackage: false, problem: undefined }

  constructor(options: ReachabilityOptions) {
    this.#options = options
    this.#acknowledged = new Waiters(options.world.timers)
  }

  get view(): ReachabilityView {
    return this.#view
  }

  /** There is nothing that trying again soon would change: all is published, or the signer does not sign this. */
  get isComplete(): boolean {
    return this.#refused || (this.#view.relayLists && this.#view.keyPackage)
  }

  /** The signer is back. */
  wake(): void {
    if (this.#view.problem !== undefined) this.check()
  }

  close(): void {
    this.#acknowledged.rejectAll(new ClientError("no_account", "The session has ended."))
  }

  /**
   * Looks at the relays and publishes what is missing. One run at a time: a call during a run gets that run's result.
   * Rejects with `ClientError` `publish_failed` or `signer_refused`.
   */
  ensure(): Promise<{ keyPackageEventId: string }> {
    this.#running ??= this.#run().finally(() => {
      this.#running = undefined
    })
    return this.#running
  }

  /** In the background; the view says what became of it. A package that was just consumed needs another run. */
  check(): void {
    if (this.#running !== undefined) {
      this.#again = true
      return
    }
    this.ensure()
      .catch((error: unknown) => this.#options.world.log("not reachable yet", error))
      .finally(() => {
        if (!this.#again) return
        this.#again = false
        this.check()
      })
  }

  /** A publication of the account was acknowledged, or refused by every relay. */
  concluded(draft: Draft, { event }: Publication, outcome: "accepted" | "rejected"): void {
    if (outcome === "accepted") {
      this.#options.keyPackages.acknowledged(draft, event.id)
      draft.after(() => this.#acknowledged.resolve(event.id, undefined))
    } else {
      const error = new ClientError("publish_failed", "The relays refused to store it.")
      draft.after(() => this.#acknowledged.reject(event.id, error))
    }
  }

  /**
   * Publishes a name for the account; the rest of its profile stays as it is. Rejects with `ClientError`
   * `publish_failed` while nobody can be asked what that is.
   */
  async publishName(name: string): Promise<void> {
    const profile = newest(await this.#published(), PROFILE_KIND, this.#options.account.pubkey)
    const event = await this.#sign(
      { kind: PROFILE_KIND, tags: profile?.tags ?? [], content: withName(profile?.content, name) },
      profile?.created_at,
    )
    await this.#publish(event, this.#homes())
  }

  async #run(): Promise<{ keyPackageEventId: string }> {
    try {
      this.#refused = false
      const published = await this.#published()
      await this.#ensureLists(published)
      this.#show({ relayLists: true, problem: undefined })
      const keyPackageEventId = await this.#ensureKeyPackage(published)
      this.#show({ keyPackage: true })
      await this.#ensureName(published)
      return { keyPackageEventId }
    } catch (error) {
      const failure = asClientError(error)
      // Another account in the extension, say: asking again each minute would not help either.
      this.#refused = error instanceof SignerError && error.code !== "unavailable"
      this.#show({ problem: failure.message })
      throw failure
    }
  }

  /** Our own events, from the relays that anybody would ask. */
  async #published(): Promise<readonly NostrEvent[]> {
    const { world, account } = this.#options
    const kinds = [PROFILE_KIND, RELAY_LIST_KIND, INBOX_LIST_KIND, KEY_PACKAGE_KIND]
    const filter = { kinds, authors: [account.pubkey] }
    const homes = this.#homes()
    const first = await world.pool.query(homes, [filter], { timeoutMs: QUERY_MS })
    if (first.answered.length === 0) {
      throw new ClientError("publish_failed", "No relay could be reached.")
    }
    const list = newest(first.events, RELAY_LIST_KIND, account.pubkey)
    const further = list === undefined ? [] : parseRelayList(list).write
    const unasked = further.filter((url) => !homes.includes(url))
    if (unasked.length === 0) return first.events
    const second = await world.pool.query(unasked, [filter], { timeoutMs: QUERY_MS })
    return [...first.events, ...second.events]
  }

  /** Lists that exist are the user's and stay as they are. */
  async #ensureLists(published: readonly NostrEvent[]): Promise<void> {
    const { account, world, mailbox } = this.#options
    const { relays } = account.record
    const list = newest(published, RELAY_LIST_KIND, account.pubkey)
    const inbox = newest(published, INBOX_LIST_KIND, account.pubkey)
    const listed = list === undefined ? [] : parseRelayList(list).write
    const received = inbox === undefined ? [] : parseInboxList(inbox)
    const writeRelays = listed.length > 0 ? listed : relays
    const inboxRelays = received.length > 0 ? received : relays
    const known = account.record
    if (!same(known.writeRelays, writeRelays) || !same(known.inboxRelays, inboxRelays)) {
      await mailbox.run((draft) => account.update(draft, { writeRelays, inboxRelays }))
      this.#options.relaysChanged()
    }
    const now = world.now()
    const missing: NostrEvent[] = []
    if (listed.length === 0) {
      missing.push(await this.#listEvent(relayListTemplate(relays, now), list?.created_at))
    }
    if (received.length === 0) {
      missing.push(await this.#listEvent(inboxListTemplate(relays, now), inbox?.created_at))
    }
    await Promise.all(missing.map((event) => this.#publish(event, this.#homes())))
  }

  async #ensureKeyPackage(published: readonly NostrEvent[]): Promise<string> {
    const { keyPackages, world, account } = this.#options
    const current = keyPackages.current(world.now())
    if (current === undefined) return this.#replaceKeyPackage(published)
    const { event } = current
    if (!published.some(({ id }) => id === event.id)) {
      await this.#publish(event, account.writeRelays)
    } else if (!current.published) {
      await this.#options.mailbox.run((draft) => keyPackages.acknowledged(draft, event.id))
    }
    return event.id
  }

  /** A new package in the same slot; its predecessor's private part stays until a relay has acknowledged this one. */
  async #replaceKeyPackage(published: readonly NostrEvent[]): Promise<string> {
    const { keyPackages, world, account, mailbox, outbox } = this.#options
    const { slot } = account.record
    const own: OwnKeyPackage = await generateOwnKeyPackage(world.crypto, {
      device: account.device,
      now: world.now(),
    })
    const inSlot = published
      .filter((event) => event.kind === KEY_PACKAGE_KIND && slotOf(event) === slot)
      .map((event) => event.created_at)
    const previous = Math.max(0, keyPackages.newest?.event.created_at ?? 0, ...inSlot)
    const event = await this.#sign(
      keyPackageTemplate(world.crypto, own, { slot, createdAt: 0 }),
      previous === 0 ? undefined : previous,
    )
    const done = this.#wait(event.id)
    await mailbox.run((draft) => {
      const ref = bytesToHex(keyPackageRef(world.crypto, own.keyPackage))
      keyPackages.add(draft, { ref, own, event, notAfter: notAfterOf(own) })
      outbox.add(draft, accountEvent(event, account.writeRelays))
    })
    await done
    return event.id
  }

  /** Only if the account has no profile: what others clients wrote is not ours to change. */
  async #ensureName(published: readonly NostrEvent[]): Promise<void> {
    const { account } = this.#options
    const { name } = account.record
    if (name === undefined || name === "") return
    if (newest(published, PROFILE_KIND, account.pubkey) !== undefined) return
    await this.publishName(name)
  }

  /** The list that is on its way already, or a new one: each signature may cost the user a question. */
  async #listEvent(template: EventTemplate, previous: number | undefined): Promise<NostrEvent> {
    const waiting = this.#options.outbox.find(
      ({ purpose, event }) => purpose === "account" && event.kind === template.kind,
    )
    return waiting?.event ?? this.#sign(template, previous)
  }

  async #publish(event: NostrEvent, relays: readonly string[]): Promise<void> {
    const { outbox, mailbox } = this.#options
    const waiting = outbox.get(event.id)
    if (waiting?.acceptedAt !== undefined) return
    const done = this.#wait(event.id)
    await mailbox.run((draft) => outbox.add(draft, accountEvent(event, relays)))
    if (waiting !== undefined) outbox.wakeAll()
    await done
  }

  /** A replacement is newer than what it replaces, whatever the clock says. */
  #sign(
    template: Omit<EventTemplate, "created_at">,
    previous: number | undefined,
  ): Promise<NostrEvent> {
    const { account, world } = this.#options
    const now = Math.floor(world.now() / 1000)
    const created_at = previous === undefined ? now : Math.max(now, previous + 1)
    const { kind, tags, content } = template
    return account.signer.signEvent({ created_at, kind, tags, content })
  }

  #wait(eventId: string): Promise<undefined> {
    const done = this.#acknowledged.wait(eventId, PUBLISH_MS, NOT_REACHED)
    done.catch(() => undefined)
    return done
  }

  /** Where others look first. */
  #homes(): readonly string[] {
    const { world, account } = this.#options
    return [...new Set([...world.defaultRelays, ...account.record.relays, ...account.writeRelays])]
  }

  #show(change: Partial<ReachabilityView>): void {
    this.#view = { ...this.#view, ...change }
    this.#options.changed()
  }
}

const accountEvent = (event: NostrEvent, relays: readonly string[]) =>
  ({ event, purpose: "account", relays, groupId: undefined, innerId: undefined }) as const

const slotOf = (event: NostrEvent) => event.tags.find(([name]) => name === "d")?.[1]

const same = (a: readonly string[] | undefined, b: readonly string[]) =>
  a !== undefined && JSON.stringify(a) === JSON.stringify(b)

function notAfterOf({ keyPackage }: OwnKeyPackage): number {
  const { source } = keyPackage.leafNode
  return source.kind === "key_package" ? Number(source.lifetime.notAfter) : 0
}

/** The profile with a name, all else as it was. */
function withName(content: string | undefined, name: string): string {
  let profile: object = {}
  try {
    const value: unknown = JSON.parse(content ?? "{}")
    if (typeof value === "object" && value !== null && !Array.isArray(value)) profile = value
  } catch {
    // A profile that nobody can read is replaced.
  }
  return JSON.stringify({ ...profile, name, display_name: name })
}
