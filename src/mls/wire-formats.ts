// draft-ietf-mls-extensions-10 §5: wire formats beyond RFC 9420's five, supported by leaves and required by groups.

import { decode, encode } from "./codec.ts"
import { type Extension, decodeTypes, encodeTypes, findExtension, readOnce } from "./extensions.ts"
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
  const group = findExtension(groupExtensions, extensionTypes.requiredWireFormats)
  const required = group === undefined ? [] : beyondDefault(group)
  if (required.length === 0) return []
  const leaf = findExtension(leafExtensions, extensionTypes.supportedWireFormats)
  const supported = new Set(leaf === undefined ? [] : decode(decodeTypes, leaf.data))
  return required.filter((format) => !supported.has(format))
}

/** Each once: whoever wrote them may have written one thousands of times. */
const beyondDefault = readOnce((data) =>
  [...new Set(decode(decodeTypes, data))].filter((format) => !DEFAULT.has(format)),
)
