// One member of one group in one epoch, as the interop runner names it by a state id.

import {
  type Capabilities,
  type CreatedCommit,
  type Extension,
  type GroupState,
  type MlsContext,
  type OwnKeyPackage,
  type PreSharedKeyId,
  type ProcessedApplication,
  cipherSuite,
  createCrypto,
  createProposal,
  createUpdateProposal,
  generateKeyPackage,
  members,
  peekMessage,
  processMessage,
  proposalTypes,
} from "../../../src/mls/index.ts"
import type { LeafIndex, Proposal } from "../../../src/mls/index.ts"
import { leafOf } from "./group-info.ts"
import { openssl448 } from "./openssl-448.ts"

/** Epochs whose late messages are still read. */
const PAST_EPOCHS = 5

export const SUITES = [1, 2, 3, 4, 5, 6, 7]

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex")

/** The runner's scripts negotiate nothing: every client can do everything. */
const capabilities: Capabilities = {
  versions: [1],
  cipherSuites: SUITES,
  extensions: [],
  proposals: [],
  credentials: [1],
}

/** Pre-shared keys by id: external ones as they were handed to us, resumption PSKs as epochs go by. */
export class Psks {
  readonly #secrets: ReadonlyMap<string, Uint8Array>

  constructor(secrets: ReadonlyMap<string, Uint8Array> = new Map()) {
    this.#secrets = secrets
  }

  withExternal(pskId: Uint8Array, secret: Uint8Array): Psks {
    return new Psks(new Map(this.#secrets).set(`external ${hex(pskId)}`, secret))
  }

  withEpoch({ groupContext, epochSecrets }: GroupState): Psks {
    const key = `resumption ${hex(groupContext.groupId)} ${groupContext.epoch}`
    return new Psks(new Map(this.#secrets).set(key, epochSecrets.resumptionPsk))
  }

  psk(id: PreSharedKeyId): Uint8Array | undefined {
    return this.#secrets.get(
      id.kind === "resumption"
        ? `resumption ${hex(id.pskGroupId)} ${id.pskEpoch}`
        : `${id.kind} ${hex(id.pskId)}`,
    )
  }
}

const contexts = new Map<number, Promise<MlsContext>>()
let isOnOpenssl = false

/** From now on Node's OpenSSL computes what WebCrypto lacks of the suites 4 and 6. */
export function computeOnOpenssl(): void {
  isOnOpenssl = true
  contexts.clear()
}

export function contextOf(suite: number): Promise<MlsContext> {
  const known = contexts.get(suite)
  if (known !== undefined) return known
  const ours = isOnOpenssl ? openssl448(cipherSuite(suite)) : undefined
  const made = createCrypto({
    suite: cipherSuite(suite),
    ...(ours !== undefined && { backend: ours }),
  }).then((crypto) => ({ crypto }))
  contexts.set(suite, made)
  return made
}

export async function makeKeyPackage(suite: number, identity: Uint8Array): Promise<OwnKeyPackage> {
  const { crypto } = await contextOf(suite)
  const now = Math.floor(Date.now() / 1000)
  return generateKeyPackage(crypto, {
    credential: { kind: "basic", identity },
    capabilities,
    lifetime: { notBefore: BigInt(now - 3600), notAfter: BigInt(now + 86_400) },
  })
}

export class Member {
  readonly identity: Uint8Array
  readonly wireFormat: "public" | "private"
  state: GroupState
  psks: Psks
  /** Made and not yet taken. */
  pending: CreatedCommit | undefined
  readonly #context: MlsContext
  readonly #past = new Map<bigint, GroupState>()
  /** ProposalRefs of this epoch, by the message that brought them. */
  readonly #refs = new Map<string, Uint8Array>()

  constructor(from: {
    readonly context: MlsContext
    readonly state: GroupState
    readonly identity: Uint8Array
    readonly encryptHandshake: boolean
    readonly psks?: Psks
  }) {
    this.#context = from.context
    this.state = from.state
    this.identity = from.identity
    this.wireFormat = from.encryptHandshake ? "private" : "public"
    this.psks = (from.psks ?? new Psks()).withEpoch(from.state)
  }

  /** What every operation gets from outside; knows the PSKs of now. */
  get context(): MlsContext {
    return { ...this.#context, psks: this.psks }
  }

  get epochAuthenticator(): Uint8Array {
    return this.state.epochSecrets.epochAuthenticator
  }

  /** The same member in the next epoch, who still reads what comes late. */
  advanced(state: GroupState): Member {
    const next = new Member({
      context: this.#context,
      state,
      identity: this.identity,
      encryptHandshake: this.wireFormat === "private",
      psks: this.psks,
    })
    for (const past of [...this.#past.values(), this.state].slice(-PAST_EPOCHS)) next.#keep(past)
    return next
  }

  requirePending(): CreatedCommit {
    if (this.pending === undefined) throw new Error("no commit is pending")
    return this.pending
  }

  /** Application data of this epoch or one of the last ones. */
  async unprotect(message: Uint8Array): Promise<ProcessedApplication> {
    const { epoch } = peekMessage(message)
    const past = epoch === undefined ? undefined : this.#past.get(epoch)
    const processed = await processMessage(this.context, past ?? this.state, message)
    if (processed.kind !== "application") throw new Error(`a ${processed.kind}`)
    if (past === undefined) this.state = processed.state
    else this.#keep(processed.state)
    return processed
  }

  #keep(state: GroupState): void {
    this.#past.set(state.groupContext.epoch, state)
  }

  leafOf(identity: Uint8Array): LeafIndex {
    return leafOf([...members(this.state)], identity)
  }

  externalPsk(pskId: Uint8Array): Proposal {
    const { crypto } = this.#context
    const pskNonce = crypto.random(crypto.suite.hash.size)
    return { proposalType: proposalTypes.psk, psk: { kind: "external", pskId, pskNonce } }
  }

  resumptionPsk(pskEpoch: bigint): Proposal {
    const { crypto } = this.#context
    return {
      proposalType: proposalTypes.psk,
      psk: {
        kind: "resumption",
        usage: "application",
        pskGroupId: this.state.groupContext.groupId,
        pskEpoch,
        pskNonce: crypto.random(crypto.suite.hash.size),
      },
    }
  }

  async propose(proposal: Proposal): Promise<Uint8Array> {
    const { wireFormat } = this
    return this.#sent(await createProposal(this.context, this.state, proposal, { wireFormat }))
  }

  async proposeUpdate(): Promise<Uint8Array> {
    const { wireFormat } = this
    return this.#sent(await createUpdateProposal(this.context, this.state, {}, { wireFormat }))
  }

  /** Takes proposals in, our own ones included; their refs. */
  async receive(proposals: readonly Uint8Array[]): Promise<Uint8Array[]> {
    const refs: Uint8Array[] = []
    for (const message of proposals) {
      const known = this.#refs.get(hex(message))
      if (known !== undefined) {
        refs.push(known)
        continue
      }
      const processed = await processMessage(this.context, this.state, message)
      if (processed.kind !== "proposal") throw new Error(`a ${processed.kind}, not a proposal`)
      this.state = processed.state
      this.#refs.set(hex(message), processed.ref)
      refs.push(processed.ref)
    }
    return refs
  }

  #sent(made: {
    readonly state: GroupState
    readonly message: Uint8Array
    readonly ref: Uint8Array
  }): Uint8Array {
    this.state = made.state
    this.#refs.set(hex(made.message), made.ref)
    return made.message
  }
}

export function toExtensions(
  fields: readonly { readonly extension_type: number; readonly extension_data: Uint8Array }[],
): Extension[] {
  return fields.map((field) => ({ type: field.extension_type, data: field.extension_data }))
}
