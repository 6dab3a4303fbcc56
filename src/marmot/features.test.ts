import fc from "fast-check"
import { beforeAll, describe, expect, test } from "vitest"
import {
  appDataDictionary,
  appDataExtension,
  cipherSuite,
  componentIds as mlsComponentIds,
  createCrypto,
  createGroup,
  encodeComponentsList,
  encodeMlsMessage,
  generateKeyPackage,
  type LeafNode,
  type MlsCrypto,
  wireFormats,
} from "../mls/index.ts"
import { bytesToHex, hexToBytes } from "../nostr/event.ts"
import {
  constructable,
  foundingRequirements,
  groupContextExtensions,
  isCovered,
  keyPackageOptions,
  leafOptions,
  missingRequirements,
  newGroupRequirements,
  supportOf,
  SUPPORTED_COMPONENTS,
} from "./capabilities.ts"
import { encodeAdminPolicy } from "./components/admin-policy.ts"
import { encodeNostrRouting } from "./components/nostr-routing.ts"
import { createMarmotGroup, newGroup } from "./create-group.ts"
import { deviceOf, NOW, testCrypto } from "./device.fixture.ts"
import { type Member, RELAY, seededRandom, World } from "./engine.fixture.ts"
import type { Invitee } from "./engine-types.ts"
import { type FeatureStatus, featureWords } from "./features.ts"
import { mediaServers } from "./group-media.ts"
import { featuresOf, requirements, summary } from "./group-view.ts"
import { AGENT_STREAM_RECEIVE, type FeatureName, featureNames } from "./registry.ts"
import { mlsContext } from "./transition.ts"

/** An app that lacks some of what ours can. */
interface App {
  readonly components: readonly number[]
  readonly extensions: readonly number[]
  readonly proposals: readonly number[]
}

const ours: App = {
  components: SUPPORTED_COMPONENTS,
  extensions: [0x0006, AGENT_STREAM_RECEIVE],
  proposals: [0x0008, 0x000a],
}

const lacking = (...components: readonly number[]): App => ({
  ...ours,
  components: ours.components.filter((id) => !components.includes(id)),
})

function optionsOf(member: Pick<Member, "device">, app: App, seconds: number) {
  const options = keyPackageOptions(member.device, seconds)
  const [dictionary] = leafOptions(member.device).leafExtensions
  const entries = new Map(appDataDictionary(dictionary === undefined ? [] : [dictionary]))
  entries.set(mlsComponentIds.appComponents, encodeComponentsList([1, ...app.components]))
  const { extensions, proposals } = app
  return {
    ...options,
    capabilities: { ...options.capabilities, extensions, proposals },
    leafExtensions: [appDataExtension(entries)],
  }
}

/** Invited with an older version of the app. */
async function withApp(world: World, member: Member, app: App): Promise<Invitee> {
  const options = optionsOf(member, app, world.seconds)
  const own = await generateKeyPackage(world.crypto, options)
  member.keyPackages.push(own)
  const { keyPackage } = own
  return {
    pubkey: member.pubkey,
    keyPackageEventId: "00".repeat(32),
    keyPackage: encodeMlsMessage({ wireFormat: wireFormats.keyPackage, keyPackage }),
  }
}

/** A group that Ada makes for people with these apps. */
async function groupFor(...apps: readonly App[]) {
  const random = seededRandom(JSON.stringify(apps))
  const world = new World(await createCrypto({ suite: cipherSuite(1), random }), random, {})
  const ada = await world.member("ada")
  const others: Member[] = []
  const invitees: Invitee[] = []
  for (const [i, app] of apps.entries()) {
    const member = await world.member(`member ${i}`)
    others.push(member)
    invitees.push(await withApp(world, member, app))
  }
  const params = { device: ada.device, name: "x", description: "", relays: [RELAY], invitees }
  ada.take(await createMarmotGroup(world.env, params))
  for (const member of others) await member.join(ada)
  return { world, ada, others }
}

const statusOf = (member: Member, name: FeatureName): FeatureStatus => {
  const status = featuresOf(member.group).get(name)
  if (status === undefined) throw new Error("an unknown feature")
  return status
}

const upgrade = async (world: World, member: Member, features: readonly FeatureName[] = []) => {
  const id = await member.want({ type: "upgrade", features })
  await world.settle()
  return member.outcomes().find((line) => line.startsWith(`${id}:`))
}

describe("a group does what its members can (§4.4)", () => {
  test("alone, all that we can is available or can be taken up", async () => {
    const { ada } = await groupFor()
    expect([...featuresOf(ada.group)].map(([name, { status }]) => `${name}: ${status}`)).toEqual([
      "profile: available",
      "leaving: available",
      "ending: available",
      "disappearing: upgradeable",
      "media: upgradeable",
      "agentMessages: upgradeable",
    ])
  })

  test("a founder without a profile component does not keep the group from being made", async () => {
    const { ada, others } = await groupFor(ours, lacking(0x8001))
    expect(requirements(ada.group).components).toEqual([0x8003, 0x8004, 0x8009, 0x800c])
    expect(statusOf(ada, "profile")).toEqual({
      status: "unavailable",
      lacking: [others[1]?.pubkey],
      missing: { components: [0x8001], extensions: [], proposals: [] },
    })
    expect(others.map(({ title }) => title)).toEqual(["x", "x"])
  })

  test("what every group must have is not negotiated", async () => {
    await expect(groupFor(lacking(0x800c))).rejects.toMatchObject({ code: "unsupported_group" })
    await expect(groupFor({ ...ours, proposals: [0x0008] })).rejects.toMatchObject({
      code: "leaf_required_proposal",
    })
  })

  test("words for users", () => {
    expect(
      featureWords({ components: [0x800b, 0x8006, 0x9999], extensions: [0xf2d1], proposals: [] }),
    ).toEqual(["encrypted attachments", "messages by agents", "feature 0x9999"])
  })
})

describe("taking features up later (behaviour §2)", () => {
  test("once the last member has a newer app, an admin can; everyone agrees", async () => {
    const { world, ada, others } = await groupFor(ours, lacking(0x8001, 0x8005))
    expect(statusOf(ada, "disappearing").status).toBe("unavailable")
    expect(await upgrade(world, ada, ["disappearing"])).toContain("invalid_change")
    // The leaf of the renewed app says what it can.
    await others[1]?.want({ type: "selfUpdate" })
    await world.settle()
    expect(statusOf(ada, "disappearing").status).toBe("upgradeable")
    const before = ada.epoch
    expect(await upgrade(world, ada)).toContain("ok")
    // One Commit for all of them.
    expect(ada.epoch).toBe(before + 1)
    for (const member of [ada, ...others]) {
      expect(member.fingerprint).toEqual(ada.fingerprint)
      expect(statusOf(member, "disappearing").status).toBe("available")
      expect(statusOf(member, "agentMessages").status).toBe("available")
      // It needs a server that somebody has to choose.
      expect(statusOf(member, "media").status).toBe("upgradeable")
    }
    expect(requirements(ada.group)).toEqual({
      components: [0x8001, 0x8003, 0x8004, 0x8005, 0x8006, 0x8009, 0x800c],
      extensions: [0x0006, AGENT_STREAM_RECEIVE],
      proposals: [0x0008, 0x000a],
    })
    expect(await upgrade(world, ada)).toContain("ok")
    expect(ada.epoch).toBe(before + 1)
  })

  test("whoever lacks it then can't be added any more", async () => {
    const { world, ada, others } = await groupFor(ours)
    await upgrade(world, ada, ["disappearing"])
    const late = await world.member("late")
    const invitees = [await withApp(world, late, lacking(0x8005))]
    const id = await ada.want({ type: "invite", invitees })
    expect(ada.outcomes().find((line) => line.startsWith(id))).toContain("invalid_change")
    expect(others[0]?.fingerprint).toEqual(ada.fingerprint)
  })

  test("only an admin can; and not what has to be set up first", async () => {
    const { world, ada, others } = await groupFor(ours)
    const [bo] = others
    if (bo === undefined) throw new Error("nobody joined")
    expect(await upgrade(world, bo)).toContain("not_admin")
    expect(await upgrade(world, ada, ["media"])).toContain("invalid_change")
  })

  test("attachments, with servers; an admin can change those; all others follow", async () => {
    const { world, ada, others } = await groupFor(ours)
    const [bo] = others
    if (bo === undefined) throw new Error("nobody joined")
    const ask = async (member: Member, type: "upgrade" | "update", servers: readonly string[]) => {
      const about = { mediaServers: servers }
      const id = await member.want(
        type === "update" ? { type, ...about } : { type, features: ["media"], ...about },
      )
      await world.settle()
      return member.outcomes().find((line) => line.startsWith(`${id}:`))
    }
    const [first, second] = ["https://one.example/", "https://two.example/"] as const
    const founded = ada.epoch
    expect(await ask(bo, "upgrade", [first])).toContain("not_admin")
    expect(await ask(ada, "upgrade", [])).toContain("invalid_change")
    expect(await ask(ada, "upgrade", ["https://one.example/?query"])).toContain("invalid_change")
    expect(await ask(ada, "update", [first])).toContain("invalid_change")
    expect(ada.epoch).toBe(founded)
    expect(await ask(ada, "upgrade", [first])).toContain("ok")
    expect([mediaServers(ada.group), mediaServers(bo.group)]).toEqual([[first], [first]])
    expect(statusOf(bo, "media").status).toBe("available")
    expect(requirements(bo.group).components).toContain(0x800b)
    expect(await ask(bo, "update", [second])).toContain("not_admin")
    expect(await ask(ada, "update", [])).toContain("invalid_change")
    expect(mediaServers(ada.group)).toEqual([first])
    expect(await ask(ada, "update", [second, first])).toContain("ok")
    expect(mediaServers(bo.group)).toEqual([second, first])
    // Their order counts; the same once more is no change.
    expect(await ask(ada, "update", [first, second])).toContain("ok")
    expect(await ask(ada, "update", [first, second])).toContain("ok")
    expect(ada.epoch).toBe(founded + 3)
    expect(bo.fingerprint).toEqual(ada.fingerprint)
  })

  test("no attachments where someone's app does not know them", async () => {
    const { world, ada } = await groupFor(ours, lacking(0x800b))
    const before = ada.fingerprint
    const wish = { features: ["media"], mediaServers: ["https://one.example/"] } as const
    const id = await ada.want({ type: "upgrade", ...wish })
    await world.settle()
    expect(ada.outcomes().find((line) => line.startsWith(`${id}:`))).toContain("invalid_change")
    expect(ada.fingerprint).toEqual(before)
  })

  test("refused by the relays, it changes nothing and can be tried again", async () => {
    const { world, ada } = await groupFor(ours)
    const before = ada.fingerprint
    await ada.want({ type: "upgrade", features: ["disappearing"] })
    const [publication] = world.unanswered
    if (publication === undefined) throw new Error("nothing was published")
    await world.reject(publication)
    expect(ada.fingerprint).toEqual(before)
    expect(statusOf(ada, "disappearing").status).toBe("upgradeable")
    expect(await upgrade(world, ada, ["disappearing"])).toContain("ok")
  })
})

describe("properties", () => {
  let crypto: MlsCrypto
  let leaf: LeafNode
  const leafWith = async (app: App): Promise<LeafNode> => {
    const device = await deviceOf(crypto, "someone")
    const options = optionsOf({ device }, app, NOW)
    return (await generateKeyPackage(crypto, options)).keyPackage.leafNode
  }

  beforeAll(async () => {
    crypto = await testCrypto()
    leaf = await leafWith(ours)
  })

  const idsOf = (ids: readonly number[]) => fc.subarray([...ids])
  const anApp: fc.Arbitrary<App> = fc.record({
    components: idsOf([...ours.components, 0x9001]),
    extensions: idsOf(ours.extensions),
    proposals: idsOf(ours.proposals),
  })
  const synthetic = ({ components, extensions, proposals }: App): LeafNode => ({
    ...leaf,
    capabilities: { ...leaf.capabilities, extensions, proposals },
    extensions: [appDataExtension(new Map([[1, encodeComponentsList(components)]]))],
  })

  test("a group can do what each leaf can, and no more; its founders cover what it requires", () => {
    fc.assert(
      fc.property(fc.array(anApp, { minLength: 1, maxLength: 6 }), (apps) => {
        const leaves = apps.map(synthetic)
        const all = constructable(leaves)
        for (const kind of ["components", "extensions", "proposals"] as const) {
          const everywhere = apps.reduce<readonly number[]>(
            (left, app) => left.filter((id) => app[kind].includes(id)),
            apps[0]?.[kind] ?? [],
          )
          expect(all[kind]).toEqual(everywhere)
        }
        const asked = foundingRequirements(leaves)
        const able = leaves.every((each) =>
          isCovered(missingRequirements(newGroupRequirements, each)),
        )
        expect(leaves.every((each) => isCovered(missingRequirements(asked, each)))).toBe(able)
        expect(asked.components.includes(0x8001)).toBe(all.components.includes(0x8001))
        expect([...asked.components]).toEqual([...asked.components].sort((a, b) => a - b))
      }),
      { numRuns: 200 },
    )
    expect(supportOf(leaf).proposals).toEqual(ours.proposals)
  })

  /** Apps that can be in a group at all; what else they can is up to chance. */
  const mandatory = [0x8003, 0x8004, 0x8009, 0x800c]
  const ableApp = anApp.map((app) => ({
    components: [...new Set([...mandatory, ...app.components])].sort((a, b) => a - b),
    extensions: [...new Set([0x0006, ...app.extensions])],
    proposals: ours.proposals,
  }))
  const needs: Readonly<Record<FeatureName, App>> = {
    profile: { components: [0x8001], extensions: [], proposals: [] },
    leaving: { components: [], extensions: [], proposals: [0x000a] },
    ending: { components: [0x800c], extensions: [], proposals: [] },
    disappearing: { components: [0x8005], extensions: [], proposals: [] },
    media: { components: [0x800b], extensions: [], proposals: [] },
    agentMessages: {
      components: [0x8006],
      extensions: [AGENT_STREAM_RECEIVE],
      proposals: [],
    },
  }
  const can = (app: App, name: FeatureName) =>
    (["components", "extensions", "proposals"] as const).every((kind) =>
      needs[name][kind].every((id) => app[kind].includes(id)),
    )

  test("in real groups: who lacks what is told, and an upgrade takes all that all can", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(ableApp, { maxLength: 3 }), async (apps) => {
        const { world, ada, others } = await groupFor(...apps)
        for (const name of featureNames) {
          const unable = others.filter((_, i) => !can(apps[i] ?? ours, name))
          const found = statusOf(ada, name)
          expect(found.status === "unavailable").toBe(unable.length > 0)
          if (found.status === "unavailable") {
            expect(found.lacking).toEqual(unable.map(({ pubkey }) => pubkey))
          }
        }
        expect(await upgrade(world, ada)).toContain("ok")
        for (const name of featureNames) {
          const expected = apps.every((app) => can(app, name))
            ? name === "media"
              ? "upgradeable"
              : "available"
            : "unavailable"
          expect(statusOf(ada, name).status).toBe(expected)
          for (const { fingerprint } of others) expect(fingerprint).toEqual(ada.fingerprint)
        }
      }),
      { numRuns: 24 },
    )
  })
})

describe("ending a group from before there was a lifecycle (behaviour §5.3)", () => {
  /** Ada's group of that time, with someone whose app does not know that groups can be ended. */
  async function legacyGroup() {
    const random = seededRandom("legacy")
    const world = new World(await createCrypto({ suite: cipherSuite(1), random }), random, {})
    const [ada, bo] = [await world.member("ada"), await world.member("bo")]
    const founder = await generateKeyPackage(
      world.crypto,
      keyPackageOptions(ada.device, world.seconds),
    )
    const mls = await createGroup(mlsContext(world.env), {
      groupId: random(32),
      keyPackage: founder,
      extensions: groupContextExtensions(
        new Map([
          [0x8003, encodeAdminPolicy({ admins: [hexToBytes(ada.pubkey)] })],
          [0x8004, encodeNostrRouting({ nostrGroupId: random(32), relays: [RELAY] })],
        ]),
        { ...newGroupRequirements, components: [0x8003, 0x8004, 0x8009] },
      ),
    })
    const epochs = { parent: undefined, epoch: 0, edge: undefined, judged: true }
    const groupId = bytesToHex(mls.groupContext.groupId)
    const group = newGroup(groupId, ada.device, [{ id: "origin:0", mls, ...epochs }])
    ada.take({ group, effects: [] })
    await ada.want({ type: "invite", invitees: [await withApp(world, bo, lacking(0x800c))] })
    await world.settle()
    await bo.join(ada)
    return { world, ada, bo }
  }

  test("is refused as long as someone's app does not know of it", async () => {
    const { ada } = await legacyGroup()
    const refused = await ada.want({ type: "disband" })
    expect(ada.outcomes().at(-1)).toBe(`${refused}: unsupported`)
    expect(summary(ada.group).standing).toBe("active")
  })

  test("takes the lifecycle up first, in a Commit of its own, once every app knows it", async () => {
    const { world, ada, bo } = await legacyGroup()
    await bo.want({ type: "selfUpdate" })
    await world.settle()
    const intent = await ada.want({ type: "disband" })
    // Refused by every relay, it is made again.
    await world.reject(ada.publication)
    expect(summary(ada.group).standing).toBe("disbanding")
    await world.pass(10_000)
    await world.settle()
    expect(ada.outcomes().at(-1)).toBe(`${intent}: ok`)
    for (const member of [ada, bo]) {
      expect(summary(member.group)).toMatchObject({ standing: "disbanded", epoch: 4 })
    }
    expect(bo.notified).toEqual(["group_disbanded"])
  })
})
