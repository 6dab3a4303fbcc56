// RFC 9420 §13.5, draft-ietf-mls-extensions-10 §5.1: GREASE, values that mean nothing, sent so that others keep ignoring them.

import {
  appDataDictionary,
  appDataExtension,
  componentIds,
  decodeComponentsList,
  encodeComponentsList,
} from "./app-data.ts"
import type { Extension } from "./extensions.ts"
import type { KeyPackageOptions } from "./key-package.ts"
import { extensionTypes } from "./registry.ts"

/** §13.5: 0x0A0A, 0x1A1A, …, 0xEAEA. */
export const greaseValues: readonly number[] = Array.from(
  { length: 15 },
  (_, i) => (i << 12) | (i << 4) | 0x0a0a,
)

/** Of components (draft §5.1) the values below 0x8000 alone: the others are for private use. */
const COMPONENTS = greaseValues.filter((value) => value < 0x8000)

/** Fresh random bytes, as `MlsCrypto.random`. */
type Random = (length: number) => Uint8Array

/**
 * The options with one GREASE value, chosen at random, in each list of the leaf's capabilities but the versions', in the
 * leaf's and the KeyPackage's extensions, in their dictionaries where they have one, and in the leaf dictionary's lists of
 * components.
 */
export function withGrease(random: Random, options: KeyPackageOptions): KeyPackageOptions {
  const { capabilities, leafExtensions = [], extensions = [] } = options
  const inLeaf = greaseExtension(random)
  const listed = (types: readonly number[]) => inserted(random, types, pick(random, greaseValues))
  return {
    ...options,
    capabilities: {
      ...capabilities,
      cipherSuites: listed(capabilities.cipherSuites),
      // §7.2: what the leaf has must be listed.
      extensions: inserted(random, capabilities.extensions, inLeaf.type),
      proposals: listed(capabilities.proposals),
      credentials: listed(capabilities.credentials),
    },
    leafExtensions: [...leafExtensions.map((each) => greased(random, each)), inLeaf],
    extensions: [...extensions.map((each) => greased(random, each)), greaseExtension(random)],
  }
}

/** An extension of a GREASE type with up to 15 random bytes, as for a GroupInfo. */
export function greaseExtension(random: Random): Extension {
  const [length = 0] = random(1)
  return { type: pick(random, greaseValues), data: random(length & 0x0f) }
}

/** A dictionary with an entry of a GREASE component, and one in each list; other extensions as they are. */
function greased(random: Random, extension: Extension): Extension {
  if (extension.type !== extensionTypes.appDataDictionary) return extension
  const dictionary = new Map(appDataDictionary([extension]))
  for (const id of [componentIds.appComponents, componentIds.safeAad]) {
    const list = dictionary.get(id)
    if (list === undefined) continue
    const components = [...decodeComponentsList(list), pick(random, COMPONENTS)]
    dictionary.set(id, encodeComponentsList(components))
  }
  return appDataExtension(dictionary.set(pick(random, COMPONENTS), random(4)))
}

function pick(random: Random, values: readonly number[]): number {
  const [byte = 0] = random(1)
  return values[byte % values.length] ?? 0x0a0a
}

function inserted(random: Random, types: readonly number[], type: number): number[] {
  const [byte = 0] = random(1)
  const at = byte % (types.length + 1)
  return types.includes(type) ? [...types] : types.toSpliced(at, 0, type)
}
