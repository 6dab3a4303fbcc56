// Marmot transport §7.7: the account's relay lists: those that exist are the user's, those that are missing are made.

import {
  INBOX_LIST_KIND,
  inboxListTemplate,
  parseInboxList,
  parseRelayList,
  RELAY_LIST_KIND,
  relayListTemplate,
} from "../nostr/relay-lists.ts"
import type { EventTemplate, NostrEvent } from "../nostr/event.ts"
import type { Account } from "./account.ts"
import type { AccountPublisher } from "./account-publisher.ts"
import { ClientError } from "./api.ts"
import { newest } from "./directory.ts"
import type { Mailbox } from "./mailbox.ts"
import type { World } from "./ports.ts"
import type { Published } from "./published.ts"

/** Relays that have not answered for this long, while most others do, are not waited for. */
const SILENT_MS = 24 * 3_600_000

const UNKNOWN =
  "Some relays do not answer, so nobody knows yet whether this account has relay lists already."

export interface OwnRelayListsOptions {
  readonly world: World
  readonly mailbox: Mailbox
  readonly account: Account
  readonly publisher: AccountPublisher
  /** Where lists are published: where others look first. */
  readonly homes: () => readonly string[]
  /** The account's relay lists are known now, or others than before. */
  changed(): void
}

/** One kind of list: what it says, and how it is made. */
interface ListKind {
  readonly kind: number
  read(event: NostrEvent): readonly string[]
  make(relays: readonly string[], now: number): EventTemplate
}

/** What relays say of a list. */
interface Found {
  readonly list: ListKind
  readonly event: NostrEvent | undefined
  readonly urls: readonly string[]
}

const kinds = {
  write: {
    kind: RELAY_LIST_KIND,
    read: (event) => parseRelayList(event).write,
    make: relayListTemplate,
  },
  inbox: { kind: INBOX_LIST_KIND, read: parseInboxList, make: inboxListTemplate },
} satisfies Record<string, ListKind>

export class OwnRelayLists {
  readonly #options: OwnRelayListsOptions

  constructor(options: OwnRelayListsOptions) {
    this.#options = options
  }

  /**
   * Takes over the lists that relays hold, and publishes the missing ones. Rejects with `ClientError` `publish_failed`
   * while a relay that may hold one does not answer: a list of ours would be newer than the user's.
   */
  async ensure(published: Published): Promise<void> {
    const { account, mailbox } = this.#options
    const write = this.#find(published, kinds.write)
    const inbox = this.#find(published, kinds.inbox)
    const { relays } = account.record
    const writeRelays = write.urls.length > 0 ? write.urls : relays
    const inboxRelays = inbox.urls.length > 0 ? inbox.urls : relays
    const missing = [write, inbox].filter(({ urls }) => urls.length === 0)
    if (missing.length > 0) await this.#mustBeMissing(published)
    const known = account.record
    if (!same(known.writeRelays, writeRelays) || !same(known.inboxRelays, inboxRelays)) {
      await mailbox.run((draft) => account.update(draft, { writeRelays, inboxRelays }))
      this.#options.changed()
    }
    await Promise.all(missing.map((list) => this.#publish(list)))
    if (account.record.listed !== true || account.record.unlistedSince !== undefined) {
      await mailbox.run((draft) =>
        account.update(draft, { listed: true, unlistedSince: undefined }),
      )
    }
  }

  #find({ events }: Published, list: ListKind): Found {
    const event = newest(events, list.kind, this.#options.account.pubkey)
    return { list, event, urls: event === undefined ? [] : list.read(event) }
  }

  /**
   * An account that was made here has none before we publish them. Of any other, each relay that we can think of has
   * to say so; but one that is gone for good must not keep the user out for ever.
   */
  async #mustBeMissing({ held, silent }: Published): Promise<void> {
    const { account, mailbox, world } = this.#options
    const { madeHere, listed, unlistedSince } = account.record
    if (silent.length === 0 || (madeHere === true && listed !== true)) return
    if (unlistedSince === undefined) {
      await mailbox.run((draft) => account.update(draft, { unlistedSince: draft.now }))
    }
    const waited = world.now() - (unlistedSince ?? world.now())
    if (waited > SILENT_MS && held.size >= silent.length) return
    throw new ClientError("publish_failed", `${UNKNOWN} They are asked again soon.`)
  }

  /** What stands in a list that we can't use is the user's, too, and stays in it. */
  async #publish({ list, event: before }: Found): Promise<void> {
    const { account, publisher, world, homes } = this.#options
    const { kind, tags, content } = list.make(account.record.relays, world.now())
    const waiting = publisher.waiting(kind)
    const template = {
      kind,
      tags: [...(before?.tags ?? []), ...tags],
      content: before?.content ?? content,
    }
    const event = waiting ?? (await publisher.sign(template, before?.created_at))
    await publisher.publish(event, homes())
  }
}

const same = (a: readonly string[] | undefined, b: readonly string[]) =>
  a !== undefined && JSON.stringify(a) === JSON.stringify(b)
