import { beforeAll, describe, expect, test } from "vitest"
import {
  appDataDictionary,
  appDataExtension,
  createCommit,
  encodeComponentsList,
  type Proposal,
  proposalTypes,
} from "../mls/index.ts"
import { judgeCommit } from "./commit-edge.ts"
import { accountNamed, rejectionCode } from "./device.fixture.ts"
import {
  aliceAlone,
  componentUpdate,
  extensionsFor,
  fiveLeaves,
  judge,
  type Leaf,
  type Membership,
  propose,
  removeLeaf,
  rename,
  REQUIRED,
  requireComponents,
  setAdmins,
  setLifecycle,
} from "./membership.fixture.ts"

let m: Membership
let legacy: Membership

beforeAll(async () => {
  ;[m, legacy] = await Promise.all([fiveLeaves(), fiveLeaves({ lifecycle: false })])
})

const by = (leaf: Leaf, ...proposals: Proposal[]) => judge(m, leaf, { proposals })
const refusal = (leaf: Leaf, ...proposals: Proposal[]) => rejectionCode(by(leaf, ...proposals))

describe("disbanding (behaviour §5.3)", () => {
  const others = (group: Membership) =>
    (["bob", "bob2", "carol", "dan"] as const).map((leaf) => removeLeaf(group, leaf))
  const disband = (group: Membership, ...more: Proposal[]) => [
    setLifecycle("disbanded"),
    setAdmins("alice"),
    ...others(group),
    ...more,
  ]

  test("the exact shape: one row, by an admin", async () => {
    const edge = await by("alice", ...disband(m))
    expect(edge).toMatchObject({ disbands: true, privileged: true })
    expect(edge.rows).toEqual([{ type: "group_disbanded", actor: accountNamed("alice") }])
  })

  test("it is the committer who stays as only admin", async () => {
    const staying = [removeLeaf(m, "alice"), ...others(m).slice(0, 3)]
    const edge = await by("dan", setLifecycle("disbanded"), setAdmins("dan"), ...staying)
    expect(edge.disbands).toBe(true)
    expect(await refusal("dan", setLifecycle("disbanded"), setAdmins("alice"), ...staying)).toBe(
      "authorization_failed",
    )
  })

  test.each([
    ["without the policy", () => [setLifecycle("disbanded"), ...others(m)]],
    ["with somebody left", () => disband(m).slice(0, -1)],
    [
      "with another admin",
      () => [setLifecycle("disbanded"), setAdmins("alice", "bob"), ...others(m)],
    ],
    ["with a further change", () => disband(m, rename("Gone"))],
    [
      "with an Add",
      () => disband(m, { proposalType: proposalTypes.add, keyPackage: m.eve.keyPackage }),
    ],
    [
      "with another change instead of the policy",
      () => [setLifecycle("disbanded"), rename("Gone"), ...others(m)],
    ],
    ["with nothing but the state", () => [setLifecycle("disbanded")]],
  ] as const)("%s it is no edge", async (_, proposals) => {
    expect(await refusal("alice", ...proposals())).toBe("authorization_failed")
  })

  test("a group of one removes nobody, and still names its only admin", async () => {
    const { context, state } = await aliceAlone()
    const judgeAlone = async (...proposals: Proposal[]) => {
      const { next, summary } = await createCommit(context, state, { proposals })
      return judgeCommit(state, next, summary, 0)
    }
    const edge = await judgeAlone(setLifecycle("disbanded"), setAdmins("alice"))
    expect(edge).toMatchObject({ disbands: true, privileged: true })
    for (const proposals of [
      [setLifecycle("disbanded")],
      [setLifecycle("disbanded"), rename("Gone")],
    ]) {
      expect(await rejectionCode(judgeAlone(...proposals))).toBe("authorization_failed")
    }
  })

  test("nothing of it by reference", async () => {
    const { ref, membership } = await propose(m, "alice", removeLeaf(m, "carol"))
    const proposals = disband(membership).filter(
      (each) =>
        each.proposalType !== proposalTypes.remove ||
        each.removed !== membership.states.carol.ownLeafIndex,
    )
    expect(
      await rejectionCode(judge(membership, "alice", { proposalRefs: [ref], proposals })),
    ).toBe("authorization_failed")
  })

  test("active to active, removal and de-listing are no changes", async () => {
    expect(await refusal("alice", setLifecycle("active"))).toBe("authorization_failed")
    expect(await refusal("alice", componentUpdate(0x800c, undefined))).toBe("authorization_failed")
    const list = requireComponents(REQUIRED.filter((id) => id !== 0x800c))
    expect(await refusal("alice", list)).toBe("authorization_failed")
  })

  test("a group from before can be enabled, by exactly two updates, and only then disbanded", async () => {
    const enable = [setLifecycle("active"), requireComponents(REQUIRED)]
    const legacyBy = (...proposals: Proposal[]) => judge(legacy, "alice", { proposals })
    expect((await legacyBy(...enable)).privileged).toBe(true)
    for (const proposals of [
      [setLifecycle("active")],
      [...enable, rename("New")],
      [setLifecycle("active"), rename("New")],
      [setLifecycle("disbanded"), requireComponents(REQUIRED)],
      disband(legacy),
    ]) {
      expect(await rejectionCode(legacyBy(...proposals))).toBe("authorization_failed")
    }
  })

  test("a state that is there already is listed by itself, and with nothing else", async () => {
    const components = new Map(appDataDictionary(extensionsFor(true)))
    components.set(0x0001, encodeComponentsList(REQUIRED.filter((id) => id !== 0x800c)))
    const [capabilities] = extensionsFor(true)
    if (capabilities === undefined) throw new Error("no capabilities")
    const alone = await aliceAlone([capabilities, appDataExtension(components)])
    const list = requireComponents(REQUIRED)
    expect((await judgeAlone(alone, list)).edge.privileged).toBe(true)
    expect((await judgeAlone(alone, list, setLifecycle("active"))).edge.privileged).toBe(true)
    expect(await rejectionCode(judgeAlone(alone, list, rename("New")))).toBe("authorization_failed")
  })

  test("nothing follows the end", async () => {
    const { context, state } = await aliceAlone()
    const end = [setLifecycle("disbanded"), setAdmins("alice")]
    const { next } = await judgeAlone({ context, state }, ...end)
    expect(await rejectionCode(judgeAlone({ context, state: next }))).toBe("authorization_failed")
  })
})

/** In a group of one: the judgement, and the state that follows. No proposals: a self-update. */
async function judgeAlone(
  { context, state }: Awaited<ReturnType<typeof aliceAlone>>,
  ...proposals: Proposal[]
) {
  const { next, summary } = await createCommit(context, state, { proposals, forcePath: true })
  return { edge: judgeCommit(state, next, summary, 0), next }
}
