import { beforeAll, describe, expect, test } from "vitest"
import {
  createCommit,
  type CreateCommitOptions,
  encode,
  encodeRequiredCapabilities,
  exportGroupInfo,
  joinByExternalCommit,
  leafNodeOf,
  processMessage,
  type Proposal,
  proposalTypes,
} from "../mls/index.ts"
import { hexToBytes } from "../nostr/event.ts"
import { authorizeProposal } from "./authorization.ts"
import { keyPackageOptions } from "./capabilities.ts"
import { judgeCommit } from "./commit-edge.ts"
import { encodeMessageRetention } from "./components/message-retention.ts"
import { accountNamed, codeOf, deviceOf, NOW, rejectionCode } from "./device.fixture.ts"
import { generateOwnKeyPackage } from "./key-package-event.ts"
import {
  componentUpdate,
  fiveLeaves,
  judge,
  type Leaf,
  type Membership,
  propose,
  removeLeaf,
  rename,
  REQUIRED,
  requireComponents,
  SELF_REMOVE,
  setAdmins,
  setLifecycle,
} from "./membership.fixture.ts"

let m: Membership

beforeAll(async () => {
  m = await fiveLeaves()
})

const by = (leaf: Leaf, ...proposals: Proposal[]) => judge(m, leaf, { proposals })
const refusal = (leaf: Leaf, ...proposals: Proposal[]) => rejectionCode(by(leaf, ...proposals))
const RETENTION = 0x8005
const keep = (seconds: bigint) => componentUpdate(RETENTION, encodeMessageRetention(seconds))
const ephemeral: Proposal = {
  proposalType: proposalTypes.appEphemeral,
  componentId: 0x8001,
  data: new Uint8Array(),
}
const requiredCapabilities = (proposals: readonly number[]): Proposal => ({
  proposalType: proposalTypes.groupContextExtensions,
  extensions: m.states.alice.groupContext.extensions.map((extension) =>
    extension.type === 3
      ? {
          type: 3,
          data: encode(encodeRequiredCapabilities, { extensions: [6], proposals, credentials: [] }),
        }
      : extension,
  ),
})

describe("Commits of members who are no admins (behaviour §4)", () => {
  test("a self-update is theirs, and ordinary", async () => {
    const edge = await judge(m, "carol", { forcePath: true })
    expect(edge).toMatchObject({ committer: accountNamed("carol"), privileged: false, rows: [] })
  })

  test("so are departures of others, by reference and nothing else", async () => {
    const { ref, membership } = await propose(m, "bob", SELF_REMOVE)
    const both = await propose(membership, "bob2", SELF_REMOVE)
    const edge = await judge(both.membership, "carol", { proposalRefs: [ref, both.ref] })
    expect(edge.privileged).toBe(false)
    expect(edge.rows).toEqual([{ type: "member_left", subject: accountNamed("bob") }])
  })

  test("another device of the leaver may commit, the leaving one not", async () => {
    const { ref, membership } = await propose(m, "bob", SELF_REMOVE)
    const edge = await judge(membership, "bob2", { proposalRefs: [ref] })
    expect(edge).toMatchObject({ privileged: false, rows: [] })
    const code = await rejectionCode(judge(membership, "bob", { proposalRefs: [ref] }))
    expect(code).toBe("committer_removed")
  })

  const changes: readonly (readonly [string, () => Proposal])[] = [
    ["an Add", () => ({ proposalType: proposalTypes.add, keyPackage: m.eve.keyPackage })],
    ["a Remove", () => removeLeaf(m, "bob")],
    ["a component", () => rename("New")],
    ["an unknown component", () => componentUpdate(0x8123, new Uint8Array(1))],
    ["the admin policy", () => setAdmins("alice", "carol", "dan")],
    ["required components", () => requireComponents([...REQUIRED])],
    ["required capabilities", () => requiredCapabilities([8])],
    ["the lifecycle", () => setLifecycle("disbanded")],
  ]
  test.each(changes)("%s is not theirs", async (_, proposal) => {
    expect(await refusal("carol", proposal())).toBe("authorization_failed")
  })

  test("an admin's proposal does not become theirs by reference", async () => {
    const { ref, membership } = await propose(m, "dan", rename("New"))
    const code = await rejectionCode(judge(membership, "carol", { proposalRefs: [ref] }))
    expect(code).toBe("authorization_failed")
    const edge = await judge(membership, "alice", { proposalRefs: [ref] })
    expect(edge).toMatchObject({ committer: accountNamed("alice"), privileged: true })
  })

  test("a departure together with anything else is not theirs, but an admin's", async () => {
    const { ref, membership } = await propose(m, "bob", SELF_REMOVE)
    const mixed: CreateCommitOptions = { proposalRefs: [ref], proposals: [rename("New")] }
    expect(await rejectionCode(judge(membership, "carol", mixed))).toBe("authorization_failed")
    expect((await judge(membership, "alice", mixed)).privileged).toBe(true)
  })
})

test("nobody joins by an external Commit (marmot-wire §4.7)", async () => {
  const { context, crypto, states } = m
  const device = await deviceOf(crypto, "stranger")
  const options = keyPackageOptions(device, NOW)
  const { commit } = await joinByExternalCommit(context, {
    groupInfo: await exportGroupInfo(context, states.alice, {
      externalPub: true,
      ratchetTree: true,
    }),
    credential: options.credential,
    capabilities: options.capabilities,
    signatureKeyPair: device.signatureKeyPair,
    ...(options.leafExtensions && { leafExtensions: options.leafExtensions }),
  })
  const processed = await processMessage(context, states.alice, commit)
  if (processed.kind !== "commit") throw new Error("not a Commit")
  const judged = () => judgeCommit(states.alice, processed.next, processed.commit, 0)
  expect(codeOf(judged)).toBe("authorization_failed")
})

describe("Commits of admins", () => {
  test("add, remove, rename: privileged, each with its row", async () => {
    const add: Proposal = { proposalType: proposalTypes.add, keyPackage: m.eve.keyPackage }
    const edge = await by("alice", add, removeLeaf(m, "carol"), rename("New"))
    const actor = accountNamed("alice")
    expect(edge).toMatchObject({ committer: actor, privileged: true, disbands: false })
    expect(edge.rows).toEqual(
      expect.arrayContaining([
        { type: "member_added", actor, subject: accountNamed("eve") },
        { type: "member_removed", actor, subject: accountNamed("carol") },
        { type: "group_renamed", actor, name: "New", oldName: "Five" },
      ]),
    )
    expect(edge.rows.length).toBe(3)
  })

  test("an admin's self-update is ordinary", async () => {
    expect((await judge(m, "alice", { forcePath: true })).privileged).toBe(false)
  })

  test("whoever removes an admin's last leaf takes the key out of the policy", async () => {
    expect(await refusal("alice", removeLeaf(m, "dan"))).toBe("authorization_failed")
    const edge = await by("alice", removeLeaf(m, "dan"), setAdmins("alice"))
    expect(edge.rows).toEqual([
      { type: "member_removed", actor: accountNamed("alice"), subject: accountNamed("dan") },
    ])
  })

  test("an admin who stays with another leaf stays an admin", async () => {
    const next = await by("alice", setAdmins("alice", "bob"), removeLeaf(m, "bob"))
    expect(next.rows).toContainEqual({
      type: "admin_added",
      actor: accountNamed("alice"),
      subject: accountNamed("bob"),
    })
    const both = [removeLeaf(m, "bob"), removeLeaf(m, "bob2")]
    expect(await refusal("alice", setAdmins("alice", "bob"), ...both)).toBe("authorization_failed")
  })

  test("stepping down is possible as long as another admin remains", async () => {
    expect((await by("alice", setAdmins("dan"))).rows).toContainEqual({
      type: "admin_removed",
      actor: accountNamed("alice"),
      subject: accountNamed("alice"),
    })
    expect(await refusal("alice", componentUpdate(0x8003, hexToBytes("00")))).toBe(
      "invalid_component",
    )
  })

  test("a policy names members only, sorted, and can't be removed", async () => {
    expect(await refusal("alice", setAdmins("alice", "eve"))).toBe("authorization_failed")
    const add: Proposal = { proposalType: proposalTypes.add, keyPackage: m.eve.keyPackage }
    expect((await by("alice", add, setAdmins("alice", "dan", "eve"))).privileged).toBe(true)
    const unsorted = ["alice", "dan"].map(accountNamed).sort().reverse().join("")
    const policy = componentUpdate(0x8003, hexToBytes(`4040${unsorted}`))
    expect(await refusal("alice", policy)).toBe("invalid_component")
    expect(await refusal("alice", componentUpdate(0x8003, undefined))).toBe("authorization_failed")
  })

  test("authority is that of the parent: a new admin may not act in the same Commit's place", async () => {
    expect(await refusal("carol", setAdmins("alice", "carol", "dan"), rename("Mine"))).toBe(
      "authorization_failed",
    )
    // Dropping oneself does not take away the right to what else the Commit does.
    expect((await by("alice", setAdmins("dan"), rename("Yours"))).privileged).toBe(true)
  })

  test("what the profile does not know has no place", async () => {
    // Our leaves do not even list the type; the rule is for groups whose leaves do.
    expect(await refusal("alice", ephemeral)).toBe("proposal_type_unsupported")
    const reinit: Proposal = {
      proposalType: proposalTypes.reinit,
      groupId: new Uint8Array(32),
      version: 1,
      cipherSuite: 1,
      extensions: [],
    }
    expect(await refusal("alice", reinit)).toBe("authorization_failed")
  })
})

describe("components of a result (marmot-wire §6.1)", () => {
  test("one operation for each component", async () => {
    expect(await refusal("alice", rename("A"), rename("B"))).toBe("app_data_conflict")
    expect(await refusal("alice", rename("A"), componentUpdate(0x8001, undefined))).toBe(
      "app_data_conflict",
    )
  })

  test("known components are validated, unknown ones preserved", async () => {
    expect(await refusal("alice", componentUpdate(0x8001, hexToBytes("ff")))).toBe(
      "invalid_component",
    )
    expect((await by("alice", componentUpdate(0x8123, hexToBytes("ff")))).privileged).toBe(true)
  })

  test("a malformed component is no edge for those either whom the Commit removes", async () => {
    const malformed = componentUpdate(0x8001, hexToBytes("ff"))
    expect(await refusal("alice", malformed, removeLeaf(m, "carol"))).toBe("invalid_component")
  })

  test.each([
    ["the identity proof", 0x8009, "00"],
    ["a SafeAAD list", 0x0002, "00"],
  ])("%s is no state of a group", async (_, id, hex) => {
    expect(await refusal("alice", componentUpdate(id, hexToBytes(hex)))).toBe(
      "authorization_failed",
    )
  })

  test("the frozen media format has no place in a group, required or not", async () => {
    const url = Buffer.from("https://a.example/").toString("hex")
    const format = Buffer.from("encrypted-media-v1").toString("hex")
    const state = componentUpdate(0x8008, hexToBytes(`12${format}02016215016212${url}`))
    const list = requireComponents([...REQUIRED, 0x8008])
    expect(await refusal("alice", list, state)).toBe("authorization_failed")
    expect(await refusal("alice", state)).toBe("authorization_failed")
    // Those judge alike whom the Commit removes.
    expect(await refusal("alice", state, removeLeaf(m, "carol"))).toBe("authorization_failed")
  })

  test("what is required is there; both may change in one Commit", async () => {
    const list = [...REQUIRED, RETENTION].sort((a, b) => a - b)
    expect(await refusal("alice", requireComponents(list))).toBe("missing_component")
    expect((await by("alice", requireComponents(list), keep(60n))).privileged).toBe(true)
    expect(await refusal("alice", componentUpdate(0x8001, undefined))).toBe("missing_component")
    const fewer = requireComponents(REQUIRED.filter((id) => id !== 0x8001))
    expect((await by("alice", fewer, componentUpdate(0x8001, undefined))).privileged).toBe(true)
  })

  test("nothing is required that a member lacks", async () => {
    const list = requireComponents([...REQUIRED, 0x8123])
    const state = componentUpdate(0x8123, new Uint8Array())
    expect(await refusal("alice", list, state)).toBe("unsupported_group")
  })

  test.each([0x8003, 0x8004, 0x8009])("0x%i stays required", async (id) => {
    const list = requireComponents(REQUIRED.filter((each) => each !== id))
    expect(await refusal("alice", list)).toBe("missing_component")
  })

  test("the list itself stays, and is sorted", async () => {
    expect(await refusal("alice", componentUpdate(0x0001, undefined))).toBe("authorization_failed")
    const unsorted = componentUpdate(0x0001, hexToBytes("0480038001"))
    expect(await refusal("alice", unsorted)).toBe("app_data_order")
  })

  test("required capabilities keep to the profile", async () => {
    expect((await by("alice", requiredCapabilities([8]))).privileged).toBe(true)
    expect(await refusal("alice", requiredCapabilities([10]))).toBe("unsupported_group")
  })

  test("whom the same Commit removes judges its result as those do who stay", async () => {
    const without = (id: number) => requireComponents(REQUIRED.filter((each) => each !== id))
    const invalid: readonly (readonly [string, readonly Proposal[]])[] = [
      ["missing_component", [without(0x8003)]],
      ["missing_component", [without(0x8004)]],
      ["missing_component", [componentUpdate(0x8001, undefined)]],
      ["missing_component", [requireComponents([...REQUIRED, RETENTION].sort((a, b) => a - b))]],
      [
        "unsupported_group",
        [requireComponents([...REQUIRED, 0x8123]), componentUpdate(0x8123, new Uint8Array())],
      ],
      ["unsupported_group", [requiredCapabilities([10])]],
    ]
    for (const [code, proposals] of invalid) {
      expect(await refusal("alice", removeLeaf(m, "carol"), ...proposals)).toBe(code)
    }
    const list = requireComponents([...REQUIRED, RETENTION].sort((a, b) => a - b))
    const add: Proposal = { proposalType: proposalTypes.add, keyPackage: m.eve.keyPackage }
    const edge = await by("alice", removeLeaf(m, "carol"), add, list, keep(60n))
    expect(edge.privileged).toBe(true)
  })

  test("whom it removes sees nobody go who has another leaf or comes back", async () => {
    const { context, states } = m
    const seenBy = async (leaf: Leaf, ...proposals: Proposal[]) => {
      const { commit } = await createCommit(context, states.alice, { proposals })
      const processed = await processMessage(context, states[leaf], commit)
      if (processed.kind !== "commit") throw new Error("not a Commit")
      return judgeCommit(states[leaf], processed.next, processed.commit, 0).rows
    }
    const removes = [removeLeaf(m, "bob"), removeLeaf(m, "carol")]
    const carolGoes = {
      type: "member_removed",
      actor: accountNamed("alice"),
      subject: accountNamed("carol"),
    }
    const bob = await deviceOf(m.crypto, "bob")
    const { keyPackage } = await generateOwnKeyPackage(m.crypto, { device: bob, now: NOW * 1000 })
    const back: Proposal = { proposalType: proposalTypes.add, keyPackage }
    for (const leaf of ["dan", "carol"] as const) {
      expect(await seenBy(leaf, ...removes)).toEqual([carolGoes])
      expect(await seenBy(leaf, ...removes, removeLeaf(m, "bob2"), back)).toEqual([carolGoes])
    }
  })

  test("the dictionary changes by its own proposals only", async () => {
    const gutted: Proposal = {
      proposalType: proposalTypes.groupContextExtensions,
      extensions: m.states.alice.groupContext.extensions.map((extension) =>
        extension.type === 6 ? { type: 6, data: new Uint8Array([0]) } : extension,
      ),
    }
    expect(await refusal("alice", gutted)).toBe("app_data_direct_change")
  })
})

describe("standalone proposals", () => {
  const proposal = (leaf: Leaf, content: Proposal) => () => {
    const parent = m.states.alice
    const sender = { senderType: 1, leafIndex: m.states[leaf].ownLeafIndex } as const
    authorizeProposal(parent, content, sender)
  }

  test("members leave, admins propose changes", () => {
    expect(proposal("carol", SELF_REMOVE)).not.toThrow()
    expect(proposal("bob2", SELF_REMOVE)).not.toThrow()
    expect(proposal("dan", rename("New"))).not.toThrow()
    expect(proposal("dan", removeLeaf(m, "carol"))).not.toThrow()
  })

  test("an admin steps down before leaving", () => {
    expect(codeOf(proposal("dan", SELF_REMOVE))).toBe("authorization_failed")
  })

  test("such a departure spoils the Commit that takes it up", async () => {
    const { ref, membership } = await propose(m, "dan", SELF_REMOVE)
    const options = { proposalRefs: [ref], proposals: [setAdmins("alice")] }
    const code = await rejectionCode(judge(membership, "alice", options))
    expect(code).toBe("authorization_failed")
  })

  test("members propose nothing else, not even an Update of themselves", () => {
    const leafNode = leafNodeOf(m.states.carol, m.states.carol.ownLeafIndex)
    const update: Proposal = { proposalType: proposalTypes.update, leafNode }
    for (const content of [update, rename("x"), removeLeaf(m, "bob"), ephemeral]) {
      expect(codeOf(proposal("carol", content))).toBe("authorization_failed")
    }
    expect(codeOf(proposal("dan", update))).toBe("authorization_failed")
  })

  test("the lifecycle is changed inline only, and components are valid", () => {
    expect(codeOf(proposal("dan", setLifecycle("disbanded")))).toBe("authorization_failed")
    expect(codeOf(proposal("dan", setLifecycle("active")))).toBe("authorization_failed")
    expect(codeOf(proposal("dan", componentUpdate(0x8001, new Uint8Array())))).toBe(
      "invalid_component",
    )
    expect(codeOf(proposal("dan", ephemeral))).toBe("authorization_failed")
  })

  test("senders that are no members propose nothing", () => {
    for (const senderType of [2, 3, 4] as const) {
      const sender = { senderType, senderIndex: 0 } as unknown as Parameters<
        typeof authorizeProposal
      >[2]
      expect(codeOf(() => authorizeProposal(m.states.alice, SELF_REMOVE, sender))).toBe(
        "authorization_failed",
      )
    }
  })
})
