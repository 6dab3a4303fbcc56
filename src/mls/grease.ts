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
import type { Capabilities } from "./leaf-node.ts"
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

/** What a leaf says of itself: as in a `LeafNode`, and the changes of one. */
export interface LeafContents {
  readonly capabilities: Capabilities
  readonly extensions: readonly Extension[]
}

/** A KeyPackage's options with GREASE in its leaf (`greasedLeaf`) and its own extensions (`greasedExtensions`). */
export function withGrease(random: Random, options: KeyPackageOptions): KeyPackageOptions {
  const { capabilities, leafExtensions = [], extensions = [] } = options
  const leaf = greasedLeaf(random, { capabilities, extensions: leafExtensions })
  return {
    ...options,
    capabilities: leaf.capabilities,
    leafExtensions: leaf.extensions,
    extensions: greasedExtensions(random, extensions),
  }
}

/**
 * For a leaf that is made by hand, as an external joiner's, or to replace one, with one GREASE value, chosen at random, in
 * each list of the capabilities but the versions', in the extensions, in their dictionary if they have one, and in its
 * lists of components. Those of before go.
 */
export function greasedLeaf(
  random: Random,
  { capabilities, extensions }: LeafContents,
): LeafContents {
  const listed = (types: readonly number[], type = pick(random, greaseValues)) =>
    inserted(random, withoutGrease(types), type)
  const own = greaseExtension(random)
  return {
    capabilities: {
      ...capabilities,
      cipherSuites: listed(capabilities.cipherSuites),
      // §7.2: what the leaf has must be listed.
      extensions: listed(capabilities.extensions, own.type),
      proposals: listed(capabilities.proposals),
      credentials: listed(capabilities.credentials),
    },
    extensions: [...meaningful(extensions).map((each) => greased(random, each)), own],
  }
}

/** The extensions of a KeyPackage or GroupInfo with one of a GREASE type, and one in their dictionary if they have one. */
export function greasedExtensions(random: Random, extensions: readonly Extension[]): Extension[] {
  return [...meaningful(extensions).map((each) => greased(random, each)), greaseExtension(random)]
}

/** Of a GREASE type with up to 15 random bytes. */
function greaseExtension(random: Random): Extension {
  const [length = 0] = random(1)
  return { type: pick(random, greaseValues), data: random(length & 0x0f) }
}

/** A dictionary with an entry of a GREASE component, and one in each list; other extensions as they are. */
function greased(random: Random, extension: Extension): Extension {
  if (extension.type !== extensionTypes.appDataDictionary) return extension
  const dictionary = new Map(appDataDictionary([extension]))
  for (const id of COMPONENTS) dictionary.delete(id)
  for (const id of [componentIds.appComponents, componentIds.safeAad]) {
    const list = dictionary.get(id)
    if (list === undefined) continue
    const components = decodeComponentsList(list).filter((each) => !COMPONENTS.includes(each))
    dictionary.set(id, encodeComponentsList([...components, pick(random, COMPONENTS)]))
  }
  return appDataExtension(dictionary.set(pick(random, COMPONENTS), random(4)))
}

function withoutGrease(types: readonly number[]): number[] {
  return types.filter((type) => !greaseValues.includes(type))
}

function meaningful(extensions: readonly Extension[]): Extension[] {
  return extensions.filter(({ type }) => !greaseValues.includes(type))
}

function pick(random: Random, values: readonly number[]): number {
  const [byte = 0] = random(1)
  return values[byte % values.length] ?? 0x0a0a
}

function inserted(random: Random, types: readonly number[], type: number): number[] {
  const [byte = 0] = random(1)
  const at = byte % (types.length + 1)
  return types.toSpliced(at, 0, type)
}
