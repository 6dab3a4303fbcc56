import * as mls from "../../src/mls/index.ts"

const crypto = await mls.createCrypto({ suite: mls.cipherSuite(0x0001) })
const ctx: mls.MlsContext = { crypto, now: Math.floor(Date.now() / 1000) }

/** A client's key package: what it publishes, and the secrets that it keeps. */
const client = (name: string) =>
  mls.generateKeyPackage(crypto, {
    credential: { kind: "basic", identity: new TextEncoder().encode(name) },
    capabilities: {
      versions: [mls.protocolVersions.mls10],
      cipherSuites: [0x0001],
      extensions: [],
      proposals: [],
      credentials: [mls.credentialTypes.basic],
    },
    lifetime: { notBefore: BigInt(ctx.now ?? 0) - 60n, notAfter: BigInt(ctx.now ?? 0) + 86_400n },
  })
const [alice, bob] = await Promise.all([client("alice"), client("bob")])

// Alice founds a group and adds Bob. Nothing has happened until she takes `next`.
const founded = await mls.createGroup(ctx, {
  groupId: crypto.random(16),
  keyPackage: alice,
  extensions: [],
})
const added = await mls.createCommit(ctx, founded, {
  proposals: [{ proposalType: mls.proposalTypes.add, keyPackage: bob.keyPackage }],
})
if (added.welcome === undefined) throw new Error("somebody was added")

// Bob joins with the Welcome, and writes.
const joined = await mls.joinGroup(ctx, { welcome: added.welcome, keyPackages: [bob] })
const sent = await mls.encryptApplication(ctx, joined.state, new TextEncoder().encode("Hello"))

// Alice reads. Each step gives the state that the next one starts from.
const read = await mls.processMessage(ctx, added.next, sent.message)
if (read.kind !== "application") throw new Error("a message was sent")
export const heard = new TextDecoder().decode(read.data)

// Alice renews her keys with a commit of nothing else; Bob looks at it before he takes it.
const renewed = await mls.createCommit(ctx, read.state)
const seen = await mls.processMessage(ctx, sent.state, renewed.commit)
if (seen.kind !== "commit" || seen.next === undefined) throw new Error("a commit was sent")
export const committer = seen.commit.committer
export const authenticators = [renewed.next, seen.next].map(
  (state) => state.epochSecrets.epochAuthenticator,
)
