// Marmot conformance: accounts that a label fixes, so that every run compares the same keys (behaviour §14.2).

import { sha256 } from "@noble/hashes/sha2.js"
import type { MlsCrypto } from "../../src/mls/index.ts"
import type { DeviceIdentity, Invitee } from "../../src/marmot/engine-types.ts"
import { identityProofFrom, identityProofTemplate } from "../../src/marmot/identity-proof.ts"
import { bytesToHex, finalizeEvent, publicKeyOf } from "../../src/nostr/event.ts"

const KEY_DOMAIN = "marmot-cgka-conformance-nostr-key-v1"
const KEY_PACKAGE_DOMAIN = "marmot-cgka-conformance-key-package-event-id-v1"
const SEED_SIZE = 32

/** The account's secret key: SHA-256(domain || label padded with zeros to 32 bytes || u64be counter). */
function secretOf(label: string): Uint8Array {
  const seed = new Uint8Array(SEED_SIZE)
  seed.set(new TextEncoder().encode(label).subarray(0, SEED_SIZE))
  for (let counter = 0n; ; counter++) {
    const suffix = new Uint8Array(8)
    new DataView(suffix.buffer).setBigUint64(0, counter)
    const secret = sha256(joined(new TextEncoder().encode(KEY_DOMAIN), seed, suffix))
    if (isSecretKey(secret)) return secret
  }
}

/** A device of the account `label`; `now` in seconds. */
export async function deviceOf(
  crypto: MlsCrypto,
  label: string,
  now: number,
): Promise<DeviceIdentity> {
  const secret = secretOf(label)
  const pubkey = publicKeyOf(secret)
  const signatureKeyPair = await crypto.generateSignatureKeyPair()
  const key = { ciphersuite: 1, signaturePublicKey: signatureKeyPair.publicKey }
  const template = identityProofTemplate(key, now)
  const identityProof = identityProofFrom(template, finalizeEvent(template, secret), pubkey)
  return { pubkey, signatureKeyPair, identityProof }
}

/** `keyPackage`: an MLSMessage; its event id is one that the suite derives from the bytes. */
export function inviteeOf(pubkey: string, keyPackage: Uint8Array): Invitee {
  const domain = new TextEncoder().encode(KEY_PACKAGE_DOMAIN)
  return { pubkey, keyPackage, keyPackageEventId: bytesToHex(sha256(joined(domain, keyPackage))) }
}

function isSecretKey(secret: Uint8Array): boolean {
  try {
    publicKeyOf(secret)
    return true
  } catch {
    return false
  }
}

function joined(...parts: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(parts.flatMap((part) => [...part]))
}
