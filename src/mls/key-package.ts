// RFC 9420 §10: key packages, what a client publishes so that others can add it.

import { type Decoder, type Encoder, decode, encode } from "./codec.ts"
import type { Credential } from "./credential.ts"
import type { KeyPair, MlsCrypto, SignatureToVerify } from "./crypto.ts"
import { MlsError } from "./error.ts"
import { type Extension, decodeExtensions, encodeExtensions } from "./extensions.ts"
import {
  type Capabilities,
  type LeafNode,
  type Lifetime,
  decodeLeafNode,
  encodeLeafNode,
  signLeafNode,
} from "./leaf-node.ts"
import { labels, protocolVersions } from "./registry.ts"

/** All of a key package but its signature. */
interface KeyPackageContent {
  readonly version: number
  readonly cipherSuite: number
  readonly initKey: Uint8Array
  readonly leafNode: LeafNode
  readonly extensions: readonly Extension[]
}

/** `KeyPackage` (§10). Decoded, not validated: `validateKeyPackage`. */
export interface KeyPackage extends KeyPackageContent {
  readonly signature: Uint8Array
}

/** A key package of ours with its secrets. */
export interface OwnKeyPackage {
  readonly keyPackage: KeyPackage
  /** The KeyPackage as it is published, without the MLSMessage around it. */
  readonly bytes: Uint8Array
  readonly initPrivateKey: Uint8Array
  readonly encryptionPrivateKey: Uint8Array
  readonly signaturePrivateKey: Uint8Array
}

/** What a fresh key package says. */
export interface KeyPackageOptions {
  readonly credential: Credential
  readonly capabilities: Capabilities
  readonly lifetime: Lifetime
  readonly leafExtensions?: readonly Extension[]
  /** Extensions of the key package itself. */
  readonly extensions?: readonly Extension[]
  /** Default: a fresh pair. */
  readonly signatureKeyPair?: KeyPair
}

/** First byte of an encoded OwnKeyPackage. */
const OWN_KEY_PACKAGE_FORMAT = 1

const encodeContent: Encoder<KeyPackageContent> = (writer, value) => {
  writer.u16(value.version)
  writer.u16(value.cipherSuite)
  writer.opaque(value.initKey)
  encodeLeafNode(writer, value.leafNode)
  encodeExtensions(writer, value.extensions)
}

/** `KeyPackage` without the MLSMessage around it. */
export const encodeKeyPackage: Encoder<KeyPackage> = (writer, value) => {
  encodeContent(writer, value)
  writer.opaque(value.signature)
}

/** Throws `MlsError` `decode` or `extension_duplicate`. */
export const decodeKeyPackage: Decoder<KeyPackage> = (reader) => ({
  version: reader.u16(),
  cipherSuite: reader.u16(),
  initKey: reader.opaque(),
  leafNode: decodeLeafNode(reader),
  extensions: decodeExtensions(reader),
  signature: reader.opaque(),
})

/** `MakeKeyPackageRef` (§5.2): a hash of `KDF.Nh` bytes. */
export function keyPackageRef(crypto: MlsCrypto, keyPackage: KeyPackage): Uint8Array {
  return crypto.refHash(labels.keyPackageRef, encode(encodeKeyPackage, keyPackage))
}

/** The signature of a key package, to be verified. */
export function keyPackageSignature(keyPackage: KeyPackage): SignatureToVerify {
  return {
    publicKey: keyPackage.leafNode.signatureKey,
    label: labels.keyPackageTbs,
    content: encode(encodeContent, keyPackage),
    signature: keyPackage.signature,
  }
}

/** A fresh key package with fresh init and leaf keys. What it says is not judged: `validateKeyPackage`. */
export async function generateKeyPackage(
  crypto: MlsCrypto,
  options: KeyPackageOptions,
): Promise<OwnKeyPackage> {
  const [init, encryption, signature] = await Promise.all([
    crypto.generateKemKeyPair(),
    crypto.generateKemKeyPair(),
    options.signatureKeyPair ?? crypto.generateSignatureKeyPair(),
  ])
  const leafNode = await signLeafNode(crypto, {
    signaturePrivateKey: signature.privateKey,
    content: {
      encryptionKey: encryption.publicKey,
      signatureKey: signature.publicKey,
      credential: options.credential,
      capabilities: options.capabilities,
      source: { kind: "key_package", lifetime: options.lifetime },
      extensions: options.leafExtensions ?? [],
    },
  })
  const content: KeyPackageContent = {
    version: protocolVersions.mls10,
    cipherSuite: crypto.suite.id,
    initKey: init.publicKey,
    leafNode,
    extensions: options.extensions ?? [],
  }
  const keyPackage: KeyPackage = {
    ...content,
    signature: await crypto.sign(
      signature.privateKey,
      labels.keyPackageTbs,
      encode(encodeContent, content),
    ),
  }
  return {
    keyPackage,
    bytes: encode(encodeKeyPackage, keyPackage),
    initPrivateKey: init.privateKey,
    encryptionPrivateKey: encryption.privateKey,
    signaturePrivateKey: signature.privateKey,
  }
}

/** The stored form of a key package of ours: a format byte and four vectors. Secret. */
export const encodeOwnKeyPackage: Encoder<OwnKeyPackage> = (writer, value) => {
  writer.u8(OWN_KEY_PACKAGE_FORMAT)
  writer.opaque(value.bytes)
  writer.opaque(value.initPrivateKey)
  writer.opaque(value.encryptionPrivateKey)
  writer.opaque(value.signaturePrivateKey)
}

/** Throws `MlsError` `decode`, or `unsupported` for a format that this build does not know. */
export const decodeOwnKeyPackage: Decoder<OwnKeyPackage> = (reader) => {
  const format = reader.u8()
  if (format !== OWN_KEY_PACKAGE_FORMAT) {
    throw new MlsError("unsupported", `stored key package format ${format}`)
  }
  // Copies: what remains of it after joining must not keep the init key alive.
  const copy = () => new Uint8Array(reader.opaque())
  const bytes = copy()
  return {
    keyPackage: decode(decodeKeyPackage, bytes),
    bytes,
    initPrivateKey: copy(),
    encryptionPrivateKey: copy(),
    signaturePrivateKey: copy(),
  }
}
