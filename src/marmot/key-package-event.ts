// Marmot KeyPackages (marmot-wire §5, §7.6): making, publishing, checking and choosing them.

import {
  appDataDictionary,
  appDataExtension,
  componentIds as mlsComponentIds,
  decodeMlsMessage,
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
import {
  type GroupRequirements,
  isCovered,
  keyPackageOptions,
  leafProof,
  missingRequirements,
  newGroupRequirements,
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

export interface CheckedKeyPackage {
  readonly invitee: Invitee
  readonly keyPackage: KeyPackage
  readonly ref: Uint8Array
  readonly lastResort: boolean
  readonly createdAt: number
}

/**
 * Every rejection rule of a published KeyPackage. `event`: id and signature verified; `now` in milliseconds.
 * Throws `MarmotError` `key_package_*`, `invalid_identity*`, `invalid_event`, `invalid_encoding`, or `MlsError`.
 */
export async function checkKeyPackageEvent(
  crypto: MlsCrypto,
  event: NostrEvent,
  now: number,
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
  checkCompatible(keyPackage)
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

export type KeyPackageChoice =
  | { readonly ok: true; readonly invitee: Invitee }
  | {
      readonly ok: false
      readonly status: "no_key_package" | "incompatible" | "expired"
      /** A sentence for the user. */
      readonly reason: string
    }

/**
 * The KeyPackage of `pubkey` to invite with, among verified kind 30443 events. Bad ones are skipped; of good ones those
 * for one use come first, then the freshest, then the lower reference (§5).
 */
export async function chooseKeyPackage(
  crypto: MlsCrypto,
  events: readonly NostrEvent[],
  params: { readonly pubkey: string; readonly now: number },
): Promise<KeyPackageChoice> {
  const own = newestOfSlots(events.filter((event) => event.pubkey === params.pubkey))
  const usable: CheckedKeyPackage[] = []
  const problems: unknown[] = []
  for (const event of own) {
    try {
      usable.push(await checkKeyPackageEvent(crypto, event, params.now))
    } catch (error) {
      if (!(error instanceof MarmotError) && !(error instanceof MlsError)) throw error
      problems.push(error)
    }
  }
  const [best] = usable.sort(
    (a, b) =>
      Number(a.lastResort) - Number(b.lastResort) ||
      b.createdAt - a.createdAt ||
      (bytesToHex(a.ref) < bytesToHex(b.ref) ? -1 : 1),
  )
  return best === undefined ? refusal(problems) : { ok: true, invitee: best.invitee }
}

function refusal(problems: readonly unknown[]): KeyPackageChoice {
  if (problems.length === 0) {
    const reason =
      "This person has not published a KeyPackage: they don't use a Marmot messenger yet."
    return { ok: false, status: "no_key_package", reason }
  }
  const all = (code: MarmotErrorCode) =>
    problems.every((problem) => problem instanceof MarmotError && problem.code === code)
  if (all("key_package_expired")) {
    const reason = "This person's KeyPackage has expired. Ask them to open their app once."
    return { ok: false, status: "expired", reason }
  }
  if (all("key_package_not_yet_valid")) {
    const reason = "This person's KeyPackage is not valid yet. One of your clocks may be wrong."
    return { ok: false, status: "incompatible", reason }
  }
  const reason =
    "This person's app can't take part in this kind of group. They may need to update it."
  return { ok: false, status: "incompatible", reason }
}

/** A slot is (author, d); the newest event counts, ties go to the lower id (§7.6). */
function newestOfSlots(events: readonly NostrEvent[]): NostrEvent[] {
  const slots = new Map<string, NostrEvent>()
  for (const event of events) {
    const slot = event.tags.find((tag) => tag[0] === "d")?.[1] ?? ""
    const known = slots.get(slot)
    const newer =
      known === undefined ||
      event.created_at > known.created_at ||
      (event.created_at === known.created_at && event.id < known.id)
    if (newer) slots.set(slot, event)
  }
  return [...slots.values()]
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

/** Covers what our groups require, and is of the current profile. */
function checkCompatible(keyPackage: KeyPackage): void {
  const { leafNode } = keyPackage
  const missing = missingRequirements(newGroupRequirements, leafNode)
  if (!isCovered(missing)) {
    throw new MarmotError("key_package_incompatible", `the app lacks ${describe(missing)}`)
  }
  if (leafNode.extensions.some((extension) => extension.type === IDENTITY_PROOF_V1)) {
    throw new MarmotError("key_package_incompatible", "a leaf with the superseded identity proof")
  }
}

function describe(missing: GroupRequirements): string {
  const list = (name: string, ids: readonly number[]) =>
    ids.length === 0 ? [] : [`${name} ${ids.map(hex16).join(", ")}`]
  return [
    ...list("components", missing.components),
    ...list("extensions", missing.extensions),
    ...list("proposals", missing.proposals),
  ].join("; ")
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
