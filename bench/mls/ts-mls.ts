// ts-mls from npm, as the benchmark drives it.

import * as m from "ts-mls"
import { type Peer, said } from "./peer.ts"

interface Own {
  readonly publicPackage: m.KeyPackage
  readonly privatePackage: m.PrivateKeyPackage
}

export async function tsMls(): Promise<Peer<Own, m.ClientState>> {
  const cipherSuite = await m.getCiphersuiteImpl("MLS_128_DHKEMX25519_AES128GCM_SHA256_Ed25519")
  const context: m.MlsContext = {
    cipherSuite,
    authService: m.unsafeTestingAuthenticationService,
    clientConfig: {
      keyRetentionConfig: m.defaultKeyRetentionConfig,
      lifetimeConfig: m.defaultLifetimeConfig,
      keyPackageEqualityConfig: m.defaultKeyPackageEqualityConfig,
      // It pads to 256 bytes by default; we don't.
      paddingConfig: { kind: "alwaysPad", paddingLength: 0 },
    },
  }
  const now = Math.floor(Date.now() / 1000)
  const encode = (message: m.MlsMessage) => m.encode(m.mlsMessageEncoder, message)
  return {
    name: "ts-mls",
    async keyPackage(identity) {
      const own = await m.generateKeyPackage({
        credential: { credentialType: m.defaultCredentialTypes.basic, identity },
        capabilities: {
          versions: [...said.versions],
          ciphersuites: [...said.cipherSuites],
          extensions: [],
          proposals: [],
          credentials: [...said.credentials],
        },
        lifetime: {
          notBefore: BigInt(now - said.dayBefore),
          notAfter: BigInt(now + said.daysAfter),
        },
        extensions: [],
        cipherSuite,
      })
      const wire = encode({
        version: m.protocolVersions.mls10,
        wireformat: m.wireformats.mls_key_package,
        keyPackage: own.publicPackage,
      })
      return { own, wire }
    },
    createGroup: ({ publicPackage, privatePackage }, groupId) =>
      m.createGroup({
        context,
        groupId,
        keyPackage: publicPackage,
        privateKeyPackage: privatePackage,
      }),
    async addMembers(state, keyPackages) {
      const extraProposals = keyPackages.map((wire): m.Proposal => {
        const message = decode(wire)
        if (message.wireformat !== m.wireformats.mls_key_package) throw new Error("no key package")
        const { keyPackage } = message
        return { proposalType: m.defaultProposalTypes.add, add: { keyPackage } }
      })
      const ratchetTreeExtension = true
      const made = await m.createCommit({ context, state, extraProposals, ratchetTreeExtension })
      if (made.welcome === undefined) throw new Error("no Welcome")
      return { state: made.newState, commit: encode(made.commit), welcome: encode(made.welcome) }
    },
    join({ publicPackage, privatePackage }, welcome) {
      const message = decode(welcome)
      if (message.wireformat !== m.wireformats.mls_welcome) throw new Error("no Welcome")
      return m.joinGroup({
        context,
        welcome: message.welcome,
        keyPackage: publicPackage,
        privateKeys: privatePackage,
      })
    },
    async commit(state) {
      const made = await m.createCommit({ context, state })
      return { state: made.newState, wire: encode(made.commit) }
    },
    async process(state, commit) {
      return (await processed(context, state, commit)).newState
    },
    async encrypt(state, text) {
      const made = await m.createApplicationMessage({ context, state, message: text })
      return { state: made.newState, wire: encode(made.message) }
    },
    async decrypt(state, message) {
      const result = await processed(context, state, message)
      if (result.kind !== "applicationMessage") throw new Error("no message")
      return { state: result.newState, text: result.message }
    },
    authenticator: (state) => state.keySchedule.epochAuthenticator,
  }
}

function decode(wire: Uint8Array): m.MlsMessage {
  const message = m.decode(m.mlsMessageDecoder, wire)
  if (message === undefined) throw new Error("no MLSMessage")
  return message
}

function processed(context: m.MlsContext, state: m.ClientState, wire: Uint8Array) {
  const message = decode(wire)
  if (
    message.wireformat !== m.wireformats.mls_private_message &&
    message.wireformat !== m.wireformats.mls_public_message
  ) {
    throw new Error("no message to a group")
  }
  return m.processMessage({ context, state, message })
}
