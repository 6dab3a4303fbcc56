// RFC 9420 §12.1.8: the interop interface's calls for proposals from outside a group.

import {
  createExternalProposal,
  createNewMemberProposal,
  decode,
  decodeExternalSender,
  decodeExternalSenders,
  encode,
  encodeExternalSender,
  encodeExternalSenders,
  extensionTypes,
  findExtension,
  inspectGroup,
  proposalTypes,
} from "../../../src/mls/index.ts"
import { privateKeys } from "./fields.ts"
import { groupContextOf, leafOf } from "./group-info.ts"
import { Psks, contextOf, makeKeyPackage } from "./member.ts"
import type * as wire from "./messages.ts"
import { present } from "./messages.ts"
import { toProposal } from "./proposals.ts"
import type { Tables } from "./tables.ts"

export class Outsiders {
  readonly #tables: Tables

  constructor(tables: Tables) {
    this.#tables = tables
  }

  async newMemberAddProposal(request: {
    readonly group_info: Uint8Array
    readonly identity: Uint8Array
  }) {
    const { cipherSuite } = groupContextOf(request.group_info)
    const context = await contextOf(cipherSuite)
    const keyPackage = await makeKeyPackage(cipherSuite, request.identity)
    const options = { groupInfo: request.group_info, keyPackage }
    return {
      transaction_id: this.#tables.transactions.add({ keyPackage, psks: new Psks() }),
      proposal: await createNewMemberProposal(context, options),
      ...privateKeys(keyPackage),
    }
  }

  async createExternalSigner(request: {
    readonly cipher_suite: number
    readonly identity: Uint8Array
  }) {
    const { crypto } = await contextOf(request.cipher_suite)
    const keyPair = await crypto.generateSignatureKeyPair()
    const credential = { kind: "basic", identity: request.identity } as const
    const sender = { signatureKey: keyPair.publicKey, credential }
    return {
      signer_id: this.#tables.signers.add({ suite: request.cipher_suite, keyPair }),
      external_sender: encode(encodeExternalSender, sender),
    }
  }

  async addExternalSigner(request: wire.StateRequest & { readonly external_sender: Uint8Array }) {
    const member = this.#tables.members.require(request.state_id)
    const current = member.state.groupContext.extensions
    const type = extensionTypes.externalSenders
    const known = findExtension(current, type)
    const senders = known === undefined ? [] : decode(decodeExternalSenders, known.data)
    const sender = decode(decodeExternalSender, request.external_sender)
    const extensions = [
      ...current.filter((extension) => extension.type !== type),
      { type, data: encode(encodeExternalSenders, [...senders, sender]) },
    ]
    const proposalType = proposalTypes.groupContextExtensions
    return { proposal: await member.propose({ proposalType, extensions }) }
  }

  async externalSignerProposal(request: {
    readonly signer_id: number
    readonly signer_index: number
    readonly group_info: Uint8Array
    readonly ratchet_tree: Uint8Array
    readonly description: wire.ProposalDescription
  }) {
    const { suite, keyPair } = this.#tables.signers.require(request.signer_id)
    const context = await contextOf(suite)
    const group = await inspectGroup(context, request.group_info, present(request.ratchet_tree))
    const { crypto } = context
    const { groupId } = group.groupContext
    const pskNonce = crypto.random(crypto.suite.hash.size)
    const proposal = toProposal(
      {
        leafOf: (identity) => leafOf(group.members, identity),
        externalPsk: (pskId) => ({
          proposalType: proposalTypes.psk,
          psk: { kind: "external", pskId, pskNonce },
        }),
        resumptionPsk: (pskEpoch) => ({
          proposalType: proposalTypes.psk,
          psk: {
            kind: "resumption",
            usage: "application",
            pskGroupId: groupId,
            pskEpoch,
            pskNonce,
          },
        }),
      },
      request.description,
    )
    return {
      proposal: await createExternalProposal(context, {
        groupInfo: request.group_info,
        proposal,
        senderIndex: request.signer_index,
        signaturePrivateKey: keyPair.privateKey,
      }),
    }
  }
}
