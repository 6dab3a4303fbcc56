// The working group's scripts, acted out by servers of its interop interface: what the official runner does, for CI.

import type { Client, MethodDefinition, ServiceDefinition } from "@grpc/grpc-js"

export interface Step {
  readonly action: string
  readonly actor?: string
  readonly members?: readonly string[]
  readonly joiners?: readonly string[]
  readonly joiner?: string
  readonly clients?: readonly string[]
  readonly signer?: string
  readonly member?: string
  readonly proposer?: string
  readonly committer?: string
  readonly welcomer?: string
  readonly byReference?: readonly number[]
  readonly byValue?: readonly Description[]
  readonly description?: Description
  readonly keyPackage?: number
  readonly removed?: string
  readonly pskID?: number
  readonly psks?: readonly number[]
  readonly epochID?: number
  readonly ciphertext?: number
  readonly externalReinitProposal?: number
  readonly authenticatedData?: string
  readonly plaintext?: string
  readonly extensions?: readonly ScriptExtension[]
  readonly removePrior?: boolean
  readonly force_path?: boolean
  readonly forcePath?: boolean
  readonly external_tree?: boolean
  readonly externalTree?: boolean
  readonly changeGroupID?: boolean
  readonly changeCiphersuite?: boolean
}

interface Description {
  readonly proposalType: string
  readonly keyPackage?: number
  readonly removed?: string
  readonly pskID?: number
  readonly epochID?: number
  readonly extensions?: readonly ScriptExtension[]
  readonly changeGroupID?: boolean
  readonly changeCipherSuite?: boolean
}

interface ScriptExtension {
  readonly extension_type: number
  /** Base64. */
  readonly extension_data: string
}

/** Fields of answers; those that a call does not have are absent. */
interface Answer {
  readonly state_id: number
  readonly transaction_id: number
  readonly reinit_id: number
  readonly signer_id: number
  readonly epoch_authenticator: Buffer
  readonly key_package: Buffer
  readonly commit: Buffer
  readonly welcome: Buffer
  readonly proposal: Buffer
  readonly ratchet_tree: Buffer
  readonly group_info: Buffer
  readonly ciphertext: Buffer
  readonly plaintext: Buffer
  readonly authenticated_data: Buffer
  readonly external_sender: Buffer
}

export interface ScriptSetting {
  readonly definition: ServiceDefinition
  /** Roles are given out in turn. */
  readonly clients: readonly Client[]
  readonly suite: number
  /** Another one, for scripts that change the suite. */
  readonly otherSuite: number
  readonly encryptHandshake: boolean
  /** Gets the name of each call. */
  readonly onCall: (method: string) => void
}

const text = (value: string) => Buffer.from(value)
const EMPTY = Buffer.alloc(0)

export class ScriptRun {
  readonly #setting: ScriptSetting
  #suite: number
  readonly #clientOf = new Map<string, Client>()
  readonly #states = new Map<string, number>()
  readonly #transactions = new Map<string, number>()
  readonly #signers = new Map<string, number>()
  /** What steps brought, by their number. */
  readonly #messages: Partial<Record<"proposal" | "keyPackage" | "ciphertext", Buffer>>[] = []
  readonly #psks = new Map<number, { readonly psk_id: Buffer; readonly psk_secret: Buffer }>()
  readonly #sent = new Map<number, Step>()

  constructor(setting: ScriptSetting) {
    this.#setting = setting
    this.#suite = setting.suite
  }

  /** Throws if a call fails or members disagree. */
  async run(script: readonly Step[]): Promise<void> {
    for (const [index, step] of script.entries()) {
      try {
        this.#messages[index] = (await this.#take(index, step)) ?? {}
      } catch (error) {
        throw new Error(`step ${index}, ${step.action}`, { cause: error })
      }
    }
  }

  stateOf(actor: string): number {
    return need(this.#states.get(actor), `state of ${actor}`)
  }

  call(actor: string, method: string, request: object): Promise<Answer> {
    const { definition, clients, onCall } = this.#setting
    const known = this.#clientOf.get(actor)
    const client = known ?? need(clients[this.#clientOf.size % clients.length], "client")
    this.#clientOf.set(actor, client)
    onCall(method)
    const { path, requestSerialize, responseDeserialize } = need(
      definition[method],
      method,
    ) as MethodDefinition<object, Answer>
    return new Promise((resolve, reject) => {
      client.makeUnaryRequest(
        path,
        requestSerialize,
        responseDeserialize,
        request,
        (error, answer) => {
          if (error !== null) reject(new Error(`${method} of ${actor}: ${error.details}`))
          else resolve(need(answer, "answer"))
        },
      )
    })
  }

  /** Of a call of an actor about its group. */
  #ask(actor: string, method: string, request: object = {}): Promise<Answer> {
    return this.call(actor, method, { state_id: this.stateOf(actor), ...request })
  }

  async #take(index: number, step: Step) {
    const actor = step.actor ?? ""
    switch (step.action) {
      case "createGroup":
        return this.#createGroup(actor, step.members ?? [])
      case "createKeyPackage":
        return { keyPackage: await this.#keyPackage(actor) }
      case "installExternalPSK":
        return this.#installPsk(index, step.clients ?? [])
      case "externalJoin":
        return this.#externalJoin(actor, step)
      case "fullCommit":
        return this.#fullCommit(actor, step)
      case "protect": {
        this.#sent.set(index, step)
        const { authenticatedData = "", plaintext = "" } = step
        const data = { authenticated_data: text(authenticatedData), plaintext: text(plaintext) }
        return { ciphertext: (await this.#ask(actor, "Protect", data)).ciphertext }
      }
      case "unprotect":
        return this.#unprotect(actor, step)
      case "branch":
        return this.#branch(actor, step)
      case "reinit":
        return this.#reinit(step)
      default:
        return { proposal: await this.#propose(actor, step) }
    }
  }

  async #propose(actor: string, step: Step): Promise<Buffer> {
    const key_package = () => this.#brought(step.keyPackage, "keyPackage")
    switch (step.action) {
      case "addProposal":
        return proposal(this.#ask(actor, "AddProposal", { key_package: key_package() }))
      case "updateProposal":
        return proposal(this.#ask(actor, "UpdateProposal"))
      case "removeProposal": {
        const removed_id = text(step.removed ?? "")
        return proposal(this.#ask(actor, "RemoveProposal", { removed_id }))
      }
      case "externalPSKProposal": {
        const { psk_id } = this.#psk(step.pskID)
        return proposal(this.#ask(actor, "ExternalPSKProposal", { psk_id }))
      }
      case "resumptionPSKProposal":
        return proposal(this.#ask(actor, "ResumptionPSKProposal", { epoch_id: step.epochID }))
      case "groupContextExtensionsProposal": {
        const extensions = extensionsOf(step.extensions)
        return proposal(this.#ask(actor, "GroupContextExtensionsProposal", { extensions }))
      }
      case "newMemberAddProposal": {
        const { group_info } = await this.#ask(actor, "GroupInfo")
        const joiner = step.joiner ?? ""
        const request = { group_info, identity: text(joiner) }
        const made = await this.call(joiner, "NewMemberAddProposal", request)
        this.#transactions.set(joiner, made.transaction_id)
        return made.proposal
      }
      case "addExternalSigner": {
        const signer = step.signer ?? ""
        const request = { cipher_suite: this.#suite, identity: text(signer) }
        const made = await this.call(signer, "CreateExternalSigner", request)
        this.#signers.set(signer, made.signer_id)
        const { external_sender } = made
        return proposal(this.#ask(actor, "AddExternalSigner", { external_sender }))
      }
      case "externalSignerProposal": {
        const info = await this.#ask(step.member ?? "", "GroupInfo", { external_tree: true })
        const request = {
          signer_id: need(this.#signers.get(actor), "signer"),
          group_info: info.group_info,
          ratchet_tree: info.ratchet_tree,
          description: this.#described(need(step.description, "description")),
        }
        return proposal(this.call(actor, "ExternalSignerProposal", request))
      }
      default:
        throw new Error(`no action ${step.action}`)
    }
  }

  async #createGroup(actor: string, members: readonly string[]) {
    const request = {
      group_id: GROUP_ID,
      cipher_suite: this.#suite,
      encrypt_handshake: this.#setting.encryptHandshake,
      identity: text(actor),
    }
    this.#states.set(actor, (await this.call(actor, "CreateGroup", request)).state_id)
    if (members.length === 0) return undefined
    const keyPackages: Buffer[] = []
    for (const member of members) keyPackages.push(await this.#keyPackage(member))
    const by_value = keyPackages.map((key_package) => ({
      proposal_type: text("add"),
      key_package,
    }))
    const { welcome } = await this.#ask(actor, "Commit", { by_value })
    const { epoch_authenticator } = await this.#enter(actor, "HandlePendingCommit", {})
    await this.#join(members, { welcome, ratchet_tree: EMPTY }, epoch_authenticator)
    return undefined
  }

  async #keyPackage(actor: string): Promise<Buffer> {
    const request = { cipher_suite: this.#suite, identity: text(actor) }
    const made = await this.call(actor, "CreateKeyPackage", request)
    this.#transactions.set(actor, made.transaction_id)
    return made.key_package
  }

  /** The new epoch's state becomes the actor's. */
  async #enter(actor: string, method: string, request: object): Promise<Answer> {
    const entered = await this.#ask(actor, method, request)
    this.#states.set(actor, entered.state_id)
    return entered
  }

  async #join(
    joiners: readonly string[],
    by: Pick<Answer, "welcome" | "ratchet_tree">,
    authenticator: Buffer,
  ): Promise<void> {
    for (const joiner of joiners) {
      const joined = await this.call(joiner, "JoinGroup", {
        transaction_id: need(this.#transactions.get(joiner), `transaction of ${joiner}`),
        welcome: by.welcome,
        ratchet_tree: by.ratchet_tree,
        encrypt_handshake: this.#setting.encryptHandshake,
        identity: text(joiner),
      })
      agree(joiner, joined.epoch_authenticator, authenticator)
      this.#states.set(joiner, joined.state_id)
    }
  }

  async #installPsk(index: number, clients: readonly string[]) {
    const psk = { psk_id: text(`psk ${index}`), psk_secret: Buffer.alloc(32, index) }
    this.#psks.set(index, psk)
    for (const name of clients) {
      const id = this.#states.get(name) ?? need(this.#transactions.get(name), name)
      await this.call(name, "StorePSK", { state_or_transaction_id: id, ...psk })
    }
    return undefined
  }

  async #externalJoin(actor: string, step: Step) {
    const joiner = step.joiner ?? ""
    const info = await this.#ask(actor, "GroupInfo", { external_tree: step.externalTree })
    const joined = await this.call(joiner, "ExternalJoin", {
      group_info: info.group_info,
      ratchet_tree: info.ratchet_tree,
      encrypt_handshake: this.#setting.encryptHandshake,
      identity: text(joiner),
      remove_prior: step.removePrior,
      psks: (step.psks ?? []).map((number) => this.#psk(number)),
    })
    this.#states.set(joiner, joined.state_id)
    const { commit, epoch_authenticator } = joined
    await this.#follow([...(step.members ?? []), actor], { commit }, epoch_authenticator)
    return undefined
  }

  async #follow(members: readonly string[], request: object, authenticator: Buffer) {
    for (const member of members) {
      const entered = await this.#enter(member, "HandleCommit", request)
      agree(member, entered.epoch_authenticator, authenticator)
    }
  }

  async #fullCommit(actor: string, step: Step) {
    const by_reference = (step.byReference ?? []).map((each) => this.#brought(each, "proposal"))
    const made = await this.#ask(actor, "Commit", {
      by_reference,
      by_value: (step.byValue ?? []).map((each) => this.#described(each)),
      force_path: step.force_path,
      external_tree: step.external_tree,
    })
    const { epoch_authenticator } = await this.#enter(actor, "HandlePendingCommit", {})
    const { commit } = made
    const request = { proposal: by_reference, commit }
    await this.#follow(step.members ?? [], request, epoch_authenticator)
    await this.#join(step.joiners ?? [], made, epoch_authenticator)
    return undefined
  }

  async #unprotect(actor: string, step: Step) {
    const ciphertext = this.#brought(step.ciphertext, "ciphertext")
    const sent = need(this.#sent.get(step.ciphertext ?? -1), "message")
    const { plaintext, authenticated_data } = await this.#ask(actor, "Unprotect", { ciphertext })
    agree(actor, plaintext, text(sent.plaintext ?? ""))
    agree(actor, authenticated_data, text(sent.authenticatedData ?? ""))
    return undefined
  }

  async #branch(actor: string, step: Step) {
    const members = step.members ?? []
    const key_packages: Buffer[] = []
    for (const member of members) key_packages.push(await this.#keyPackage(member))
    const made = await this.#enter(actor, "CreateBranch", {
      group_id: text("branch"),
      extensions: extensionsOf(step.extensions),
      key_packages,
      force_path: step.forcePath,
      external_tree: step.externalTree,
    })
    for (const member of members) {
      const former = this.stateOf(member)
      const joined = await this.#enter(member, "HandleBranch", {
        transaction_id: this.#transactions.get(member),
        welcome: made.welcome,
        ratchet_tree: made.ratchet_tree,
      })
      agree(member, joined.epoch_authenticator, made.epoch_authenticator)
      await this.call(member, "Free", { state_id: former })
    }
    return undefined
  }

  async #reinit(step: Step) {
    const { committer = "", welcomer = "", proposer } = step
    const all = new Set([
      ...(step.members ?? []),
      committer,
      welcomer,
      ...(proposer ? [proposer] : []),
    ])
    const without = (name: string) => [...all].filter((each) => each !== name)
    if (step.changeCiphersuite) this.#suite = this.#setting.otherSuite
    const reInit =
      proposer === undefined
        ? this.#brought(step.externalReinitProposal, "proposal")
        : await proposal(
            this.#ask(proposer, "ReInitProposal", {
              cipher_suite: this.#suite,
              group_id: nextGroupId(step.changeGroupID),
              extensions: extensionsOf(step.extensions),
            }),
          )
    const { commit } = await this.#ask(committer, "ReInitCommit", { by_reference: [reInit] })
    const ended = new Map([[committer, await this.#ask(committer, "HandlePendingReInitCommit")]])
    const authenticator = need(ended.get(committer), committer).epoch_authenticator
    for (const member of without(committer)) {
      const request = { proposal: [reInit], commit }
      const answer = await this.#ask(member, "HandleReInitCommit", request)
      agree(member, answer.epoch_authenticator, authenticator)
      ended.set(member, answer)
    }
    const endedOf = (name: string) => need(ended.get(name), name)
    const founded = await this.call(welcomer, "ReInitWelcome", {
      reinit_id: endedOf(welcomer).reinit_id,
      key_package: without(welcomer).map((member) => endedOf(member).key_package),
      force_path: step.forcePath,
      external_tree: step.externalTree,
    })
    this.#states.set(welcomer, founded.state_id)
    for (const member of without(welcomer)) {
      const joined = await this.call(member, "HandleReInitWelcome", {
        reinit_id: endedOf(member).reinit_id,
        welcome: founded.welcome,
        ratchet_tree: founded.ratchet_tree,
      })
      agree(member, joined.epoch_authenticator, founded.epoch_authenticator)
      this.#states.set(member, joined.state_id)
    }
    return undefined
  }

  #described(description: Description) {
    const { proposalType, keyPackage, removed, pskID, epochID } = description
    if (description.changeCipherSuite) this.#suite = this.#setting.otherSuite
    const extensions = extensionsOf(description.extensions)
    return {
      proposal_type: text(proposalType),
      extensions,
      ...(keyPackage !== undefined && { key_package: this.#brought(keyPackage, "keyPackage") }),
      ...(removed !== undefined && { removed_id: text(removed) }),
      ...(pskID !== undefined && { psk_id: this.#psk(pskID).psk_id }),
      ...(epochID !== undefined && { epoch_id: epochID }),
      ...(proposalType === "reinit" && {
        group_id: nextGroupId(description.changeGroupID),
        cipher_suite: this.#suite,
      }),
    }
  }

  #brought(step: number | undefined, what: "proposal" | "keyPackage" | "ciphertext"): Buffer {
    return need(this.#messages[step ?? -1]?.[what], `${what} of step ${step}`)
  }

  #psk(step: number | undefined) {
    return need(this.#psks.get(step ?? -1), `PSK of step ${step}`)
  }
}

const GROUP_ID = text("script")
const nextGroupId = (changed = false) => (changed ? text("script++") : GROUP_ID)

const extensionsOf = (extensions: readonly ScriptExtension[] = []) =>
  extensions.map(({ extension_type, extension_data }) => ({
    extension_type,
    extension_data: Buffer.from(extension_data, "base64"),
  }))

const proposal = async (answer: Promise<Answer>): Promise<Buffer> => (await answer).proposal

function agree(who: string, actual: Buffer, expected: Buffer): void {
  if (actual.length === 0 || !actual.equals(expected)) throw new Error(`${who} does not agree`)
}

function need<Item>(found: Item | undefined, what: string): Item {
  if (found === undefined) throw new Error(`no ${what}`)
  return found
}
