// Marmot wire §5, §7.6, §7.7: being reachable: relay lists and a KeyPackage that really are on a relay.

import { SignerError } from "../nostr/error.ts"
import type { Account } from "./account.ts"
import { AccountPublisher } from "./account-publisher.ts"
import { ClientError } from "./api.ts"
import type { ReachabilityView } from "./api.ts"
import { newest, PROFILE_KIND } from "./directory.ts"
import type { Draft } from "./draft.ts"
import { asClientError } from "./failure.ts"
import type { Invites } from "./invites.ts"
import type { KeyPackages } from "./key-packages.ts"
import type { Mailbox } from "./mailbox.ts"
import type { Outbox, Publication } from "./outbox.ts"
import { OwnKeyPackages } from "./own-key-packages.ts"
import { OwnRelayLists } from "./own-relay-lists.ts"
import type { World } from "./ports.ts"
import { askForOwn } from "./published.ts"
import type { Published } from "./published.ts"

export interface ReachabilityOptions {
  readonly world: World
  readonly mailbox: Mailbox
  readonly outbox: Outbox
  readonly account: Account
  readonly keyPackages: KeyPackages
  readonly invites: Invites
  /** The account's relay lists are known now, or others than before. */
  relaysChanged(): void
  changed(): void
}

export class Reachability {
  readonly #options: ReachabilityOptions
  readonly #publisher: AccountPublisher
  readonly #lists: OwnRelayLists
  readonly #own: OwnKeyPackages
  #running: Promise<{ keyPackageEventId: string }> | undefined
  #again = false
  #refused = false
  #view: ReachabilityView = { relayLists: false, keyPackage: false, problem: undefined }

  constructor(options: ReachabilityOptions) {
    this.#options = options
    const publisher = new AccountPublisher(options)
    this.#publisher = publisher
    this.#lists = new OwnRelayLists({
      ...options,
      publisher,
      homes: () => this.#homes(),
      changed: () => options.relaysChanged(),
    })
    this.#own = new OwnKeyPackages({ ...options, publisher })
  }

  get view(): ReachabilityView {
    return this.#view
  }

  /** There is nothing that trying again soon would change: all is published, or the signer does not sign this. */
  get isComplete(): boolean {
    const { relayLists, keyPackage, problem } = this.#view
    return this.#refused || (relayLists && keyPackage && problem === undefined)
  }

  /** The signer is back. */
  wake(): void {
    if (this.#view.problem !== undefined) this.check()
  }

  close(): void {
    this.#publisher.close()
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
    if (outcome === "accepted") this.#options.keyPackages.acknowledged(draft, event.id)
    else this.#own.refused(draft, event.id)
    this.#publisher.concluded(draft, event.id, outcome)
  }

  /** The device is about to forget the account: nobody should invite it any more. */
  withdraw(): Promise<void> {
    return this.#own.withdraw()
  }

  /**
   * Publishes a name for the account; the rest of its profile stays as it is. Rejects with `ClientError`
   * `publish_failed` while nobody can be asked what that is, or one who may have it does not answer.
   */
  async publishName(name: string): Promise<void> {
    const { events, silent } = await this.#published()
    const profile = newest(events, PROFILE_KIND, this.#options.account.pubkey)
    if (
      profile === undefined &&
      this.#options.account.record.madeHere !== true &&
      silent.length > 0
    ) {
      const words =
        "Some relays do not answer, so nobody knows what your profile says. Try again later."
      throw new ClientError("publish_failed", words)
    }
    const event = await this.#publisher.sign(
      { kind: PROFILE_KIND, tags: profile?.tags ?? [], content: withName(profile?.content, name) },
      profile?.created_at,
    )
    await this.#publisher.publish(event, this.#homes())
  }

  async #run(): Promise<{ keyPackageEventId: string }> {
    try {
      this.#refused = false
      const published = await this.#published()
      await this.#lists.ensure(published)
      this.#show({ relayLists: true })
      const keyPackageEventId = await this.#own.ensure(published)
      this.#show({ keyPackage: true, problem: undefined })
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
  async #published(): Promise<Published> {
    const { world, account } = this.#options
    const published = await askForOwn(world, account.pubkey, this.#homes())
    if (published.held.size === 0) {
      throw new ClientError("publish_failed", "No relay could be reached.")
    }
    return published
  }

  /** Only if the account has no profile: what others clients wrote is not ours to change. */
  async #ensureName({ events, silent }: Published): Promise<void> {
    const { account } = this.#options
    const { name } = account.record
    if (name === undefined || name === "") return
    if (newest(events, PROFILE_KIND, account.pubkey) !== undefined) return
    if (account.record.madeHere !== true && silent.length > 0) return
    await this.publishName(name)
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
