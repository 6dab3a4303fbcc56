// RFC 9420 §5.3: credentials.

import type { Decoder, Encoder } from "./codec.ts"
import { credentialTypes } from "./registry.ts"

/**
 * A type that this build does not know is kept as it came, so that a leaf encodes to the same bytes. It is
 * read as one vector, the form that every type of credential has, GREASE (§13.5) included.
 */
export type Credential =
  | { readonly kind: "basic"; readonly identity: Uint8Array }
  | { readonly kind: "x509"; readonly certificates: readonly Uint8Array[] }
  | { readonly kind: "unknown"; readonly type: number; readonly data: Uint8Array }

/** The registry value of a credential's type. */
export function credentialType(credential: Credential): number {
  return credential.kind === "unknown" ? credential.type : credentialTypes[credential.kind]
}

const encodeCertificate: Encoder<Uint8Array> = (writer, value) => writer.opaque(value)
const decodeCertificate: Decoder<Uint8Array> = (reader) => reader.opaque()

export const encodeCredential: Encoder<Credential> = (writer, value) => {
  writer.u16(credentialType(value))
  if (value.kind === "basic") writer.opaque(value.identity)
  else if (value.kind === "x509") writer.vector(value.certificates, encodeCertificate)
  else writer.opaque(value.data)
}

export const decodeCredential: Decoder<Credential> = (reader) => {
  const type = reader.u16()
  if (type === credentialTypes.basic) return { kind: "basic", identity: reader.opaque() }
  if (type === credentialTypes.x509) {
    return { kind: "x509", certificates: reader.vector(decodeCertificate) }
  }
  return { kind: "unknown", type, data: reader.opaque() }
}
