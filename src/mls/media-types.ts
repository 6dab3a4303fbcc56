// draft-ietf-mls-extensions-10 §6.2: which media types members understand, and the framing that names one in each message.

import { appDataDictionary, componentIds } from "./app-data.ts"
import { type Decoder, type Encoder, decode, encode } from "./codec.ts"
import { MlsError } from "./error.ts"
import type { Extension } from "./extensions.ts"

/** `MediaType`: an IANA media type in UTF-8, and its parameters without quotes and escapes. */
export interface MediaType {
  /** As in "text/plain"; empty in a message: the first type that the group requires. */
  readonly type: string
  readonly parameters?: readonly MediaTypeParameter[]
}

/** A parameter of a media type, as "charset" is one of "text/plain". */
export interface MediaTypeParameter {
  readonly name: string
  readonly value: string
}

/** `MediaTypeList`, the data of a content_media_types component. Throws `MlsError` `misuse` for an empty list. */
export function encodeMediaTypes(types: readonly MediaType[]): Uint8Array {
  if (types.length === 0) throw new MlsError("misuse", "no media type")
  return encode<readonly MediaType[]>((writer, value) => {
    writer.vector(value, encodeMediaType)
  }, types)
}

/** Throws `MlsError` `decode`, also for an empty list: it "must contain at least one item". */
export function decodeMediaTypes(data: Uint8Array): MediaType[] {
  const types = decode((reader) => reader.vector(decodeMediaType), data)
  if (types.length === 0) throw new MlsError("decode", "a list of no media types")
  return types
}

/** The content_media_types of a leaf or a GroupContext; `undefined`: it says nothing. Throws `MlsError` `decode`. */
export function contentMediaTypes(extensions: readonly Extension[]): MediaType[] | undefined {
  const data = appDataDictionary(extensions)?.get(componentIds.contentMediaTypes)
  return data === undefined ? undefined : decodeMediaTypes(data)
}

/** Types that the group requires and the leaf does not list, compared without their parameters and by lower case. */
export function missingMediaTypes(
  groupExtensions: readonly Extension[],
  leafExtensions: readonly Extension[],
): MediaType[] {
  const supported = new Set((contentMediaTypes(leafExtensions) ?? []).map(essence))
  return (contentMediaTypes(groupExtensions) ?? []).filter((type) => !supported.has(essence(type)))
}

/** Application data with its media type. */
export interface FramedApplicationData {
  /** `undefined` in a group that does not frame application data. */
  readonly mediaType: MediaType | undefined
  readonly content: Uint8Array
}

/**
 * What to encrypt as application data. In a group with content_media_types it is an `ApplicationFraming`, where no
 * media type means the first that the group requires; in others it is `content` itself. Throws `MlsError` `misuse` for a
 * media type in a group that can't say it.
 */
export function frameApplicationData(
  groupExtensions: readonly Extension[],
  content: Uint8Array,
  mediaType?: MediaType,
): Uint8Array {
  if (contentMediaTypes(groupExtensions) === undefined) {
    if (mediaType !== undefined) throw new MlsError("misuse", "the group names no media types")
    return content
  }
  return encode<MediaType>(
    (writer, type) => {
      encodeMediaType(writer, type)
      writer.opaque(content)
    },
    mediaType ?? { type: "" },
  )
}

/** The reverse. Throws `MlsError` `decode` for data that is no `ApplicationFraming` in a group that has it. */
export function readApplicationData(
  groupExtensions: readonly Extension[],
  data: Uint8Array,
): FramedApplicationData {
  const required = contentMediaTypes(groupExtensions)
  if (required === undefined) return { mediaType: undefined, content: data }
  const { mediaType, content } = decode(decodeFraming, data)
  // "The media_type.type MAY be zero length": the first type of the GroupContext.
  return { mediaType: mediaType.type === "" ? required[0] : mediaType, content }
}

const encodeMediaType: Encoder<MediaType> = (writer, value) => {
  writer.opaque(utf8(value.type))
  writer.vector(value.parameters ?? [], (w, parameter) => {
    w.opaque(utf8(parameter.name))
    w.opaque(utf8(parameter.value))
  })
}

const decodeMediaType: Decoder<MediaType> = (reader) => ({
  type: text(reader.opaque()),
  parameters: reader.vector((r) => ({ name: text(r.opaque()), value: text(r.opaque()) })),
})

const decodeFraming: Decoder<{ mediaType: MediaType; content: Uint8Array }> = (reader) => ({
  mediaType: decodeMediaType(reader),
  content: reader.opaque(),
})

function essence({ type }: MediaType): string {
  return type.toLowerCase()
}

function utf8(value: string): Uint8Array {
  return new TextEncoder().encode(value)
}

function text(bytes: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch {
    throw new MlsError("decode", "a media type that is no UTF-8")
  }
}
