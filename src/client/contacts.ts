// Names of people (kind 0), as far as relays have told them, and hints about where people are found.

import type { NostrEvent } from "../nostr/event.ts"
import { npubOf } from "../nostr/address.ts"
import type { PersonView } from "./api.ts"
import type { Draft } from "./draft.ts"
import type { Mailbox } from "./mailbox.ts"
import type { Timer, World } from "./ports.ts"
import { oneLine } from "./one-line.ts"
import { RecordMap } from "./record-map.ts"

export interface Contact {
  readonly pubkey: string
  readonly name: string | undefined
  /** Unix seconds of the profile that says so. */
  readonly nameAt: number
  /** Relays that came with an address (nprofile). */
  readonly hints: readonly string[]
  /** Milliseconds: when the relays were last asked. */
  readonly askedAt: number
}

const ASK_AFTER_MS = 300
const ASK_AGAIN_MS = 24 * 3_600_000
const QUERY_MS = 8_000
/** In one question; relays bound the size of filters. */
const MAX_AUTHORS = 200
const MAX_NAME = 80
const MAX_HINTS = 8

export interface ContactsOptions {
  readonly world: World
  readonly mailbox: Mailbox
  readonly relays: () => readonly string[]
  /** What stands for a public key in the store, in the clear: whom somebody knows is nobody's business. */
  readonly nameFor: (pubkey: string) => string
  /** A name is new or different: what shows it is to be read again. */
  named(draft: Draft): void
}

export class Contacts {
  readonly #options: ContactsOptions
  readonly #records: RecordMap<Contact>
  readonly #wanted = new Set<string>()
  readonly #asked = new Set<string>()
  #timer: Timer | undefined
  #closed = false

  constructor(options: ContactsOptions) {
    this.#options = options
    this.#records = new RecordMap<Contact>({
      table: "contacts",
      scope: "self",
      keyOf: ({ pubkey }) => pubkey,
      sortOf: options.nameFor,
    })
  }

  load(): Promise<void> {
    return this.#records.load(this.#options.world.store)
  }

  /** As `RecordMap.rename`. */
  rename(draft: Draft): void {
    this.#records.rename(draft)
  }

  close(): void {
    this.#closed = true
    if (this.#timer !== undefined) this.#options.world.timers.clearTimeout(this.#timer)
  }

  /** What is known now; what is missing or old is asked for in the background. */
  person(pubkey: string): PersonView {
    const contact = this.#records.get(pubkey)
    const age = this.#options.world.now() - (contact?.askedAt ?? 0)
    if (age > ASK_AGAIN_MS) this.#want(pubkey)
    return { pubkey, npub: npubOf(pubkey), name: contact?.name }
  }

  hints(pubkey: string): readonly string[] {
    return this.#records.get(pubkey)?.hints ?? []
  }

  hint(pubkey: string, relays: readonly string[]): void {
    if (relays.length === 0) return
    this.#change(pubkey, (known) => ({
      ...known,
      hints: [...new Set([...relays, ...known.hints])].slice(0, MAX_HINTS),
    }))
  }

  /** Takes names out of verified kind 0 events; the newest one counts. */
  learn(events: readonly NostrEvent[]): void {
    for (const event of events) {
      if (event.kind !== 0) continue
      const name = nameOf(event.content)
      const known = this.#records.get(event.pubkey)
      if (known !== undefined && (known.nameAt >= event.created_at || known.name === name)) continue
      this.#change(event.pubkey, (before) =>
        before.nameAt >= event.created_at ? before : { ...before, name, nameAt: event.created_at },
      )
    }
  }

  #want(pubkey: string): void {
    if (this.#asked.has(pubkey) || this.#closed) return
    this.#asked.add(pubkey)
    this.#wanted.add(pubkey)
    this.#later()
  }

  #later(): void {
    if (this.#closed) return
    this.#timer ??= this.#options.world.timers.setTimeout(() => {
      this.#timer = undefined
      void this.#ask()
    }, ASK_AFTER_MS)
  }

  async #ask(): Promise<void> {
    const { world, relays } = this.#options
    const authors = [...this.#wanted].slice(0, MAX_AUTHORS)
    for (const pubkey of authors) this.#wanted.delete(pubkey)
    try {
      const filter = { kinds: [0], authors }
      const { events, answered } = await world.pool.query(relays(), [filter], {
        timeoutMs: QUERY_MS,
      })
      if (this.#closed) return
      this.learn(events)
      if (answered.length === 0) authors.forEach((pubkey) => this.#asked.delete(pubkey))
    } catch (error) {
      if (!this.#closed) world.log("names could not be asked for", error)
    }
    if (this.#wanted.size > 0) this.#later()
  }

  #change(pubkey: string, next: (known: Contact) => Contact): void {
    const { mailbox, world } = this.#options
    mailbox
      .run((draft) => {
        const fresh = { pubkey, name: undefined, nameAt: 0, hints: [], askedAt: 0 }
        const known = this.#records.get(pubkey, draft) ?? fresh
        const changed = { ...next(known), askedAt: draft.now }
        this.#records.put(draft, changed)
        if (changed.name !== known.name) this.#options.named(draft)
      })
      .catch((error: unknown) => {
        if (!this.#closed) world.log("a contact was not stored", error)
      })
  }
}

/** The display name of a profile, cleaned for one line; `undefined` if it has none. */
export function nameOf(content: string): string | undefined {
  const profile = parseObject(content)
  for (const field of ["display_name", "name"]) {
    const value = profile[field]
    if (typeof value !== "string") continue
    const name = Array.from(oneLine(value)).slice(0, MAX_NAME).join("")
    if (name !== "") return name
  }
  return undefined
}

function parseObject(text: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {}
  } catch {
    return {}
  }
}
