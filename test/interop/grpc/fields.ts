// Fields of the interop runner's answers that several calls share.

import { type OwnKeyPackage, exportRatchetTree } from "../../../src/mls/index.ts"
import type { Member } from "./member.ts"

/** The tree, where it goes beside the message. */
export function treeOf(wanted: boolean, state: Member["state"]) {
  return optional("ratchet_tree", wanted ? exportRatchetTree(state) : undefined)
}

export function privateKeys(own: OwnKeyPackage) {
  return {
    init_priv: own.initPrivateKey,
    encryption_priv: own.encryptionPrivateKey,
    signature_priv: own.signaturePrivateKey,
  }
}

/** An object with the field, or without it. */
export function optional<Name extends string, Value>(
  name: Name,
  value: Value | undefined,
): { [Field in Name]?: Value } {
  return (value === undefined ? {} : { [name]: value }) as { [Field in Name]?: Value }
}
