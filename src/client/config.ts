// `burrow.json`, beside the page: which relays and media servers to use unless the user says otherwise.

import { isServerUrl } from "../nostr/blossom.ts"
import { isRelayUrl } from "../nostr/relay-url.ts"

export interface Config {
  readonly relays: readonly string[]
  /** Base URLs of Blossom servers, for encrypted files. */
  readonly blossom: readonly string[]
}

/** For a copy that is served without a configuration. */
const publicRelays = ["wss://relay.damus.io", "wss://nos.lol", "wss://relay.primal.net"]

/** The servers that other Marmot clients use as well. */
const publicServers = [
  "https://blossom.divine.video/",
  "https://blossom.ditto.pub/",
  "https://cdn.hzrd149.com/",
]

const MAX_RELAYS = 16
const MAX_SERVERS = 5

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
  const listed: unknown =
    typeof value === "object" && value !== null && "blossom" in value ? value.blossom : undefined
  const blossom = Array.isArray(listed)
    ? listed.filter(isServer).slice(0, MAX_SERVERS)
    : publicServers
  return { relays: relays.length > 0 ? relays : publicRelays, blossom }
}

const isServer = (url: unknown): url is string => typeof url === "string" && isServerUrl(url)

const isUsable = (url: unknown): url is string => typeof url === "string" && isRelayUrl(url)
