// Live interop with ts-mls over wire bytes alone: no object of one implementation meets the other.

import * as peer from "ts-mls"
import { describe, expect, test } from "vitest"
import { encodeExternalPub } from "../../src/mls/extensions.ts"
import * as mls from "../../src/mls/index.ts"
import { labels } from "../../src/mls/registry.ts"
import { groupInfoTbs } from "../../src/mls/welcome-codec.ts"

const now = Math.floor(Date.now() / 1000)
const text = (value: string) => new TextEncoder().encode(value)
const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex")

const psk = { id: text("a shared key"), secret: new Uint8Array(32).fill(7) }

/** The suites of which ts-mls can do everything; for X-Wing it needs a package of its own. */
const SUITES = [0x0001, 0x0002, 0x0005, 0x0007, 0xf00d] as const
type Suite = (typeof SUITES)[number]

const PEER_NAMES = {
  0x0001: "MLS_128_DHKEMX25519_AES128GCM_SHA256_Ed25519",
  0x0002: "MLS_128_DHKEMP256_AES128GCM_SHA256_P256",
  0x0005: "MLS_256_DHKEMP521_AES256GCM_SHA512_P521",
  0x0007: "MLS_256_DHKEMP384_AES256GCM_SHA384_P384",
  0xf00d: "MLS_256_XWING_AES256GCM_SHA512_Ed25519",
} as const

const peerContextOf = async (suite: Suite): Promise<peer.MlsContext> => ({
  cipherSuite: await peer.getCiphersuiteImpl(PEER_NAMES[suite]),
  authService: peer.unsafeTestingAuthenticationService,
  externalPsks: { [peer.bytesToBase64(psk.id)]: psk.secret },
})

const isEdwards = (suite: Suite) => mls.cipherSuite(suite).signature.name === "Ed25519"

/** A GroupInfo of ts-mls as the RFC has it: external_pub as a vector. Needs a new signature. */
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

/** One member, whichever implementation it runs on. Everything that goes in or out is bytes. */
interface Member {
  keyPackage(): Promise<Uint8Array>
  create(groupId: Uint8Array): Promise<void>
  join(welcome: Uint8Array): Promise<void>
  joinExternally(groupInfo: Uint8Array): Promise<Uint8Array>
  groupInfo(): Promise<Uint8Array>
  /** ts-mls reads and writes external_pub as a bare key; RFC 9420 §12.4.3.2 has a vector. */
  groupInfoForPeer?(): Promise<Uint8Array>
  commit(change: Change): Promise<{ commit: Uint8Array; welcome?: Uint8Array }>
  proposeUpdate?(): Promise<Uint8Array>
  proposeRemove(leaf: number): Promise<Uint8Array>
  process(message: Uint8Array): Promise<Uint8Array | undefined>
  send(data: Uint8Array): Promise<Uint8Array>
  authenticator(): string
  epoch(): bigint
}

interface Change {
  add?: readonly Uint8Array[]
  remove?: readonly number[]
  psk?: boolean
  encrypted?: boolean
}

const KEY_PACKAGE = [0, 1, 0, 5]
/** A KeyPackage as an MLSMessage. */
const framed = (keyPackage: Uint8Array) => Uint8Array.from([...KEY_PACKAGE, ...keyPackage])

function addProposal(message: Uint8Array): mls.Proposal {
  const decoded = mls.decodeMlsMessage(message)
  if (decoded.wireFormat !== mls.wireFormats.keyPackage) throw new Error("no key package")
  return { proposalType: mls.proposalTypes.add, keyPackage: decoded.keyPackage }
}

function removeProposal(leaf: number): mls.Proposal {
  return { proposalType: mls.proposalTypes.remove, removed: leaf }
}

function pskProposal(crypto: mls.MlsCrypto): mls.Proposal {
  const pskNonce = crypto.random(crypto.suite.hash.size)
  return {
    proposalType: mls.proposalTypes.psk,
    psk: { kind: "external", pskId: psk.id, pskNonce },
  }
}

async function ours(name: string, suite: Suite, backend: "webcrypto" | "noble"): Promise<Member> {
  const crypto = await mls.createCrypto({ suite: mls.cipherSuite(suite), backend })
  const ctx: mls.MlsContext = {
    crypto,
    now,
    psks: {
      psk: (id) =>
        id.kind === "external" && hex(id.pskId) === hex(psk.id) ? psk.secret : undefined,
    },
  }
  const own = await mls.generateKeyPackage(crypto, {
    credential: { kind: "basic", identity: text(name) },
    capabilities: {
      versions: [1],
      cipherSuites: [suite],
      extensions: [],
      proposals: [],
      credentials: [1, 2],
    },
    lifetime: { notBefore: BigInt(now - 60), notAfter: BigInt(now + 86_400) },
  })
  let state: mls.GroupState | undefined
  const held = () => {
    if (state === undefined) throw new Error("not in the group")
    return state
  }
  return {
    keyPackage: () => Promise.resolve(framed(own.bytes)),
    async create(groupId) {
      state = await mls.createGroup(ctx, { groupId, keyPackage: own, extensions: [] })
    },
    async join(welcome) {
      state = (await mls.joinGroup(ctx, { welcome, keyPackages: [own] })).state
    },
    async joinExternally(groupInfo) {
      const { leafNode } = own.keyPackage
      const joined = await mls.joinByExternalCommit(ctx, {
        groupInfo,
        credential: leafNode.credential,
        capabilities: leafNode.capabilities,
        signatureKeyPair: { publicKey: leafNode.signatureKey, privateKey: own.signaturePrivateKey },
      })
      state = joined.state
      return joined.commit
    },
    groupInfo: () => mls.exportGroupInfo(ctx, held(), { externalPub: true, ratchetTree: true }),
    async groupInfoForPeer() {
      const { externalSecret } = held().epochSecrets
      const { publicKey } = await crypto.deriveKemKeyPair(externalSecret)
      const extensions = [{ type: mls.extensionTypes.externalPub, data: publicKey }]
      return mls.exportGroupInfo(ctx, held(), { ratchetTree: true, extensions })
    },
    async commit(change) {
      const proposals: mls.Proposal[] = [
        ...(change.add ?? []).map((message) => addProposal(message)),
        ...(change.remove ?? []).map((leaf) => removeProposal(leaf)),
        ...(change.psk ? [pskProposal(crypto)] : []),
      ]
      const { commit, welcome, next } = await mls.createCommit(ctx, held(), {
        proposals,
        proposalRefs: "all",
        wireFormat: change.encrypted ? "private" : "public",
      })
      state = next
      return { commit, ...(welcome && { welcome }) }
    },
    async proposeUpdate() {
      const made = await mls.createUpdateProposal(ctx, held(), {})
      state = made.state
      return made.message
    },
    async proposeRemove(leaf) {
      const made = await mls.createProposal(ctx, held(), removeProposal(leaf))
      state = made.state
      return made.message
    },
    async process(message) {
      const result = await mls.processMessage(ctx, held(), message)
      state = result.kind === "commit" ? result.next : result.state
      return result.kind === "application" ? result.data : undefined
    },
    async send(data) {
      const sent = await mls.encryptApplication(ctx, held(), data, { padding: 13 })
      state = sent.state
      return sent.message
    },
    authenticator: () => hex(held().epochSecrets.epochAuthenticator),
    epoch: () => held().groupContext.epoch,
  }
}

/** ts-mls makes compressed ECDSA keys, where RFC 9420 §5.1.1 has uncompressed ones; it signs and verifies with either. */
async function peerKeys(suite: Suite, { cipherSuite }: peer.MlsContext) {
  if (isEdwards(suite)) return cipherSuite.signature.keygen()
  const crypto = await mls.createCrypto({ suite: mls.cipherSuite(suite) })
  const { privateKey, publicKey } = await crypto.generateSignatureKeyPair()
  return { signKey: privateKey, publicKey }
}

async function theirs(name: string, suite: Suite): Promise<Member> {
  const peerContext = await peerContextOf(suite)
  const { wireformats, defaultProposalTypes: types } = peer
  const version = peer.protocolVersions.mls10
  const encode = (message: peer.MlsMessage) => peer.encode(peer.mlsMessageEncoder, message)
  const decode = (bytes: Uint8Array): peer.MlsMessage => {
    const message = peer.decode(peer.mlsMessageDecoder, bytes)
    if (message === undefined) throw new Error("the peer cannot read the message")
    return message
  }
  const own = await peer.generateKeyPackageWithKey({
    credential: { credentialType: peer.defaultCredentialTypes.basic, identity: text(name) },
    cipherSuite: peerContext.cipherSuite,
    signatureKeyPair: await peerKeys(suite, peerContext),
  })
  let state: peer.ClientState | undefined
  const held = () => {
    if (state === undefined) throw new Error("not in the group")
    return state
  }
  const keyPackageIn = (bytes: Uint8Array) => {
    const message = decode(bytes)
    if (message.wireformat !== wireformats.mls_key_package) throw new Error("no key package")
    return message.keyPackage
  }
  return {
    keyPackage: () =>
      Promise.resolve(
        encode({ version, wireformat: wireformats.mls_key_package, keyPackage: own.publicPackage }),
      ),
    async create(groupId) {
      state = await peer.createGroup({
        context: peerContext,
        groupId,
        keyPackage: own.publicPackage,
        privateKeyPackage: own.privatePackage,
      })
    },
    async join(welcome) {
      const message = decode(welcome)
      if (message.wireformat !== wireformats.mls_welcome) throw new Error("no welcome")
      state = await peer.joinGroup({
        context: peerContext,
        welcome: message.welcome,
        keyPackage: own.publicPackage,
        privateKeys: own.privatePackage,
      })
    },
    async joinExternally(groupInfo) {
      const message = decode(groupInfo)
      if (message.wireformat !== wireformats.mls_group_info) throw new Error("no group info")
      const joined = await peer.joinGroupExternal({
        context: peerContext,
        groupInfo: message.groupInfo,
        keyPackage: own.publicPackage,
        privateKeys: own.privatePackage,
        resync: false,
      })
      state = joined.newState
      return encode({
        version,
        wireformat: wireformats.mls_public_message,
        publicMessage: joined.publicMessage,
      })
    },
    async groupInfo() {
      const { cipherSuite } = peerContext
      const groupInfo = await peer.createGroupInfoWithExternalPubAndRatchetTree(
        held(),
        [],
        cipherSuite,
      )
      const bytes = encode({ version, wireformat: wireformats.mls_group_info, groupInfo })
      const { signaturePrivateKey } = held()
      // A seed is the end of what ts-mls holds in PKCS #8; a scalar is all that it holds.
      const key = isEdwards(suite) ? signaturePrivateKey.slice(-32) : signaturePrivateKey
      return withFramedExternalPub(bytes, key)
    },
    async commit(change) {
      const extraProposals: peer.Proposal[] = [
        ...(change.add ?? []).map((message) => ({
          proposalType: types.add,
          add: { keyPackage: keyPackageIn(message) },
        })),
        ...(change.remove ?? []).map((removed) => ({
          proposalType: types.remove,
          remove: { removed },
        })),
        ...(change.psk
          ? [
              {
                proposalType: types.psk,
                psk: {
                  preSharedKeyId: {
                    psktype: peer.pskTypes.external,
                    pskId: psk.id,
                    pskNonce: new Uint8Array(mls.cipherSuite(suite).hash.size).fill(9),
                  },
                },
              },
            ]
          : []),
      ]
      const made = await peer.createCommit({
        context: peerContext,
        state: held(),
        extraProposals,
        ratchetTreeExtension: true,
        wireAsPublicMessage: !change.encrypted,
      })
      state = made.newState
      const commit = encode(made.commit)
      return made.welcome ? { commit, welcome: encode(made.welcome) } : { commit }
    },
    async proposeRemove(removed) {
      const made = await peer.createProposal({
        context: peerContext,
        state: held(),
        wireAsPublicMessage: true,
        proposal: { proposalType: types.remove, remove: { removed } },
      })
      state = made.newState
      return encode(made.message)
    },
    async process(bytes) {
      const message = decode(bytes)
      if (
        message.wireformat !== wireformats.mls_public_message &&
        message.wireformat !== wireformats.mls_private_message
      ) {
        throw new Error("not a message to a group")
      }
      const result = await peer.processMessage({ context: peerContext, state: held(), message })
      state =
        result.newState.groupActiveState.kind === "removedFromGroup" ? undefined : result.newState
      return result.kind === "applicationMessage" ? result.message : undefined
    },
    async send(data) {
      const made = await peer.createApplicationMessage({
        context: peerContext,
        state: held(),
        message: data,
      })
      state = made.newState
      return encode(made.message)
    },
    authenticator: () => hex(held().keySchedule.epochAuthenticator),
    epoch: () => held().groupContext.epoch,
  }
}

/** All hold the same epoch, and whatever one sends the others read. */
async function agree(members: readonly Member[]): Promise<void> {
  const [first] = members
  for (const member of members) {
    expect(member.epoch()).toBe(first?.epoch())
    expect(member.authenticator()).toBe(first?.authenticator())
  }
  for (const sender of members) {
    const data = text(`message ${members.indexOf(sender)}`)
    const message = await sender.send(data)
    for (const receiver of members) {
      if (receiver === sender) continue
      expect(hex((await receiver.process(message)) ?? text("nothing"))).toBe(hex(data))
    }
  }
}

async function deliver(message: Uint8Array, to: readonly Member[]): Promise<void> {
  for (const member of to) await member.process(message)
}

const settings = SUITES.flatMap((suite) => [
  { suite, backend: "webcrypto" as const },
  // Of X-Wing's suite, noble's half is the same on both.
  ...(suite === 0xf00d ? [] : [{ suite, backend: "noble" as const }]),
])

describe.each(settings)("with ts-mls, suite $suite, our back end $backend", (setting) => {
  const { suite, backend } = setting
  const make = (kind: string, name: string) =>
    kind === "ours" ? ours(name, suite, backend) : theirs(name, suite)

  test.each([
    ["ours", "theirs", "ours"],
    ["theirs", "ours", "theirs"],
    ["ours", "theirs", "theirs"],
    ["theirs", "ours", "ours"],
  ])("%s creates and adds %s and %s", async (...kinds) => {
    const [a, b, c] = await Promise.all(kinds.map((kind, i) => make(kind, `member ${i}`)))
    if (a === undefined || b === undefined || c === undefined) throw new Error("three members")
    await a.create(text("interop"))

    const first = await a.commit({ add: [await b.keyPackage()] })
    if (first.welcome === undefined) throw new Error("no welcome")
    await b.join(first.welcome)
    await agree([a, b])

    const second = await b.commit({ add: [await c.keyPackage()], encrypted: true })
    if (second.welcome === undefined) throw new Error("no welcome")
    await a.process(second.commit)
    await c.join(second.welcome)
    await agree([a, b, c])

    for (const committer of [a, b, c]) {
      const others = [a, b, c].filter((member) => member !== committer)
      await deliver((await committer.commit({ encrypted: true })).commit, others)
      await agree([a, b, c])
      // Not encrypted: processing a PrivateMessage, ts-mls does not look at its external PSKs.
      await deliver((await committer.commit({ psk: true })).commit, others)
      await agree([a, b, c])
    }

    // From here on ours commits what needs a path: ts-mls leaves it out for a single Update or Remove.
    const all = [a, b, c]
    const [o, o2] = all.filter((_member, i) => kinds[i] === "ours")
    const t = all.find((_member, i) => kinds[i] === "theirs")
    const r = all.find((member) => member !== o && member !== t)
    if (o === undefined || t === undefined || r === undefined) throw new Error("both kinds")

    // An Update by reference.
    if (o2?.proposeUpdate !== undefined) {
      await deliver(await o2.proposeUpdate(), [o, t])
      await deliver((await o.commit({})).commit, [o2, t])
      await agree(all)
    }

    // A Remove by reference, proposed by the peer.
    await deliver(await t.proposeRemove(all.indexOf(r)), [o, r])
    const removal = await o.commit({})
    // ts-mls does not come back from its own removal where the tree shrinks.
    const removedIsOurs = kinds[all.indexOf(r)] === "ours"
    await deliver(removal.commit, removedIsOurs ? [t, r] : [t])
    await agree([o, t])
    if (removedIsOurs) expect(() => r.epoch()).toThrow("not in the group")
    await o.process((await t.commit({})).commit)

    // The gap is filled, then made again by value.
    const d = await make(kinds[all.indexOf(r)] ?? "ours", "member 3")
    const addition = await t.commit({ add: [await d.keyPackage()] })
    if (addition.welcome === undefined) throw new Error("no welcome")
    await o.process(addition.commit)
    await d.join(addition.welcome)
    await agree([o, t, d])
    await deliver(
      (await o.commit({ remove: [all.indexOf(r)] })).commit,
      removedIsOurs ? [t, d] : [t],
    )
    await agree([o, t])
  })

  test("ours is joined externally by theirs", async () => {
    const [a, b] = await Promise.all([make("ours", "member 0"), make("theirs", "member 1")])
    if (a.groupInfoForPeer === undefined) throw new Error("no GroupInfo")
    await a.create(text("interop"))
    await a.process(await b.joinExternally(await a.groupInfoForPeer()))
    await agree([a, b])
    await b.process((await a.commit({})).commit)
    await agree([a, b])
    await a.process((await b.commit({})).commit)
    await agree([a, b])
  })

  test("theirs is joined externally by ours", async () => {
    const [a, b] = await Promise.all([make("theirs", "member 0"), make("ours", "member 1")])
    await a.create(text("interop"))
    await a.process(await b.joinExternally(await a.groupInfo()))
    await agree([a, b])
    await b.process((await a.commit({})).commit)
    await agree([a, b])
  })
})
