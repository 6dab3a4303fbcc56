// RFC 9420 §7.3: what a rule about all members asks of a tree, counted instead of searched for.

import { type Credential, credentialType } from "./credential.ts"
import { CountMap } from "./count-map.ts"
import type { LeafNode } from "./leaf-node.ts"
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
}

export type CapabilityKind = "extensions" | "proposals" | "credentials"

export const emptyTreeIndex: TreeIndex = {
  leafEncryptionKeys: CountMap.empty,
  parentEncryptionKeys: CountMap.empty,
  signatureKeys: CountMap.empty,
  credentialTypes: CountMap.empty,
  supported: CountMap.empty,
}

/** Bytes as a map key: one character for each, any length. */
export function keyString(bytes: Uint8Array): string {
  if (bytes.length <= 256) return String.fromCharCode(...bytes)
  return Array.from(bytes, (byte) => String.fromCharCode(byte)).join("")
}

export function supportString(kind: CapabilityKind, type: number): string {
  return `${kind} ${type}`
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
  readonly #supported = new Map<string, number>()

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
      supported: base.supported.plus(this.#supported),
    }
  }

  #countLeaf(leaf: LeafNode, difference: 1 | -1): void {
    count(this.#leafEncryptionKeys, keyString(leaf.encryptionKey), difference)
    count(this.#signatureKeys, keyString(leaf.signatureKey), difference)
    count(this.#credentialTypes, typeString(leaf.credential), difference)
    for (const kind of ["extensions", "proposals", "credentials"] as const) {
      // A type that a leaf lists twice counts once.
      for (const type of new Set(leaf.capabilities[kind])) {
        count(this.#supported, supportString(kind, type), difference)
      }
    }
  }
}

function count(counts: Map<string, number>, key: string, difference: number): void {
  counts.set(key, (counts.get(key) ?? 0) + difference)
}
