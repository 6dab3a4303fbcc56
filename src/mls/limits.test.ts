// RFC 9420 §12.4, §13.5, §15.1, §15.2: what a sender is held to, padding, and GREASE.

import { describe, expect, test } from "vitest"
import {
  appDataDictionary,
  appDataExtension,
  componentIds,
  encodeComponentsList,
} from "./app-data.ts"
import { createCommit } from "./commit-create.ts"
import { componentSupport } from "./components.ts"
import { greaseExtension, greaseValues, withGrease } from "./grease.ts"
import {
  add,
  afterCommit,
  afterProposal,
  capabilities,
  codeOf,
  groupOf,
  testContext,
} from "./group.fixture.ts"
import type { GroupState, MlsContext } from "./group-types.ts"
import { createGroup, createProposal, encryptApplication } from "./group.ts"
import { exportGroupInfo } from "./group-info.ts"
import { type OwnKeyPackage, generateKeyPackage } from "./key-package.ts"
import { decodeMlsMessage } from "./message.ts"
import { paddingTo } from "./private-message.ts"
import { processMessage } from "./process.ts"
import { inspectGroup } from "./public-group.ts"
import { proposalTypes, wireFormats } from "./registry.ts"
import { joinGroup } from "./welcome.ts"

/** Of `testContext`. */
const NOW = 1_700_000_000

const pair = async (ctx: MlsContext) => (await groupOf(ctx, ["a", "b"])) as [GroupState, GroupState]

const ciphertextSize = (bytes: Uint8Array) => {
  const message = decodeMlsMessage(bytes)
  if (message.wireFormat !== wireFormats.privateMessage) throw new Error("no PrivateMessage")
  return message.privateMessage.ciphertext.length
}

describe("padding", () => {
  test("by a policy, contents of different lengths look alike, handshakes too", async () => {
    const ctx = { ...(await testContext("webcrypto")), padding: paddingTo(256) }
    const [a, b] = await pair(ctx)
    let sender = a
    let receiver = b
    for (const length of [0, 1, 60, 100]) {
      const sent = await encryptApplication(ctx, sender, new Uint8Array(length).fill(1))
      // The tag of AES-GCM has 16 bytes.
      expect(ciphertextSize(sent.message)).toBe(256 + 16)
      const result = await processMessage(ctx, receiver, sent.message)
      if (result.kind !== "application") throw new Error("no message")
      expect(result.data).toHaveLength(length)
      ;[sender, receiver] = [sent.state, result.state]
    }
    const { commit } = await createCommit(ctx, sender, { wireFormat: "private", forcePath: true })
    expect(ciphertextSize(commit) % 256).toBe(16)
    expect((await afterCommit(ctx, receiver, commit)).groupContext.epoch).toBe(2n)
    // The call's own word counts.
    const plain = await encryptApplication(ctx, sender, new Uint8Array(), { padding: 0 })
    expect(ciphertextSize(plain.message)).toBeLessThan(256)
  })

  test("blocks are of a whole, positive size", () => {
    expect([0, 1, 8, 9].map(paddingTo(8))).toEqual([0, 7, 0, 7])
    for (const block of [0, -1, 1.5, Number.NaN]) {
      expect(() => paddingTo(block)).toThrow(expect.objectContaining({ code: "misuse" }))
    }
  })
})

test("sending_limit: so many messages in an epoch, and of such a length; a commit begins anew", async () => {
  const limits = { maxSent: 2, maxMessageSize: 5000 }
  const ctx = { ...(await testContext("webcrypto")), limits, commitBeforeSending: false }
  const [a, b] = await pair(ctx)
  const data = new Uint8Array(1)
  const first = await encryptApplication(ctx, a, data)
  const remove = { proposalType: proposalTypes.remove, removed: 1 }
  const second = await createProposal(ctx, first.state, remove, { wireFormat: "private" })
  expect(await codeOf(() => encryptApplication(ctx, second.state, data))).toBe("sending_limit")
  // Another's messages do not count, and a commit in a PublicMessage is the way out.
  const { message } = await encryptApplication(ctx, b, data)
  expect((await processMessage(ctx, second.state, message)).kind).toBe("application")
  const { next } = await createCommit(ctx, second.state)
  await encryptApplication(ctx, next, data)
  const long = new Uint8Array(5001)
  expect(await codeOf(() => encryptApplication(ctx, next, long))).toBe("sending_limit")
  // What is sent at all, others with the same limit look at.
  const sending = (length: number, padding: number) =>
    encryptApplication(ctx, a, new Uint8Array(length), { padding })
  expect(await codeOf(() => sending(5000, 0))).toBe("sending_limit")
  expect(await codeOf(() => sending(4000, 1000))).toBe("sending_limit")
  const large = await sending(4700, 100)
  expect((await processMessage(ctx, b, large.message)).kind).toBe("application")
})

test("leaf_lifetime_too_long: at founding, adding, joining and inspecting, of every leaf that came in a KeyPackage", async () => {
  const ctx = await testContext("webcrypto")
  const lasting = (seconds: bigint) =>
    generateKeyPackage(ctx.crypto, {
      credential: { kind: "basic", identity: Uint8Array.of(Number(seconds)) },
      capabilities,
      lifetime: { notBefore: BigInt(NOW), notAfter: BigInt(NOW) + seconds },
    })
  const [short, long, other] = [await lasting(100n), await lasting(101n), await lasting(99n)]
  const strict = { ...ctx, limits: { maxLifetime: 100 } }
  const found = (on: MlsContext, keyPackage: OwnKeyPackage) =>
    createGroup(on, { groupId: Uint8Array.of(1), keyPackage, extensions: [] })
  const tooLong = (run: () => Promise<unknown>) =>
    codeOf(run).then((code) => {
      expect(code).toBe("leaf_lifetime_too_long")
    })
  await tooLong(() => found(strict, long))
  const founded = await found(strict, short)
  await tooLong(() => createCommit(strict, founded, { proposals: [add(long)] }))
  const added = await createCommit(strict, founded, { proposals: [add(other)] })
  const { welcome = new Uint8Array() } = added
  const { state } = await joinGroup(strict, { welcome, keyPackages: [other] })
  // Somebody without the limit adds one that lasts too long: nobody with it follows, and nobody with it joins.
  const careless = await createCommit(ctx, added.next, { proposals: [add(long)] })
  await tooLong(() => processMessage(strict, state, careless.commit))
  const joining = { welcome: careless.welcome ?? new Uint8Array(), keyPackages: [long] }
  await tooLong(() => joinGroup(strict, joining))
  expect((await joinGroup(ctx, joining)).state.groupContext.epoch).toBe(2n)
  const info = await exportGroupInfo(ctx, careless.next, { ratchetTree: true })
  await tooLong(() => inspectGroup(strict, info))
})

test("proposals_pending: proposals are committed before anything is said, unless that is switched off", async () => {
  const strict = await testContext("webcrypto")
  const ctx = { ...strict, commitBeforeSending: false }
  const [a, b] = await pair(ctx)
  const psk = { kind: "external", pskId: new Uint8Array(1), pskNonce: new Uint8Array(32) } as const
  const made = await createProposal(ctx, b, { proposalType: proposalTypes.psk, psk })
  const pending = await afterProposal(ctx, a, made.message)
  const data = new Uint8Array(1)
  await encryptApplication(strict, a, data)
  await encryptApplication(ctx, pending, data)
  expect(await codeOf(() => encryptApplication(strict, pending, data))).toBe("proposals_pending")
  const { next } = await createCommit(strict, pending)
  await encryptApplication(strict, next, data)
})

describe("GREASE", () => {
  const options = {
    credential: { kind: "basic", identity: Uint8Array.of(1) } as const,
    capabilities,
    lifetime: { notBefore: 0n, notAfter: 2n ** 40n },
    leafExtensions: [
      appDataExtension(
        new Map([
          [componentIds.appComponents, encodeComponentsList([1, 0x8001])],
          [componentIds.safeAad, encodeComponentsList([])],
          [0x8001, Uint8Array.of(1)],
        ]),
      ),
    ],
  }

  test("the fifteen values of the RFC", () => {
    expect(greaseValues.map((value) => value.toString(16))).toEqual(
      "0a 1a 2a 3a 4a 5a 6a 7a 8a 9a aa ba ca da ea"
        .split(" ")
        .map((byte) => Number.parseInt(byte + byte, 16).toString(16)),
    )
  })

  test("where it is asked for, each list has a value more; nothing is lost", async () => {
    const { crypto } = await testContext("webcrypto", "grease")
    const seen = new Set<number>()
    for (let i = 0; i < 40; i++) {
      const made = withGrease((length) => crypto.random(length), options)
      expect(made.capabilities.versions).toEqual(capabilities.versions)
      for (const kind of ["cipherSuites", "extensions", "proposals", "credentials"] as const) {
        const list = made.capabilities[kind]
        const grease = list.filter((type) => greaseValues.includes(type))
        expect(grease).toHaveLength(1)
        expect(list.filter((type) => !greaseValues.includes(type))).toEqual(capabilities[kind])
        seen.add(grease[0] ?? 0)
      }
      const dictionary = appDataDictionary(made.leafExtensions ?? [])
      expect(dictionary?.get(0x8001)).toEqual(Uint8Array.of(1))
      const component = [...(dictionary?.keys() ?? [])].filter((id) => greaseValues.includes(id))
      expect(component).toHaveLength(1)
      // No private-use component is taken for GREASE, in the dictionary or in its lists.
      const { components, safeAad } = componentSupport(made.leafExtensions ?? [])
      const forComponents = greaseValues.filter((value) => value < 0x8000)
      expect(components?.filter((id) => !forComponents.includes(id))).toEqual([1, 0x8001])
      expect(components).toHaveLength(3)
      expect(forComponents).toEqual(expect.arrayContaining([...component, ...(safeAad ?? [0])]))
      expect(safeAad).toHaveLength(1)
      expect(made.extensions).toHaveLength(1)
    }
    expect(seen.size).toBeGreaterThan(10)
  })

  test("members with it live in a group with others, and a GroupInfo has it too", async () => {
    const ctx = await testContext("webcrypto")
    const random = (length: number) => ctx.crypto.random(length)
    const greased = () => generateKeyPackage(ctx.crypto, withGrease(random, options))
    const [founder, second] = [await greased(), await greased()]
    const plain = await generateKeyPackage(ctx.crypto, options)
    const group = { groupId: Uint8Array.of(1), keyPackage: founder, extensions: [] }
    const made = await createCommit(ctx, await createGroup(ctx, group), {
      proposals: [add(second), add(plain)],
      groupInfoExtensions: [greaseExtension(random)],
    })
    const { welcome, next } = made
    if (welcome === undefined) throw new Error("no Welcome")
    const joined = await joinGroup(ctx, { welcome, keyPackages: [plain] })
    expect(joined.state.epochSecrets).toEqual(next.epochSecrets)
    const sent = await encryptApplication(ctx, joined.state, new Uint8Array(1))
    expect((await processMessage(ctx, next, sent.message)).kind).toBe("application")
    const info = await exportGroupInfo(ctx, next, {
      ratchetTree: true,
      extensions: [greaseExtension(random)],
    })
    expect((await inspectGroup(ctx, info)).members).toHaveLength(3)
  })
})
