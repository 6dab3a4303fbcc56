// draft-ietf-mls-extensions-10 §4.6, §4.8, §4.9, §5: application data of components.

import { type Decoder, type Encoder, decode, encode } from "./codec.ts"
import { MlsError } from "./error.ts"
import type { Extension } from "./extensions.ts"
import { extensionTypes } from "./registry.ts"

/** Components of the draft's own registry (§7.6). */
export const componentIds = {
  appComponents: 0x0001,
  safeAad: 0x0002,
  contentMediaTypes: 0x0003,
  lastResortKeyPackage: 0x0004,
  appAck: 0x0005,
} as const

/** `ComponentData` by component id, ascending. */
export type AppDataDictionary = ReadonlyMap<number, Uint8Array>

/** `AppDataUpdate` (§4.7). */
export interface AppDataUpdate {
  readonly componentId: number
  /** The bytes of an `update`; `undefined` for `remove`. */
  readonly update: Uint8Array | undefined
}

/** `AppEphemeral` (§4.8). */
export interface AppEphemeral {
  readonly componentId: number
  readonly data: Uint8Array
}

/** `SafeAADItem` (§4.9). */
export interface SafeAadItem {
  readonly componentId: number
  readonly data: Uint8Array
}

/**
 * What a component makes of the AppDataUpdates of one commit (draft §4.7), in their order; `current`: its state, if it
 * has any. Every member must come to the same. Refuses by throwing.
 */
export type AppDataLogic = (
  componentId: number,
  current: Uint8Array | undefined,
  updates: readonly Uint8Array[],
) => Uint8Array

const OP_UPDATE = 1
const OP_REMOVE = 2

interface ComponentData {
  readonly componentId: number
  readonly data: Uint8Array
}

const encodeComponentData: Encoder<ComponentData> = (writer, value) => {
  writer.u16(value.componentId)
  writer.opaque(value.data)
}

const decodeComponentData: Decoder<ComponentData> = (reader) => ({
  componentId: reader.u16(),
  data: reader.opaque(),
})

/** `AppDataDictionary` as the data of an extension. Entries are put in ascending order. */
export function encodeAppDataDictionary(dictionary: AppDataDictionary): Uint8Array {
  const entries = [...dictionary].sort(([a], [b]) => a - b)
  return encode<typeof entries>((writer, value) => {
    writer.vector(value, (w, [componentId, data]) => encodeComponentData(w, { componentId, data }))
  }, entries)
}

/** Throws `MlsError` `decode`; `app_data_order` unless ids ascend without repetition. */
export function decodeAppDataDictionary(bytes: Uint8Array): AppDataDictionary {
  const entries = decode((reader) => reader.vector(decodeComponentData), bytes)
  // §4.6: sorted by component_id, at most one entry for each.
  requireAscendingComponents(entries.map((entry) => entry.componentId))
  return new Map(entries.map((entry) => [entry.componentId, entry.data]))
}

/** The dictionary among `extensions`, or `undefined` when there is none. Throws as `decodeAppDataDictionary`. */
export function appDataDictionary(extensions: readonly Extension[]): AppDataDictionary | undefined {
  const found = extensions.find((extension) => extension.type === extensionTypes.appDataDictionary)
  return found === undefined ? undefined : decodeAppDataDictionary(found.data)
}

/** An extension that holds `dictionary`. */
export function appDataExtension(dictionary: AppDataDictionary): Extension {
  return { type: extensionTypes.appDataDictionary, data: encodeAppDataDictionary(dictionary) }
}

/** `ComponentsList`: the ids in ascending order, each once. */
export function encodeComponentsList(ids: Iterable<number>): Uint8Array {
  const ascending = [...new Set(ids)].sort((a, b) => a - b)
  return encode<number[]>((writer, value) => writer.vector(value, (w, id) => w.u16(id)), ascending)
}

/**
 * The ids as they stand there: §5 asks for no order and forbids no repetition, unlike §4.6 and §4.9. Throws `MlsError`
 * `decode`.
 */
export function decodeComponentsList(bytes: Uint8Array): number[] {
  return decode((reader) => reader.vector((r) => r.u16()), bytes)
}

/**
 * What §4.6 and §4.9 ask of their entries, and an application may ask of its ComponentsLists. Throws `MlsError`
 * `app_data_order` unless the ids ascend without repetition.
 */
export function requireAscendingComponents(ids: readonly number[]): void {
  ids.forEach((id, i) => {
    const before = ids[i - 1]
    if (before !== undefined && before >= id) {
      throw new MlsError("app_data_order", "component ids do not ascend")
    }
  })
}

/** `SafeAAD` (§4.9): the whole authenticated_data where the GroupContext holds a safe_aad component. */
export function encodeSafeAad(items: readonly SafeAadItem[]): Uint8Array {
  requireAscendingComponents(items.map((item) => item.componentId))
  return encode<readonly SafeAadItem[]>(
    (writer, value) => writer.vector(value, encodeComponentData),
    items,
  )
}

/** Throws `MlsError` `decode`; `app_data_order` unless ids ascend without repetition. */
export function decodeSafeAad(bytes: Uint8Array): SafeAadItem[] {
  const items = decode((reader) => reader.vector(decodeComponentData), bytes)
  requireAscendingComponents(items.map((item) => item.componentId))
  return items
}

const hasSafeAad = (groupExtensions: readonly Extension[]) =>
  appDataDictionary(groupExtensions)?.has(componentIds.safeAad) === true

/** authenticated_data that says nothing: no bytes, or a SafeAAD without items where §4.9 demands one. */
export function emptyAuthenticatedData(groupExtensions: readonly Extension[]): Uint8Array {
  return hasSafeAad(groupExtensions) ? encodeSafeAad([]) : new Uint8Array()
}

/**
 * §4.9: where the GroupContext has a safe_aad component, authenticated_data is a SafeAAD.
 * Throws `MlsError` `safe_aad`.
 */
export function requireSafeAad(
  groupExtensions: readonly Extension[],
  authenticatedData: Uint8Array,
): void {
  if (!hasSafeAad(groupExtensions)) return
  try {
    decodeSafeAad(authenticatedData)
  } catch {
    throw new MlsError("safe_aad", "authenticated_data is no SafeAAD, which this group requires")
  }
}

export const encodeAppDataUpdate: Encoder<AppDataUpdate> = (writer, value) => {
  writer.u16(value.componentId)
  writer.u8(value.update === undefined ? OP_REMOVE : OP_UPDATE)
  if (value.update !== undefined) writer.opaque(value.update)
}

export const decodeAppDataUpdate: Decoder<AppDataUpdate> = (reader) => {
  const componentId = reader.u16()
  const op = reader.u8()
  if (op !== OP_UPDATE && op !== OP_REMOVE) {
    throw new MlsError("decode", `AppDataUpdate operation ${op}`)
  }
  return { componentId, update: op === OP_UPDATE ? reader.opaque() : undefined }
}

export const encodeAppEphemeral: Encoder<AppEphemeral> = encodeComponentData
export const decodeAppEphemeral: Decoder<AppEphemeral> = decodeComponentData

/**
 * The dictionary's successor after the AppDataUpdates of one commit (§4.7). Without `logic` an update is the full new
 * state, and there is at most one operation for a component, as Marmot demands. Throws `MlsError` `app_data_conflict` or
 * `app_data_absent`, or what `logic` throws.
 */
export function applyAppDataUpdates(
  extensions: readonly Extension[],
  updates: readonly AppDataUpdate[],
  logic?: AppDataLogic,
): readonly Extension[] {
  if (updates.length === 0) return extensions
  const dictionary = new Map(appDataDictionary(extensions))
  const byComponent = new Map<number, (Uint8Array | undefined)[]>()
  for (const { componentId, update } of updates) {
    const operations = byComponent.get(componentId)
    if (operations === undefined) byComponent.set(componentId, [update])
    else operations.push(update)
  }
  for (const [componentId, operations] of byComponent) {
    const values = operations.filter((operation) => operation !== undefined)
    // §4.7: "(a) a single remove operation or (b) one or more update operations".
    if (operations.length > 1 && (logic === undefined || values.length < operations.length)) {
      throw new MlsError("app_data_conflict", `several operations on component ${componentId}`)
    }
    const [first] = values
    if (first !== undefined) {
      const next = logic?.(componentId, dictionary.get(componentId), values) ?? first
      dictionary.set(componentId, next)
    } else if (!dictionary.delete(componentId)) {
      throw new MlsError("app_data_absent", `component ${componentId} has no state to remove`)
    }
  }
  // The draft leaves the place open where the extension exists; OpenMLS moves it to the end, and all members
  // must hash the same GroupContext.
  const others = extensions.filter(
    (extension) => extension.type !== extensionTypes.appDataDictionary,
  )
  return [...others, appDataExtension(dictionary)]
}
