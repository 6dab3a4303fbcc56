// Marmot wire §5, §7.6: our KeyPackages on the relays: what stands there is what we hold the private parts of.

import { keyPackageRef, type OwnKeyPackage } from "../mls/index.ts"
import { MAX_FUTURE_SKEW } from "../marmot/key-package-choice.ts"
import {
  generateOwnKeyPackage,
  isRubbish,
  isUpToDate,
  keyPackageTemplate,
} from "../marmot/key-package-event.ts"
import { bytesToHex, compareEvents } from "../nostr/event.ts"
import type { NostrEvent } from "../nostr/event.ts"
import type { Account } from "./account.ts"
import type { AccountPublisher } from "./account-publisher.ts"
import { ClientError } from "./api.ts"
import { KEY_PACKAGE_KIND } from "./directory.ts"
import type { Draft } from "./draft.ts"
import type { Invites } from "./invites.ts"
import { MAX_SLOTS, ownOf, slotOf } from "./key-packages.ts"
import type { KeyPackages } from "./key-packages.ts"
import type { Mailbox } from "./mailbox.ts"
import type { World } from "./ports.ts"
import type { Published } from "./published.ts"

const DELETION_KIND = 5
/** Events that one request takes back. */
const MAX_DELETED = 50

export interface OwnKeyPackagesOptions {
  readonly world: World
  readonly mailbox: Mailbox
  readonly account: Account
  readonly keyPackages: KeyPackages
  readonly invites: Invites
  readonly publisher: AccountPublisher
}

export class OwnKeyPackages {
  readonly #options: OwnKeyPackagesOptions
  /** Published, and on none of the relays that answered last. */
  #lost: ReadonlySet<string> = new Set()
  /** Taken back in this run: a relay that goes on holding them is not asked again and again. */
  readonly #deleted = new Set<string>()

  constructor(options: OwnKeyPackagesOptions) {
    this.#options = options
  }

  /**
   * Replaces what must be replaced, publishes what relays have lost; the event id of the package that others choose.
   * Rejects like `AccountPublisher.publish` until a relay has that one.
   */
  async ensure(published: Published): Promise<string> {
    const events = published.events.filter(({ kind }) => kind === KEY_PACKAGE_KIND)
    await this.#withdrawFuture()
    await this.#replaceForeign(events)
    this.#lost = await this.#restore(published)
    for (let round = 0; round < MAX_SLOTS; round++) {
      if (!(await this.#next(events))) break
    }
    const eventId = await this.#reachable()
    await this.#clean(events)
    return eventId
  }

  /** Relays had it, and take it no more: somebody has deleted it there. The next one takes its place. */
  refused(draft: Draft, eventId: string): void {
    const { keyPackages } = this.#options
    const record = keyPackages.standing(draft).find(({ event }) => event.id === eventId)
    if (record?.published === true && this.#lost.has(eventId)) {
      keyPackages.withdraw(draft, record.ref)
    }
  }

  /** Takes back what stands in our slots: the private parts are about to be deleted with all else. */
  async withdraw(): Promise<void> {
    const { keyPackages, account, publisher } = this.#options
    const standing = keyPackages.standing()
    if (standing.length === 0) return
    const event = await this.#deletion(standing.map(({ event }) => event.id))
    await publisher.publish(event, account.writeRelays, (draft) => {
      for (const { ref } of standing) keyPackages.withdraw(draft, ref)
    })
  }

  /** Others do not look at what is dated ahead of their clocks (§5): ours was, and is not any more. */
  async #withdrawFuture(): Promise<void> {
    const { keyPackages, mailbox } = this.#options
    const ahead = keyPackages.standing().filter(({ event }) => this.#isAhead(event))
    if (ahead.length === 0) return
    await mailbox.run((draft) => {
      for (const { ref } of ahead) keyPackages.withdraw(draft, ref)
    })
    await this.#delete(ahead.map(({ event }) => event.id))
  }

  /** A slot of ours holds what we have no private part of: whoever took it could not invite us. */
  async #replaceForeign(events: readonly NostrEvent[]): Promise<void> {
    const { keyPackages } = this.#options
    for (const { event: ours } of keyPackages.standing()) {
      const slot = slotOf(ours)
      const [theirs] = events.filter((event) => slotOf(event) === slot).sort(compareEvents)
      if (theirs === undefined || keyPackages.has(theirs.id)) continue
      // What is older, a relay gives up for ours.
      if (compareEvents(theirs, ours) > 0) continue
      if (this.#isAhead(theirs)) await this.#delete([theirs.id])
      else await this.#publishNew(slot, events)
    }
  }

  /** Whether there was something to do. */
  async #next(events: readonly NostrEvent[]): Promise<boolean> {
    const { keyPackages, invites, account, world } = this.#options
    const { device } = account
    const plan = keyPackages.plan({
      now: world.now(),
      needed: invites.neededKeyPackages(),
      isCurrent: (record) => isUpToDate(ownOf(record).keyPackage, device),
    })
    if (plan.do === "nothing") return false
    await this.#publishNew(plan.do === "replace" ? plan.slot : this.#newSlot(), events)
    return true
  }

  /** §7.6: the first slot's name is as old as the account on this device; further ones are random as well. */
  #newSlot(): string {
    const { keyPackages, account, world } = this.#options
    const { slot } = account.record
    return keyPackages.isKnownSlot(slot) ? bytesToHex(world.random(32)) : slot
  }

  /** The private part is stored in the step that owes the event to the relays, before any of them sees it. */
  async #publishNew(slot: string, events: readonly NostrEvent[]): Promise<void> {
    const { keyPackages, world, account, publisher } = this.#options
    const own: OwnKeyPackage = await generateOwnKeyPackage(world.crypto, {
      device: account.device,
      now: world.now(),
    })
    // It is to be the freshest of all, and to take its place in the slot.
    const standing = keyPackages.standing().map(({ event }) => event)
    const before = [...standing, ...events.filter((event) => slotOf(event) === slot)]
      .filter((event) => !this.#isAhead(event))
      .map((event) => event.created_at)
    const event = await publisher.sign(
      keyPackageTemplate(world.crypto, own, { slot, createdAt: 0 }),
      before.length === 0 ? undefined : Math.max(...before),
    )
    const ref = bytesToHex(keyPackageRef(world.crypto, own.keyPackage))
    const notAfter = notAfterOf(own)
    await publisher.publish(event, account.writeRelays, (draft) =>
      keyPackages.add(draft, { ref, own, event, notAfter }),
    )
  }

  /**
   * Each package goes to the relays of our list that answered and do not have it. Ids of those that no relay had.
   */
  async #restore({ held }: Published): Promise<ReadonlySet<string>> {
    const { keyPackages, account, mailbox, publisher } = this.#options
    const lost = new Set<string>()
    await mailbox.run((draft) => {
      for (const { event, published } of keyPackages.standing(draft)) {
        const isHeld = [...held.values()].some((ids) => ids.has(event.id))
        if (isHeld && !published) keyPackages.acknowledged(draft, event.id)
        if (!isHeld) lost.add(event.id)
        const without = account.writeRelays.filter((url) => held.get(url)?.has(event.id) === false)
        if (without.length > 0) publisher.owe(draft, event, without)
      }
    })
    return lost
  }

  /** Resolves once a relay has the package that others choose. */
  async #reachable(): Promise<string> {
    const { keyPackages, account, publisher } = this.#options
    const { newest } = keyPackages
    if (newest === undefined) throw new ClientError("internal", "There is no KeyPackage.")
    const { event, published } = newest
    if (!published || this.#lost.has(event.id)) await publisher.publish(event, account.writeRelays)
    return event.id
  }

  /** §7.6: one bad event of an account makes some clients give up on all of them. */
  async #clean(events: readonly NostrEvent[]): Promise<void> {
    const { world, keyPackages } = this.#options
    const rubbish: string[] = []
    for (const event of events) {
      if (this.#deleted.has(event.id) || keyPackages.has(event.id)) continue
      if (await isRubbish(world.crypto, event, world.now())) rubbish.push(event.id)
    }
    if (rubbish.length > 0) await this.#delete(rubbish.slice(0, MAX_DELETED))
  }

  async #delete(ids: readonly string[]): Promise<void> {
    const { account, mailbox, publisher } = this.#options
    ids.forEach((id) => this.#deleted.add(id))
    const event = await this.#deletion(ids)
    await mailbox.run((draft) => publisher.owe(draft, event, account.writeRelays))
  }

  #deletion(ids: readonly string[]): Promise<NostrEvent> {
    const tags = [...ids.map((id) => ["e", id]), ["k", String(KEY_PACKAGE_KIND)]]
    return this.#options.publisher.sign({ kind: DELETION_KIND, tags, content: "" }, undefined)
  }

  #isAhead({ created_at }: NostrEvent): boolean {
    return created_at > this.#options.world.now() / 1000 + MAX_FUTURE_SKEW
  }
}

function notAfterOf({ keyPackage }: OwnKeyPackage): number {
  const { source } = keyPackage.leafNode
  return source.kind === "key_package" ? Number(source.lifetime.notAfter) : 0
}
