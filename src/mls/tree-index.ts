// RFC 9420 §7.3: what a rule about all members asks of a tree, counted instead of searched for.

import { keyString } from "./bytes.ts"
import { type Credential, credentialType } from "./credential.ts"
import { CountMap } from "./count-map.ts"
import type { Capabilities, LeafNode } from "./leaf-node.ts"
import { demandString, readMultiCredential } from "./multi-credential.ts"
import type { ParentNode } from "./parent-node.ts"

/** Never changes; belongs to one version of a tree. */
export interface TreeIndex {
  /** By `keyString`. */
  readonly leafEncryptionKeys: CountMap
  readonly parentEncryptionKeys: CountMap
  readonly signatureKeys: CountMap
  /** Members by the type of their credential, as a decimal string. */
  readonly credentialTypes: CountMap
  /** Members by what they support, by `supportString`. */
  readonly supported: CountMap
  /** Members with a multi-credential by what it demands of all, by `demandString`. */
  readonly demands: CountMap
  /** Members by what they support of that, by `profileString`. */
  readonly profiles: CountMap
}

/** The lists of `Capabilities` that §7.3 and §11.1 ask about. */
export type CapabilityKind = "extensions" | "proposals" | "credentials"

export const emptyTreeIndex: TreeIndex = {
  leafEncryptionKeys: CountMap.empty,
  parentEncryptionKeys: CountMap.empty,
  signatureKeys: CountMap.empty,
  credentialTypes: CountMap.empty,
  supported: CountMap.empty,
  demands: CountMap.empty,
  profiles: CountMap.empty,
}

export function supportString(kind: CapabilityKind | "cipherSuites", type: number): string {
  return `${kind} ${type}`
}

/** The cipher suites and credential types that a member lists. */
function profileString({ cipherSuites, credentials }: Capabilities): string {
  return `${cipherSuites.join()}/${credentials.join()}`
}

/** What `profileString` wrote. */
export function readProfile(profile: string) {
  const [cipherSuites = "", credentials = ""] = profile.split("/")
  const set = (list: string): ReadonlySet<number> => new Set(list.split(",").map(Number))
  return { cipherSuites: set(cipherSuites), credentials: set(credentials) }
}

export function typeString(credential: Credential): string {
  return String(credentialType(credential))
}

/** An index's successor in the making. */
export class TreeIndexDraft {
  readonly #base: TreeIndex
  readonly #leafEncryptionKeys = new Map<string, number>()
  readonly #parentEncryptionKeys = new Map<string, number>()
  readonly #signatureKeys = new Map<string, number>()
  readonly #credentialTypes = new Map<string, number>()
  readonly #demands = new Map<string, number>()
  /** Members share what they say of themselves (`decodeLeafNode`): counted by that, and by types in the end. */
  readonly #capabilities = new Map<Capabilities, number>()

  constructor(base: TreeIndex) {
    this.#base = base
  }

  addLeaf(leaf: LeafNode): void {
    this.#countLeaf(leaf, 1)
  }

  removeLeaf(leaf: LeafNode): void {
    this.#countLeaf(leaf, -1)
  }

  addParent(parent: ParentNode): void {
    count(this.#parentEncryptionKeys, keyString(parent.encryptionKey), 1)
  }

  removeParent(parent: ParentNode): void {
    count(this.#parentEncryptionKeys, keyString(parent.encryptionKey), -1)
  }

  finish(): TreeIndex {
    const base = this.#base
    return {
      leafEncryptionKeys: base.leafEncryptionKeys.plus(this.#leafEncryptionKeys),
      parentEncryptionKeys: base.parentEncryptionKeys.plus(this.#parentEncryptionKeys),
      signatureKeys: base.signatureKeys.plus(this.#signatureKeys),
      credentialTypes: base.credentialTypes.plus(this.#credentialTypes),
      demands: base.demands.plus(this.#demands),
      ...this.#support(),
    }
  }

  #support(): Pick<TreeIndex, "supported" | "profiles"> {
    const supported = new Map<string, number>()
    const profiles = new Map<string, number>()
    for (const [capabilities, difference] of this.#capabilities) {
      for (const support of supportStrings(capabilities)) count(supported, support, difference)
      count(profiles, profileString(capabilities), difference)
    }
    return {
      supported: this.#base.supported.plus(supported),
      profiles: this.#base.profiles.plus(profiles),
    }
  }

  #countLeaf(leaf: LeafNode, difference: 1 | -1): void {
    count(this.#leafEncryptionKeys, keyString(leaf.encryptionKey), difference)
    count(this.#signatureKeys, keyString(leaf.signatureKey), difference)
    count(this.#credentialTypes, typeString(leaf.credential), difference)
    count(this.#capabilities, leaf.capabilities, difference)
    const multi = readMultiCredential(leaf.credential)
    if (multi !== undefined) count(this.#demands, demandString(multi), difference)
  }
}

/** A type that a leaf lists twice counts once. */
function supportStrings(capabilities: Capabilities): ReadonlySet<string> {
  const kinds = ["extensions", "proposals", "credentials", "cipherSuites"] as const
  return new Set(
    kinds.flatMap((kind) => capabilities[kind].map((type) => supportString(kind, type))),
  )
}

function count<Key>(counts: Map<Key, number>, key: Key, difference: number): void {
  counts.set(key, (counts.get(key) ?? 0) + difference)
}
