// Marmot transport §7.7, wire §5: where people can be reached, and which of their KeyPackages can be used.

import type { GroupRequirements } from "../marmot/capabilities.ts"
import { chooseKeyPackage } from "../marmot/key-package-choice.ts"
import type { KeyPackageChoice } from "../marmot/key-package-choice.ts"
import { parsePerson } from "../nostr/address.ts"
import type { Person } from "../nostr/address.ts"
import { compareEvents } from "../nostr/event.ts"
import type { NostrEvent } from "../nostr/event.ts"
import {
  INBOX_LIST_KIND,
  parseInboxList,
  parseRelayList,
  RELAY_LIST_KIND,
} from "../nostr/relay-lists.ts"
import type { InviteCheckStatus } from "./api.ts"
import type { Contacts } from "./contacts.ts"
import type { World } from "./ports.ts"

export const PROFILE_KIND = 0
export const KEY_PACKAGE_KIND = 30443

const QUERY_MS = 8_000

const NO_INBOX = "Has not published where invitations should go."

/** What a look at the relays says of one person. */
export interface Finding {
  readonly input: string
  readonly pubkey: string | undefined
  readonly status: InviteCheckStatus
  readonly reason: string
  /** With status `ok`. */
  readonly chosen: Chosen | undefined
  /** With status `incompatible`, where it is known. */
  readonly lacking: Refused["lacking"]
}

export type Chosen = KeyPackageChoice & { readonly ok: true }
type Refused = KeyPackageChoice & { readonly ok: false }

/** What people are looked up for. */
export interface Purpose {
  readonly members: ReadonlySet<string>
  readonly requirements?: GroupRequirements
}

export interface DirectoryOptions {
  readonly world: World
  readonly contacts: Contacts
  readonly self: string
  /** Relays that we use anyway. */
  readonly ownRelays: () => readonly string[]
  /** References of KeyPackages for one use that we have used. */
  readonly used: () => ReadonlySet<string>
}

/** Relay lists may name relays that have newer relay lists. */
const MAX_HOPS = 3

interface Lookup {
  readonly events: readonly NostrEvent[]
  readonly answered: ReadonlySet<string>
}

export class Directory {
  readonly #options: DirectoryOptions

  constructor(options: DirectoryOptions) {
    this.#options = options
  }

  /** Looks all of them up at once. Never rejects for what relays or people do. */
  async check(inputs: readonly string[], purpose: Purpose): Promise<Finding[]> {
    const people = inputs.map((input) => ({ input, person: readPerson(input) }))
    const known = people.map(({ person }) => person).filter((person) => person !== undefined)
    known.forEach(({ pubkey, relays }) => this.#options.contacts.hint(pubkey, relays))
    const wanted = known.filter(
      ({ pubkey }) => pubkey !== this.#options.self && !purpose.members.has(pubkey),
    )
    const lookup = await this.#lookUp(wanted)
    return Promise.all(
      people.map(({ input, person }) => this.#judge(input, person, purpose, lookup)),
    )
  }

  /** Where gift wraps for `pubkey` go: the kind 10050 list, else hints that were given with the address. */
  async inboxRelays(
    pubkey: string,
  ): Promise<{ readonly relays: readonly string[]; readonly answered: boolean }> {
    const hints = this.#options.contacts.hints(pubkey)
    const lookup = await this.#query(this.#seeds(hints), [
      { kinds: [INBOX_LIST_KIND, RELAY_LIST_KIND], authors: [pubkey] },
    ])
    const list = newest(lookup.events, INBOX_LIST_KIND, pubkey)
    const relays = list === undefined ? [] : parseInboxList(list)
    return { relays: relays.length > 0 ? relays : hints, answered: lookup.answered.size > 0 }
  }

  async #lookUp(people: readonly Person[]): Promise<Lookup> {
    if (people.length === 0) return { events: [], answered: new Set() }
    const authors = people.map(({ pubkey }) => pubkey)
    const kinds = [PROFILE_KIND, RELAY_LIST_KIND, INBOX_LIST_KIND, KEY_PACKAGE_KIND]
    const hints = people.flatMap(({ pubkey, relays }) => [
      ...relays,
      ...this.#options.contacts.hints(pubkey),
    ])
    const asked = new Set<string>()
    const answered = new Set<string>()
    let events: readonly NostrEvent[] = []
    let next = this.#seeds(hints)
    for (let hop = 0; hop < MAX_HOPS && next.length > 0; hop++) {
      const found = await this.#query(next, [{ kinds, authors }])
      events = [...events, ...found.events]
      next.forEach((url) => asked.add(url))
      found.answered.forEach((url) => answered.add(url))
      // KeyPackages lie in the author's own write set, which the answers name.
      const further = authors.flatMap((pubkey) => writeRelays(events, pubkey) ?? [])
      next = [...new Set(further)].filter((url) => !asked.has(url))
    }
    return { events, answered }
  }

  async #judge(
    input: string,
    person: Person | undefined,
    { members, requirements }: Purpose,
    { events, answered }: Lookup,
  ): Promise<Finding> {
    const finding = (status: InviteCheckStatus, reason: string): Finding => ({
      input,
      pubkey: person?.pubkey,
      status,
      reason,
      chosen: undefined,
      lacking: undefined,
    })
    if (person === undefined) {
      return finding("invalid_input", "This is not the address of a person (npub1…).")
    }
    const { pubkey } = person
    if (pubkey === this.#options.self) return finding("self", "This is you.")
    if (members.has(pubkey)) return finding("already_member", "Is in this group already.")
    if (answered.size === 0) {
      return finding("unreachable", "No relay answered. Check your connection and try again.")
    }
    const write = writeRelays(events, pubkey)
    const inbox = newest(events, INBOX_LIST_KIND, pubkey)
    if (write === undefined && inbox === undefined) {
      return finding("no_relay_list", "Has not published where to be reached.")
    }
    const found = events.filter(
      (event) => event.kind === KEY_PACKAGE_KIND && event.pubkey === pubkey,
    )
    if (found.length === 0 && write !== undefined && !write.some((url) => answered.has(url))) {
      return finding("unreachable", "The relays of this person do not answer.")
    }
    // §7.7: no list authorises a default destination; hints that came with the address are one.
    const hinted = this.#options.contacts.hints(pubkey).length > 0
    if (!hinted && (inbox === undefined || parseInboxList(inbox).length === 0)) {
      return finding("no_relay_list", NO_INBOX)
    }
    const { world, used } = this.#options
    const choice = await chooseKeyPackage(world.crypto, found, {
      pubkey,
      now: world.now(),
      used: used(),
      ...(requirements === undefined ? {} : { requirements }),
    })
    if (choice.ok) return { ...finding("ok", ""), chosen: choice }
    return { ...finding(choice.status, choice.reason), lacking: choice.lacking }
  }

  #seeds(hints: readonly string[]): readonly string[] {
    const { world, ownRelays } = this.#options
    return [...new Set([...world.defaultRelays, ...ownRelays(), ...hints])]
  }

  async #query(relays: readonly string[], filters: Parameters<World["pool"]["query"]>[1]) {
    const { pool } = this.#options.world
    const { events, answered } = await pool.query(relays, filters, { timeoutMs: QUERY_MS })
    this.#options.contacts.learn(events)
    return { events, answered: new Set(answered) }
  }
}

/** The newest event of a replaceable kind. */
export function newest(
  events: readonly NostrEvent[],
  kind: number,
  pubkey: string,
): NostrEvent | undefined {
  return events
    .filter((event) => event.kind === kind && event.pubkey === pubkey)
    .sort(compareEvents)[0]
}

function writeRelays(events: readonly NostrEvent[], pubkey: string): readonly string[] | undefined {
  const list = newest(events, RELAY_LIST_KIND, pubkey)
  return list === undefined ? undefined : parseRelayList(list).write
}

function readPerson(input: string): Person | undefined {
  try {
    return parsePerson(input)
  } catch {
    return undefined
  }
}
