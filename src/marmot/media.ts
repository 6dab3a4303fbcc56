// Marmot encrypted media (marmot-wire §10.1, §10.2): references to attachments, and the key of each.

import { expand } from "@noble/hashes/hkdf.js"
import { sha256 } from "@noble/hashes/sha2.js"
import { isUnsafeHost } from "../nostr/host-safety.ts"
import { MarmotError } from "./error.ts"
import { isCanonicalMediaType } from "./media-type.ts"

/** `encrypted-media-v1` is read in old messages only; nobody makes it any more. */
export type MediaVersion = "encrypted-media-v1" | "encrypted-media-v2"

export interface MediaLocator {
  readonly kind: string
  /** A URL; whether it may be contacted is judged when fetching. */
  readonly value: string
}

/** An attachment as its sender describes it. The epoch of its key is that of the message that carries it. */
export interface MediaReference {
  readonly version: MediaVersion
  /** At least one; of unknown kinds too, which are skipped when fetching. */
  readonly locators: readonly MediaLocator[]
  /** SHA-256 of the blob, 64 hex as they stand. */
  readonly ciphertextSha256: string
  /** SHA-256 of the file, 64 hex as they stand. */
  readonly plaintextSha256: string
  /** 24 hex as they stand. */
  readonly nonce: string
  /** As the key binds it: v2 stands in that form, v1 is brought into its own. */
  readonly mediaType: string
  /** 1 to 255 bytes, never normalised. */
  readonly filename: string
  /** `undefined`: absent, which is not the same as empty. */
  readonly dim: string | undefined
  readonly thumbhash: string | undefined
}

const MAX_FILENAME = 255
const REPEATABLE = "locator"
const KEY_SUFFIX = "key"

/** What the key and the ciphertext of a file are bound to. */
export interface MediaBinding {
  /** SHA-256 of the file, 32 bytes. */
  readonly plaintextSha256: Uint8Array
  readonly mediaType: string
  readonly filename: string
}

/** Associated data of a blob: version, hash, type and name, with a zero byte between them. */
export function mediaAad(
  { plaintextSha256, mediaType, filename }: MediaBinding,
  version: MediaVersion = "encrypted-media-v2",
): Uint8Array {
  if (plaintextSha256.length !== 32) throw new MarmotError("misuse", "a hash has 32 bytes")
  return joined([utf8(version), plaintextSha256, utf8(mediaType), utf8(filename)])
}

/**
 * The ChaCha20-Poly1305 key of a file, 32 bytes: HKDF-Expand alone. `mediaSecret`: the exporter secret
 * `encrypted-media` of the message's source epoch, 32 bytes. The same file has the same key, so each encryption
 * needs a fresh nonce.
 */
export function mediaKey(
  mediaSecret: Uint8Array,
  binding: MediaBinding,
  version: MediaVersion = "encrypted-media-v2",
): Uint8Array {
  if (mediaSecret.length !== 32) throw new MarmotError("misuse", "a media secret has 32 bytes")
  return expand(sha256, mediaSecret, joined([mediaAad(binding, version), utf8(KEY_SUFFIX)]), 32)
}

/**
 * Reads an `imeta` tag. Throws `MarmotError` `invalid_attachment` for a reference that must be dropped: in v2 the
 * attachment alone, in v1 the message with it.
 */
export function parseMediaTag(tag: readonly string[]): MediaReference {
  const fields = fieldsOf(tag)
  const version = single(fields, "v")
  if (version !== "encrypted-media-v2" && version !== "encrypted-media-v1") {
    throw invalid("unknown version")
  }
  if (fields.has("blurhash")) throw invalid("a blurhash instead of a thumbhash")
  const reference: MediaReference = {
    version,
    locators: (fields.get(REPEATABLE) ?? []).map(locatorOf),
    ciphertextSha256: hexOf(single(fields, "ciphertext_sha256"), 32, "ciphertext_sha256"),
    plaintextSha256: hexOf(single(fields, "plaintext_sha256"), 32, "plaintext_sha256"),
    nonce: hexOf(single(fields, "nonce"), 12, "nonce"),
    mediaType: single(fields, "m"),
    filename: single(fields, "filename"),
    dim: optional(fields, "dim"),
    thumbhash: optional(fields, "thumbhash"),
  }
  if (reference.locators.length === 0) throw invalid("no locator")
  if (version === "encrypted-media-v1") return readV1(reference)
  checkV2(reference)
  return reference
}

/** Whether a tag claims to be of the frozen v1: if it is malformed, its message is not shown at all. */
export const isV1Tag = (tag: readonly string[]) =>
  tag[0] === "imeta" && tag.includes("v encrypted-media-v1")

/** The `imeta` tag of a v2 attachment. Throws `MarmotError` `invalid_attachment` for what no receiver would take. */
export function mediaTag(reference: MediaReference): string[] {
  const optionalField = (name: string, value: string | undefined) =>
    value === undefined ? [] : [`${name} ${value}`]
  const tag = [
    "imeta",
    `v ${reference.version}`,
    ...reference.locators.map(({ kind, value }) => `${REPEATABLE} ${kind} ${value}`),
    `ciphertext_sha256 ${reference.ciphertextSha256}`,
    `plaintext_sha256 ${reference.plaintextSha256}`,
    `nonce ${reference.nonce}`,
    `m ${reference.mediaType}`,
    `filename ${reference.filename}`,
    ...optionalField("dim", reference.dim),
    ...optionalField("thumbhash", reference.thumbhash),
  ]
  if (reference.version !== "encrypted-media-v2") throw invalid("a version that nobody makes")
  parseMediaTag(tag)
  return tag
}

function checkV2({ mediaType, filename }: MediaReference): void {
  if (!isCanonicalMediaType(mediaType)) throw invalid("a media type that is not canonical")
  const size = utf8(filename).length
  if (
    size < 1 ||
    size > MAX_FILENAME ||
    filename.includes("\0") ||
    /\p{Surrogate}/u.test(filename)
  ) {
    throw invalid("a file name that is not allowed")
  }
}

/** The frozen rules (§10.2): a looser type, a name with text in it, safe addresses that contain the blob's hash. */
function readV1(reference: MediaReference): MediaReference {
  const { filename, locators, ciphertextSha256 } = reference
  if (filename.trim() === "") throw invalid("a file name that is blank")
  const ofBlossom = locators.filter(({ kind }) => kind === "blossom-v1")
  const hash = ciphertextSha256.toLowerCase()
  if (!ofBlossom.every(({ value }) => value.toLowerCase().includes(hash))) {
    throw invalid("a locator of another blob")
  }
  if (!ofBlossom.every(({ value }) => isSafeAddress(value))) throw invalid("an unsafe address")
  return { ...reference, mediaType: looseMediaType(reference.mediaType) }
}

/** Only v1 makes safety a matter of validity, and what is not encrypted on its way unsafe. */
function isSafeAddress(value: string): boolean {
  const { protocol, hostname } = new URL(value)
  return protocol === "https:" && !isUnsafeHost(hostname)
}

/** §2.2: what v1 keeps, for whoever writes and whoever reads: cut, trim, lower case, a slash, one alias. */
function looseMediaType(text: string): string {
  const [essence = ""] = text.split(";", 1)
  const trimmed = essence.replace(/^[\t\n\f\r ]+|[\t\n\f\r ]+$/g, "")
  const lower = trimmed.replace(/[A-Z]/g, (letter) => letter.toLowerCase())
  if (!lower.includes("/")) throw invalid("no media type")
  return lower === "image/jpg" ? "image/jpeg" : lower
}

/** `name value` by name; everything but locators appears at most once, or readers would derive different keys. */
function fieldsOf(tag: readonly string[]): ReadonlyMap<string, readonly string[]> {
  if (tag[0] !== "imeta") throw invalid("not an imeta tag")
  const fields = new Map<string, string[]>()
  for (const field of tag.slice(1)) {
    const space = field.indexOf(" ")
    if (space < 1) throw invalid("a field without a value")
    const name = field.slice(0, space)
    const known = fields.get(name)
    if (known !== undefined && name !== REPEATABLE) throw invalid(`more than one ${name}`)
    fields.set(name, [...(known ?? []), field.slice(space + 1)])
  }
  return fields
}

function single(fields: ReadonlyMap<string, readonly string[]>, name: string): string {
  const value = optional(fields, name)
  if (value === undefined || value === "") throw invalid(`no ${name}`)
  return value
}

function optional(fields: ReadonlyMap<string, readonly string[]>, name: string) {
  return fields.get(name)?.[0]
}

function locatorOf(text: string): MediaLocator {
  const space = text.indexOf(" ")
  const locator = { kind: text.slice(0, Math.max(space, 0)), value: text.slice(space + 1) }
  if (locator.kind === "" || !URL.canParse(locator.value)) throw invalid("a locator that is no URL")
  const { protocol } = new URL(locator.value)
  if (locator.kind === "blossom-v1" && protocol !== "https:" && protocol !== "http:") {
    throw invalid("a Blossom locator of another scheme")
  }
  return locator
}

function hexOf(text: string, bytes: number, name: string): string {
  // Upper case is read, as elsewhere; what we write is lower case.
  if (text.length !== 2 * bytes || !/^[0-9a-fA-F]*$/.test(text)) throw invalid(`no valid ${name}`)
  return text
}

const utf8 = (text: string) => new TextEncoder().encode(text)

/** Parts with a zero byte between them. */
function joined(parts: readonly Uint8Array[]): Uint8Array {
  const bytes = parts.flatMap((part, i) => (i === 0 ? [...part] : [0, ...part]))
  return new Uint8Array(bytes)
}

function invalid(problem: string): MarmotError {
  return new MarmotError("invalid_attachment", problem)
}
