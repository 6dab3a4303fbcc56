// Behaviour §7: every category and every disposition, each by an input that really gets it.

import { describe, expect, test } from "vitest"
import {
  createCommit,
  encodeComponentsList,
  encryptApplication,
  MlsError,
  proposalTypes,
} from "../mls/index.ts"
import { finalizeEvent, generateSecretKey, hexToBytes, type NostrEvent } from "../nostr/event.ts"
import { chatEvent, encodeAppEvent } from "./app-event.ts"
import { encodeAdminPolicy } from "./components/admin-policy.ts"
import { craftCommit, craftProposal, sealed } from "./crafted.fixture.ts"
import { type Member, stateOf, worldOf } from "./engine.fixture.ts"
import type { Effect } from "./engine-types.ts"
import { MarmotError } from "./error.ts"
import { routeOf } from "./group-facts.ts"
import { sealGroupEvent } from "./group-event.ts"
import { dispositionOf } from "./ledger.ts"
import { replaceComponent } from "./local-commit.ts"
import { componentIds } from "./registry.ts"
import { mlsContext } from "./transition.ts"
import { type InputVerdict, verdictOn } from "./verdict.ts"

interface Scene {
  readonly ada: Member
  readonly bo: Member
  readonly cy: Member
}

async function scene(): Promise<Scene> {
  const { people } = await worldOf(["ada", "bo", "cy"])
  const [ada, bo, cy] = people
  return { ada, bo, cy }
}

async function verdict(member: Member, event: NostrEvent): Promise<InputVerdict> {
  const effects = await member.step({ type: "event", event })
  const found = effects.find(
    (effect): effect is Effect & { type: "disposition" } =>
      effect.type === "disposition" && effect.eventId === event.id,
  )
  if (found === undefined) throw new Error("no verdict")
  const { disposition, category } = found
  return { ...(disposition && { disposition }), ...(category && { category }) }
}

const junk = (to: Member, size = 40) =>
  sealGroupEvent({
    key: to.world.random(32),
    message: new Uint8Array(size),
    nostrGroupId: routeOf(stateOf(to)).nostrGroupId,
    createdAt: to.world.seconds,
    random: to.world.random,
  })

const said = async (by: Member, content: string) => {
  await by.say(content)
  return by.publication.event
}

const encrypted = async (by: Member, content: string) => {
  const event = chatEvent({ pubkey: by.pubkey, createdAt: by.world.seconds, content })
  return encryptApplication(mlsContext(by.world.env), stateOf(by), encodeAppEvent(event))
}

/** Each gives the event that Cy gets last; whatever has to come before, comes before. */
const table: readonly (readonly [string, InputVerdict, (s: Scene) => Promise<NostrEvent>])[] = [
  ["a message", { disposition: "accepted" }, ({ bo }) => said(bo, "hello")],
  [
    "a Commit that no pass has weighed",
    { disposition: "deferred" },
    ({ bo }) => craftCommit(bo, { forcePath: true }),
  ],
  [
    "a Commit whose proposal is missing",
    { disposition: "deferred" },
    async ({ ada, bo }) => {
      const { ref, state } = await craftProposal(bo, { proposalType: proposalTypes.selfRemove })
      const proposals = state.proposals
      const withIt = { ...stateOf(ada), proposals }
      const context = mlsContext(ada.world.env)
      return sealed(ada, (await createCommit(context, withIt, { proposalRefs: [ref] })).commit)
    },
  ],
  [
    "a message whose key was used",
    { disposition: "stale", category: "stale_epoch" },
    async ({ bo, cy }) => {
      const [one, other] = [await encrypted(bo, "one"), await encrypted(bo, "other")]
      await cy.receive(sealed(bo, one.message))
      return sealed(bo, other.message)
    },
  ],
  [
    "a message only on a branch that has lost",
    { disposition: "invalidated" },
    async ({ ada, bo, cy }) => {
      // Bo's self-update is ordinary, Ada's rename is not.
      await bo.want({ type: "selfUpdate" })
      await ada.rename("Warren")
      const own = bo.publication
      await bo.world.accept(own)
      await cy.receive(own.event)
      await cy.receive(ada.publication.event)
      await bo.world.pass(1000)
      return said(bo, "lost")
    },
  ],
  [
    "the same MLS bytes in another event",
    { category: "duplicate" },
    async ({ bo, cy }) => {
      const { message } = await encrypted(bo, "once")
      await cy.receive(sealed(bo, message))
      return sealed(bo, message)
    },
  ],
  ["our own message", { category: "own_echo" }, ({ cy }) => said(cy, "mine")],
  [
    "a Commit after which the group asks for what a member lacks",
    { category: "unsupported_required_feature" },
    ({ ada }) => {
      const required = [0x8003, 0x8004, 0x8009, 0x800c, 0x8123]
      const list = replaceComponent(0x0001, encodeComponentsList(required))
      return craftCommit(ada, { proposals: [list, replaceComponent(0x8123, hexToBytes("00"))] })
    },
  ],
  [
    "an event for another address",
    { category: "wrong_recipient" },
    async ({ bo }) => {
      const event = await said(bo, "hello")
      const tags = [["h", "ab".repeat(32)]]
      return finalizeEvent({ ...event, tags }, generateSecretKey(bo.world.random))
    },
  ],
  [
    "anything, to a copy that has ended",
    { category: "unknown_group" },
    async ({ ada, bo, cy }) => {
      await ada.want({ type: "remove", members: [cy.pubkey] })
      await ada.world.settle()
      return said(bo, "behind your back")
    },
  ],
  [
    "a message that is none",
    { category: "invalid_encoding" },
    ({ bo }) => Promise.resolve(sealed(bo, new Uint8Array(40))),
  ],
  [
    "a payload that its sender did not write",
    { category: "invalid_encoding" },
    async ({ ada, bo }) => {
      const forged = encodeAppEvent(
        chatEvent({ pubkey: ada.pubkey, createdAt: 1, content: "I am Ada" }),
      )
      const context = mlsContext(bo.world.env)
      return sealed(bo, (await encryptApplication(context, stateOf(bo), forged)).message)
    },
  ],
  [
    "a Commit with a broken tag",
    { category: "invalid_signature" },
    async ({ bo }) => {
      const context = mlsContext(bo.world.env)
      const { commit } = await createCommit(context, stateOf(bo), { forcePath: true })
      return sealed(bo, commit.with(commit.length - 1, (commit.at(-1) ?? 0) ^ 1))
    },
  ],
  [
    "a Commit that its author may not make",
    { category: "authorization_failed" },
    ({ bo }) => {
      const update = encodeAdminPolicy({ admins: [hexToBytes(bo.pubkey)] })
      return craftCommit(bo, { proposals: [replaceComponent(componentIds.adminPolicy, update)] })
    },
  ],
  [
    "an event that nothing opens",
    { category: "transport_deferred" },
    ({ cy }) => Promise.resolve(junk(cy)),
  ],
  [
    "one more of them than there is room for",
    { category: "resource_refused" },
    async ({ cy }) => {
      for (let i = 0; i < 256; i++) await cy.receive(junk(cy))
      return junk(cy)
    },
  ],
  [
    "anything, to a copy whose history is lost",
    { disposition: "deferred", category: "missing_history" },
    ({ bo, cy }) => {
      cy.take({ group: { ...cy.group, lifecycle: "unrecoverable" }, effects: [] })
      return said(bo, "are you there?")
    },
  ],
]

describe("the verdict on", () => {
  test.each(table)("%s", async (_name, expected, make) => {
    const players = await scene()
    const event = await make(players)
    expect(await verdict(players.cy, event)).toEqual(expected)
  })

  test.each([
    [new MlsError("required_capabilities", ""), { category: "unsupported_required_feature" }],
    [new MarmotError("unsupported_group", ""), { category: "unsupported_required_feature" }],
    [new MlsError("welcome_not_for_us", ""), { category: "wrong_recipient" }],
    [new MlsError("generation_too_far", ""), { category: "resource_refused" }],
    [new MlsError("duplicate_add", ""), { category: "authorization_failed" }],
    [new TypeError(), undefined],
  ] as const)("%o", (error, expected) => {
    expect(verdictOn(error)).toEqual(expected)
  })

  test("a Commit changes as branches win and lose", async () => {
    const { ada, bo, cy } = await scene()
    await bo.want({ type: "selfUpdate" })
    const { world } = ada
    const ordinary = bo.publication
    await world.accept(ordinary)
    await cy.receive(ordinary.event)
    const id = bo.group.tip
    expect(dispositionOf(cy.group, id)).toEqual({ disposition: "deferred" })
    await world.pass(1000)
    expect(dispositionOf(cy.group, id)).toEqual({ disposition: "accepted" })
    await ada.rename("Warren")
    await world.settle()
    expect(dispositionOf(cy.group, id)).toEqual({ disposition: "deferred" })
    expect(dispositionOf(cy.group, cy.group.tip)).toEqual({ disposition: "accepted" })
    // Its fork leaves the horizon: nothing of it is kept.
    for (let i = 0; i < 6; i++) {
      await ada.rename(`name ${i}`)
      await world.settle()
    }
    expect(dispositionOf(cy.group, id)).toBeUndefined()
  })
})
