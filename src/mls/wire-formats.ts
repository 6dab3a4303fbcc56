// draft-ietf-mls-extensions-10 §5: wire formats beyond RFC 9420's five, supported by leaves and required by groups.

import { decode, encode } from "./codec.ts"
import { type Extension, decodeTypes, encodeTypes, findExtension } from "./extensions.ts"
import { extensionTypes, wireFormats } from "./registry.ts"

/** The five of RFC 9420 are supported without being listed. */
const DEFAULT: ReadonlySet<number> = new Set(Object.values(wireFormats))

/** The extension of a leaf that says which wire formats its client supports. */
export function supportedWireFormats(formats: readonly number[]): Extension {
  return { type: extensionTypes.supportedWireFormats, data: encode(encodeTypes, formats) }
}

/** The extension of a GroupContext that says which wire formats every member must support. */
export function requiredWireFormats(formats: readonly number[]): Extension {
  return { type: extensionTypes.requiredWireFormats, data: encode(encodeTypes, formats) }
}

/** What the group requires and the leaf does not support. Throws `MlsError` `decode`. */
export function missingWireFormats(
  groupExtensions: readonly Extension[],
  leafExtensions: readonly Extension[],
): number[] {
  const required = formatsOf(groupExtensions, extensionTypes.requiredWireFormats)
  if (required.length === 0) return []
  const supported = new Set(formatsOf(leafExtensions, extensionTypes.supportedWireFormats))
  return required.filter((format) => !DEFAULT.has(format) && !supported.has(format))
}

function formatsOf(extensions: readonly Extension[], type: number): readonly number[] {
  const found = findExtension(extensions, type)
  return found === undefined ? [] : decode(decodeTypes, found.data)
}
