// Marmot transport §7.7: what relays hold of our own: profile, relay lists, KeyPackages; and which relays said so.

import type { NostrEvent } from "../nostr/event.ts"
import { INBOX_LIST_KIND, parseRelayList, RELAY_LIST_KIND } from "../nostr/relay-lists.ts"
import { KEY_PACKAGE_KIND, newest, PROFILE_KIND } from "./directory.ts"
import type { World } from "./ports.ts"

const QUERY_MS = 8_000
/** Lists may name relays that have newer lists. */
const MAX_HOPS = 3

export interface Published {
  readonly events: readonly NostrEvent[]
  /** Ids of what each relay that answered holds. */
  readonly held: ReadonlyMap<string, ReadonlySet<string>>
  /** Relays that were asked and did not answer: they may hold what nobody else does. */
  readonly silent: readonly string[]
}

/** Asks `homes`, and then the relays that the answers name. Never rejects. */
export async function askForOwn(
  world: World,
  pubkey: string,
  homes: readonly string[],
): Promise<Published> {
  const kinds = [PROFILE_KIND, RELAY_LIST_KIND, INBOX_LIST_KIND, KEY_PACKAGE_KIND]
  const filter = { kinds, authors: [pubkey] }
  const events = new Map<string, NostrEvent>()
  const held = new Map<string, ReadonlySet<string>>()
  const silent: string[] = []
  let next: readonly string[] = [...new Set(homes)]
  for (let hop = 0; hop < MAX_HOPS && next.length > 0; hop++) {
    await Promise.all(
      next.map(async (url) => {
        const found = await world.pool.query([url], [filter], { timeoutMs: QUERY_MS })
        found.events.forEach((event) => events.set(event.id, event))
        if (found.answered.length === 0) silent.push(url)
        else held.set(url, new Set(found.events.map(({ id }) => id)))
      }),
    )
    const list = newest([...events.values()], RELAY_LIST_KIND, pubkey)
    const named = list === undefined ? [] : parseRelayList(list).write
    next = named.filter((url) => !held.has(url) && !silent.includes(url))
  }
  return { events: [...events.values()], held, silent }
}
