// Marmot KeyPackages (marmot-wire §5, §7.6): making, publishing and checking them.

import {
  appDataDictionary,
  appDataExtension,
  type Capabilities,
  componentIds as mlsComponentIds,
  decodeMlsMessage,
  encode,
  encodeExtensions,
  encodeMlsMessage,
  generateKeyPackage,
  type KeyPackage,
  keyPackageRef,
  type MlsCrypto,
  MlsError,
  type OwnKeyPackage,
  validateKeyPackage,
  wireFormats,
} from "../mls/index.ts"
import { bytesToHex, type EventTemplate, isHex32, type NostrEvent } from "../nostr/event.ts"
import { accountOf } from "./account-service.ts"
import { fromBase64, toBase64 } from "./base64.ts"
import { compareBytes } from "./bytes.ts"
import {
  type GroupRequirements,
  isCovered,
  keyPackageOptions,
  leafOptions,
  leafProof,
  missingRequirements,
  newGroupRequirements,
  supportOf,
  without,
} from "./capabilities.ts"
import type { DeviceIdentity, Invitee } from "./engine-types.ts"
import { MarmotError, type MarmotErrorCode } from "./error.ts"
import { verifyIdentityProof } from "./identity-proof.ts"
import { advertisement, checkAdvertisement, hex16 } from "./key-package-tags.ts"
import { CIPHER_SUITE, componentIds, IDENTITY_PROOF_V1, kinds, MAX_LIFETIME } from "./registry.ts"

/** A last-resort KeyPackage of this device: it may serve several invitations. `now` in milliseconds. */
export function generateOwnKeyPackage(
  crypto: MlsCrypto,
  params: { readonly device: DeviceIdentity; readonly now: number },
): Promise<OwnKeyPackage> {
  const seconds = Math.floor(params.now / 1000)
  const lastResort = appDataExtension(
    new Map([[mlsComponentIds.lastResortKeyPackage, new Uint8Array()]]),
  )
  return generateKeyPackage(crypto, {
    ...keyPackageOptions(params.device, seconds),
    extensions: [lastResort],
  })
}

/** Whether the package's leaf says what this version of the app can do (§4.6), with this device's proof. */
export function isUpToDate({ leafNode }: KeyPackage, device: DeviceIdentity): boolean {
  const { capabilities, leafExtensions } = leafOptions(device)
  const told = ({ extensions, proposals }: Capabilities) => JSON.stringify([extensions, proposals])
  return (
    told(leafNode.capabilities) === told(capabilities) &&
    sameBytes(
      encode(encodeExtensions, leafNode.extensions),
      encode(encodeExtensions, leafExtensions),
    )
  )
}

/**
 * Whether an event by its own account can be used by nobody, and never again: then it is only in the way of those who
 * look for a KeyPackage of the account (§7.6). `now` in milliseconds.
 */
export async function isRubbish(
  crypto: MlsCrypto,
  event: NostrEvent,
  now: number,
): Promise<boolean> {
  try {
    await checkKeyPackageEvent(crypto, event, now)
    return false
  } catch (error) {
    if (error instanceof MarmotError) return RUBBISH.has(error.code)
    if (error instanceof MlsError) return error.code === "decode"
    throw error
  }
}

const sameBytes = (a: Uint8Array, b: Uint8Array) => compareBytes(a, b) === 0

const RUBBISH: ReadonlySet<MarmotErrorCode> = new Set<MarmotErrorCode>([
  "invalid_encoding",
  "key_package_invalid",
  "key_package_lifetime",
  "key_package_expired",
  "key_package_reference",
  "key_package_author",
])

/**
 * The kind 30443 event; its tags come from the package itself. `slot`: 64 hex, random, kept for replacements;
 * `createdAt`: seconds. Throws `MarmotError` `misuse` for another slot.
 */
export function keyPackageTemplate(
  crypto: MlsCrypto,
  own: OwnKeyPackage,
  params: { readonly slot: string; readonly createdAt: number },
): EventTemplate {
  const { keyPackage } = own
  if (!isHex32(params.slot)) throw new MarmotError("misuse", "a slot is 32 bytes in hex")
  return {
    kind: kinds.keyPackage,
    created_at: params.createdAt,
    tags: [["d", params.slot], ...advertisement(crypto, keyPackage)],
    content: toBase64(encodeMlsMessage({ wireFormat: wireFormats.keyPackage, keyPackage })),
  }
}

/** The KeyPackage in an MLSMessage. Throws `MarmotError` `key_package_invalid` or `MlsError`. */
export function keyPackageOf(message: Uint8Array): KeyPackage {
  const decoded = decodeMlsMessage(message)
  if (decoded.wireFormat !== wireFormats.keyPackage) {
    throw new MarmotError("key_package_invalid", "the content is no KeyPackage")
  }
  return decoded.keyPackage
}

/** The package's client can't be in the group: what that requires, and what the client has. */
export class IncompatibleKeyPackage extends MarmotError {
  readonly required: GroupRequirements
  readonly had: GroupRequirements
  constructor(required: GroupRequirements, had: GroupRequirements) {
    const { components, extensions, proposals } = without(required, had)
    const ids = [...components, ...extensions, ...proposals].map(hex16)
    super("key_package_incompatible", `the app lacks ${ids.join(", ")}`)
    this.required = required
    this.had = had
  }
}

export interface CheckedKeyPackage {
  readonly invitee: Invitee
  readonly keyPackage: KeyPackage
  readonly ref: Uint8Array
  readonly lastResort: boolean
  readonly createdAt: number
}

/**
 * Every rejection rule of a published KeyPackage. `event`: id and signature verified; `now` in milliseconds;
 * `requirements` of the group that it is for, of a new one if absent.
 * Throws `MarmotError` `key_package_*`, `invalid_identity*`, `invalid_event`, `invalid_encoding`, or `MlsError`;
 * `IncompatibleKeyPackage` for one that lacks what the group requires.
 */
export async function checkKeyPackageEvent(
  crypto: MlsCrypto,
  event: NostrEvent,
  now: number,
  requirements: GroupRequirements = newGroupRequirements,
): Promise<CheckedKeyPackage> {
  if (event.kind !== kinds.keyPackage) throw new MarmotError("invalid_event", "not a KeyPackage")
  const message = fromBase64(event.content)
  const keyPackage = keyPackageOf(message)
  const { leafNode } = keyPackage
  if (keyPackage.cipherSuite !== CIPHER_SUITE) {
    throw new MarmotError("key_package_incompatible", "a KeyPackage of another cipher suite")
  }
  checkLifetime(keyPackage, Math.floor(now / 1000))
  const account = accountOf(leafNode.credential)
  if (bytesToHex(account) !== event.pubkey) {
    throw new MarmotError("key_package_author", "the event is not by the package's account")
  }
  checkCompatible(keyPackage, requirements)
  checkDictionary(keyPackage)
  const { signatureKey: signaturePublicKey } = leafNode
  const proven = { account, signaturePublicKey, ciphersuite: keyPackage.cipherSuite }
  verifyIdentityProof(leafProof(leafNode), proven)
  await validateKeyPackage(crypto, keyPackage, { now: Math.floor(now / 1000) })
  checkAdvertisement(crypto, event, keyPackage)
  return {
    invitee: { pubkey: event.pubkey, keyPackageEventId: event.id, keyPackage: message },
    keyPackage,
    ref: keyPackageRef(crypto, keyPackage),
    lastResort: isLastResort(keyPackage),
    createdAt: event.created_at,
  }
}

function checkLifetime(keyPackage: KeyPackage, now: number): void {
  const { source } = keyPackage.leafNode
  if (source.kind !== "key_package") {
    throw new MarmotError("key_package_invalid", "the leaf was not made for a KeyPackage")
  }
  const { notBefore, notAfter } = source.lifetime
  if (notAfter < notBefore || notAfter - notBefore > BigInt(MAX_LIFETIME)) {
    throw new MarmotError("key_package_lifetime", "a lifetime of more than 84 days and an hour")
  }
  if (BigInt(now) < notBefore) throw new MarmotError("key_package_not_yet_valid", "not valid yet")
  if (BigInt(now) > notAfter) throw new MarmotError("key_package_expired", "the lifetime is over")
}

/** Covers what the group requires, and is of the current profile. */
function checkCompatible(keyPackage: KeyPackage, required: GroupRequirements): void {
  const { leafNode } = keyPackage
  if (!isCovered(missingRequirements(required, leafNode))) {
    throw new IncompatibleKeyPackage(required, supportOf(leafNode))
  }
  if (leafNode.extensions.some((extension) => extension.type === IDENTITY_PROOF_V1)) {
    throw new MarmotError("key_package_incompatible", "a leaf with the superseded identity proof")
  }
}

/** What the package's own dictionary may not say (§3.3, §5); entries that are not known are not judged. */
function checkDictionary(keyPackage: KeyPackage): void {
  const dictionary = appDataDictionary(keyPackage.extensions)
  if (dictionary?.has(componentIds.identityProof)) {
    throw new MarmotError("key_package_invalid", "an identity proof belongs to the leaf")
  }
  if ((dictionary?.get(mlsComponentIds.lastResortKeyPackage)?.length ?? 0) > 0) {
    throw new MarmotError("key_package_invalid", "the last-resort mark is empty")
  }
}

function isLastResort(keyPackage: KeyPackage): boolean {
  const dictionary = appDataDictionary(keyPackage.extensions)
  return dictionary?.has(mlsComponentIds.lastResortKeyPackage) ?? false
}
