// Marmot component 0x8002 (marmot-wire §6.3): the image that it points to, sealed and opened.

import { chacha20poly1305 } from "@noble/ciphers/chacha.js"
import { sha256 } from "@noble/hashes/sha2.js"
import { type GroupState, leafNodeOf } from "../mls/index.ts"
import { bytesToHex, generateSecretKey } from "../nostr/event.ts"
import { leafComponents } from "./capabilities.ts"
import { decodeAvatarUrl } from "./components/avatar-url.ts"
import { type BlossomImage, decodeBlossomImage } from "./components/blossom-image.ts"
import { MarmotError } from "./error.ts"
import { factsOf } from "./group-facts.ts"
import { isCanonicalMediaType } from "./media-type.ts"
import { componentIds } from "./registry.ts"

const CONTEXT = "marmot-group-image-v1"

const empty = new Uint8Array()
/** A group without an image. */
export const noImage: BlossomImage = {
  imageHash: empty,
  imageKey: empty,
  imageNonce: empty,
  imageUploadKey: empty,
  mediaType: "",
}

/** An image under a fresh key and nonce, with a fresh Nostr key to upload it by: never the account's. */
export function sealGroupImage(params: {
  readonly bytes: Uint8Array
  readonly mediaType: string
  readonly random: (length: number) => Uint8Array
}): { readonly image: BlossomImage; readonly blob: Uint8Array } {
  const { bytes, mediaType, random } = params
  if (!isCanonicalMediaType(mediaType)) throw new MarmotError("misuse", "not a media type")
  const imageKey = random(32)
  const imageNonce = random(12)
  const blob = chacha20poly1305(imageKey, imageNonce, aadOf(mediaType)).encrypt(bytes)
  const imageUploadKey = generateSecretKey(random)
  const image = { imageHash: sha256(blob), imageKey, imageNonce, imageUploadKey, mediaType }
  return { image, blob }
}

/** The image in `blob`, its hash verified. Throws `MarmotError` `unavailable_attachment`. */
export function openGroupImage(image: BlossomImage, blob: Uint8Array): Uint8Array {
  if (bytesToHex(sha256(blob)) !== bytesToHex(image.imageHash)) {
    throw new MarmotError("unavailable_attachment", "another image than was set")
  }
  try {
    const { imageKey, imageNonce, mediaType } = image
    return chacha20poly1305(imageKey, imageNonce, aadOf(mediaType)).decrypt(blob)
  } catch {
    throw new MarmotError("unavailable_attachment", "the image does not open")
  }
}

export interface GroupAvatar {
  /** The encrypted image, if there is one. */
  readonly image: BlossomImage | undefined
  /** Component 0x8007: comes before the image (§6.8). It is not fetched unasked: that would show who reads. */
  readonly url: string | undefined
}

export function avatarOf(state: GroupState): GroupAvatar {
  const { components } = factsOf(state)
  const stored = components.get(componentIds.blossomImage)
  const address = components.get(componentIds.avatarUrl)
  const image = stored === undefined ? noImage : decodeBlossomImage(stored)
  const url = address === undefined ? "" : decodeAvatarUrl(address).url
  return {
    image: image.imageHash.length === 0 ? undefined : image,
    url: url === "" ? undefined : url,
  }
}

/** Two states show the same picture. */
export function sameAvatar(before: GroupState, after: GroupState): boolean {
  const [a, b] = [before, after].map(avatarOf)
  const hash = (avatar: GroupAvatar | undefined) =>
    avatar?.image === undefined ? "" : bytesToHex(avatar.image.imageHash)
  return a?.url === b?.url && hash(a) === hash(b)
}

/** Every member's app knows the component that a picture stands in. */
export function canHavePicture(state: GroupState, component: number): boolean {
  return factsOf(state).leaves.every(({ leafIndex }) =>
    leafComponents(leafNodeOf(state, leafIndex)).includes(component),
  )
}

function aadOf(mediaType: string): Uint8Array {
  return new TextEncoder().encode(`${CONTEXT}\0${mediaType}`)
}
