// Marmot Nostr transport, Welcome (marmot-wire §7.5): the kind 444 rumor inside of a gift wrap.

import { decodeMlsMessage, wireFormats } from "../mls/index.ts"
import { isHex32, type Rumor, toRumor } from "../nostr/event.ts"
import { isRelayUrl } from "../nostr/relay-url.ts"
import { fromBase64, toBase64 } from "./base64.ts"
import { MarmotError } from "./error.ts"
import { kinds } from "./registry.ts"

export const WELCOME_KIND = kinds.welcome

const MAX_RELAYS = 16

export interface WelcomeToSend {
  /** Account of the inviter, 64 hex. */
  readonly pubkey: string
  /** Seconds. */
  readonly createdAt: number
  /** MLSMessage with a Welcome. */
  readonly welcome: Uint8Array
  readonly keyPackageEventId: string
  readonly relays: readonly string[]
}

/** Throws what `parseWelcomeRumor` would throw at the receiver. */
export function welcomeRumor(params: WelcomeToSend): Rumor {
  const rumor = toRumor({
    pubkey: params.pubkey,
    created_at: params.createdAt,
    kind: kinds.welcome,
    tags: [
      ["e", params.keyPackageEventId],
      ["relays", ...params.relays.slice(0, MAX_RELAYS)],
    ],
    content: toBase64(params.welcome),
  })
  parseWelcomeRumor(rumor)
  return rumor
}

export interface ReceivedWelcome {
  /** MLSMessage with a Welcome. */
  readonly welcome: Uint8Array
  /** Only a claim; the Welcome itself says which KeyPackage it is for. */
  readonly keyPackageEventId: string
  readonly relays: readonly string[]
}

/** Throws `MarmotError` `invalid_event` or `invalid_encoding`, or `MlsError` for content that is no MLSMessage. */
export function parseWelcomeRumor(rumor: Rumor): ReceivedWelcome {
  if (rumor.kind !== kinds.welcome) throw new MarmotError("invalid_event", "not a Welcome")
  const [keyPackageEventId, ...moreIds] = valuesOf(rumor, "e")
  const relays = valuesOf(rumor, "relays")
  if (!isHex32(keyPackageEventId) || moreIds.length > 0) {
    throw new MarmotError("invalid_event", "a Welcome names one KeyPackage event")
  }
  const bounded = relays.length >= 1 && relays.length <= MAX_RELAYS
  if (!bounded || !relays.every(isRelayUrl) || new Set(relays).size !== relays.length) {
    throw new MarmotError("invalid_event", "a Welcome names 1 to 16 relays")
  }
  const welcome = fromBase64(rumor.content)
  if (decodeMlsMessage(welcome).wireFormat !== wireFormats.welcome) {
    throw new MarmotError("invalid_event", "the content is another message than a Welcome")
  }
  return { welcome, keyPackageEventId, relays }
}

/** The values of a tag that must be there exactly once. */
function valuesOf(rumor: Rumor, name: string): readonly string[] {
  const [tag, ...more] = rumor.tags.filter((candidate) => candidate[0] === name)
  if (tag === undefined || more.length > 0) {
    throw new MarmotError("invalid_event", `a Welcome has one ${name} tag`)
  }
  return tag.slice(1)
}
