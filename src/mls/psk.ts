// RFC 9420 §8.4, draft-ietf-mls-extensions-10 §4.5: pre-shared keys.

import { type Decoder, type Encoder, encode } from "./codec.ts"
import type { MlsCrypto } from "./crypto.ts"
import { MlsError } from "./error.ts"
import { labels } from "./registry.ts"

/** `ResumptionPSKUsage` (§8.4). */
export type ResumptionUsage = "application" | "reinit" | "branch"

/** `PreSharedKeyID` (§8.4). `pskNonce` is random, `KDF.Nh` bytes: `crypto.random(crypto.suite.hash.size)`. */
export type PreSharedKeyId =
  | { readonly kind: "external"; readonly pskId: Uint8Array; readonly pskNonce: Uint8Array }
  | {
      readonly kind: "resumption"
      readonly usage: ResumptionUsage
      readonly pskGroupId: Uint8Array
      readonly pskEpoch: bigint
      readonly pskNonce: Uint8Array
    }
  /** Draft §4.5: a component's. */
  | {
      readonly kind: "application"
      readonly componentId: number
      readonly pskId: Uint8Array
      readonly pskNonce: Uint8Array
    }

/** `PSKType`. */
const PSK_TYPES = { external: 1, resumption: 2, application: 3 } as const
/** `ResumptionPSKUsage`, from 1. */
const USAGES: readonly ResumptionUsage[] = ["application", "reinit", "branch"]

export const encodePreSharedKeyId: Encoder<PreSharedKeyId> = (writer, value) => {
  writer.u8(PSK_TYPES[value.kind])
  if (value.kind === "external") {
    writer.opaque(value.pskId)
  } else if (value.kind === "application") {
    writer.u16(value.componentId)
    writer.opaque(value.pskId)
  } else {
    writer.u8(USAGES.indexOf(value.usage) + 1)
    writer.opaque(value.pskGroupId)
    writer.u64(value.pskEpoch)
  }
  writer.opaque(value.pskNonce)
}

/** Throws `MlsError` `decode`. */
export const decodePreSharedKeyId: Decoder<PreSharedKeyId> = (reader) => {
  const type = reader.u8()
  if (type === PSK_TYPES.external) {
    return { kind: "external", pskId: reader.opaque(), pskNonce: reader.opaque() }
  }
  if (type === PSK_TYPES.application) {
    const componentId = reader.u16()
    return { kind: "application", componentId, pskId: reader.opaque(), pskNonce: reader.opaque() }
  }
  if (type !== PSK_TYPES.resumption) throw new MlsError("decode", `PSK type ${type}`, "8.4")
  const usage = USAGES[reader.u8() - 1]
  if (usage === undefined) throw new MlsError("decode", "an unknown use of a PSK", "8.4")
  return {
    kind: "resumption",
    usage,
    pskGroupId: reader.opaque(),
    pskEpoch: reader.u64(),
    pskNonce: reader.opaque(),
  }
}

export interface Psk {
  readonly id: PreSharedKeyId
  readonly secret: Uint8Array
}

/**
 * `psk_secret` over the PSKs in the order of their proposals: `KDF.Nh` bytes, zeros without any. Throws `MlsError`
 * `decode` for more of them than a PSKLabel can count.
 */
export function pskSecret(crypto: MlsCrypto, psks: readonly Psk[]): Uint8Array {
  if (psks.length > 0xffff) throw new MlsError("decode", `${psks.length} PSKs`, "8.4")
  const size = crypto.suite.hash.size
  const zero = new Uint8Array(size)
  return psks.reduce<Uint8Array>((secret, psk, index) => {
    const extracted = crypto.extract(zero, psk.secret)
    const label = encode(encodePskLabel, { id: psk.id, index, count: psks.length })
    const input = crypto.expandWithLabel(extracted, labels.derivedPsk, label, size)
    return crypto.extract(input, secret)
  }, zero)
}

/** `PSKLabel`. */
const encodePskLabel: Encoder<{ id: PreSharedKeyId; index: number; count: number }> = (
  writer,
  value,
) => {
  encodePreSharedKeyId(writer, value.id)
  writer.u16(value.index)
  writer.u16(value.count)
}
