// RFC 9420 §12.4: the official vectors of a client that joins and then only listens.

import { describe, expect, test } from "vitest"
import { withShared } from "../../test/shared.ts"
import { bytesToHex } from "./bytes.ts"
import { decode, encode } from "./codec.ts"
import type { MlsCrypto, SignatureToVerify } from "./crypto.ts"
import type { GroupState, MlsContext } from "./group-types.ts"
import { type OwnKeyPackage, encodeKeyPackage } from "./key-package.ts"
import { decodeMlsMessage } from "./message.ts"
import { processMessage } from "./process.ts"
import { verifyGroupInfo } from "./group-info.ts"
import { welcomeKey, welcomeSecret } from "./key-schedule.ts"
import { labels, wireFormats } from "./registry.ts"
import { bytes, implemented, privateKey, vectorBackEnds, vectorCrypto } from "./vectors.fixture.ts"
import { decodeGroupInfo, decodeGroupSecrets } from "./welcome-codec.ts"
import { joinGroup } from "./welcome.ts"

interface PassiveClient {
  readonly cipher_suite: number
  readonly external_psks: readonly { readonly psk_id: string; readonly psk: string }[]
  readonly key_package: string
  readonly signature_priv: string
  readonly encryption_priv: string
  readonly init_priv: string
  readonly welcome: string
  readonly ratchet_tree: string | null
  readonly initial_epoch_authenticator: string
  readonly epochs: readonly {
    readonly proposals: readonly string[]
    readonly commit: string
    readonly epoch_authenticator: string
  }[]
}

interface WelcomeVector {
  readonly cipher_suite: number
  readonly init_priv: string
  readonly key_package: string
  readonly signer_pub: string
  readonly welcome: string
}

/** Which signatures a back end has accepted or refused. */
type Verdicts = Map<string, Promise<boolean>>
const verdicts = new Map<string, Verdicts>()

function verdictsOf({ cipher_suite }: PassiveClient, backend: string): Verdicts {
  const name = `${backend} ${cipher_suite}`
  const known = verdicts.get(name) ?? new Map<string, Promise<boolean>>()
  verdicts.set(name, known)
  return known
}

/** Cases share groups, and trees share leaves: each signature is verified once in each way of each back end. */
function remembering(crypto: MlsCrypto, known: Verdicts): MlsCrypto {
  const once = (way: string, check: SignatureToVerify, verdict: () => Promise<boolean>) => {
    const { publicKey, label, content, signature } = check
    const name = [way, label, ...[publicKey, content, signature].map(bytesToHex)].join()
    const kept = known.get(name) ?? verdict()
    known.set(name, kept)
    return kept
  }
  const oneOfMany = async (check: SignatureToVerify) => {
    const [verdict] = await crypto.verifyAll([check])
    return verdict === true
  }
  return {
    ...crypto,
    verify: (check) => once("one", check, () => crypto.verify(check)),
    verifyAll: (checks) =>
      Promise.all(checks.map((check) => once("of many", check, () => oneOfMany(check)))),
  }
}

const files = ["passive-client-welcome", "passive-client-handling-commit", "passive-client-random"]

describe.each(files)("%s", (file) => {
  withShared<PassiveClient[]>(`vectors/mls/${file}.json`, (all) => {
    const cases = implemented(all)
    test("has cases for an implemented suite", () => expect(cases.length).toBeGreaterThan(0))
    for (const backend of vectorBackEnds) {
      test.each(cases.map((vector, i) => [i, vector] as const))(
        `${backend}: case %i`,
        async (_i, vector) => {
          const psks = new Map(vector.external_psks.map(({ psk_id, psk }) => [psk_id, bytes(psk)]))
          const past = new Map<string, Uint8Array>()
          const ctx: MlsContext = {
            crypto: remembering(await vectorCrypto(vector, backend), verdictsOf(vector, backend)),
            now: 1_700_000_000,
            psks: {
              // Resumption PSKs of past epochs are the caller's to keep (§8.6).
              psk: (id) =>
                id.kind === "resumption"
                  ? past.get(`${bytesToHex(id.pskGroupId)}/${id.pskEpoch}`)
                  : psks.get(bytesToHex(id.pskId)),
            },
          }
          const joined = await joinGroup(ctx, {
            welcome: bytes(vector.welcome),
            keyPackages: [ownKeyPackage(vector)],
            ...(vector.ratchet_tree !== null && { ratchetTree: bytes(vector.ratchet_tree) }),
          })
          let { state } = joined
          expect(authenticator(state)).toBe(vector.initial_epoch_authenticator)
          for (const epoch of vector.epochs) {
            const { groupId, epoch: number } = state.groupContext
            past.set(`${bytesToHex(groupId)}/${number}`, state.epochSecrets.resumptionPsk)
            for (const proposal of epoch.proposals) {
              const result = await processMessage(ctx, state, bytes(proposal))
              if (result.kind !== "proposal") throw new Error(`a proposal, not ${result.kind}`)
              state = result.state
            }
            const result = await processMessage(ctx, state, bytes(epoch.commit))
            if (result.kind !== "commit" || result.next === undefined) throw new Error("removed")
            state = result.next
            expect(authenticator(state)).toBe(epoch.epoch_authenticator)
          }
        },
      )
    }
  })
})

describe("welcome", () => {
  withShared<WelcomeVector[]>("vectors/mls/welcome.json", (all) => {
    const cases = implemented(all)
    test("has cases for an implemented suite", () => expect(cases.length).toBeGreaterThan(0))
    for (const backend of vectorBackEnds) {
      test.each(cases)(`${backend}: a case of suite $cipher_suite`, async (vector) => {
        const crypto = await vectorCrypto(vector, backend)
        const message = decodeMlsMessage(bytes(vector.welcome))
        if (message.wireFormat !== wireFormats.welcome) throw new Error("no Welcome")
        const { encryptedGroupInfo, secrets } = message.welcome
        const [forUs] = secrets
        if (forUs === undefined) throw new Error("no secrets")
        const groupSecrets = decode(
          decodeGroupSecrets,
          await crypto.decryptWithLabel(
            privateKey(vector, vector.init_priv),
            labels.welcome,
            encryptedGroupInfo,
            forUs.encryptedGroupSecrets,
          ),
        )
        const pskSecret = new Uint8Array(crypto.suite.hash.size)
        const { joinerSecret } = groupSecrets
        const { key, nonce } = welcomeKey(
          crypto,
          welcomeSecret(crypto, { joinerSecret, pskSecret }),
        )
        const groupInfo = decode(
          decodeGroupInfo,
          await crypto.aeadOpen(key, nonce, new Uint8Array(), encryptedGroupInfo),
        )
        await expect(
          verifyGroupInfo(crypto, groupInfo, bytes(vector.signer_pub)),
        ).resolves.toBeUndefined()
      })
    }
  })
})

function ownKeyPackage(vector: PassiveClient): OwnKeyPackage {
  const message = decodeMlsMessage(bytes(vector.key_package))
  if (message.wireFormat !== wireFormats.keyPackage) throw new Error("no KeyPackage")
  const { keyPackage } = message
  return {
    keyPackage,
    bytes: encode(encodeKeyPackage, keyPackage),
    initPrivateKey: privateKey(vector, vector.init_priv),
    encryptionPrivateKey: privateKey(vector, vector.encryption_priv),
    signaturePrivateKey: privateKey(vector, vector.signature_priv),
  }
}

function authenticator(state: GroupState): string {
  return bytesToHex(state.epochSecrets.epochAuthenticator)
}
