// The MLS working group's interop interface, call by call. An error becomes the gRPC status INTERNAL with its message.

import {
  createCommit,
  createGroup,
  encryptApplication,
  exportGroupInfo,
  exportSecret,
  joinByExternalCommit,
  joinGroup,
  proposalTypes,
} from "../../../src/mls/index.ts"
import { optional, privateKeys, treeOf } from "./fields.ts"
import { formerLeaf, groupContextOf } from "./group-info.ts"
import { Member, Psks, SUITES, contextOf, makeKeyPackage, toExtensions } from "./member.ts"
import type * as wire from "./messages.ts"
import { present } from "./messages.ts"
import { readKeyPackage, toProposal, writeKeyPackage } from "./proposals.ts"
import type { Tables } from "./tables.ts"

export class InteropClient {
  readonly #tables: Tables

  constructor(tables: Tables) {
    this.#tables = tables
  }

  name() {
    return { name: "Burrow" }
  }

  supportedCiphersuites() {
    return { ciphersuites: SUITES }
  }

  // --- Ways to become a member ---

  async createGroup(request: {
    readonly group_id: Uint8Array
    readonly cipher_suite: number
    readonly encrypt_handshake: boolean
    readonly identity: Uint8Array
  }) {
    const { identity, encrypt_handshake: encryptHandshake } = request
    const context = await contextOf(request.cipher_suite)
    const keyPackage = await makeKeyPackage(request.cipher_suite, identity)
    const options = { groupId: request.group_id, keyPackage, extensions: [] }
    const state = await createGroup(context, options)
    const member = new Member({ context, state, identity, encryptHandshake })
    return { state_id: this.#tables.members.add(member) }
  }

  async createKeyPackage(request: {
    readonly cipher_suite: number
    readonly identity: Uint8Array
  }) {
    const keyPackage = await makeKeyPackage(request.cipher_suite, request.identity)
    return {
      transaction_id: this.#tables.transactions.add({ keyPackage, psks: new Psks() }),
      key_package: writeKeyPackage(keyPackage.keyPackage),
      ...privateKeys(keyPackage),
    }
  }

  async joinGroup(request: {
    readonly transaction_id: number
    readonly welcome: Uint8Array
    readonly encrypt_handshake: boolean
    readonly identity: Uint8Array
    readonly ratchet_tree: Uint8Array
  }) {
    const { keyPackage, psks } = this.#tables.transactions.require(request.transaction_id)
    const context = await contextOf(keyPackage.keyPackage.cipherSuite)
    const { state } = await joinGroup(
      { ...context, psks },
      {
        welcome: request.welcome,
        keyPackages: [keyPackage],
        ...optional("ratchetTree", present(request.ratchet_tree)),
      },
    )
    const { identity, encrypt_handshake: encryptHandshake } = request
    return this.#tables.entered(new Member({ context, state, identity, encryptHandshake, psks }))
  }

  async externalJoin(request: wire.ExternalJoinRequest) {
    const groupContext = groupContextOf(request.group_info)
    const context = await contextOf(groupContext.cipherSuite)
    const { identity, encrypt_handshake: encryptHandshake } = request
    const keyPackage = await makeKeyPackage(groupContext.cipherSuite, identity)
    const { leafNode } = keyPackage.keyPackage
    const ratchetTree = present(request.ratchet_tree)
    const psks = request.psks.reduce(
      (known, psk) => known.withExternal(psk.psk_id, psk.psk_secret),
      new Psks(),
    )
    const { crypto } = context
    const { commit, state } = await joinByExternalCommit(
      { ...context, psks },
      {
        groupInfo: request.group_info,
        ...optional("ratchetTree", ratchetTree),
        credential: leafNode.credential,
        capabilities: leafNode.capabilities,
        signatureKeyPair: {
          publicKey: leafNode.signatureKey,
          privateKey: keyPackage.signaturePrivateKey,
        },
        ...optional(
          "resync",
          request.remove_prior
            ? await formerLeaf(context, request.group_info, ratchetTree, identity)
            : undefined,
        ),
        psks: request.psks.map((psk) => ({
          kind: "external",
          pskId: psk.psk_id,
          pskNonce: crypto.random(crypto.suite.hash.size),
        })),
      },
    )
    const member = new Member({ context, state, identity, encryptHandshake, psks })
    return { ...this.#tables.entered(member), commit }
  }

  // --- Operations of a member ---

  async groupInfo(request: wire.StateRequest & { readonly external_tree: boolean }) {
    const { context, state } = this.#tables.members.require(request.state_id)
    const group_info = await exportGroupInfo(context, state, {
      externalPub: true,
      ratchetTree: !request.external_tree,
    })
    return { group_info, ...treeOf(request.external_tree, state) }
  }

  stateAuth(request: wire.StateRequest) {
    return { state_auth_secret: this.#tables.members.require(request.state_id).epochAuthenticator }
  }

  export(
    request: wire.StateRequest & {
      readonly label: string
      readonly context: Uint8Array
      readonly key_length: number
    },
  ) {
    const { context, state } = this.#tables.members.require(request.state_id)
    const { label, context: exported, key_length: length } = request
    return { exported_secret: exportSecret(context.crypto, state, label, exported, length) }
  }

  async protect(
    request: wire.StateRequest & {
      readonly authenticated_data: Uint8Array
      readonly plaintext: Uint8Array
    },
  ) {
    const member = this.#tables.members.require(request.state_id)
    const { authenticated_data: authenticatedData, plaintext } = request
    const options = { authenticatedData }
    const sent = await encryptApplication(member.context, member.state, plaintext, options)
    member.state = sent.state
    return { ciphertext: sent.message }
  }

  async unprotect(request: wire.StateRequest & { readonly ciphertext: Uint8Array }) {
    const member = this.#tables.members.require(request.state_id)
    const processed = await member.unprotect(request.ciphertext)
    return { authenticated_data: processed.authenticatedData, plaintext: processed.data }
  }

  storePsk(request: {
    readonly state_or_transaction_id: number
    readonly psk_id: Uint8Array
    readonly psk_secret: Uint8Array
  }) {
    const id = request.state_or_transaction_id
    const owner = this.#tables.members.find(id) ?? this.#tables.transactions.require(id)
    owner.psks = owner.psks.withExternal(request.psk_id, request.psk_secret)
    return {}
  }

  async addProposal(request: wire.StateRequest & { readonly key_package: Uint8Array }) {
    const keyPackage = readKeyPackage(request.key_package)
    const member = this.#tables.members.require(request.state_id)
    return { proposal: await member.propose({ proposalType: proposalTypes.add, keyPackage }) }
  }

  async updateProposal(request: wire.StateRequest) {
    return { proposal: await this.#tables.members.require(request.state_id).proposeUpdate() }
  }

  async removeProposal(request: wire.StateRequest & { readonly removed_id: Uint8Array }) {
    const member = this.#tables.members.require(request.state_id)
    const removed = member.leafOf(request.removed_id)
    return { proposal: await member.propose({ proposalType: proposalTypes.remove, removed }) }
  }

  async externalPskProposal(request: wire.StateRequest & { readonly psk_id: Uint8Array }) {
    const member = this.#tables.members.require(request.state_id)
    return { proposal: await member.propose(member.externalPsk(request.psk_id)) }
  }

  async resumptionPskProposal(request: wire.StateRequest & { readonly epoch_id: string }) {
    const member = this.#tables.members.require(request.state_id)
    return { proposal: await member.propose(member.resumptionPsk(BigInt(request.epoch_id))) }
  }

  async groupContextExtensionsProposal(
    request: wire.StateRequest & { readonly extensions: readonly wire.ExtensionFields[] },
  ) {
    const extensions = toExtensions(request.extensions)
    const member = this.#tables.members.require(request.state_id)
    const proposalType = proposalTypes.groupContextExtensions
    return { proposal: await member.propose({ proposalType, extensions }) }
  }

  async commit(request: wire.CommitRequest) {
    const member = this.#tables.members.require(request.state_id)
    const proposalRefs = await member.receive(request.by_reference)
    const made = await createCommit(member.context, member.state, {
      proposalRefs,
      proposals: request.by_value.map((description) => toProposal(member, description)),
      forcePath: request.force_path,
      ratchetTree: !request.external_tree,
      wireFormat: member.wireFormat,
    })
    member.state = made.state
    member.pending = made
    const external = request.external_tree && made.welcome !== undefined
    return {
      commit: made.commit,
      ...optional("welcome", made.welcome),
      ...treeOf(external, made.next),
    }
  }

  async handleCommit(request: wire.HandleCommitRequest) {
    return this.#tables.entered(await this.#tables.afterCommit(request))
  }

  handlePendingCommit(request: wire.StateRequest) {
    const member = this.#tables.members.require(request.state_id)
    return this.#tables.entered(member.advanced(member.requirePending().next))
  }

  free(request: wire.StateRequest) {
    this.#tables.members.delete(request.state_id)
    return {}
  }
}
