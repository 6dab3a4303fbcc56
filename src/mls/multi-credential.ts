// draft-ietf-mls-extensions-10 §6.5: several credentials in one leaf, each bound to the leaf's key by a signature.

import { type Decoder, type Encoder, Writer, decode } from "./codec.ts"
import {
  type Credential,
  credentialType,
  decodeCredential,
  encodeCredential,
} from "./credential.ts"
import { credentialTypes } from "./registry.ts"

/** `CredentialBinding`. */
export interface CredentialBinding {
  /** Of `credentialKey`; it need not be the group's. */
  readonly cipherSuite: number
  readonly credential: Credential
  readonly credentialKey: Uint8Array
  readonly signature: Uint8Array
}

/** "multi": every member must support and accept every binding; "weak-multi": those that it supports. */
export type MultiCredentialKind = "multi" | "weak-multi"

const TYPES = { multi: credentialTypes.multi, "weak-multi": credentialTypes.weakMulti } as const

/** What a multi-credential holds. */
export interface MultiCredential {
  readonly kind: MultiCredentialKind
  readonly bindings: readonly CredentialBinding[]
}

/** The credential of a leaf that holds these bindings. */
export function multiCredential(
  kind: MultiCredentialKind,
  bindings: readonly CredentialBinding[],
): Credential {
  const writer = new Writer()
  for (const binding of bindings) encodeBinding(writer, binding)
  return { kind: "unknown", type: TYPES[kind], data: writer.finish() }
}

/** What a multi-credential holds; `undefined` for a credential of another kind. Throws `MlsError` `decode`. */
export function readMultiCredential(credential: Credential): MultiCredential | undefined {
  if (credential.kind !== "unknown") return undefined
  const { type, data } = credential
  if (type !== TYPES.multi && type !== TYPES["weak-multi"]) return undefined
  const kind = type === TYPES.multi ? "multi" : "weak-multi"
  return { kind, bindings: decode((reader) => untilEnd(reader, decodeBinding), data) }
}

/** What all members must support of a multi-credential, written so that equal demands are equal strings. */
export function demandString({ kind, bindings }: MultiCredential): string {
  const pairs = bindings.map((each) => `${each.cipherSuite}/${credentialType(each.credential)}`)
  return [kind, ...new Set(pairs.sort())].join(" ")
}

export interface Demand {
  readonly kind: MultiCredentialKind
  readonly bindings: readonly { readonly cipherSuite: number; readonly type: number }[]
}

/** What `demandString` wrote. */
export function readDemand(demand: string): Demand {
  const [kind, ...pairs] = demand.split(" ")
  return {
    kind: kind === "multi" ? kind : "weak-multi",
    bindings: pairs.map((pair) => {
      const [cipherSuite = 0, type = 0] = pair.split("/").map(Number)
      return { cipherSuite, type }
    }),
  }
}

export type BindingContent = Omit<CredentialBinding, "signature">

/** A binding without its signature. */
export const encodeBindingContent: Encoder<BindingContent> = (writer, value) => {
  writer.u16(value.cipherSuite)
  encodeCredential(writer, value.credential)
  writer.opaque(value.credentialKey)
}

const encodeBinding: Encoder<CredentialBinding> = (writer, value) => {
  encodeBindingContent(writer, value)
  writer.opaque(value.signature)
}

const decodeBinding: Decoder<CredentialBinding> = (reader) => ({
  cipherSuite: reader.u16(),
  credential: decodeCredential(reader),
  credentialKey: reader.opaque(),
  signature: reader.opaque(),
})

/** The elements of a vector whose length was read already. */
function untilEnd<T>(reader: Parameters<Decoder<T>>[0], element: Decoder<T>): T[] {
  const elements: T[] = []
  while (reader.remaining > 0) elements.push(element(reader))
  return elements
}
