// Our own implementation, as the benchmark drives it.

import {
  type GroupState,
  type MlsContext,
  type MlsCrypto,
  type OwnKeyPackage,
  type Proposal,
  cipherSuite,
  createCommit,
  createCrypto,
  createGroup,
  decodeMlsMessage,
  encodeMlsMessage,
  encryptApplication,
  generateKeyPackage,
  joinGroup,
  leafIndex,
  othersTurn,
  processMessage,
  proposalTypes,
  wireFormats,
} from "../../src/mls/index.ts"
import { createTreePrivate } from "../../src/mls/tree-private.ts"
import { type Peer, said } from "./peer.ts"

/** KeyPackages that are read at a time. */
const PART = 512

/** `given`: cryptography of suite 1 that is watched. */
export async function burrow(given?: MlsCrypto): Promise<Peer<OwnKeyPackage, GroupState>> {
  const crypto = given ?? (await createCrypto({ suite: cipherSuite(1) }))
  const now = Math.floor(Date.now() / 1000)
  const ctx: MlsContext = { crypto, now }
  return {
    name: "burrow",
    async keyPackage(identity) {
      const own = await generateKeyPackage(crypto, {
        credential: { kind: "basic", identity },
        capabilities: {
          versions: said.versions,
          cipherSuites: said.cipherSuites,
          extensions: [],
          proposals: [],
          credentials: said.credentials,
        },
        lifetime: {
          notBefore: BigInt(now - said.dayBefore),
          notAfter: BigInt(now + said.daysAfter),
        },
      })
      const { keyPackage } = own
      return { own, wire: encodeMlsMessage({ wireFormat: wireFormats.keyPackage, keyPackage }) }
    },
    createGroup: (own, groupId) => createGroup(ctx, { groupId, keyPackage: own, extensions: [] }),
    async addMembers(state, keyPackages) {
      const proposals: Proposal[] = []
      for (const wire of keyPackages) {
        proposals.push(addOf(wire))
        // Whoever gets thousands reads them in parts too.
        if (proposals.length % PART === 0) await othersTurn()
      }
      const { next, commit, welcome } = await createCommit(ctx, state, { proposals })
      if (welcome === undefined) throw new Error("no Welcome")
      return { state: next, commit, welcome }
    },
    join: async (own, welcome) => (await joinGroup(ctx, { welcome, keyPackages: [own] })).state,
    async commit(state) {
      const { next, commit } = await createCommit(ctx, state, { forcePath: true })
      return { state: next, wire: commit }
    },
    async process(state, commit) {
      const processed = await processMessage(ctx, state, commit)
      if (processed.kind !== "commit" || processed.next === undefined) throw new Error("no Commit")
      return processed.next
    },
    async encrypt(state, text) {
      const { state: next, message } = await encryptApplication(ctx, state, text)
      return { state: next, wire: message }
    },
    async decrypt(state, message) {
      const processed = await processMessage(ctx, state, message)
      if (processed.kind !== "application") throw new Error("no message")
      return { state: processed.state, text: processed.data }
    },
    authenticator: (state) => state.epochSecrets.epochAuthenticator,
    asMember: (state, own, leaf) => ({
      ...state,
      ownLeafIndex: leafIndex(leaf),
      signaturePrivateKey: own.signaturePrivateKey,
      treePrivate: createTreePrivate(leafIndex(leaf), own.encryptionPrivateKey),
    }),
  }
}

function addOf(wire: Uint8Array): Proposal {
  const message = decodeMlsMessage(wire)
  if (message.wireFormat !== wireFormats.keyPackage) throw new Error("no key package")
  return { proposalType: proposalTypes.add, keyPackage: message.keyPackage }
}
