// Marmot inbound processing (behaviour §7): forged, malformed and unauthorised input, and the bounds on what waits.

import { chacha20poly1305 } from "@noble/ciphers/chacha.js"
import fc from "fast-check"
import { describe, expect, test } from "vitest"
import {
  createCommit,
  createProposal,
  encryptApplication,
  generateKeyPackage,
  processMessage,
  type Proposal,
  proposalTypes,
} from "../mls/index.ts"
import { finalizeEvent, generateSecretKey, hexToBytes, type NostrEvent } from "../nostr/event.ts"
import { chatEvent, encodeAppEvent } from "./app-event.ts"
import { keyPackageOptions } from "./capabilities.ts"
import { encodeGroupProfile } from "./components/group-profile.ts"
import { encodeNostrRouting } from "./components/nostr-routing.ts"
import { craftCommit, craftProposal, sealed } from "./crafted.fixture.ts"
import { type Member, RELAY, seededRandom, stateOf, worldOf } from "./engine.fixture.ts"
import { apply } from "./engine.ts"
import type { EngineEnv } from "./engine-types.ts"
import { routeOf } from "./group-facts.ts"
import { summary } from "./group-view.ts"
import { adminPolicyProposal, replaceComponent } from "./local-commit.ts"
import { componentIds } from "./registry.ts"
import { mlsContext } from "./transition.ts"

const context = (member: Member) => mlsContext(member.world.env)
const profile = (name: string) =>
  replaceComponent(componentIds.groupProfile, encodeGroupProfile({ name, description: "" }))

async function three() {
  const { world, people } = await worldOf(["ada", "bo", "cy"])
  const [ada, bo, cy] = people
  return { world, ada, bo, cy }
}

const terminal = [
  "invalid_encoding",
  "invalid_signature",
  "unsupported_required_feature",
  "authorization_failed",
  "wrong_recipient",
  "unknown_group",
]

/** `event` is refused for good by `member`, whose group stays the very value that it was. */
async function expectRejected(member: Member, event: NostrEvent): Promise<void> {
  const before = member.group
  expect(terminal).toContain(await member.receive(event))
  expect(member.group).toBe(before)
}

describe("Commits that their authors may not make", () => {
  const stranger = async (member: Member): Promise<Proposal> => {
    const di = await member.world.member("di")
    const own = await generateKeyPackage(
      member.world.crypto,
      keyPackageOptions(di.device, member.world.seconds),
    )
    return { proposalType: proposalTypes.add, keyPackage: own.keyPackage }
  }

  const byMembers: Record<string, (member: Member, victim: Member) => Promise<Proposal>> = {
    "renames the group": () => Promise.resolve(profile("mine")),
    "adds someone": stranger,
    "removes someone": (_member, victim) =>
      Promise.resolve({
        proposalType: proposalTypes.remove,
        removed: stateOf(victim).ownLeafIndex,
      }),
    "makes itself admin": (member) => Promise.resolve(adminPolicyProposal([member.pubkey])),
    "moves the group": () =>
      Promise.resolve(
        replaceComponent(
          componentIds.nostrRouting,
          encodeNostrRouting({ nostrGroupId: new Uint8Array(32), relays: [RELAY] }),
        ),
      ),
  }

  test.each(Object.entries(byMembers))("a member who %s", async (_what, proposal) => {
    const { ada, bo, cy } = await three()
    const event = await craftCommit(bo, { proposals: [await proposal(bo, cy)] })
    await expectRejected(ada, event)
    await expectRejected(cy, event)
    expect(cy.wake).toBeUndefined()
  })

  test("a member who commits an admin's proposal", async () => {
    const { ada, bo, cy } = await three()
    const { message, event, ref } = await craftProposal(ada, profile("proposed"))
    const processed = await processMessage(context(bo), stateOf(bo), message)
    if (processed.kind !== "proposal") throw new Error("not a proposal")
    const created = await createCommit(context(bo), processed.state, { proposalRefs: [ref] })
    expect(await cy.receive(event)).toBe("deferred")
    await expectRejected(cy, sealed(bo, created.commit))
  })

  const byAdmins: Record<string, (ada: Member, bo: Member) => readonly Proposal[]> = {
    "leaves no admin who is a member": () => [adminPolicyProposal(["11".repeat(32)])],
    "removes an admin and keeps the key": (ada) => [
      adminPolicyProposal([ada.pubkey, "11".repeat(32)]),
    ],
    "removes the admin policy": () => [
      {
        proposalType: proposalTypes.appDataUpdate,
        componentId: componentIds.adminPolicy,
        update: undefined,
      },
    ],
    "removes the routing that it requires": () => [
      {
        proposalType: proposalTypes.appDataUpdate,
        componentId: componentIds.nostrRouting,
        update: undefined,
      },
    ],
    "writes a component that is malformed": () => [
      replaceComponent(componentIds.groupProfile, new Uint8Array([1])),
    ],
    "puts an identity proof into the group": () => [
      replaceComponent(componentIds.identityProof, new Uint8Array(104)),
    ],
    "says that the group is active once more": () => [
      replaceComponent(componentIds.groupLifecycle, new Uint8Array([0])),
    ],
    "disbands without removing the others": (ada) => [
      adminPolicyProposal([ada.pubkey]),
      replaceComponent(componentIds.groupLifecycle, new Uint8Array([1])),
    ],
    "takes all requirements away": () => [
      { proposalType: proposalTypes.groupContextExtensions, extensions: [] },
    ],
    "uses a pre-shared key": () => [
      {
        proposalType: proposalTypes.psk,
        psk: { kind: "external", pskId: new Uint8Array([1]), pskNonce: new Uint8Array(32) },
      } as unknown as Proposal,
    ],
    "carries ephemeral data": () => [
      {
        proposalType: proposalTypes.appEphemeral,
        componentId: 0x9000,
        data: new Uint8Array([1]),
      },
    ],
  }

  test.each(Object.entries(byAdmins))("an admin who %s", async (_what, proposals) => {
    const { ada, bo, cy } = await three()
    let event: NostrEvent
    try {
      event = await craftCommit(ada, { proposals: proposals(ada, bo) })
    } catch (error) {
      // Some can't even be made with this MLS layer.
      expect(error).toMatchObject({ name: "MlsError" })
      return
    }
    await expectRejected(bo, event)
    await expectRejected(cy, event)
  })

  test("standalone proposals of a member, but for its own departure", async () => {
    const { ada, bo, cy } = await three()
    const { event } = await craftProposal(bo, profile("mine"))
    await expectRejected(ada, event)
    await expectRejected(cy, event)
    const departure = await craftProposal(bo, { proposalType: proposalTypes.selfRemove })
    expect(await cy.receive(departure.event)).toBe("deferred")
  })

  test("the departure of someone who is still an admin", async () => {
    const { ada, cy } = await three()
    const { event } = await craftProposal(ada, { proposalType: proposalTypes.selfRemove })
    await expectRejected(cy, event)
  })

  test("handshakes in PrivateMessages", async () => {
    const { ada, bo, cy } = await three()
    await expectRejected(bo, await craftCommit(ada, { forcePath: true, wireFormat: "private" }))
    const created = await createProposal(context(ada), stateOf(ada), profile("x"), {
      wireFormat: "private",
    })
    await expectRejected(cy, sealed(ada, created.message))
  })

  test("a leaf of another account in a self-update", async () => {
    const { bo, cy } = await three()
    const di = await bo.world.member("di")
    const attempt = craftCommit(bo, {
      leafNode: { credential: { kind: "basic", identity: hexToBytes(di.pubkey) } },
    })
    const event = await attempt.catch(() => undefined)
    if (event !== undefined) await expectRejected(cy, event)
    expect(summary(cy.group).members).not.toContain(di.pubkey)
  })

  test("a leaf with a new key and the old proof in a self-update", async () => {
    const { bo, cy } = await three()
    const signatureKeyPair = await bo.world.crypto.generateSignatureKeyPair()
    const attempt = craftCommit(bo, { leafNode: { signatureKeyPair } })
    const event = await attempt.catch(() => undefined)
    if (event !== undefined) await expectRejected(cy, event)
    expect(cy.epoch).toBe(1)
  })
})

describe("events", () => {
  const rebuild = (member: Member, event: NostrEvent, change: Partial<NostrEvent>) =>
    finalizeEvent({ ...event, ...change }, generateSecretKey(member.world.random))

  test("with tags, kinds or content that the transport forbids", async () => {
    const { bo, cy } = await three()
    await bo.say("hello")
    const { event } = bo.publication
    const h = event.tags[0] ?? []
    for (const change of [
      { kind: 9 },
      { tags: [] },
      { tags: [h, h] },
      { tags: [["h", "ABCD"]] },
      { tags: [["h", "00".repeat(32)]] },
      { tags: [h, ["p", cy.pubkey]] },
      { tags: [h, ["encoding", "base64"]] },
      { content: "not base64" },
      { content: event.content.replace(/=+$/, "") + "!" },
      { content: "AAAA" },
    ]) {
      await expectRejected(cy, rebuild(bo, event, change))
    }
    expect(await cy.receive(event)).toBe("accepted")
    expect(cy.messages).toEqual(["hello"])
  })

  test("that are junk under the group's address wait, and change nothing else", async () => {
    const { world, ada, cy } = await three()
    const { nostrGroupId } = routeOf(stateOf(cy))
    const junk = sealed(cy, new Uint8Array(100))
    const other = finalizeEvent(
      { ...junk, tags: [["h", nostrGroupId]], content: "A".repeat(400) },
      generateSecretKey(world.random),
    )
    const before = cy.fingerprint
    expect(await cy.receive(other)).toBe("transport_deferred")
    expect(cy.group.unopened.size).toBe(1)
    await ada.rename("Warren")
    await world.settle()
    expect(cy.fingerprint).toEqual(ada.fingerprint)
    expect(cy.fingerprint).not.toEqual(before)
    expect(cy.group.unopened.size).toBe(1)
  })

  test("that open with the group's key and hold junk are refused", async () => {
    const { bo, cy } = await three()
    for (const size of [0, 1, 4, 100]) {
      await expectRejected(cy, sealed(bo, bo.world.random(size)))
    }
    await bo.say("hello")
    const { event } = bo.publication
    for (let i = 0; i < 3; i++) {
      const changed = Uint8Array.from(Buffer.from(event.content, "base64"))
      changed[20 + i] = (changed[20 + i] ?? 0) ^ 1
      // The outer layer no longer opens.
      const broken = rebuild(bo, event, { content: Buffer.from(changed).toString("base64") })
      expect(await cy.receive(broken)).toBe("transport_deferred")
    }
  })

  test("whose MLS message was changed anywhere are refused", async () => {
    const { ada, bo, cy } = await three()
    const commit = await createCommit(context(ada), stateOf(ada), { proposals: [profile("x")] })
    const chat = chatEvent({ pubkey: ada.pubkey, createdAt: 1, content: "hello" })
    const said = await encryptApplication(context(ada), stateOf(ada), encodeAppEvent(chat))
    const departure = await createProposal(
      context(bo),
      stateOf(bo),
      { proposalType: proposalTypes.selfRemove },
      {},
    )
    const messages = [commit.commit, said.message, departure.message]
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...messages),
        fc.nat(),
        fc.integer({ min: 1, max: 255 }),
        fc.boolean(),
        async (message, at, flip, cut) => {
          const changed = message.slice(0, cut ? at % message.length : message.length)
          if (!cut) changed[at % changed.length] = (changed[at % changed.length] ?? 0) ^ flip
          await expectRejected(cy, sealed(ada, changed))
        },
      ),
      { numRuns: 150 },
    )
    for (const message of messages) {
      expect(["accepted", "deferred"]).toContain(await cy.receive(sealed(ada, message)))
    }
  })

  test("whose payload is no event of their sender are dropped, and witness nothing", async () => {
    const { world, ada, bo, cy } = await three()
    const text = (value: unknown) => new TextEncoder().encode(JSON.stringify(value))
    const forged = chatEvent({ pubkey: ada.pubkey, createdAt: 1, content: "I am Ada" })
    const own = chatEvent({ pubkey: bo.pubkey, createdAt: 1, content: "I am Bo" })
    const payloads = [
      encodeAppEvent(forged),
      new Uint8Array(),
      text({}),
      text({ ...own, sig: "00" }),
      text({ ...own, content: "changed" }),
      text({ ...own, more: 1 }),
    ]
    let state = stateOf(bo)
    for (const payload of payloads) {
      const encrypted = await encryptApplication(context(bo), state, payload)
      state = encrypted.state
      expect(await cy.receive(sealed(bo, encrypted.message))).toBe("invalid_encoding")
    }
    expect(cy.messages).toEqual([])
    expect([...cy.group.apps.values()].every((app) => app.innerId === undefined)).toBe(true)
    const good = await encryptApplication(context(bo), state, encodeAppEvent(own))
    expect(await cy.receive(sealed(bo, good.message))).toBe("accepted")
    expect(cy.messages).toEqual(["I am Bo"])
    await world.settle()
  })

  test("of another group's members are not opened", async () => {
    const { ada, cy } = await three()
    const other = await worldOf(["eve", "mallory"], { seed: "other" })
    await other.people[0].say("psst")
    const { event } = other.people[0].publication
    await expectRejected(cy, event)
    const moved = finalizeEvent(
      { ...event, tags: [["h", routeOf(stateOf(ada)).nostrGroupId]] },
      generateSecretKey(ada.world.random),
    )
    expect(await cy.receive(moved)).toBe("transport_deferred")
  })
})

describe("bounds", () => {
  const junk = (member: Member, seed: number): NostrEvent =>
    finalizeEvent(
      {
        kind: 445,
        created_at: member.world.seconds - seed,
        tags: [["h", routeOf(stateOf(member)).nostrGroupId]],
        content: Buffer.from(
          chacha20poly1305(new Uint8Array(32), new Uint8Array(12)).encrypt(new Uint8Array(40)),
        ).toString("base64"),
      },
      generateSecretKey(member.world.random),
    )

  test("256 unopened events wait; more are refused, and asked for again", async () => {
    const { world, ada, cy } = await three()
    // Dated before they joined, only half as many wait.
    await world.pass(600_000)
    for (let i = 0; i < 256; i++) expect(await cy.receive(junk(cy, i))).toBe("transport_deferred")
    expect(await cy.receive(junk(cy, 500))).toBe("resource_refused")
    expect(await cy.receive(junk(cy, 400))).toBe("resource_refused")
    expect(cy.group.unopened.size).toBe(256)
    expect(cy.group.refetchSince).toBe(world.seconds - 500)
    cy.restart()
    expect(cy.group.refetchSince).toBe(world.seconds - 500)
    const begin = world.seconds
    await ada.rename("Warren")
    await world.settle()
    // The first stall is answered at once; the next one and what was refused together, a minute later.
    expect(cy.effects.filter((effect) => effect.type === "refetch")).toEqual([
      { type: "refetch", since: begin - 120 },
      { type: "refetch", since: begin - 500 },
    ])
    expect(cy.group.refetchSince).toBeUndefined()
    expect(cy.fingerprint).toEqual(ada.fingerprint)
  })

  test("unopened events are given up after thirty days", async () => {
    const { world, cy } = await three()
    for (let i = 0; i < 256; i++) await cy.receive(junk(cy, i))
    world.now += 30 * 24 * 3600 * 1000
    expect(await cy.receive(junk(cy, 0))).toBe("transport_deferred")
    expect(cy.group.unopened.size).toBe(1)
  })

  test("a message that was refused is taken when it comes again", async () => {
    const { world, ada, cy } = await three()
    await world.pass(600_000)
    for (let i = 0; i < 256; i++) await cy.receive(junk(cy, i))
    await ada.rename("Warren")
    await world.acceptAll()
    await ada.say("refused at first")
    await world.acceptAll()
    const [commit, message] = cy.missing
    if (commit === undefined || message === undefined) throw new Error("nothing published")
    expect(await cy.receive(message)).toBe("resource_refused")
    expect(await cy.receive(commit)).toBe("deferred")
    expect(await cy.receive(message)).toBe("deferred")
    await world.settle()
    expect(cy.messages).toEqual(["refused at first"])
  })

  test("one member's rivals take no more than their share", async () => {
    const { world, ada, bo, cy } = await three()
    const dispositions: string[] = []
    for (let i = 0; i < 18; i++) {
      dispositions.push(await cy.receive(await craftCommit(bo, { forcePath: true })))
    }
    expect(dispositions.filter((disposition) => disposition === "deferred")).toHaveLength(16)
    expect(dispositions.slice(-2)).toEqual(["resource_refused", "resource_refused"])
    expect(cy.group.refetchSince).toBe(world.seconds)
    await ada.rename("Warren")
    const { event } = ada.publication
    await world.acceptAll()
    expect(await cy.receive(event)).toBe("deferred")
    await world.pass(1000)
    // An admin's change comes before any number of self-updates.
    expect(summary(cy.group).name).toBe("Warren")
  })

  test("64 Commits wait for their proposals", async () => {
    const { world, bo, cy, ada } = await three()
    const departure = await craftProposal(bo, { proposalType: proposalTypes.selfRemove })
    const processed = await processMessage(context(ada), stateOf(ada), departure.message)
    if (processed.kind !== "proposal") throw new Error("not a proposal")
    const begin = world.seconds
    const dispositions: string[] = []
    for (let i = 0; i < 65; i++) {
      const created = await createCommit(context(ada), processed.state, {
        proposalRefs: [departure.ref],
      })
      dispositions.push(await cy.receive(sealed(ada, created.commit)))
    }
    expect(dispositions.filter((disposition) => disposition === "deferred")).toHaveLength(64)
    expect(dispositions.at(-1)).toBe("resource_refused")
    expect(cy.group.deferred.size).toBe(64)
    expect(await cy.receive(departure.event)).toBe("deferred")
    // All of them can be judged now, but they are by one member.
    expect(cy.group.states.size).toBe(17)
    expect(cy.group.deferred.size).toBe(48)
    expect(cy.effects.filter((effect) => effect.type === "refetch")).toEqual([
      { type: "refetch", since: begin },
    ])
  })
})

describe("our own defects", () => {
  test("are not hidden as bad input", async () => {
    const { bo, cy } = await three()
    await bo.say("hello")
    const { event } = bo.publication
    const env: EngineEnv = {
      crypto: { ...cy.world.crypto, verify: () => Promise.reject(new TypeError("a defect")) },
      now: cy.world.now,
      random: seededRandom("defect"),
    }
    await expect(apply(cy.group, { type: "event", event }, env)).rejects.toThrow(TypeError)
  })
})
