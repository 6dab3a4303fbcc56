// Members of one group on this implementation and on ts-mls. Everything that goes in or out of one is bytes.

import * as peer from "ts-mls"
import { encodeExternalPub } from "../../src/mls/extensions.ts"
import * as mls from "../../src/mls/index.ts"
import { labels } from "../../src/mls/registry.ts"
import { groupInfoTbs } from "../../src/mls/welcome-codec.ts"
import { isEdwards, peerUpdate, signatureKeyOf, withLeafKey } from "./ts-mls-update.fixture.ts"

export const text = (value: string) => new TextEncoder().encode(value)
export const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex")

const now = Math.floor(Date.now() / 1000)

/** Ids of pre-shared keys; every member has every key. */
export const PSKS = ["first", "second", "third"] as const
type Psk = (typeof PSKS)[number]
const pskSecret = (id: string) => new Uint8Array(32).fill(id.length)
const idOf = (bytes: Uint8Array) => new TextDecoder().decode(bytes)

/** What a proposal or a commit by value is to do. */
export type Wish =
  | { readonly kind: "add"; readonly keyPackage: Uint8Array }
  | { readonly kind: "remove"; readonly leaf: number }
  | { readonly kind: "psk"; readonly id: Psk }
  /** By reference only. */
  | { readonly kind: "update" }
  /** An extension that only applications know, with this text, and required_capabilities that require it. */
  | { readonly kind: "extensions"; readonly data: string }

export interface Committed {
  readonly commit: Uint8Array
  readonly welcome: Uint8Array | undefined
}

export interface Member {
  readonly name: string
  readonly ours: boolean
  readonly keyPackage: Uint8Array
  create(groupId: Uint8Array): Promise<void>
  join(welcome: Uint8Array): Promise<void>
  /** The commit that adds this member, to the group of another one. */
  joinExternally(member: Member): Promise<Uint8Array>
  /** As RFC 9420 has it, or as ts-mls has it: with external_pub as a bare key. */
  groupInfo(forPeer: boolean): Promise<Uint8Array>
  propose(wish: Wish, encrypted: boolean): Promise<Uint8Array>
  /** Of all proposals that were received, and of these by value. */
  commit(wishes: readonly Wish[], encrypted: boolean): Promise<Committed>
  /** A proposal or a commit. */
  process(message: Uint8Array): Promise<void>
  send(data: Uint8Array): Promise<Uint8Array>
  /** An application message of this epoch or an earlier one. */
  read(message: Uint8Array): Promise<Uint8Array>
  /** Of this implementation only: the ratchet_tree extension's data. */
  ratchetTree(): Uint8Array
  /** Of this implementation only: all members' leaves. */
  leaves(): number[]
  authenticator(): string
  epoch(): bigint
  leaf(): number
  /** The text of the group's own extension, in hex. */
  extension(): string | undefined
}

export interface Setting {
  readonly suite: number
  readonly peerSuite: peer.CiphersuiteName
  readonly backend: "webcrypto" | "noble"
}

/** Not external_senders: ts-mls reads one sender where RFC 9420 §12.1.8.1 has a vector of them. */
const EXTENSION = 0xf0a0

/** Epochs of which late messages are read; that of ts-mls too. */
const PAST_EPOCHS = 4

export async function ourMember(name: string, { suite, backend }: Setting): Promise<Member> {
  const crypto = await mls.createCrypto({ suite: mls.cipherSuite(suite), backend })
  const psks: mls.PskStore = {
    psk: (id) => (id.kind === "external" ? pskSecret(idOf(id.pskId)) : undefined),
  }
  const ctx: mls.MlsContext = { crypto, now, psks }
  const own = await mls.generateKeyPackage(crypto, {
    credential: { kind: "basic", identity: text(name) },
    capabilities: {
      versions: [1],
      cipherSuites: [suite],
      extensions: [EXTENSION],
      proposals: [],
      credentials: [1, 2],
    },
    lifetime: { notBefore: BigInt(now - 60), notAfter: BigInt(now + 86_400) },
  })
  const { leafNode } = own.keyPackage
  let state: mls.GroupState | undefined
  let past: mls.GroupState[] = []
  const held = (): mls.GroupState => {
    if (state === undefined) throw new Error("not in the group")
    return state
  }
  const enter = (next: mls.GroupState | undefined) => {
    past = [held(), ...past].slice(0, PAST_EPOCHS)
    state = next
  }
  const proposalOf = (wish: Exclude<Wish, { kind: "update" }>) => ourProposal(crypto, wish)
  return {
    name,
    ours: true,
    keyPackage: mls.encodeMlsMessage({
      wireFormat: mls.wireFormats.keyPackage,
      keyPackage: own.keyPackage,
    }),
    async create(groupId) {
      state = await mls.createGroup(ctx, { groupId, keyPackage: own, extensions: [] })
    },
    async join(welcome) {
      state = (await mls.joinGroup(ctx, { welcome, keyPackages: [own] })).state
    },
    async joinExternally(member) {
      const joined = await mls.joinByExternalCommit(ctx, {
        groupInfo: await member.groupInfo(false),
        credential: leafNode.credential,
        capabilities: leafNode.capabilities,
        signatureKeyPair: { publicKey: leafNode.signatureKey, privateKey: own.signaturePrivateKey },
      })
      state = joined.state
      return joined.commit
    },
    async groupInfo(forPeer) {
      if (!forPeer) {
        return mls.exportGroupInfo(ctx, held(), { externalPub: true, ratchetTree: true })
      }
      const { publicKey } = await crypto.deriveKemKeyPair(held().epochSecrets.externalSecret)
      const extensions = [{ type: mls.extensionTypes.externalPub, data: publicKey }]
      return mls.exportGroupInfo(ctx, held(), { ratchetTree: true, extensions })
    },
    async propose(wish, encrypted) {
      const options = { wireFormat: encrypted ? "private" : "public" } as const
      const made =
        wish.kind === "update"
          ? await mls.createUpdateProposal(ctx, held(), {}, options)
          : await mls.createProposal(ctx, held(), proposalOf(wish), options)
      state = made.state
      return made.message
    },
    async commit(wishes, encrypted) {
      const made = await mls.createCommit(ctx, held(), {
        proposals: wishes.flatMap((wish) => (wish.kind === "update" ? [] : [proposalOf(wish)])),
        proposalRefs: [...held().proposals.values()].map(({ ref }) => ref),
        wireFormat: encrypted ? "private" : "public",
      })
      state = made.state
      enter(made.next)
      return { commit: made.commit, welcome: made.welcome }
    },
    async process(message) {
      const result = await mls.processMessage(ctx, held(), message)
      if (result.kind === "commit") enter(result.next)
      else state = result.state
    },
    async send(data) {
      const sent = await mls.encryptApplication(ctx, held(), data, { padding: data.length % 7 })
      state = sent.state
      return sent.message
    },
    async read(message) {
      const { epoch } = mls.peekMessage(message)
      const at = past.findIndex((each) => each.groupContext.epoch === epoch)
      const result = await mls.processMessage(ctx, past[at] ?? held(), message)
      if (result.kind !== "application") throw new Error(`a ${result.kind}`)
      if (at < 0) state = result.state
      else past[at] = result.state
      return result.data
    },
    ratchetTree: () => mls.exportRatchetTree(held()),
    leaves: () => [...mls.members(held())].map(({ leafIndex }) => leafIndex),
    authenticator: () => hex(held().epochSecrets.epochAuthenticator),
    epoch: () => held().groupContext.epoch,
    leaf: () => held().ownLeafIndex,
    extension() {
      const found = mls.findExtension(held().groupContext.extensions, EXTENSION)
      return found && hex(found.data)
    },
  }
}

function ourProposal(crypto: mls.MlsCrypto, wish: Exclude<Wish, { kind: "update" }>): mls.Proposal {
  const { proposalTypes, extensionTypes } = mls
  switch (wish.kind) {
    case "add": {
      const message = mls.decodeMlsMessage(wish.keyPackage)
      if (message.wireFormat !== mls.wireFormats.keyPackage) throw new Error("no KeyPackage")
      return { proposalType: proposalTypes.add, keyPackage: message.keyPackage }
    }
    case "remove":
      return { proposalType: proposalTypes.remove, removed: wish.leaf }
    case "psk": {
      const pskNonce = crypto.random(crypto.suite.hash.size)
      const id = { kind: "external", pskId: text(wish.id), pskNonce } as const
      return { proposalType: proposalTypes.psk, psk: id }
    }
    case "extensions": {
      const extensions = [
        {
          type: extensionTypes.requiredCapabilities,
          data: mls.encode(mls.encodeRequiredCapabilities, {
            extensions: [EXTENSION],
            proposals: [],
            credentials: [],
          }),
        },
        { type: EXTENSION, data: text(wish.data) },
      ]
      return { proposalType: proposalTypes.groupContextExtensions, extensions }
    }
  }
}

export async function peerMember(name: string, setting: Setting): Promise<Member> {
  const context: peer.MlsContext = {
    cipherSuite: await peer.getCiphersuiteImpl(setting.peerSuite),
    authService: peer.unsafeTestingAuthenticationService,
    externalPsks: Object.fromEntries(
      PSKS.map((id) => [peer.bytesToBase64(text(id)), pskSecret(id)]),
    ),
  }
  const { wireformats } = peer
  const version = peer.protocolVersions.mls10
  const encode = (message: peer.MlsMessage) => peer.encode(peer.mlsMessageEncoder, message)
  const own = await peer.generateKeyPackageWithKey({
    credential: { credentialType: peer.defaultCredentialTypes.basic, identity: text(name) },
    capabilities: { ...peer.defaultCapabilities(), extensions: [EXTENSION] },
    cipherSuite: context.cipherSuite,
    signatureKeyPair: await peerKeys(setting.suite, context),
  })
  let state: peer.ClientState | undefined
  let updateKey: Uint8Array | undefined
  const held = (): peer.ClientState => {
    if (state === undefined) throw new Error("not in the group")
    return state
  }
  const keyPackage = encode({
    version,
    wireformat: wireformats.mls_key_package,
    keyPackage: own.publicPackage,
  })
  const proposalOf = async (wish: Wish): Promise<peer.Proposal> => {
    if (wish.kind !== "update") return peerProposal(context, wish)
    const framed = mls.decodeMlsMessage(keyPackage)
    if (framed.wireFormat !== mls.wireFormats.keyPackage) throw new Error("no KeyPackage")
    const made = await peerUpdate(context, held(), framed.keyPackage)
    updateKey = made.privateKey
    return made.proposal
  }
  const process = async (bytes: Uint8Array): Promise<Uint8Array | undefined> => {
    const message = peerDecode(bytes)
    if (
      message.wireformat !== wireformats.mls_public_message &&
      message.wireformat !== wireformats.mls_private_message
    ) {
      throw new Error("not a message to a group")
    }
    // All proposals that were heard are committed, the own Update with them.
    const commit =
      "privateMessage" in message ? message.privateMessage : message.publicMessage.content
    const commits = commit.contentType === peer.contentTypes.commit
    const reading = commits && updateKey ? withLeafKey(held(), updateKey) : held()
    const result = await peer.processMessage({ context, state: reading, message })
    state = result.newState
    if (commits) updateKey = undefined
    return result.kind === "applicationMessage" ? result.message : undefined
  }
  return {
    name,
    ours: false,
    keyPackage,
    async create(groupId) {
      state = await peer.createGroup({
        context,
        groupId,
        keyPackage: own.publicPackage,
        privateKeyPackage: own.privatePackage,
      })
    },
    async join(welcome) {
      const message = peerDecode(welcome)
      if (message.wireformat !== wireformats.mls_welcome) throw new Error("no Welcome")
      state = await peer.joinGroup({
        context,
        welcome: message.welcome,
        keyPackage: own.publicPackage,
        privateKeys: own.privatePackage,
      })
    },
    async joinExternally(member) {
      const message = peerDecode(await member.groupInfo(true))
      if (message.wireformat !== wireformats.mls_group_info) throw new Error("no GroupInfo")
      const joined = await peer.joinGroupExternal({
        context,
        groupInfo: message.groupInfo,
        keyPackage: own.publicPackage,
        privateKeys: own.privatePackage,
        resync: false,
      })
      state = joined.newState
      const { publicMessage } = joined
      return encode({ version, wireformat: wireformats.mls_public_message, publicMessage })
    },
    async groupInfo(forPeer) {
      const groupInfo = await peer.createGroupInfoWithExternalPubAndRatchetTree(
        held(),
        [],
        context.cipherSuite,
      )
      const bytes = encode({ version, wireformat: wireformats.mls_group_info, groupInfo })
      if (forPeer) return bytes
      return withFramedExternalPub(bytes, signatureKeyOf(setting.suite, held()))
    },
    async propose(wish, encrypted) {
      const made = await peer.createProposal({
        context,
        state: held(),
        wireAsPublicMessage: !encrypted,
        proposal: await proposalOf(wish),
      })
      state = made.newState
      return encode(made.message)
    },
    async commit(wishes, encrypted) {
      const made = await peer.createCommit({
        context,
        state: held(),
        extraProposals: await Promise.all(wishes.map((wish) => proposalOf(wish))),
        ratchetTreeExtension: true,
        wireAsPublicMessage: !encrypted,
      })
      state = made.newState
      return { commit: encode(made.commit), welcome: made.welcome && encode(made.welcome) }
    },
    async process(message) {
      if ((await process(message)) !== undefined) throw new Error("an application message")
    },
    async send(data) {
      const made = await peer.createApplicationMessage({ context, state: held(), message: data })
      state = made.newState
      return encode(made.message)
    },
    async read(message) {
      const data = await process(message)
      if (data === undefined) throw new Error("no application message")
      return data
    },
    ratchetTree() {
      throw new Error("ts-mls is not asked for its tree")
    },
    leaves() {
      throw new Error("ts-mls is not asked for its members")
    },
    authenticator: () => hex(held().keySchedule.epochAuthenticator),
    epoch: () => held().groupContext.epoch,
    leaf: () => held().privatePath.leafIndex,
    extension() {
      const { extensions } = held().groupContext
      const found = extensions.find(({ extensionType }) => extensionType === EXTENSION)
      return found && hex(found.extensionData as Uint8Array)
    },
  }
}

function peerProposal(
  context: peer.MlsContext,
  wish: Exclude<Wish, { kind: "update" }>,
): peer.Proposal {
  const types = peer.defaultProposalTypes
  switch (wish.kind) {
    case "add": {
      const message = peerDecode(wish.keyPackage)
      if (message.wireformat !== peer.wireformats.mls_key_package) throw new Error("no KeyPackage")
      return { proposalType: types.add, add: { keyPackage: message.keyPackage } }
    }
    case "remove":
      return { proposalType: types.remove, remove: { removed: wish.leaf } }
    case "psk": {
      const { kdf, rng } = context.cipherSuite
      const info = { psktype: peer.pskTypes.external, pskId: text(wish.id) }
      const preSharedKeyId = { ...info, pskNonce: rng.randomBytes(kdf.size) }
      return { proposalType: types.psk, psk: { preSharedKeyId } }
    }
    case "extensions": {
      const capabilities = { extensionTypes: [EXTENSION], proposalTypes: [], credentialTypes: [] }
      const extensions: peer.GroupContextExtension[] = [
        {
          extensionType: peer.defaultExtensionTypes.required_capabilities,
          extensionData: capabilities,
        },
        peer.makeCustomExtension({ extensionType: EXTENSION, extensionData: text(wish.data) }),
      ]
      const proposalType = types.group_context_extensions
      return { proposalType, groupContextExtensions: { extensions } }
    }
  }
}

function peerDecode(bytes: Uint8Array): peer.MlsMessage {
  const message = peer.decode(peer.mlsMessageDecoder, bytes)
  if (message === undefined) throw new Error("ts-mls cannot read the message")
  return message
}

/** ts-mls makes compressed ECDSA keys, where RFC 9420 §5.1.1 has uncompressed ones; it signs and verifies with either. */
async function peerKeys(suite: number, { cipherSuite }: peer.MlsContext) {
  if (isEdwards(suite)) return cipherSuite.signature.keygen()
  const crypto = await mls.createCrypto({ suite: mls.cipherSuite(suite) })
  const { privateKey, publicKey } = await crypto.generateSignatureKeyPair()
  return { signKey: privateKey, publicKey }
}

/** A GroupInfo of ts-mls as the RFC has it: external_pub as a vector (§12.4.3.2). Needs a new signature. */
async function withFramedExternalPub(bytes: Uint8Array, signatureKey: Uint8Array) {
  const message = mls.decodeMlsMessage(bytes)
  if (message.wireFormat !== mls.wireFormats.groupInfo) throw new Error("no GroupInfo")
  const suite = mls.cipherSuite(message.groupInfo.groupContext.cipherSuite)
  const crypto = await mls.createCrypto({ suite })
  const extensions = message.groupInfo.extensions.map((extension) =>
    extension.type === mls.extensionTypes.externalPub
      ? { ...extension, data: encodeExternalPub(extension.data) }
      : extension,
  )
  const groupInfo = { ...message.groupInfo, extensions }
  const signature = await crypto.sign(signatureKey, labels.groupInfoTbs, groupInfoTbs(groupInfo))
  return mls.encodeMlsMessage({
    wireFormat: message.wireFormat,
    groupInfo: { ...groupInfo, signature },
  })
}
