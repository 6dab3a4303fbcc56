// Proposals as the interop runner describes them.

import {
  type Proposal,
  type ReInit,
  decodeMlsMessage,
  encodeMlsMessage,
  proposalTypes,
  wireFormats,
} from "../../../src/mls/index.ts"
import type { KeyPackage, LeafIndex } from "../../../src/mls/index.ts"
import type { ProposalDescription } from "./messages.ts"
import { toExtensions } from "./member.ts"

/** What a description needs of the group: names to leaves, and PSK ids of the right length. */
export interface Describer {
  leafOf(identity: Uint8Array): LeafIndex
  externalPsk(pskId: Uint8Array): Proposal
  resumptionPsk(epoch: bigint): Proposal
}

export function toProposal(group: Describer, description: ProposalDescription): Proposal {
  const type = Buffer.from(description.proposal_type).toString()
  switch (type) {
    case "add":
      return {
        proposalType: proposalTypes.add,
        keyPackage: readKeyPackage(description.key_package),
      }
    case "remove":
      return { proposalType: proposalTypes.remove, removed: group.leafOf(description.removed_id) }
    case "externalPSK":
      return group.externalPsk(description.psk_id)
    case "resumptionPSK":
      return group.resumptionPsk(BigInt(description.epoch_id))
    case "groupContextExtensions": {
      const extensions = toExtensions(description.extensions)
      return { proposalType: proposalTypes.groupContextExtensions, extensions }
    }
    case "reinit":
      return { proposalType: proposalTypes.reinit, ...toReInit(description) }
    default:
      throw new Error(`a proposal of type ${type}`)
  }
}

export function toReInit(
  fields: Pick<ProposalDescription, "group_id" | "cipher_suite" | "extensions">,
): ReInit {
  return {
    groupId: fields.group_id,
    version: 1,
    cipherSuite: fields.cipher_suite,
    extensions: toExtensions(fields.extensions),
  }
}

export function readKeyPackage(message: Uint8Array): KeyPackage {
  const decoded = decodeMlsMessage(message)
  if (decoded.wireFormat !== wireFormats.keyPackage) throw new Error("no KeyPackage")
  return decoded.keyPackage
}

export function writeKeyPackage(keyPackage: KeyPackage): Uint8Array {
  return encodeMlsMessage({ wireFormat: wireFormats.keyPackage, keyPackage })
}
