// RFC 9420 §11.2, §11.3: the interop interface's calls for groups that follow another one.

import {
  type CreatedCommit,
  type MlsContext,
  type OwnKeyPackage,
  createBranch,
  createReinitialized,
  joinGroup,
  proposalTypes,
} from "../../../src/mls/index.ts"
import { optional, treeOf } from "./fields.ts"
import { Member, contextOf, makeKeyPackage, toExtensions } from "./member.ts"
import type * as wire from "./messages.ts"
import { present } from "./messages.ts"
import { readKeyPackage, toReInit, writeKeyPackage } from "./proposals.ts"
import type { Tables } from "./tables.ts"

export class Successors {
  readonly #tables: Tables

  constructor(tables: Tables) {
    this.#tables = tables
  }

  async reInitProposal(
    request: wire.StateRequest &
      Pick<wire.ProposalDescription, "cipher_suite" | "group_id" | "extensions">,
  ) {
    const member = this.#tables.members.require(request.state_id)
    const proposal = { proposalType: proposalTypes.reinit, ...toReInit(request) } as const
    return { proposal: await member.propose(proposal) }
  }

  handlePendingReInitCommit(request: wire.StateRequest) {
    const member = this.#tables.members.require(request.state_id)
    return this.#reinitialised(member.advanced(member.requirePending().next))
  }

  async handleReInitCommit(request: wire.HandleCommitRequest) {
    return this.#reinitialised(await this.#tables.afterCommit(request))
  }

  async reInitWelcome(
    request: wire.SubgroupRequest & {
      readonly reinit_id: number
      readonly key_package: readonly Uint8Array[]
    },
  ) {
    const { member, keyPackage } = this.#tables.ended.require(request.reinit_id)
    const context = await contextOf(keyPackage.keyPackage.cipherSuite)
    const made = await createReinitialized(context, member.state, {
      keyPackage,
      members: request.key_package.map(readKeyPackage),
      forcePath: request.force_path,
      ratchetTree: !request.external_tree,
    })
    return this.#founded(made, { context, member, external: request.external_tree })
  }

  async handleReInitWelcome(request: {
    readonly reinit_id: number
    readonly welcome: Uint8Array
    readonly ratchet_tree: Uint8Array
  }) {
    const { member, keyPackage } = this.#tables.ended.require(request.reinit_id)
    return this.#joinedSuccessor(request, member, keyPackage)
  }

  async createBranch(
    request: wire.StateRequest &
      wire.SubgroupRequest & {
        readonly group_id: Uint8Array
        readonly extensions: readonly wire.ExtensionFields[]
        readonly key_packages: readonly Uint8Array[]
      },
  ) {
    const member = this.#tables.members.require(request.state_id)
    const context = await contextOf(member.state.groupContext.cipherSuite)
    const made = await createBranch(context, member.state, {
      groupId: request.group_id,
      extensions: toExtensions(request.extensions),
      keyPackage: await makeKeyPackage(member.state.groupContext.cipherSuite, member.identity),
      members: request.key_packages.map(readKeyPackage),
      forcePath: request.force_path,
      ratchetTree: !request.external_tree,
    })
    return this.#founded(made, { context, member, external: request.external_tree })
  }

  async handleBranch(
    request: wire.StateRequest & {
      readonly transaction_id: number
      readonly welcome: Uint8Array
      readonly ratchet_tree: Uint8Array
    },
  ) {
    const member = this.#tables.members.require(request.state_id)
    const { keyPackage } = this.#tables.transactions.require(request.transaction_id)
    return this.#joinedSuccessor(request, member, keyPackage)
  }

  async #reinitialised(member: Member) {
    const { reInit } = member.state
    if (reInit === undefined) throw new Error("the commit has no ReInit")
    const keyPackage = await makeKeyPackage(reInit.cipherSuite, member.identity)
    return {
      reinit_id: this.#tables.ended.add({ member, keyPackage }),
      key_package: writeKeyPackage(keyPackage.keyPackage),
      epoch_authenticator: member.epochAuthenticator,
    }
  }

  #founded(
    made: CreatedCommit,
    by: { readonly context: MlsContext; readonly member: Member; readonly external: boolean },
  ) {
    const { identity, wireFormat } = by.member
    const encryptHandshake = wireFormat === "private"
    const { context } = by
    const founder = new Member({ context, state: made.next, identity, encryptHandshake })
    return {
      ...this.#tables.entered(founder),
      ...optional("welcome", made.welcome),
      ...treeOf(by.external, made.next),
    }
  }

  async #joinedSuccessor(
    request: { readonly welcome: Uint8Array; readonly ratchet_tree: Uint8Array },
    former: Member,
    keyPackage: OwnKeyPackage,
  ) {
    const context = await contextOf(keyPackage.keyPackage.cipherSuite)
    const { state } = await joinGroup(context, {
      welcome: request.welcome,
      keyPackages: [keyPackage],
      ...optional("ratchetTree", present(request.ratchet_tree)),
      parent: former.state,
    })
    const { identity, wireFormat } = former
    const encryptHandshake = wireFormat === "private"
    return this.#tables.entered(new Member({ context, state, identity, encryptHandshake }))
  }
}
