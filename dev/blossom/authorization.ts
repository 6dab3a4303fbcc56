// BUD-11: kind 24242 events that authorize a request to a Blossom server.

import { parseVerifiedEvent } from "../../src/nostr/event.ts"

const AUTHORIZATION_KIND = 24242
/** Seconds that a client's clock may be ahead. */
const CLOCK_SKEW = 60

export interface Demand {
  readonly verb: "upload" | "delete" | "list"
  /** The blob's hash, 64 hex; absent where a request names none. */
  readonly sha256?: string
  /** Host name of this server. */
  readonly host: string
  /** Unix seconds. */
  readonly now: number
}

export type Verdict =
  | { readonly pubkey: string; readonly problem?: undefined }
  | { readonly pubkey?: undefined; readonly problem: string }

/** Who has signed for what is demanded, or why the header does not allow it. */
export function authorize(header: string | undefined, demand: Demand): Verdict {
  const encoded = /^Nostr ([A-Za-z0-9+/_-]+={0,2})$/.exec(header ?? "")?.[1]
  if (encoded === undefined) return { problem: "Authorization missing" }
  try {
    // Buffer reads both alphabets of base64, padded or not.
    const text = Buffer.from(encoded, "base64").toString("utf8")
    const { kind, created_at, tags, pubkey } = parseVerifiedEvent(JSON.parse(text))
    const values = (name: string) => tags.flatMap(([tag, value]) => (tag === name ? [value] : []))
    const expiration = Number(values("expiration")[0])
    const hashes = values("x")
    const servers = values("server")
    if (kind !== AUTHORIZATION_KIND) return { problem: "wrong kind" }
    if (created_at > demand.now + CLOCK_SKEW) return { problem: "from the future" }
    if (!(expiration > demand.now)) return { problem: "expired" }
    if (values("t")[0] !== demand.verb) return { problem: `not for ${demand.verb}` }
    if (demand.sha256 !== undefined && !hashes.includes(demand.sha256)) {
      return { problem: "not for this blob" }
    }
    if (servers.length > 0 && !servers.includes(demand.host)) {
      return { problem: "not for this server" }
    }
    return { pubkey }
  } catch {
    return { problem: "not a valid event" }
  }
}
