// RFC 9420 §8: the key schedule, from one epoch's init secret to the next.

import { type Decoder, type Encoder, encode } from "./codec.ts"
import type { MlsCrypto } from "./crypto.ts"
import { type Extension, decodeExtensions, encodeExtensions } from "./extensions.ts"
import { MlsError } from "./error.ts"
import { labels, protocolVersions } from "./registry.ts"

/** `GroupContext` (§8.1): what all members agree on. */
export interface GroupContext {
  readonly version: number
  readonly cipherSuite: number
  readonly groupId: Uint8Array
  readonly epoch: bigint
  readonly treeHash: Uint8Array
  readonly confirmedTranscriptHash: Uint8Array
  readonly extensions: readonly Extension[]
}

/** `GroupContext` (§8.1). */
export const encodeGroupContext: Encoder<GroupContext> = (writer, value) => {
  writer.u16(value.version)
  writer.u16(value.cipherSuite)
  writer.opaque(value.groupId)
  writer.u64(value.epoch)
  writer.opaque(value.treeHash)
  writer.opaque(value.confirmedTranscriptHash)
  encodeExtensions(writer, value.extensions)
}

/** Throws `MlsError` `decode`, or `unsupported` for another protocol version. */
export const decodeGroupContext: Decoder<GroupContext> = (reader) => {
  const version = reader.u16()
  if (version !== protocolVersions.mls10) {
    throw new MlsError("unsupported", `protocol version ${version}`, "8.1")
  }
  return {
    version,
    cipherSuite: reader.u16(),
    groupId: reader.opaque(),
    epoch: reader.u64(),
    treeHash: reader.opaque(),
    confirmedTranscriptHash: reader.opaque(),
    extensions: decodeExtensions(reader),
  }
}

/** Secrets of one epoch, `KDF.Nh` bytes each. `initSecret` is what the next epoch starts from. */
export interface EpochSecrets {
  readonly senderDataSecret: Uint8Array
  readonly encryptionSecret: Uint8Array
  readonly exporterSecret: Uint8Array
  readonly externalSecret: Uint8Array
  readonly confirmationKey: Uint8Array
  readonly membershipKey: Uint8Array
  readonly resumptionPsk: Uint8Array
  readonly epochAuthenticator: Uint8Array
  readonly initSecret: Uint8Array
  /** Draft §4.4: the root of the exporter tree. */
  readonly applicationExportSecret: Uint8Array
}

export interface JoinerInput {
  readonly initSecret: Uint8Array
  /** `KDF.Nh` zero bytes for a commit without a path. */
  readonly commitSecret: Uint8Array
  /** Of the new epoch. */
  readonly groupContext: GroupContext
}

/** The joiner secret: what a Welcome carries to those who join with the new epoch. */
export function joinerSecret(crypto: MlsCrypto, input: JoinerInput): Uint8Array {
  const prk = crypto.extract(input.initSecret, input.commitSecret)
  const context = encode(encodeGroupContext, input.groupContext)
  return crypto.expandWithLabel(prk, labels.joiner, context, crypto.suite.hash.size)
}

export interface EpochInput {
  readonly joinerSecret: Uint8Array
  /** Of `pskSecret`; `KDF.Nh` zero bytes without PSKs. */
  readonly pskSecret: Uint8Array
  readonly groupContext: GroupContext
}

/** All secrets of the epoch that `groupContext` describes. */
export function deriveEpochSecrets(crypto: MlsCrypto, input: EpochInput): EpochSecrets {
  const member = memberSecret(crypto, input)
  const context = encode(encodeGroupContext, input.groupContext)
  const epochSecret = crypto.expandWithLabel(member, labels.epoch, context, crypto.suite.hash.size)
  return secretsOf(crypto, epochSecret)
}

/** The secret under which a Welcome's GroupInfo is encrypted (§12.4.3.1). */
export function welcomeSecret(
  crypto: MlsCrypto,
  input: Pick<EpochInput, "joinerSecret" | "pskSecret">,
): Uint8Array {
  return crypto.deriveSecret(memberSecret(crypto, input), labels.welcomeSecret)
}

/** The key and nonce of a Welcome's GroupInfo. */
export function welcomeKey(crypto: MlsCrypto, secret: Uint8Array) {
  const { keySize, nonceSize } = crypto.suite.aead
  const empty = new Uint8Array()
  return {
    key: crypto.expandWithLabel(secret, labels.key, empty, keySize),
    nonce: crypto.expandWithLabel(secret, labels.nonce, empty, nonceSize),
  }
}

/** The secrets of epoch 0, whose epoch secret is random (§11). */
export function secretsOf(crypto: MlsCrypto, epochSecret: Uint8Array): EpochSecrets {
  const derive = (label: string) => crypto.deriveSecret(epochSecret, label)
  return {
    senderDataSecret: derive(labels.senderData),
    encryptionSecret: derive(labels.encryption),
    exporterSecret: derive(labels.exporter),
    externalSecret: derive(labels.external),
    confirmationKey: derive(labels.confirm),
    membershipKey: derive(labels.membership),
    resumptionPsk: derive(labels.resumption),
    epochAuthenticator: derive(labels.authentication),
    initSecret: derive(labels.init),
    applicationExportSecret: derive(labels.applicationExport),
  }
}

function memberSecret(
  crypto: MlsCrypto,
  input: Pick<EpochInput, "joinerSecret" | "pskSecret">,
): Uint8Array {
  return crypto.extract(input.joinerSecret, input.pskSecret)
}
