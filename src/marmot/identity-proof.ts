// Marmot component 0x8009, account identity proof v2: an account authorises a leaf's signature key (marmot-wire §3).

import {
  bytesToHex,
  eventId,
  type EventTemplate,
  hexToBytes,
  isLiftable,
  type NostrEvent,
  verifyEvent,
} from "../nostr/event.ts"
import { MarmotError } from "./error.ts"
import { kinds } from "./registry.ts"

/** `signer_pubkey[32] || created_at u64 || signature[64]`. */
export const IDENTITY_PROOF_SIZE = 104

const CONTENT = "Authorize this MLS leaf key for my Marmot account"

/** Signature schemes by cipher suite (§3.3). */
const SCHEMES: ReadonlyMap<number, number> = new Map([
  [1, 0x0807],
  [2, 0x0403],
  [3, 0x0807],
  [4, 0x0808],
  [5, 0x0603],
  [6, 0x0808],
  [7, 0x0503],
])

export interface ProvenKey {
  readonly ciphersuite: number
  /** Contents of the leaf's signature_key vector. */
  readonly signaturePublicKey: Uint8Array
}

/**
 * The kind 450 event to be signed by the account; never published. `createdAt`: now, in seconds. Throws `MarmotError`
 * `misuse` for a time that no proof can carry, or a suite without a signature scheme.
 */
export function identityProofTemplate(key: ProvenKey, createdAt: number): EventTemplate {
  const scheme = SCHEMES.get(key.ciphersuite)
  if (scheme === undefined) {
    throw new MarmotError("misuse", `cipher suite ${key.ciphersuite} has no signature scheme`)
  }
  if (!Number.isSafeInteger(createdAt) || createdAt < 1) {
    throw new MarmotError("misuse", "a proof's time is a positive integer")
  }
  return {
    kind: kinds.identityProof,
    created_at: createdAt,
    tags: [
      ["d", "marmot.account-identity-proof.v2"],
      ["component", "0x8009"],
      ["ciphersuite", hex16(key.ciphersuite)],
      ["signature_scheme", hex16(scheme)],
      ["mls_signature_key", bytesToHex(key.signaturePublicKey)],
    ],
    content: CONTENT,
  }
}

/**
 * The 104 bytes from what a signer returned for `template`. Throws `MarmotError` `signer_changed_event` if it is not
 * that very event, signed by `pubkey`.
 */
export function identityProofFrom(
  template: EventTemplate,
  signed: NostrEvent,
  pubkey: string,
): Uint8Array {
  const same =
    signed.pubkey === pubkey &&
    signed.kind === template.kind &&
    signed.created_at === template.created_at &&
    signed.content === template.content &&
    JSON.stringify(signed.tags) === JSON.stringify(template.tags)
  if (!same || !verifyEvent(signed)) {
    throw new MarmotError(
      "signer_changed_event",
      "the signer returned another event than asked for",
    )
  }
  const proof = new Uint8Array(IDENTITY_PROOF_SIZE)
  proof.set(hexToBytes(pubkey), 0)
  new DataView(proof.buffer).setBigUint64(32, BigInt(signed.created_at))
  proof.set(hexToBytes(signed.sig), 40)
  return proof
}

/** Claims that verified, the latest ones: a member's own returns with each renewal of its leaf. */
const known = new Set<string>()
/** Less than a megabyte. */
const MAX_KNOWN = 2_048

/**
 * Verifies a leaf's proof. The time of signing is not compared with any clock (§3.2). Throws `MarmotError`
 * `invalid_identity` for an account that is no Nostr key, `invalid_identity_proof` for the rest.
 */
export function verifyIdentityProof(
  proof: Uint8Array | undefined,
  expected: ProvenKey & { /** 32 bytes. */ readonly account: Uint8Array },
): void {
  const { account, signaturePublicKey, ciphersuite } = expected
  const claim = [proof ?? new Uint8Array(), account, signaturePublicKey].map(bytesToHex)
  const name = [...claim, ciphersuite].join()
  if (known.has(name)) return
  if (!isLiftable(account)) {
    throw new MarmotError("invalid_identity", "the account is not a Nostr key")
  }
  if (proof?.length !== IDENTITY_PROOF_SIZE) {
    throw new MarmotError("invalid_identity_proof", "the leaf has no proof of 104 bytes")
  }
  const pubkey = bytesToHex(proof.subarray(0, 32))
  if (pubkey !== bytesToHex(account)) {
    throw new MarmotError("invalid_identity_proof", "the proof is by another account")
  }
  const createdAt = new DataView(proof.buffer, proof.byteOffset).getBigUint64(32)
  if (createdAt < 1n || createdAt > BigInt(Number.MAX_SAFE_INTEGER)) {
    throw new MarmotError("invalid_identity_proof", "the proof's time is out of range")
  }
  if (!SCHEMES.has(ciphersuite)) {
    throw new MarmotError("invalid_identity_proof", "the suite has no signature scheme")
  }
  const signed = { ...identityProofTemplate(expected, Number(createdAt)), pubkey }
  const event = { ...signed, id: eventId(signed), sig: bytesToHex(proof.subarray(40)) }
  if (!verifyEvent(event)) {
    throw new MarmotError("invalid_identity_proof", "the proof's signature does not verify")
  }
  known.add(name)
  const [oldest] = known
  if (known.size > MAX_KNOWN && oldest !== undefined) known.delete(oldest)
}

function hex16(value: number): string {
  return `0x${value.toString(16).padStart(4, "0")}`
}
