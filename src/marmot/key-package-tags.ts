// Marmot Nostr transport, kind 30443 (marmot-wire §7.1, §7.6): the tags in which a KeyPackage is advertised.

import {
  extensionTypes,
  type KeyPackage,
  keyPackageRef,
  type MlsCrypto,
  proposalTypes,
} from "../mls/index.ts"
import { bytesToHex, isHex32, type NostrEvent } from "../nostr/event.ts"
import { leafComponents } from "./capabilities.ts"
import { MarmotError } from "./error.ts"
import { CIPHER_SUITE, componentIds } from "./registry.ts"

/** Components of MLS itself are below; they are not advertised. */
const FIRST_MARMOT_COMPONENT = 0x8000

/** Every tag after `d`, in the order that the Rust reference writes: made from the leaf, so that they always agree. */
export function advertisement(crypto: MlsCrypto, keyPackage: KeyPackage): string[][] {
  const { capabilities } = keyPackage.leafNode
  const components = leafComponents(keyPackage.leafNode).filter(
    (id) => id >= FIRST_MARMOT_COMPONENT,
  )
  return [
    ["mls_protocol_version", "1.0"],
    ["i", bytesToHex(keyPackageRef(crypto, keyPackage))],
    ["mls_ciphersuite", hex16(keyPackage.cipherSuite)],
    ["mls_extensions", ...capabilities.extensions.map(hex16)],
    ["mls_proposals", ...capabilities.proposals.map(hex16)],
    ["app_components", ...components.map(hex16)],
  ]
}

/**
 * All tags must be there, once, well-formed, and `i` must be the package's reference. They are an advertisement only:
 * what the leaf supports is read off the leaf. Throws `MarmotError` `invalid_event`, `key_package_reference` or
 * `key_package_incompatible`.
 */
export function checkAdvertisement(
  crypto: MlsCrypto,
  event: NostrEvent,
  keyPackage: KeyPackage,
): void {
  // §7.1: d is exactly one, 64 lowercase hex.
  if (!isHex32(single(event, "d"))) {
    throw new MarmotError("invalid_event", "the d tag is not 32 bytes in hex")
  }
  // §7.6: i is verified against the decoded package.
  if (single(event, "i") !== bytesToHex(keyPackageRef(crypto, keyPackage))) {
    throw new MarmotError("key_package_reference", "the i tag is not the package's reference")
  }
  if (single(event, "mls_protocol_version") !== "1.0") {
    throw new MarmotError("key_package_incompatible", "another MLS version")
  }
  requireListed(event, "mls_ciphersuite", CIPHER_SUITE)
  requireListed(event, "mls_extensions", extensionTypes.appDataDictionary)
  requireListed(event, "mls_proposals", proposalTypes.appDataUpdate)
  requireListed(event, "app_components", componentIds.identityProof)
}

/** As ids stand in tags. */
export function hex16(value: number): string {
  return `0x${value.toString(16).padStart(4, "0")}`
}

function requireListed(event: NostrEvent, name: string, id: number): void {
  const ids = values(event, name)
  if (!ids.every((value) => /^0x[0-9a-f]{4}$/.test(value))) {
    throw new MarmotError("invalid_event", `the ${name} tag has a value that is no id`)
  }
  if (!ids.includes(hex16(id))) {
    throw new MarmotError("key_package_incompatible", `${hex16(id)} is not among ${name}`)
  }
}

function single(event: NostrEvent, name: string): string {
  const [value, ...more] = values(event, name)
  if (value === undefined || more.length > 0) {
    throw new MarmotError("invalid_event", `the ${name} tag has one value`)
  }
  return value
}

/** The values of a tag that must be there exactly once, at least one, none twice (§7.1). */
function values(event: NostrEvent, name: string): readonly string[] {
  const [tag, ...more] = event.tags.filter((candidate) => candidate[0] === name)
  if (tag === undefined || more.length > 0 || tag.length < 2) {
    throw new MarmotError("invalid_event", `a KeyPackage event has one ${name} tag`)
  }
  const found = tag.slice(1)
  if (new Set(found).size !== found.length) {
    throw new MarmotError("invalid_event", `the ${name} tag repeats a value`)
  }
  return found
}
