// Marmot component 0x8002, marmot.group.blossom.image.v1: an encrypted group image on a Blossom server.

import { isCanonicalMediaType } from "../media-type.ts"
import { componentCodec, readText, utf8 } from "./codec.ts"

/** All fields empty: no image. */
export interface BlossomImage {
  /** SHA-256 of the encrypted blob, 32 bytes. */
  readonly imageHash: Uint8Array
  /** 32 bytes. */
  readonly imageKey: Uint8Array
  /** 12 bytes. */
  readonly imageNonce: Uint8Array
  /** A Nostr secret key made for this upload, 32 bytes. */
  readonly imageUploadKey: Uint8Array
  readonly mediaType: string
}

const codec = componentCodec<BlossomImage>(
  "group image",
  (writer, state) => {
    writer.opaque(state.imageHash)
    writer.opaque(state.imageKey)
    writer.opaque(state.imageNonce)
    writer.opaque(state.imageUploadKey)
    writer.opaque(utf8(state.mediaType))
  },
  (reader) => ({
    imageHash: reader.opaque(),
    imageKey: reader.opaque(),
    imageNonce: reader.opaque(),
    imageUploadKey: reader.opaque(),
    mediaType: readText(reader),
  }),
  (state) => {
    const sizes = [state.imageHash, state.imageKey, state.imageNonce, state.imageUploadKey]
    const lengths = sizes.map((field) => field.length).join()
    if (lengths === "0,0,0,0" && state.mediaType === "") return undefined
    if (lengths !== "32,32,12,32") return "fields that are neither all there nor all empty"
    if (!isCanonicalMediaType(state.mediaType)) return "a media type that is not canonical"
    return undefined
  },
)

export const encodeBlossomImage = codec.encode
export const decodeBlossomImage = codec.decode
