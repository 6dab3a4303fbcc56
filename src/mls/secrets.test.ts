// RFC 9420 §9.2, §7.4, §8, §12.4.3.1: a secret whose time is over is nowhere any more: not in the stored form of a state,
// and not in any byte array of the engine's heap, which holds the live states.

import { beforeAll, describe, expect, test } from "vitest"
import { bytesToHex, hexToBytes } from "./bytes.ts"
import { decode, encode } from "./codec.ts"
import { createCommit } from "./commit-create.ts"
import type { MlsCrypto } from "./crypto.ts"
import { advanceEpoch, openEpochWindow } from "./epoch-window.ts"
import { joinByExternalCommit } from "./external.ts"
import {
  type Backend,
  add,
  afterCommit,
  afterProposal,
  backends,
  capabilities,
  keyPackageOf,
  stored,
  testContext,
} from "./group.fixture.ts"
import {
  createGroup,
  createProposal,
  createUpdateProposal,
  encryptApplication,
  safeExportSecret,
} from "./group.ts"
import { exportGroupInfo } from "./group-info.ts"
import type { CreatedCommit, GroupState, MlsContext, SuccessorOptions } from "./group-types.ts"
import { aliveOf, foundIn } from "./heap.fixture.ts"
import { type OwnKeyPackage, decodeOwnKeyPackage, encodeOwnKeyPackage } from "./key-package.ts"
import { processMessage } from "./process.ts"
import { labels, proposalTypes } from "./registry.ts"
import { decodeGroupState } from "./state-codec.ts"
import type { Proposal } from "./proposal-codec.ts"
import { createBranch, createReinitialized } from "./successor.ts"
import { joinGroup } from "./welcome.ts"

/** Everything secret that an operation derived or opened, by the hexadecimal of its bytes, with what made it. */
type Recorded = Map<string, string>

/** The same cryptography, with a record of its secrets kept as text: no byte array of the heap. */
function recording(crypto: MlsCrypto, record: Recorded): MlsCrypto {
  const note = (what: string, bytes: Uint8Array): Uint8Array => {
    record.set(bytesToHex(bytes), what)
    return bytes
  }
  return {
    ...crypto,
    extract: (salt, ikm) => note("extracted", crypto.extract(salt, ikm)),
    expandWithLabel: (secret, label, context, length) =>
      note(label, crypto.expandWithLabel(secret, label, context, length)),
    deriveSecret: (secret, label) => note(label, crypto.deriveSecret(secret, label)),
    deriveTreeSecret: (secret, label, generation, length) =>
      note(`ratchet ${label}`, crypto.deriveTreeSecret(secret, label, generation, length)),
    async generateKemKeyPair() {
      const pair = await crypto.generateKemKeyPair()
      note("private key", pair.privateKey)
      return pair
    },
    async deriveKemKeyPair(ikm) {
      const pair = await crypto.deriveKemKeyPair(ikm)
      note("private key", pair.privateKey)
      return pair
    },
    async decryptWithLabel(privateKey, label, context, sealed) {
      const opened = await crypto.decryptWithLabel(privateKey, label, context, sealed)
      return note(`opened ${typeof label === "string" ? label : "of a component"}`, opened)
    },
    async externalInit(publicKey, context, length) {
      const made = await crypto.externalInit(publicKey, context, length)
      note("external init", made.secret)
      return made
    },
    externalOpen: async (privateKey, kemOutput, context, length) =>
      note("external init", await crypto.externalOpen(privateKey, kemOutput, context, length)),
  }
}

/** What RFC 9420 lets a member hold in an epoch, by the hexadecimal of the bytes. */
function heldBy(state: GroupState): Set<string> {
  const { initSecret, externalSecret, membershipKey, confirmationKey } = state.epochSecrets
  return new Set([
    ...readableBy(state),
    ...[
      // §8: of the epoch. §8.1's init secret is for the next commit.
      ...[initSecret, externalSecret, membershipKey, confirmationKey],
      state.epochSecrets.resumptionPsk,
      // §7.4: of the leaf and of the nodes above it.
      ...state.treePrivate.keys.values(),
      state.signaturePrivateKey,
    ].map(bytesToHex),
  ])
}

/** Of that, what reads the epoch's messages, and what is exported from it: all that is kept of an epoch that is over. */
function readableBy(state: GroupState): Set<string> {
  const { exporterSecret, senderDataSecret, epochAuthenticator } = state.epochSecrets
  const ratchets = [...state.secretTree.ratchets.values()].flatMap((each) => [
    each.handshake,
    each.application,
  ])
  return new Set(
    [
      ...[exporterSecret, senderDataSecret, epochAuthenticator],
      // §9: of subtrees not yet looked into, of each ratchet's next key, and of keys that were passed over.
      ...state.secretTree.subtrees.values(),
      ...ratchets.map(({ secret }) => secret),
      ...ratchets.flatMap(({ skipped }) => [...skipped.values()].flatMap((k) => [k.key, k.nonce])),
      // Draft §4.4: of subtrees of the Exporter Tree of which nothing was exported.
      ...state.exporterTree.subtrees.values(),
    ].map(bytesToHex),
  )
}

/** Secrets of `before` that the moment which led to `after` ends. */
const without = (before: Recorded, after: readonly GroupState[]): Recorded => {
  const held = new Set(after.flatMap((state) => [...heldBy(state)]))
  return new Map([...before].filter(([secret]) => !held.has(secret)))
}

const named = (what: string, ...secrets: readonly Uint8Array[]): Recorded =>
  new Map(secrets.map((secret) => [bytesToHex(secret), what]))

const allOf = (what: string, secrets: ReadonlySet<string>): Recorded =>
  new Map([...secrets].map((secret) => [secret, what]))

/** All that is stored of states. */
const storedForms = (states: readonly GroupState[]): Uint8Array[] =>
  states.flatMap((state) => {
    const { epoch, messageKeys } = stored(state)
    return [epoch, messageKeys]
  })

/** Neither stored nor alive. */
async function expectGone(secrets: Recorded, states: readonly GroupState[]): Promise<void> {
  expect(secrets.size).toBeGreaterThan(0)
  expect(foundIn(storedForms(states), secrets)).toEqual([])
  expect(await aliveOf(secrets)).toEqual([])
}

/** Both stored and alive: the search finds what is there. */
async function expectThere(secrets: Recorded, states: readonly GroupState[]): Promise<void> {
  const all = [...secrets.values()].sort()
  expect(foundIn(storedForms(states), secrets)).toEqual(all)
  expect(await aliveOf(secrets)).toEqual(all)
}

describe.each(backends)("secrets whose time is over, %s", (backend: Backend) => {
  let plain: MlsContext
  let record: Recorded
  let ctx: MlsContext
  /** The states of now; nothing else in a test holds one. */
  let states: GroupState[]

  beforeAll(async () => {
    plain = await testContext(backend)
  })

  /** A group with these members, and a record that begins once they are in it. */
  async function start(names: readonly string[]): Promise<void> {
    record = new Map()
    ctx = { ...plain, crypto: recording(plain.crypto, record) }
    const packages = await Promise.all(names.map((name) => keyPackageOf(ctx.crypto, name)))
    const [founder, ...others] = packages
    if (founder === undefined) throw new Error("a group needs a founder")
    const groupId = new TextEncoder().encode("group")
    const first = await createGroup(ctx, { groupId, keyPackage: founder, extensions: [] })
    const proposals = others.map(add)
    const { next, welcome } = await createCommit(ctx, first, { proposals, forcePath: true })
    if (welcome === undefined) throw new Error("no welcome")
    const joined = await Promise.all(
      others.map(async (own) => (await joinGroup(ctx, { welcome, keyPackages: [own] })).state),
    )
    states = [next, ...joined]
  }

  const at = (index: number): GroupState => {
    const state = states[index]
    if (state === undefined) throw new Error(`no member ${index}`)
    return state
  }

  async function send(from: number): Promise<Uint8Array> {
    const sent = await encryptApplication(ctx, at(from), Uint8Array.of(7))
    states[from] = sent.state
    return sent.message
  }

  async function read(by: number, message: Uint8Array): Promise<void> {
    const result = await processMessage(ctx, at(by), message)
    if (result.kind !== "application") throw new Error("an application message was expected")
    states[by] = result.state
  }

  /** The commit is made and everyone follows; nobody keeps the old epoch. */
  async function commit(by: number, options: Parameters<typeof createCommit>[2]): Promise<void> {
    const made = await createCommit(ctx, at(by), options)
    const { commit: message, next } = made
    for (let i = 0; i < states.length; i++) {
      states[i] = i === by ? next : await afterCommit(ctx, at(i), message)
    }
  }

  test("joining: the joiner secret, the path secret, and all between them and the epoch's secrets", async () => {
    await start(["alice", "bob", "carol"])
    const made = new Set(record.values())
    const expected = [labels.joiner, labels.epoch, labels.welcomeSecret, labels.path, labels.node]
    for (const label of [...expected, `opened ${labels.welcome}`]) expect(made).toContain(label)
    await expectThere(named("init", at(1).epochSecrets.initSecret), [at(1)])
    const over = without(record, states)
    // The key packages' init keys among them, which nothing but the callers' values held.
    expect([...over.values()]).toContain("private key")
    await expectGone(over, states)
  })

  /** Bob's keys for messages of alice that he passed over. Text only: the test must not be what keeps them. */
  const passedOver = (): string[] =>
    [
      ...(at(1).secretTree.ratchets.get(at(0).ownLeafIndex)?.application.skipped.values() ?? []),
    ].map(({ key }) => bytesToHex(key))

  const subtreesOf = (index: number): Recorded =>
    named("subtree", ...at(index).secretTree.subtrees.values())

  test("a message: its key and nonce, the ratchet's secret before them, the subtrees above", async () => {
    await start(["alice", "bob", "carol"])
    const subtrees = subtreesOf(0)
    const [first, second, third] = [await send(0), await send(0), await send(0)]
    await read(1, third)
    for (const message of [first, second, third]) await read(2, message)
    const [used = "", waiting = ""] = passedOver()
    await read(1, first)
    // One of the two waits still; the other is used, and that one alone is gone.
    const both = new Map([
      [used, "used"],
      [waiting, "waiting"],
    ])
    expect(both.size).toBe(2)
    expect(foundIn(storedForms(states), both)).toEqual(["waiting"])
    expect(await aliveOf(both)).toEqual(["waiting"])

    await read(1, second)
    const over = without(new Map([...record, ...subtrees, ...both]), states)
    const made = [...over.values()]
    for (const label of ["subtree", "used", "waiting", "ratchet secret"])
      expect(made).toContain(label)
    expect(made.filter((label) => label === "ratchet nonce").length).toBeGreaterThan(2)
    await expectGone(over, states)
  })

  test("a component's secret that was given out: itself, and the nodes above it", async () => {
    await start(["alice", "bob"])
    const whole = named("root", ...at(0).exporterTree.subtrees.values())
    states = [at(0)]
    await expectThere(whole, states)
    const given: Recorded = new Map()
    const take = (): void => {
      const { secret, state } = safeExportSecret(ctx.crypto, at(0), 0x8009)
      given.set(bytesToHex(secret), "given out")
      states = [state]
    }
    take()
    const over = without(new Map([...record, ...whole, ...given]), states)
    for (const label of ["root", "given out"]) expect([...over.values()]).toContain(label)
    await expectGone(over, states)
  })

  test("a commit: the epoch's secrets, its message keys, replaced private keys, path and commit secrets", async () => {
    await start(["alice", "bob", "carol", "dave"])
    await read(3, await send(0))
    const former: Recorded = new Map(
      states.flatMap((state) => [...heldBy(state)].map((secret) => [secret, "former epoch"])),
    )
    const init = named("init", at(0).epochSecrets.initSecret)
    await commit(0, { forcePath: true })
    const over = without(new Map([...record, ...former, ...init]), states)
    const held = new Set(states.flatMap((state) => [...heldBy(state)]))
    // Only what no commit replaces: the signature keys, and the leaf keys of those who only received.
    const stayed = [...former.keys()].filter((secret) => held.has(secret))
    expect(stayed.length).toBeLessThanOrEqual(4 + 3 + 1)
    for (const label of [
      labels.joiner,
      labels.epoch,
      labels.path,
      `opened ${labels.updatePathNode}`,
    ])
      expect([...over.values()]).toContain(label)
    await expectGone(over, states)
  })

  /** Bob offers a new leaf key. */
  async function offer(): Promise<{ readonly message: Uint8Array; readonly key: string }> {
    const { state, message } = await createUpdateProposal(ctx, at(1), {})
    states[1] = state
    const [key] = [...state.proposals.values()].flatMap(({ ownUpdate }) =>
      ownUpdate === undefined ? [] : [bytesToHex(ownUpdate.encryptionPrivateKey)],
    )
    return { message, key: key ?? "" }
  }

  test("an Update: the leaf's former key once it is committed, the offered key once it is not", async () => {
    await start(["alice", "bob", "carol"])
    const declined = new Map([[(await offer()).key, "offered"]])
    await expectThere(declined, [at(1)])
    // Another commit comes first.
    await commit(2, { forcePath: true })
    const replaced = named("replaced", ...[...at(1).treePrivate.keys.values()].slice(0, 1))
    const { message } = await offer()
    for (const i of [0, 2]) states[i] = await afterProposal(ctx, at(i), message)
    await commit(0, { proposalRefs: "all" })
    const over = without(new Map([...record, ...declined, ...replaced]), states)
    for (const label of ["offered", "replaced"]) expect([...over.values()]).toContain(label)
    await expectGone(over, states)
  })

  test("an external commit: the external init secret, at both ends", async () => {
    await start(["alice", "bob"])
    const info = await exportGroupInfo(ctx, at(0), { externalPub: true, ratchetTree: true })
    const { commit: message, state } = await joinByExternalCommit(ctx, {
      groupInfo: info,
      credential: { kind: "basic", identity: new TextEncoder().encode("carol") },
      capabilities,
      signatureKeyPair: await ctx.crypto.generateSignatureKeyPair(),
    })
    states = [await afterCommit(ctx, at(0), message), await afterCommit(ctx, at(1), message), state]
    expect([...record.values()]).toContain("external init")
    await expectGone(without(record, states), states)
  })

  /** Alice proposes; bob hears of it. */
  async function propose(proposal: Proposal): Promise<void> {
    const { state, message } = await createProposal(ctx, at(0), proposal)
    states = [state, await afterProposal(ctx, at(1), message)]
  }

  test("a PSK: its secrets in between, where the caller's store keeps the key", async () => {
    await start(["alice", "bob"])
    const id = {
      kind: "external",
      pskId: Uint8Array.of(1),
      pskNonce: plain.crypto.random(plain.crypto.suite.hash.size),
    } as const
    const key = "5a".repeat(31) + "01"
    ctx = { ...ctx, psks: { psk: () => hexToBytes(key) } }
    const proposal = { proposalType: proposalTypes.psk, psk: id } as const
    await propose(proposal)
    await commit(0, { proposalRefs: "all" })
    expect([...record.values()]).toContain(labels.derivedPsk)
    await expectGone(new Map([...without(record, states), [key, "psk"]]), states)
  })

  test("a window: at once what no message of a past epoch needs, the rest when that epoch leaves it", async () => {
    await start(["alice", "bob"])
    await send(0)
    await read(1, await send(0))
    let window = openEpochWindow(at(1))
    const follow = (): GroupState[] => {
      window = advanceEpoch(window, at(1), { epochs: 1, resumptionPsks: 1 })
      return [at(0), window.current, ...window.past]
    }
    /** Of bob's epoch, which is about to end. */
    const ending = () => ({
      past: allOf("past", readableBy(at(1))),
      psk: named("resumption", at(1).epochSecrets.resumptionPsk),
      leaf: named("leaf", ...[...at(1).treePrivate.keys.values()].slice(0, 1)),
      former: allOf("former", heldBy(at(1))),
    })

    // Alice's commit passes over what bob offers: his leaf key stays.
    const offered = new Map([[(await offer()).key, "offered"]])
    window = openEpochWindow(at(1))
    const first = ending()
    await commit(0, { forcePath: true })
    let all = follow()
    await expectThere(first.past, all)
    expect(await aliveOf(first.psk)).toEqual(["resumption"])
    const kept = new Set([...first.past.keys(), ...first.psk.keys()])
    const atOnce = [...without(new Map([...record, ...first.former, ...offered]), states)]
    const over = new Map(atOnce.filter(([secret]) => !kept.has(secret)))
    // init, external, membership and confirmation key; the root's private key.
    expect([...over.values()].filter((what) => what === "former")).toHaveLength(5)
    expect([...over.values()]).toContain("offered")
    await expectGone(over, all)

    // Bob's own: his leaf key goes too, and the first epoch leaves the window.
    const second = ending()
    await commit(1, { forcePath: true })
    all = follow()
    await expectThere(second.past, all)
    expect(await aliveOf(second.psk)).toEqual(["resumption"])
    await expectGone(new Map([...first.past, ...first.psk, ...second.leaf]), all)
  })

  /** A group that follows the states' one, alice's and bob's; nothing of the old one is left in `states`. */
  async function succeed(
    found: (parent: GroupState, options: SuccessorOptions) => Promise<CreatedCommit>,
  ): Promise<void> {
    const [alice, bob] = await Promise.all(
      ["alice", "bob"].map((name) => keyPackageOf(ctx.crypto, name)),
    )
    if (alice === undefined || bob === undefined) throw new Error("no key packages")
    const options = { keyPackage: alice, members: [bob.keyPackage] }
    const { next, welcome } = await found(at(0), options)
    if (welcome === undefined) throw new Error("no welcome")
    const joined = await joinGroup(ctx, { welcome, keyPackages: [bob], parent: at(1) })
    states = [next, joined.state]
  }

  const successor = { groupId: Uint8Array.of(7), extensions: [] }

  test("a ReInit: the epoch that it ends; and once a group follows, all of the old one", async () => {
    await start(["alice", "bob"])
    const former = allOf("former", new Set(states.flatMap((state) => [...heldBy(state)])))
    const reinit = { proposalType: proposalTypes.reinit, version: 1, cipherSuite: 1, ...successor }
    await commit(0, { proposals: [reinit] })
    const before = states.map(heldBy)
    readBack()
    expect(states.map(heldBy)).toEqual(before)
    expect(at(1).reInit).toMatchObject(successor)
    const ended = without(new Map([...record, ...former]), states)
    expect([...ended.values()]).toContain("former")
    await expectGone(ended, states)

    const old = allOf("old", new Set(states.flatMap((state) => [...heldBy(state)])))
    await succeed((parent, options) => createReinitialized(ctx, parent, options))
    expect([...record.values()]).toContain(labels.derivedPsk)
    await expectGone(without(new Map([...record, ...old]), states), states)
  })

  test("a branch: the old group's resumption PSK and all that was made of it", async () => {
    await start(["alice", "bob"])
    const psk = named("resumption", at(0).epochSecrets.resumptionPsk)
    await succeed((parent, options) => createBranch(ctx, parent, { ...options, ...successor }))
    expect([...record.values()]).toContain(labels.derivedPsk)
    await expectGone(without(new Map([...record, ...psk]), states), states)
  })

  /** As after a start of the program. */
  const readBack = (): void => {
    states = states.map((state) => decodeGroupState(stored(state)))
  }

  test("a state that was stored and read back holds no more than the one it was, and lets go of it", async () => {
    await start(["alice", "bob"])
    await read(1, await send(0))
    await commit(1, { forcePath: true })
    await read(1, await send(0))
    const before = states.map(heldBy)
    readBack()
    expect(states.map(heldBy)).toEqual(before)
    await expectGone(without(record, states), states)
    // A message's key, of what was read back; then all of it.
    const former = allOf("former", new Set(before.flatMap((each) => [...each])))
    await read(1, await send(0))
    await expectGone(without(former, states), states)
    await commit(0, { forcePath: true })
    await expectGone(without(new Map([...record, ...former]), states), states)
  })

  test("a key package that was stored and read back: its init key, once it has served", async () => {
    await start(["alice", "bob"])
    const again = (own: OwnKeyPackage) =>
      decode(decodeOwnKeyPackage, encode(encodeOwnKeyPackage, own))
    const init: Recorded = new Map()
    const join = async (): Promise<void> => {
      const own = again(await keyPackageOf(ctx.crypto, "carol"))
      init.set(bytesToHex(own.initPrivateKey), "init")
      const { next, welcome } = await createCommit(ctx, at(0), { proposals: [add(own)] })
      if (welcome === undefined) throw new Error("no welcome")
      states = [next, (await joinGroup(ctx, { welcome, keyPackages: [own] })).state]
    }
    await join()
    await expectGone(init, states)
  })
})
