// `burrow.json`, beside the page: which relays to use unless the user says otherwise.

import { isRelayUrl } from "../nostr/relay-url.ts"

export interface Config {
  readonly relays: readonly string[]
}

/** For a copy that is served without a configuration. */
const publicRelays = ["wss://relay.damus.io", "wss://nos.lol", "wss://relay.primal.net"]

const MAX_RELAYS = 16

/** Never rejects: a missing or broken file means the public relays. */
export async function loadConfig(url: string): Promise<Config> {
  try {
    const response = await fetch(url, { cache: "no-cache" })
    return parseConfig(response.ok ? await response.json() : undefined)
  } catch {
    return parseConfig(undefined)
  }
}

export function parseConfig(value: unknown): Config {
  const given: unknown =
    typeof value === "object" && value !== null && "relays" in value ? value.relays : undefined
  const relays = Array.isArray(given) ? given.filter(isUsable).slice(0, MAX_RELAYS) : []
  return { relays: relays.length > 0 ? relays : publicRelays }
}

const isUsable = (url: unknown): url is string => typeof url === "string" && isRelayUrl(url)
