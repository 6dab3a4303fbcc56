// Marmot joining (behaviour §3) and group setup (§2): which Welcomes are refused, and what a new group looks like.

import { describe, expect, test } from "vitest"
import {
  appDataDictionary,
  componentIds as mlsComponentIds,
  createCommit,
  type CreateCommitOptions,
  createGroup,
  decodeComponentsList,
  type Extension,
  extensionTypes,
  generateKeyPackage,
  type GroupState,
  peekMessage,
  proposalTypes,
  wireFormats,
} from "../mls/index.ts"
import { bytesToHex, hexToBytes } from "../nostr/event.ts"
import { groupContextExtensions, keyPackageOptions } from "./capabilities.ts"
import { encodeAdminPolicy } from "./components/admin-policy.ts"
import { encodeNostrRouting } from "./components/nostr-routing.ts"
import { createMarmotGroup } from "./create-group.ts"
import { type Member, RELAY, stateOf, type World, worldOf } from "./engine.fixture.ts"
import { routeOf } from "./group-facts.ts"
import { joinMarmotGroup } from "./join-group.ts"
import { adminPolicyProposal } from "./local-commit.ts"
import { usualRequirements } from "./membership.fixture.ts"
import { componentIds } from "./registry.ts"
import { mlsContext } from "./transition.ts"

async function two() {
  const { world, people } = await worldOf(["ada"])
  const [ada] = people
  const bo = await world.member("bo")
  return { world, ada, bo }
}

/** A Welcome for `guest` that MLS alone has made, out of `state`. */
async function welcomeFrom(
  host: Member,
  guest: Member,
  options: CreateCommitOptions = {},
  state: GroupState = stateOf(host),
): Promise<Uint8Array> {
  const { crypto, seconds } = host.world
  const own = await generateKeyPackage(crypto, keyPackageOptions(guest.device, seconds))
  guest.keyPackages.push(own)
  const add = { proposalType: proposalTypes.add, keyPackage: own.keyPackage } as const
  const { welcome } = await createCommit(mlsContext(host.world.env), state, {
    ...options,
    proposals: [add, ...(options.proposals ?? [])],
  })
  if (welcome === undefined) throw new Error("no Welcome was made")
  return welcome
}

const joining = (guest: Member, welcome: Uint8Array, inviter: string) =>
  joinMarmotGroup(guest.world.env, {
    device: guest.device,
    welcome,
    keyPackages: guest.keyPackages,
    inviter,
  })

describe("joining", () => {
  test("shows what one gets into, and which KeyPackage was used", async () => {
    const { ada, bo } = await two()
    const joined = await joining(bo, await welcomeFrom(ada, bo), ada.pubkey)
    expect(joined.preview).toEqual({
      groupId: ada.group.groupId,
      name: "Burrow",
      description: "",
      inviter: ada.pubkey,
      members: [ada.pubkey, bo.pubkey],
      admins: [ada.pubkey],
      relays: [RELAY],
    })
    expect(joined.group.tip).toBe("origin:1")
    expect(joined.group.groupId).toBe(ada.group.groupId)
    expect(joined.keyPackageRef).toHaveLength(32)
  })

  test("changes nothing of what it is given: the same Welcome can be tried again", async () => {
    const { ada, bo } = await two()
    const welcome = await welcomeFrom(ada, bo)
    const before = structuredClone(bo.keyPackages)
    await expect(joining(bo, welcome, bo.pubkey)).rejects.toMatchObject({ name: "MarmotError" })
    const first = await joining(bo, welcome, ada.pubkey)
    const second = await joining(bo, welcome, ada.pubkey)
    expect(second.preview).toEqual(first.preview)
    expect(bo.keyPackages).toEqual(before)
  })
})

const code = (expected: string) => expect.objectContaining({ code: expected }) as unknown

describe("a Welcome is refused", () => {
  test("that was sealed by someone else than its maker", async () => {
    const { ada, bo } = await two()
    const welcome = await welcomeFrom(ada, bo)
    await expect(joining(bo, welcome, bo.pubkey)).rejects.toEqual(code("invalid_identity"))
  })

  test("for a KeyPackage of someone else", async () => {
    const { world, ada, bo } = await two()
    const welcome = await welcomeFrom(ada, bo)
    const cy = await world.member("cy")
    await cy.invitee()
    await expect(joining(cy, welcome, ada.pubkey)).rejects.toEqual(code("welcome_not_for_us"))
    cy.keyPackages.splice(0)
    await expect(joining(cy, welcome, ada.pubkey)).rejects.toEqual(code("welcome_not_for_us"))
  })

  test("without the ratchet tree", async () => {
    const { ada, bo } = await two()
    const welcome = await welcomeFrom(ada, bo, { ratchetTree: false })
    await expect(joining(bo, welcome, ada.pubkey)).rejects.toEqual(code("ratchet_tree_missing"))
  })

  test("by a member who is no admin of the resulting group", async () => {
    const { world, people } = await worldOf(["ada", "bo"])
    const [ada, bo] = people
    const cy = await world.member("cy")
    const byBo = await welcomeFrom(bo, cy)
    await expect(joining(cy, byBo, bo.pubkey)).rejects.toEqual(code("not_admin"))
    // The Commit that adds demotes its maker.
    const demoted = await welcomeFrom(ada, cy, { proposals: [adminPolicyProposal([bo.pubkey])] })
    await expect(joining(cy, demoted, ada.pubkey)).rejects.toEqual(code("not_admin"))
  })

  test("into a group with an admin who is no member", async () => {
    const { ada, bo } = await two()
    const admins = [ada.pubkey, "11".repeat(32)]
    const welcome = await welcomeFrom(ada, bo, { proposals: [adminPolicyProposal(admins)] })
    await expect(joining(bo, welcome, ada.pubkey)).rejects.toEqual(code("authorization_failed"))
  })

  test("that is damaged, or no Welcome", async () => {
    const { ada, bo } = await two()
    const welcome = await welcomeFrom(ada, bo)
    expect(peekMessage(welcome).wireFormat).toBe(wireFormats.welcome)
    const errors = { name: expect.stringMatching(/^(MlsError|MarmotError)$/) as unknown }
    for (let at = 0; at < welcome.length; at += 41) {
      const damaged = welcome.slice()
      damaged[at] = (damaged[at] ?? 0) ^ 0x55
      await expect(joining(bo, damaged, ada.pubkey)).rejects.toMatchObject(errors)
      await expect(joining(bo, welcome.slice(0, at), ada.pubkey)).rejects.toMatchObject(errors)
    }
    const keyPackage = (await bo.invitee()).keyPackage
    await expect(joining(bo, keyPackage, ada.pubkey)).rejects.toMatchObject(errors)
  })

  /** A group of Ada's with other extensions than ours, and a Welcome into it. */
  async function strange(
    world: World,
    ada: Member,
    bo: Member,
    change: (components: Map<number, Uint8Array>) => Extension[],
  ): Promise<Uint8Array> {
    const { crypto, seconds, env } = world
    const components = new Map([
      [componentIds.adminPolicy, encodeAdminPolicy({ admins: [hexToBytes(ada.pubkey)] })],
      [
        componentIds.nostrRouting,
        encodeNostrRouting({ nostrGroupId: new Uint8Array(32), relays: [RELAY] }),
      ],
      [componentIds.groupLifecycle, new Uint8Array([0])],
      [componentIds.groupProfile, new Uint8Array([0, 0])],
    ])
    const state = await createGroup(mlsContext(env), {
      groupId: new Uint8Array(32),
      keyPackage: await generateKeyPackage(crypto, keyPackageOptions(ada.device, seconds)),
      extensions: change(components),
    })
    return welcomeFrom(ada, bo, {}, state)
  }

  test("never into a group that keeps to the rules", async () => {
    const { world, ada, bo } = await two()
    const welcome = await strange(world, ada, bo, (components) =>
      groupContextExtensions(components, usualRequirements),
    )
    const joined = await joining(bo, welcome, ada.pubkey)
    expect(joined.preview.name).toBe("")
  })

  const without = (id: number) => (components: Map<number, Uint8Array>) => {
    components.delete(id)
    return groupContextExtensions(components, usualRequirements)
  }
  const having = (id: number, data: Uint8Array) => (components: Map<number, Uint8Array>) =>
    groupContextExtensions(components.set(id, data), usualRequirements)

  const strangers: [string, string, (components: Map<number, Uint8Array>) => Extension[]][] = [
    ["no admin policy", "missing_component", without(componentIds.adminPolicy)],
    ["no routing", "missing_component", without(componentIds.nostrRouting)],
    ["no required profile", "missing_component", without(componentIds.groupProfile)],
    [
      "a malformed policy",
      "invalid_component",
      having(componentIds.adminPolicy, new Uint8Array([1, 2])),
    ],
    [
      "an identity proof of its own",
      "invalid_component",
      having(componentIds.identityProof, new Uint8Array(104)),
    ],
    ["SafeAAD", "invalid_component", having(mlsComponentIds.safeAad, new Uint8Array([0]))],
    ["an end", "disbanded", having(componentIds.groupLifecycle, new Uint8Array([1]))],
    [
      "no required capabilities",
      "unsupported_group",
      (components) => groupContextExtensions(components, usualRequirements).slice(1),
    ],
  ]

  test.each(strangers)("into a group with %s", async (_what, expected, change) => {
    const { world, ada, bo } = await two()
    let welcome: Uint8Array
    try {
      welcome = await strange(world, ada, bo, change)
    } catch (error) {
      // MLS would not even found it, or add anybody to it.
      expect(error).toMatchObject({ name: "MlsError" })
      return
    }
    await expect(joining(bo, welcome, ada.pubkey)).rejects.toMatchObject({ code: expected })
  })

  test("never because of components that are unknown and not required", async () => {
    const { world, ada, bo } = await two()
    const unknown = new Uint8Array([1, 2, 3])
    const welcome = await strange(world, ada, bo, having(0xbeef, unknown))
    const { group } = await joining(bo, welcome, ada.pubkey)
    const state = group.states.get(group.tip)?.mls
    expect(appDataDictionary(state?.groupContext.extensions ?? [])?.get(0xbeef)).toEqual(unknown)
  })
})

describe("a new group", () => {
  test("has the requirements first, the dictionary last, and its entries in order", async () => {
    const { people } = await worldOf(["ada", "bo"])
    const { extensions } = stateOf(people[0]).groupContext
    expect(extensions.map((extension) => extension.type)).toEqual([
      extensionTypes.requiredCapabilities,
      extensionTypes.appDataDictionary,
    ])
    expect(bytesToHex(extensions[0]?.data ?? new Uint8Array())).toBe("020006" + "040008000a" + "00")
    const dictionary = appDataDictionary(extensions)
    expect([...(dictionary?.keys() ?? [])]).toEqual([0x0001, 0x8001, 0x8003, 0x8004, 0x800c])
    const required = dictionary?.get(mlsComponentIds.appComponents) ?? new Uint8Array()
    expect(decodeComponentsList(required)).toEqual([0x8001, 0x8003, 0x8004, 0x8009, 0x800c])
  })

  test("has ids of its own", async () => {
    const { ada, bo } = await two()
    await bo.create()
    expect(bo.group.groupId).not.toBe(ada.group.groupId)
    const route = routeOf(stateOf(ada))
    expect(route.nostrGroupId).not.toBe(ada.group.groupId)
    expect(route.nostrGroupId).not.toBe(routeOf(stateOf(bo)).nostrGroupId)
  })

  const attempt = (ada: Member, change: object) =>
    createMarmotGroup(ada.world.env, {
      device: ada.device,
      name: "Burrow",
      description: "",
      relays: [RELAY],
      invitees: [],
      ...change,
    })

  test("takes its relays sorted and once each", async () => {
    const { ada } = await two()
    const relays = ["wss://b.example", "wss://a.example", "wss://b.example"]
    const { group } = await attempt(ada, { relays })
    const state = group.states.get(group.tip)?.mls
    if (state === undefined) throw new Error("no state")
    expect(routeOf(state).relays).toEqual(["wss://a.example", "wss://b.example"])
  })

  test.each([
    ["no relay", { relays: [] }],
    ["17 relays", { relays: Array.from({ length: 17 }, (_, i) => `wss://relay-${i}.example`) }],
    ["an address that is no relay", { relays: ["https://relay.example"] }],
    ["a name of 257 bytes", { name: "x".repeat(257) }],
    ["a description of 4,097 bytes", { description: "x".repeat(4097) }],
    ["half a character", { name: "\ud800" }],
  ])("is not founded with %s", async (_what, change) => {
    const { ada } = await two()
    await expect(attempt(ada, change)).rejects.toMatchObject({ code: "invalid_component" })
  })

  test("is not founded with its founder among the invitees", async () => {
    const { ada, bo } = await two()
    const invitees = [await bo.invitee(), await ada.invitee()]
    await expect(attempt(ada, { invitees })).rejects.toMatchObject({ name: "MlsError" })
  })
})
