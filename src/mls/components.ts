// draft-ietf-mls-extensions-10 §4.1 to §4.3, §5, §6.4: what components do with the keys of MLS, each under its own label,
// and what members and groups say of the components that they have.

import {
  appDataDictionary,
  componentIds,
  decodeComponentsList,
  type AppDataDictionary,
} from "./app-data.ts"
import { encode } from "./codec.ts"
import type { HpkeCiphertext, MlsCrypto } from "./crypto.ts"
import type { Extension } from "./extensions.ts"
import type { KeyPackage } from "./key-package.ts"
import { labels } from "./registry.ts"

/** Who signs or encrypts: a component, and what for. */
export interface ComponentLabel {
  readonly componentId: number
  readonly label: string
}

/** `ComponentOperationLabel` (§4.1). Throws `MlsError` `misuse` for an id that is no uint16. */
export function componentOperationLabel({ componentId, label }: ComponentLabel): Uint8Array {
  return encode<number>((writer, id) => {
    writer.opaque(utf8(labels.component))
    writer.u16(id)
    writer.opaque(utf8(label))
  }, componentId)
}

/** `SafeSignWithLabel` (§4.3). Throws `MlsError` `misuse` for a bad private key. */
export async function safeSignWithLabel(
  crypto: MlsCrypto,
  privateKey: Uint8Array,
  operation: ComponentLabel,
  content: Uint8Array,
): Promise<Uint8Array> {
  return crypto.sign(privateKey, componentOperationLabel(operation), content)
}

/** A component's signature, to be verified. */
export interface ComponentSignature extends ComponentLabel {
  readonly publicKey: Uint8Array
  readonly content: Uint8Array
  readonly signature: Uint8Array
}

/** `SafeVerifyWithLabel` (§4.3): false for anything that is not a valid signature. */
export async function safeVerifyWithLabel(
  crypto: MlsCrypto,
  signed: ComponentSignature,
): Promise<boolean> {
  const { publicKey, content, signature } = signed
  return crypto.verify({ publicKey, label: componentOperationLabel(signed), content, signature })
}

/** What a component encrypts, and for whom. */
export interface ComponentPlaintext extends ComponentLabel {
  /** Of the receiver: a leaf's or an init key, or the group's external_pub (§4.2). */
  readonly publicKey: Uint8Array
  readonly context: Uint8Array
  readonly plaintext: Uint8Array
}

/** `SafeEncryptWithLabel` (§4.2). Throws `MlsError` `invalid_public_key`. */
export async function safeEncryptWithLabel(
  crypto: MlsCrypto,
  sealing: ComponentPlaintext,
): Promise<HpkeCiphertext> {
  const { publicKey, context, plaintext } = sealing
  return crypto.encryptWithLabel(publicKey, componentOperationLabel(sealing), context, plaintext)
}

/** What a component encrypted, and the key to open it. */
export interface ComponentCiphertext extends ComponentLabel, HpkeCiphertext {
  readonly privateKey: Uint8Array
  readonly context: Uint8Array
}

/** `SafeDecryptWithLabel` (§4.2). Throws `MlsError` `aead_failed`, also for what is another component's. */
export async function safeDecryptWithLabel(
  crypto: MlsCrypto,
  sealed: ComponentCiphertext,
): Promise<Uint8Array> {
  const { privateKey, context } = sealed
  return crypto.decryptWithLabel(privateKey, componentOperationLabel(sealed), context, sealed)
}

/** What a leaf supports, or a GroupContext requires, of components (§5), each once. `undefined`: it says nothing. */
export interface ComponentSupport {
  /** `app_components`. */
  readonly components: readonly number[] | undefined
  /** `safe_aad`. */
  readonly safeAad: readonly number[] | undefined
}

/** Of a leaf's or a GroupContext's extensions. Throws `MlsError` `decode` or `app_data_order`. */
export function componentSupport(extensions: readonly Extension[]): ComponentSupport {
  const dictionary = appDataDictionary(extensions)
  return {
    components: list(dictionary, componentIds.appComponents),
    safeAad: list(dictionary, componentIds.safeAad),
  }
}

/**
 * The components that the group requires and the leaf does not support; both empty if the leaf may be a member. Who may
 * be added is the caller's decision: MLS itself restricts nothing by components (§7.6).
 */
export function missingComponents(
  groupExtensions: readonly Extension[],
  leafExtensions: readonly Extension[],
): { readonly components: readonly number[]; readonly safeAad: readonly number[] } {
  const required = componentSupport(groupExtensions)
  const supported = componentSupport(leafExtensions)
  return {
    components: without(required.components, supported.components),
    safeAad: without(required.safeAad, supported.safeAad),
  }
}

/** §6.4: the entry of a KeyPackage's dictionary that marks it as one of last resort. */
export const lastResortComponent: readonly [number, Uint8Array] = [
  componentIds.lastResortKeyPackage,
  new Uint8Array(),
]

/** Whether a KeyPackage says that it is one of last resort. Throws `MlsError` `decode` or `app_data_order`. */
export function isLastResort({ extensions }: Pick<KeyPackage, "extensions">): boolean {
  return appDataDictionary(extensions)?.has(componentIds.lastResortKeyPackage) === true
}

function list(dictionary: AppDataDictionary | undefined, id: number): number[] | undefined {
  const data = dictionary?.get(id)
  return data === undefined ? undefined : [...new Set(decodeComponentsList(data))]
}

function without(required: readonly number[] = [], supported: readonly number[] = []): number[] {
  const known = new Set(supported)
  return required.filter((id) => !known.has(id))
}

function utf8(text: string): Uint8Array {
  return new TextEncoder().encode(text)
}
