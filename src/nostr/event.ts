// NIP-01: events, their ids and signatures; BIP-340 keys; NIP-44 encryption. Pure: no I/O, no state, no clock.

import { schnorr, secp256k1 } from "@noble/curves/secp256k1.js"
import { sha256 } from "@noble/hashes/sha2.js"
import { bytesToHex, hexToBytes as nobleHexToBytes, randomBytes } from "@noble/hashes/utils.js"
import { decrypt, encrypt, getConversationKey } from "nostr-tools/nip44"
import { RelayError, SignerError } from "./error.ts"

export { bytesToHex }

type Tags = readonly (readonly string[])[]

/** What a signer is asked to sign: an event without author, id and signature. */
export interface EventTemplate {
  /** Unix seconds. */
  readonly created_at: number
  /** 0..65535. */
  readonly kind: number
  readonly tags: Tags
  readonly content: string
}

/** The fields that the id covers. */
export interface UnsignedEvent extends EventTemplate {
  /** 64 lowercase hex characters: an x-only secp256k1 key. */
  readonly pubkey: string
}

/** An event that is never signed (NIP-59, Marmot application events). */
export interface Rumor extends UnsignedEvent {
  /** 64 lowercase hex characters. */
  readonly id: string
}

export interface NostrEvent extends Rumor {
  /** 128 lowercase hex characters: a BIP-340 signature over the 32 bytes of `id`. */
  readonly sig: string
}

export type RandomBytes = (length: number) => Uint8Array

/** What `parseEvent` accepts at most. A frame's size is limited before it is parsed. */
const eventLimits = { content: 8 * 1024 * 1024, tags: 16_384, tagValues: 4_096 } as const

/**
 * The event id: lowercase hex SHA-256 over `JSON.stringify([0, pubkey, created_at, kind, tags, content])` in UTF-8
 * (Marmot §2.1: C0 controls become `\u00xx`, everything else stays raw). Throws `RelayError` `invalid_event` for
 * lone surrogates, which other implementations cannot encode, and for numbers that are no integers in range.
 */
export function eventId(event: UnsignedEvent): string {
  return bytesToHex(eventHash(event))
}

/**
 * Reads one event out of untrusted JSON: shape and bounds only, neither id nor signature. The result is a new object
 * with the seven fields of NIP-01 and nothing else. Throws `RelayError` `invalid_event`.
 */
export function parseEvent(value: unknown): NostrEvent {
  const fields = record(value)
  const { id, sig } = fields
  if (!isHex32(id)) throw invalid("id")
  if (!isHex(sig, 64)) throw invalid("sig")
  return { ...unsigned(fields), id, sig }
}

/**
 * Reads an event without a signature out of untrusted JSON, and checks its id. A `sig` member is refused, whatever
 * it holds (NIP-59). Throws `RelayError` `invalid_event`.
 */
export function parseRumor(value: unknown): Rumor {
  const fields = record(value)
  if ("sig" in fields) throw new RelayError("invalid_event", "a rumor with a signature")
  const { id } = fields
  const event = unsigned(fields)
  if (!isHex32(id) || eventId(event) !== id) throw invalid("id")
  return { ...event, id }
}

/** Whether the id is the event's hash and the signature its author's. Computed afresh on every call; never throws. */
export function verifyEvent(event: NostrEvent): boolean {
  try {
    const hash = eventHash(event)
    if (bytesToHex(hash) !== event.id || !isHex(event.sig, 64)) return false
    return backEnd?.(event) === true || verifySchnorr(event.sig, hash, event.pubkey)
  } catch {
    return false
  }
}

/** True only for a signature that verifies (BIP-340), of an event whose fields are well-formed and whose id is right. */
export type SignatureCheck = (event: NostrEvent) => boolean

let backEnd: SignatureCheck | undefined

/** `verifyEvent` believes `check` from now on; what that one does not confirm is computed as before. */
export function verifyWith(check: SignatureCheck | undefined): void {
  backEnd = check
}

/** What a simulation puts in the place of curve arithmetic when it signs and wraps thousands of events. */
export interface UnsafeSigning {
  /** Of a valid secret key: 64 hex characters, its x-only public key. */
  publicKey(secretKey: Uint8Array): string
  /** Of 32 bytes: 128 hex characters, which a `SignatureCheck` of the same simulation has to know. */
  sign(message: Uint8Array, secretKey: Uint8Array): string
  /** NIP-44, 32 bytes, the same for both sides; `pubkey` is 64 hex characters. */
  conversationKey(secretKey: Uint8Array, pubkey: string): Uint8Array
  /** SHA-256 of `text` in UTF-8: the same as ours, by faster means than a browser has. */
  sha256(text: string): Uint8Array
}

let unsafeSigning: UnsafeSigning | undefined

/** Simulations only: keys and signatures come from `signing` from now on, secure or not. */
export function unsafeSignWith(signing: UnsafeSigning | undefined): void {
  unsafeSigning = signing
}

/** `parseEvent` and `verifyEvent` in one. Throws `RelayError` `invalid_event` or `invalid_signature`. */
export function parseVerifiedEvent(value: unknown): NostrEvent {
  const event = parseEvent(value)
  if (!verifyEvent(event)) throw new RelayError("invalid_signature", "wrong event id or signature")
  return event
}

/** Signs `template` into a new event; the template is left alone. Throws `invalid_event` and `SignerError` `invalid`. */
export function finalizeEvent(template: EventTemplate, secretKey: Uint8Array): NostrEvent {
  const { created_at, kind, content } = template
  const tags = template.tags.map((tag) => [...tag])
  const event = { pubkey: publicKeyOf(secretKey), created_at, kind, tags, content }
  const hash = eventHash(event)
  return { ...event, id: bytesToHex(hash), sig: signSchnorr(hash, secretKey) }
}

/** `event` with its id. Throws `RelayError` `invalid_event`. */
export function toRumor(event: UnsignedEvent): Rumor {
  const { pubkey, created_at, kind, content } = event
  const tags = event.tags.map((tag) => [...tag])
  return { id: eventId(event), pubkey, created_at, kind, tags, content }
}

/**
 * A BIP-340 signature of a 32-byte message, as 128 hex characters. `auxiliary` (32 bytes) is fresh randomness unless
 * a test vector fixes it. Throws `SignerError` `invalid`.
 */
export function signSchnorr(
  message: Uint8Array,
  secretKey: Uint8Array,
  auxiliary: Uint8Array = randomBytes(32),
): string {
  if (message.length !== 32) throw new SignerError("invalid", "a signed message has 32 bytes")
  if (unsafeSigning !== undefined) return unsafeSigning.sign(message, secretKey)
  try {
    return bytesToHex(schnorr.sign(message, secretKey, auxiliary))
  } catch {
    throw new SignerError("invalid", "not a secret key")
  }
}

/** BIP-340 verification: `signature` 128 hex, `message` 32 bytes, `pubkey` 64 hex. Never throws. */
export function verifySchnorr(signature: string, message: Uint8Array, pubkey: string): boolean {
  if (!isHex(signature, 64) || message.length !== 32 || !isHex32(pubkey)) return false
  return schnorr.verify(nobleHexToBytes(signature), message, nobleHexToBytes(pubkey))
}

/** Whether 32 bytes are the x coordinate of a point of secp256k1 (BIP-340 `lift_x`). Never throws. */
export function isLiftable(pubkey: Uint8Array): boolean {
  if (pubkey.length !== 32) return false
  try {
    schnorr.utils.lift_x(BigInt(`0x${bytesToHex(pubkey)}`))
    return true
  } catch {
    return false
  }
}

/** A new secret key: 32 bytes in 1..n-1. */
export function generateSecretKey(random: RandomBytes = randomBytes): Uint8Array {
  for (;;) {
    const key = random(32)
    if (secp256k1.utils.isValidSecretKey(key)) return key
  }
}

/** The x-only public key in hex. Throws `SignerError` `invalid` unless `secretKey` is 32 bytes in 1..n-1. */
export function publicKeyOf(secretKey: Uint8Array): string {
  try {
    if (unsafeSigning !== undefined) return unsafeSigning.publicKey(secretKey)
    return bytesToHex(schnorr.getPublicKey(secretKey))
  } catch {
    throw new SignerError("invalid", "not a secret key")
  }
}

/**
 * NIP-44 version 2. `text` is 1 byte or longer in UTF-8; `nonce` (32 bytes) is fresh unless a test vector fixes it.
 * Throws `SignerError` `invalid` for a bad key, an empty text or lone surrogates.
 */
export function nip44Encrypt(
  secretKey: Uint8Array,
  pubkey: string,
  text: string,
  nonce: Uint8Array = randomBytes(32),
): string {
  if (!isWellFormed(text)) throw new SignerError("invalid", "text with lone surrogates")
  if (text === "") throw new SignerError("invalid", "NIP-44 cannot encrypt an empty text")
  return encrypt(text, conversationKey(secretKey, pubkey), nonce)
}

/** Throws `SignerError` `invalid` for a bad key and `undecryptable` for a payload that does not open with it. */
export function nip44Decrypt(secretKey: Uint8Array, pubkey: string, payload: string): string {
  const key = conversationKey(secretKey, pubkey)
  if (payload.length > 2 * eventLimits.content) {
    throw new SignerError("undecryptable", "payload too large")
  }
  try {
    return decrypt(payload, key)
  } catch {
    throw new SignerError("undecryptable", "not a NIP-44 payload for this key")
  }
}

/** Lowercase hex only. Throws `RelayError` `invalid_hex`. */
export function hexToBytes(hex: string): Uint8Array {
  if (hex.length % 2 !== 0 || !isHex(hex, hex.length / 2))
    throw new RelayError("invalid_hex", "not lowercase hex")
  return nobleHexToBytes(hex)
}

/** 64 lowercase hex characters. */
export function isHex32(value: unknown): value is string {
  return isHex(value, 32)
}

/** The newest event wins; of two with one timestamp, the one with the lower id (NIP-01). Sorts newest first. */
export function compareEvents(a: Rumor, b: Rumor): number {
  if (a.created_at !== b.created_at) return b.created_at - a.created_at
  return a.id < b.id ? -1 : a.id > b.id ? 1 : 0
}

const invalid = (field: string) => new RelayError("invalid_event", `no valid ${field}`)

function isHex(value: unknown, bytes: number): value is string {
  return typeof value === "string" && value.length === 2 * bytes && /^[0-9a-f]*$/.test(value)
}

const isWellFormed = (text: string) => !/\p{Surrogate}/u.test(text)

function record(value: unknown): Record<string, unknown> {
  if (typeof value !== "object" || value === null) throw invalid("event object")
  return value as Record<string, unknown>
}

function unsigned(fields: Record<string, unknown>): UnsignedEvent {
  const { pubkey, created_at, kind, tags, content } = fields
  if (!isHex32(pubkey)) throw invalid("pubkey")
  if (!isTimestamp(created_at)) throw invalid("created_at")
  if (!isKind(kind)) throw invalid("kind")
  if (typeof content !== "string" || content.length > eventLimits.content || !isWellFormed(content))
    throw invalid("content")
  if (!Array.isArray(tags) || tags.length > eventLimits.tags) throw invalid("tags")
  return { pubkey, created_at, kind, tags: tags.map(tagOf), content }
}

function tagOf(tag: unknown): readonly string[] {
  if (!Array.isArray(tag) || tag.length > eventLimits.tagValues) throw invalid("tag")
  return tag.map((value: unknown) => {
    if (typeof value !== "string" || !isWellFormed(value)) throw invalid("tag value")
    return value
  })
}

function eventHash(event: UnsignedEvent): Uint8Array {
  const { pubkey, created_at, kind, tags, content } = event
  if (!isHex32(pubkey)) throw invalid("pubkey")
  if (!isTimestamp(created_at)) throw invalid("created_at")
  if (!isKind(kind)) throw invalid("kind")
  const json = JSON.stringify([0, pubkey, created_at, kind, tags, content])
  // JSON.stringify writes a lone surrogate, and nothing else, as \udxxx: look at the strings, not at the JSON.
  if (!isWellFormed(content) || !tags.every((tag) => tag.every(isWellFormed)))
    throw new RelayError("invalid_event", "text with lone surrogates")
  return unsafeSigning?.sha256(json) ?? sha256(encoder.encode(json))
}

const encoder = new TextEncoder()

const isTimestamp = (value: unknown): value is number =>
  Number.isSafeInteger(value) && Number(value) >= 0

const isKind = (value: unknown): value is number =>
  Number.isInteger(value) && Number(value) >= 0 && Number(value) <= 0xffff

function conversationKey(secretKey: Uint8Array, pubkey: string): Uint8Array {
  if (!isHex32(pubkey)) throw new SignerError("invalid", "not a public key")
  try {
    if (unsafeSigning !== undefined) return unsafeSigning.conversationKey(secretKey, pubkey)
    return getConversationKey(secretKey, pubkey)
  } catch {
    throw new SignerError("invalid", "not a key of secp256k1")
  }
}
