// RFC 9420 §5.3: X.509 credentials, with an authentication service that verifies real chains.

import { X509Certificate } from "node:crypto"
import { beforeAll, describe, expect, test } from "vitest"
import { bytesToHex } from "./bytes.ts"
import { decode, encode } from "./codec.ts"
import { createCommit } from "./commit-create.ts"
import { type Credential, decodeCredential, encodeCredential } from "./credential.ts"
import type { KeyPair } from "./crypto.ts"
import { MlsError } from "./error.ts"
import { joinByExternalCommit } from "./external.ts"
import { add, capabilities, codeOf, testContext } from "./group.fixture.ts"
import type { AuthenticationService, CreatedCommit, GroupState, MlsContext } from "./group-types.ts"
import { createGroup, encryptApplication } from "./group.ts"
import { exportGroupInfo } from "./group-info.ts"
import { type OwnKeyPackage, generateKeyPackage } from "./key-package.ts"
import { processMessage } from "./process.ts"
import { inspectGroup } from "./public-group.ts"
import { joinGroup } from "./welcome.ts"
import { certificates, seeds } from "./x509.fixture.ts"

const { root, intermediate, alice, bob, carol, sub, otherRoot, otherAlice } = certificates

/** A service that trusts one root. It knows nothing of revocation. */
function chains(trusted: Uint8Array, at = new Date("2030-01-01")): AuthenticationService {
  const anchor = new X509Certificate(trusted)
  const refuse = (message: string): never => {
    throw new MlsError("credential_rejected", message, "5.3")
  }
  const isCurrent = ({ validFrom, validTo }: X509Certificate) =>
    new Date(validFrom) <= at && at <= new Date(validTo)
  const issued = (issuer: X509Certificate, subject: X509Certificate) =>
    issuer.ca && subject.checkIssued(issuer) && subject.verify(issuer.publicKey)
  return {
    validate(credential, signaturePublicKey) {
      if (credential.kind !== "x509") return refuse("no certificates")
      const chain = credential.certificates.map((der) => new X509Certificate(der))
      const [end] = chain
      if (end === undefined) return refuse("an empty chain")
      if (!chain.every(isCurrent)) refuse("a certificate is not valid today")
      // "Each following certificate MUST directly certify the one preceding it"; the root may be left out.
      const up = chain.at(-1)?.raw.equals(anchor.raw) === true ? chain : [...chain, anchor]
      if (!up.slice(1).every((issuer, i) => issued(issuer, up[i] ?? issuer))) refuse("no chain")
      // "The public key encoded in the subjectPublicKeyInfo of the end-entity certificate MUST be identical" to the leaf's.
      const { x } = end.publicKey.export({ format: "jwk" })
      if (x !== Buffer.from(signaturePublicKey).toString("base64url")) refuse("another key")
    },
    memberId: ({ credential }) =>
      credential.kind === "x509" && credential.certificates[0] !== undefined
        ? new X509Certificate(credential.certificates[0]).subject
        : "",
  }
}

let plain: MlsContext
let ctx: MlsContext
beforeAll(async () => {
  plain = await testContext("webcrypto")
  ctx = { ...plain, auth: chains(root) }
})

const x509 = (...chain: readonly Uint8Array[]): Credential => ({
  kind: "x509",
  certificates: chain,
})

async function keyPair(seed: Uint8Array): Promise<KeyPair> {
  const { nobleSignature } = await import("./back-end-noble.ts")
  return (await nobleSignature("Ed25519")).keyPair(seed)
}

const supported = { ...capabilities, credentials: [1, 2] }

async function client(credential: Credential, seed: Uint8Array): Promise<OwnKeyPackage> {
  return generateKeyPackage(plain.crypto, {
    credential,
    capabilities: supported,
    lifetime: { notBefore: 0n, notAfter: 2n ** 40n },
    signatureKeyPair: await keyPair(seed),
  })
}

const founding = (on: MlsContext, keyPackage: OwnKeyPackage): Promise<GroupState> =>
  createGroup(on, { groupId: Uint8Array.of(1), keyPackage, extensions: [] })

const welcomeOf = ({ welcome = new Uint8Array() }: CreatedCommit) => welcome

/** Chains that lead nowhere, each with the key that goes with it. */
const BAD: readonly (readonly [string, Credential, Uint8Array])[] = [
  ["of another root of the same name", x509(otherAlice), seeds.otherAlice],
  ["of another root, which is sent along", x509(otherAlice, otherRoot), seeds.otherAlice],
  ["whose intermediate is missing", x509(bob), seeds.bob],
  ["in the wrong order", x509(intermediate, bob), seeds.bob],
  ["issued by one who is no authority", x509(sub, bob, intermediate), seeds.sub],
  ["with somebody else's key", x509(bob, intermediate), seeds.otherAlice],
  ["with a certificate between", x509(bob, otherRoot, intermediate), seeds.bob],
  ["with a damaged signature", x509(bob.with(-1, 0xff), intermediate), seeds.bob],
  ["that is empty", x509(), seeds.bob],
  ["that is none", { kind: "basic", identity: Uint8Array.of(1) }, seeds.bob],
]

describe("a group of people with certificates", () => {
  test("founds, adds, joins and talks; external joiners too", async () => {
    const [a, b] = [
      await client(x509(alice, intermediate), seeds.alice),
      await client(x509(bob, intermediate, root), seeds.bob),
    ]
    const made = await createCommit(ctx, await founding(ctx, a), { proposals: [add(b)] })
    const welcome = welcomeOf(made)
    const { state } = await joinGroup(ctx, { welcome, keyPackages: [b] })
    const sent = await encryptApplication(ctx, state, Uint8Array.of(7))
    const read = await processMessage(ctx, made.next, sent.message)
    if (read.kind !== "application") throw new Error("no message")
    // The chain comes to the application as it was sent.
    expect(read.senderCredential).toEqual(x509(bob, intermediate, root))
    // Alone, and back by an external commit.
    const alone = await founding(ctx, a)
    const groupInfo = await exportGroupInfo(ctx, alone, { externalPub: true, ratchetTree: true })
    const back = await joinByExternalCommit(ctx, {
      groupInfo,
      credential: x509(bob, intermediate),
      signatureKeyPair: await keyPair(seeds.bob),
      capabilities: supported,
    })
    const taken = await processMessage(ctx, alone, back.commit)
    if (taken.kind !== "commit") throw new Error("no commit")
    expect(taken.next?.epochSecrets).toEqual(back.state.epochSecrets)
  })

  test.each(BAD)(
    "refuses a chain %s: by who adds, who hears, who joins, who looks",
    async (...bad) => {
      const [, credential, seed] = bad
      const refused = (run: () => Promise<unknown>) =>
        codeOf(run).then((code) => {
          expect(code).toBe("credential_rejected")
        })
      const [a, b, c] = [
        await client(x509(alice, intermediate), seeds.alice),
        await client(credential, seed),
        await client(x509(carol, intermediate), seeds.carol),
      ]
      await refused(() => founding(ctx, b))
      const founded = await createCommit(ctx, await founding(ctx, a), { proposals: [add(c)] })
      await refused(() => createCommit(ctx, founded.next, { proposals: [add(b)] }))
      const { state } = await joinGroup(ctx, { welcome: welcomeOf(founded), keyPackages: [c] })
      // One without the service adds them.
      const careless = await createCommit(plain, founded.next, { proposals: [add(b)] })
      await refused(() => processMessage(ctx, state, careless.commit))
      const joining = { welcome: welcomeOf(careless), keyPackages: [b] }
      await refused(() => joinGroup(ctx, joining))
      const info = await exportGroupInfo(plain, careless.next, { ratchetTree: true })
      await refused(() => inspectGroup(ctx, info))
    },
  )

  test("refuses certificates before their time and after it", async () => {
    const a = await client(x509(alice, intermediate), seeds.alice)
    for (const day of ["2020-01-01", "2200-01-01"]) {
      const then = { ...plain, auth: chains(root, new Date(day)) }
      expect(await codeOf(() => founding(then, a))).toBe("credential_rejected")
    }
  })
})

describe("the chain on the wire", () => {
  test("is a vector of vectors, of any number", () => {
    // Type 2, 3 bytes of vectors: 1 byte, and none.
    const bytes = Uint8Array.of(0, 2, 3, 1, 0xaa, 0)
    const credential = x509(Uint8Array.of(0xaa), new Uint8Array())
    expect(encode(encodeCredential, credential)).toEqual(bytes)
    expect(decode(decodeCredential, bytes)).toEqual(credential)
    const long = x509(...Array.from({ length: 300 }, () => alice))
    expect(decode(decodeCredential, encode(encodeCredential, long))).toEqual(long)
  })

  test("is refused where a length is beyond what is there", () => {
    const whole = bytesToHex(encode(encodeCredential, x509(alice, intermediate)))
    for (let end = 0; end < whole.length; end += 2) {
      const part = new Uint8Array(Buffer.from(whole.slice(0, end), "hex"))
      expect(() => decode(decodeCredential, part)).toThrow(
        expect.objectContaining({ code: "decode" }),
      )
    }
    // 2^30 - 1 bytes are announced, within the chain and for it; nothing is allocated for them.
    for (const lie of ["0002bfffffff00", "000205bfffffff00", "000201bf"]) {
      const bytes = new Uint8Array(Buffer.from(lie, "hex"))
      expect(() => decode(decodeCredential, bytes)).toThrow(
        expect.objectContaining({ code: "decode" }),
      )
    }
  })
})
