// Marmot Nostr transport, kind 445 (marmot-wire §7.3, §7.4): an MLSMessage under the epoch's outer key.

import { chacha20poly1305 } from "@noble/ciphers/chacha.js"
import { finalizeEvent, generateSecretKey, isHex32, type NostrEvent } from "../nostr/event.ts"
import { fromBase64, toBase64 } from "./base64.ts"
import { MarmotError } from "./error.ts"
import { kinds } from "./registry.ts"

const NONCE_SIZE = 12
const TAG_SIZE = 16
const MAX_EXPIRATION = 0xffffffffffffffffn

export interface GroupEventToSeal {
  /** 32 bytes: the exporter key of the message's source epoch. */
  readonly key: Uint8Array
  /** MLSMessage. */
  readonly message: Uint8Array
  /** 64 hex. */
  readonly nostrGroupId: string
  /** Seconds. */
  readonly createdAt: number
  /** Only for application messages of groups with retention. */
  readonly expiration?: bigint
  readonly random: (length: number) => Uint8Array
}

/** An event signed by a key that is made for it and forgotten: nothing ties it to its author. */
export function sealGroupEvent(params: GroupEventToSeal): NostrEvent {
  const nonce = params.random(NONCE_SIZE)
  const sealed = chacha20poly1305(params.key, nonce).encrypt(params.message)
  const content = new Uint8Array(NONCE_SIZE + sealed.length)
  content.set(nonce)
  content.set(sealed, NONCE_SIZE)
  const { expiration } = params
  return finalizeEvent(
    {
      kind: kinds.groupMessage,
      created_at: params.createdAt,
      tags: [
        ["h", params.nostrGroupId],
        ...(expiration === undefined ? [] : [["expiration", expiration.toString()]]),
      ],
      content: toBase64(content),
    },
    generateSecretKey(params.random),
  )
}

/** A well-formed event that is still to be opened. */
export interface GroupEventPayload {
  readonly nostrGroupId: string
  readonly nonce: Uint8Array
  readonly ciphertext: Uint8Array
}

/** Checks the tag table and the encoding. Throws `MarmotError` `invalid_event` or `invalid_encoding`. */
export function parseGroupEvent(event: NostrEvent): GroupEventPayload {
  if (event.kind !== kinds.groupMessage)
    throw new MarmotError("invalid_event", "not a group message")
  const nostrGroupId = addressOf(event)
  const content = fromBase64(event.content)
  if (content.length < NONCE_SIZE + TAG_SIZE) {
    throw new MarmotError("invalid_encoding", "a group message of fewer than 28 bytes")
  }
  const nonce = content.subarray(0, NONCE_SIZE)
  return { nostrGroupId, nonce, ciphertext: content.subarray(NONCE_SIZE) }
}

/** The MLSMessage bytes, or `undefined` if `key` (32 bytes) is not the one. */
export function openGroupEvent(
  key: Uint8Array,
  payload: GroupEventPayload,
): Uint8Array | undefined {
  try {
    return chacha20poly1305(key, payload.nonce).decrypt(payload.ciphertext)
  } catch {
    return undefined
  }
}

/** Exactly one `h`, at most one `expiration`, and no other tag (§7.1). */
function addressOf(event: NostrEvent): string {
  const found = new Map<string, string>()
  for (const [name, value, ...more] of event.tags) {
    if (name === undefined || value === undefined || more.length > 0 || found.has(name))
      throw invalidTags()
    if (name !== "h" && name !== "expiration") throw invalidTags()
    found.set(name, value)
  }
  const address = found.get("h")
  const expiration = found.get("expiration")
  if (!isHex32(address)) throw invalidTags()
  if (expiration !== undefined && !isU64(expiration)) throw invalidTags()
  return address
}

function invalidTags(): MarmotError {
  return new MarmotError("invalid_event", "the tags of a group message are not as they must be")
}

function isU64(text: string): boolean {
  return /^(0|[1-9]\d{0,19})$/.test(text) && BigInt(text) <= MAX_EXPIRATION
}
