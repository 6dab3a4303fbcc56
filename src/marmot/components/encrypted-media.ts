// Marmot components 0x800b, marmot.group.encrypted-media.v2, and the frozen 0x8008 of the same shape.

import { type Decoder, type Encoder } from "../../mls/index.ts"
import { isUnsafeHost } from "../../nostr/host-safety.ts"
import { type ComponentCodec, componentCodec, readText, utf8 } from "./codec.ts"

export interface BlobEndpoint {
  readonly locatorKind: string
  /** http(s), as the WHATWG URL parser writes it, without credentials, query or fragment; at most 2,048 bytes. */
  readonly baseUrl: string
}

export interface EncryptedMediaPolicy {
  readonly mediaFormat: string
  /** 1 to 16, unique, in the producer's order. */
  readonly allowedLocatorKinds: readonly string[]
  /** 1 to 16, unique, in the producer's order. */
  readonly defaultBlobEndpoints: readonly BlobEndpoint[]
}

const MAX_ITEMS = 16
const MAX_URL = 2048
const KIND = /^[a-z0-9-]{1,64}$/

const encoder: Encoder<EncryptedMediaPolicy> = (writer, state) => {
  writer.opaque(utf8(state.mediaFormat))
  writer.vector(state.allowedLocatorKinds, (w, kind) => w.opaque(utf8(kind)))
  writer.vector(state.defaultBlobEndpoints, (w, endpoint) => {
    w.opaque(utf8(endpoint.locatorKind))
    w.opaque(utf8(endpoint.baseUrl))
  })
}

const decoder: Decoder<EncryptedMediaPolicy> = (reader) => ({
  mediaFormat: readText(reader),
  allowedLocatorKinds: reader.vector(readText),
  defaultBlobEndpoints: reader.vector((r) => ({ locatorKind: readText(r), baseUrl: readText(r) })),
})

function policyCodec(
  format: string,
  isEndpoint: (url: string) => boolean,
): ComponentCodec<EncryptedMediaPolicy> {
  return componentCodec("encrypted media", encoder, decoder, (state) => {
    const { allowedLocatorKinds: allowed, defaultBlobEndpoints: endpoints } = state
    if (state.mediaFormat !== format) return "another media format"
    if (!isBounded(allowed) || !allowed.every((kind) => KIND.test(kind))) return "locator kinds"
    const urls = endpoints.map(({ locatorKind, baseUrl }) => `${locatorKind} ${baseUrl}`)
    if (!isBounded(urls)) return "too few, too many or repeated endpoints"
    if (!endpoints.every(({ locatorKind }) => allowed.includes(locatorKind))) {
      return "an endpoint of a kind that is not allowed"
    }
    return endpoints.every(({ baseUrl }) => isEndpoint(baseUrl))
      ? undefined
      : "an endpoint's address"
  })
}

function isBounded(items: readonly string[]): boolean {
  return items.length >= 1 && items.length <= MAX_ITEMS && new Set(items).size === items.length
}

/** Reachability and safety of the host never decide validity in v2. */
function isBaseUrl(text: string): boolean {
  if (utf8(text).length > MAX_URL || /[?#]/.test(text) || !URL.canParse(text)) return false
  const url = new URL(text)
  const plain = url.username === "" && url.password === "" && url.hostname !== ""
  return ["http:", "https:"].includes(url.protocol) && plain && url.href === text
}

/** In the frozen form they do: encrypted and public, or on this machine (§6.9). */
function isFrozenBaseUrl(text: string): boolean {
  if (!isBaseUrl(text)) return false
  const { protocol, hostname } = new URL(text)
  if (protocol === "https:") return !isUnsafeHost(hostname)
  return /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])$/.test(hostname)
}

const v2 = policyCodec("encrypted-media-v2", isBaseUrl)
const v1 = policyCodec("encrypted-media-v1", isFrozenBaseUrl)

export const encodeEncryptedMedia = v2.encode
export const decodeEncryptedMedia = v2.decode
/** The frozen form, to read old groups. */
export const decodeEncryptedMediaV1 = v1.decode
