// A group of five leaves for the tests of the rules: Commits that no honest client makes, made by MLS alone.

import {
  appDataExtension,
  componentIds as mlsComponentIds,
  createCommit,
  type CreateCommitOptions,
  createGroup,
  createProposal,
  encodeComponentsList,
  type Extension,
  generateKeyPackage,
  type GroupState,
  joinGroup,
  type MlsContext,
  type MlsCrypto,
  type OwnKeyPackage,
  processMessage,
  type Proposal,
  proposalTypes,
} from "../mls/index.ts"
import { hexToBytes } from "../nostr/event.ts"
import { groupContextExtensions, keyPackageOptions, newGroupRequirements } from "./capabilities.ts"
import { judgeCommit } from "./commit-edge.ts"
import { encodeAdminPolicy } from "./components/admin-policy.ts"
import { encodeGroupLifecycle } from "./components/group-lifecycle.ts"
import { encodeGroupProfile } from "./components/group-profile.ts"
import { encodeNostrRouting } from "./components/nostr-routing.ts"
import { accountNamed, deviceOf, NOW, testCrypto } from "./device.fixture.ts"
import type { CommitEdge } from "./engine-types.ts"
import { generateOwnKeyPackage } from "./key-package-event.ts"
import { componentIds } from "./registry.ts"
import { mlsContext } from "./transition.ts"

/** What a group requires that its founder makes alone. */
export const usualRequirements = {
  ...newGroupRequirements,
  components: [componentIds.groupProfile, ...newGroupRequirements.components],
}

/** Alice and Dan are admins; Bob has two devices. */
export const leaves = ["alice", "bob", "bob2", "carol", "dan"] as const
export type Leaf = (typeof leaves)[number]

export interface Membership {
  readonly context: MlsContext
  readonly crypto: MlsCrypto
  /** Everybody's view of the same epoch. */
  readonly states: Readonly<Record<Leaf, GroupState>>
  /** Somebody who could be added. */
  readonly eve: OwnKeyPackage
}

export const REQUIRED = [0x8001, 0x8003, 0x8004, 0x8009, 0x800c]

export const componentUpdate = (componentId: number, update: Uint8Array | undefined): Proposal => ({
  proposalType: proposalTypes.appDataUpdate,
  componentId,
  update,
})
export const requireComponents = (ids: readonly number[]): Proposal =>
  componentUpdate(mlsComponentIds.appComponents, encodeComponentsList(ids))
export const rename = (name: string): Proposal =>
  componentUpdate(componentIds.groupProfile, encodeGroupProfile({ name, description: "" }))
export const setAdmins = (...names: string[]): Proposal => {
  const admins = names.map(accountNamed).sort().map(hexToBytes)
  return componentUpdate(componentIds.adminPolicy, encodeAdminPolicy({ admins }))
}
export const setLifecycle = (state: "active" | "disbanded"): Proposal =>
  componentUpdate(componentIds.groupLifecycle, encodeGroupLifecycle(state))
export const removeLeaf = (m: Membership, leaf: Leaf): Proposal => ({
  proposalType: proposalTypes.remove,
  removed: m.states[leaf].ownLeafIndex,
})
export const SELF_REMOVE: Proposal = { proposalType: proposalTypes.selfRemove }

/** Alice and nobody else, the only admin. */
export async function aliceAlone(extensions = extensionsFor(true)) {
  const crypto = await testCrypto()
  const context = mlsContext({ crypto, now: NOW * 1000, random: () => new Uint8Array() })
  const alice = await deviceOf(crypto, "alice")
  const state = await createGroup(context, {
    groupId: new Uint8Array(32).fill(1),
    keyPackage: await generateKeyPackage(crypto, keyPackageOptions(alice, NOW)),
    extensions,
  })
  return { context, state }
}

export function extensionsFor(lifecycle: boolean): Extension[] {
  const components = new Map([
    [componentIds.groupProfile, encodeGroupProfile({ name: "Five", description: "" })],
    [componentIds.adminPolicy, encodeAdminPolicy({ admins: [hexToBytes(accountNamed("alice"))] })],
    [
      componentIds.nostrRouting,
      encodeNostrRouting({ nostrGroupId: new Uint8Array(32), relays: ["wss://a.example"] }),
    ],
  ] as [number, Uint8Array][])
  if (lifecycle) {
    components.set(componentIds.groupLifecycle, encodeGroupLifecycle("active"))
    return groupContextExtensions(components, usualRequirements)
  }
  // As groups were made before there was a lifecycle.
  const list = encodeComponentsList(REQUIRED.filter((id) => id !== componentIds.groupLifecycle))
  const [capabilities] = groupContextExtensions(components, usualRequirements)
  const dictionary = appDataExtension(components.set(mlsComponentIds.appComponents, list))
  return capabilities === undefined ? [] : [capabilities, dictionary]
}

/** A new group of these leaves. `lifecycle` false: one from before component 0x800c. */
export async function fiveLeaves(options = { lifecycle: true }): Promise<Membership> {
  const crypto = await testCrypto()
  const context = mlsContext({ crypto, now: NOW * 1000, random: () => new Uint8Array() })
  const [alice, eve, ...others] = await Promise.all(
    ["alice", "eve", "bob", "bob", "carol", "dan"].map((name) => deviceOf(crypto, name)),
  )
  if (alice === undefined || eve === undefined) throw new Error("no founder")
  const packages = await Promise.all(
    [eve, ...others].map((device) => generateOwnKeyPackage(crypto, { device, now: NOW * 1000 })),
  )
  const [eves, ...joining] = packages
  if (eves === undefined) throw new Error("no invitee")
  const founded = await createGroup(context, {
    groupId: new Uint8Array(32).fill(9),
    keyPackage: await generateKeyPackage(crypto, keyPackageOptions(alice, NOW)),
    extensions: extensionsFor(options.lifecycle),
  })
  const { next, welcome } = await createCommit(context, founded, {
    proposals: [
      ...joining.map(({ keyPackage }): Proposal => ({
        proposalType: proposalTypes.add,
        keyPackage,
      })),
      setAdmins("alice", "dan"),
    ],
  })
  if (welcome === undefined) throw new Error("no Welcome")
  const joined = await Promise.all(
    joining.map((own) => joinGroup(context, { welcome, keyPackages: [own] })),
  )
  const [bob, bob2, carol, dan] = joined.map(({ state }) => state)
  if (!bob || !bob2 || !carol || !dan) throw new Error("somebody did not join")
  return { context, crypto, states: { alice: next, bob, bob2, carol, dan }, eve: eves }
}

/** A standalone proposal, and everybody who has received it. */
export async function propose(m: Membership, from: Leaf, proposal: Proposal) {
  const created = await createProposal(m.context, m.states[from], proposal)
  const received = await Promise.all(
    leaves.map(async (leaf) => {
      if (leaf === from) return [leaf, created.state] as const
      const processed = await processMessage(m.context, m.states[leaf], created.message)
      if (processed.kind !== "proposal") throw new Error("not a proposal")
      return [leaf, processed.state] as const
    }),
  )
  const states = Object.fromEntries(received) as Record<Leaf, GroupState>
  return { ref: created.ref, membership: { ...m, states } }
}

/** The judgement on a Commit, the same by everybody: the committer, those who stay, those who are removed. */
export async function judge(
  m: Membership,
  by: Leaf,
  options: CreateCommitOptions,
): Promise<CommitEdge> {
  const created = await createCommit(m.context, m.states[by], options)
  const judgements = await Promise.all(
    leaves.map(async (leaf) => {
      const parent = m.states[leaf]
      if (leaf === by) return outcome(() => judgeCommit(parent, created.next, created.summary, 0))
      const processed = await processMessage(m.context, parent, created.commit)
      if (processed.kind !== "commit") throw new Error("not a Commit")
      return outcome(() => judgeCommit(parent, processed.next, processed.commit, 0))
    }),
  )
  const codes = new Set(judgements.map(({ code }) => code))
  if (codes.size !== 1) throw new Error(`the members disagree: ${[...codes].join(", ")}`)
  const [own] = judgements.filter((_, i) => leaves[i] === by)
  if (own === undefined) throw new Error("no committer")
  return own.edge()
}

function outcome(run: () => CommitEdge): { code: string; edge: () => CommitEdge } {
  try {
    const edge = run()
    return { code: "valid", edge: () => edge }
  } catch (error) {
    const code = error instanceof Error && "code" in error ? String(error.code) : "unexpected"
    return {
      code,
      edge: () => {
        throw error
      },
    }
  }
}
