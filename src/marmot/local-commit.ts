// Marmot group messaging: an admin's change as one Commit, staged until a relay acknowledges it.

import { sha256 } from "@noble/hashes/sha2.js"
import {
  componentIds as mlsComponentIds,
  createCommit,
  type CreateCommitOptions,
  encodeComponentsList,
  type GroupState,
  type Proposal,
  proposalTypes,
  requiredCapabilities,
} from "../mls/index.ts"
import { bytesToHex, hexToBytes } from "../nostr/event.ts"
import { leafOptions, withRequiredCapabilities } from "./capabilities.ts"
import { judgeCommit } from "./commit-edge.ts"
import { encodeAdminPolicy } from "./components/admin-policy.ts"
import { encodeAvatarUrl } from "./components/avatar-url.ts"
import { encodeBlossomImage } from "./components/blossom-image.ts"
import { encodeGroupProfile } from "./components/group-profile.ts"
import { encodeMessageRetention } from "./components/message-retention.ts"
import { encodeNostrRouting } from "./components/nostr-routing.ts"
import type { DeviceIdentity, EngineEnv, Intent, Invitee, PendingWelcome } from "./engine-types.ts"
import { featureStatus, featureWords, groupRequirements, upgradeOf } from "./features.ts"
import { factsOf, isActiveAdmin, routeOf } from "./group-facts.ts"
import { avatarOf, canHavePicture } from "./group-image.ts"
import { IntentRefused } from "./intent-refused.ts"
import { keyPackageOf } from "./key-package-event.ts"
import { sealForGroup } from "./local-send.ts"
import { blossomServers } from "./media-file.ts"
import { mediaPolicy } from "./media-policy.ts"
import { componentIds, type FeatureName, featureNames } from "./registry.ts"
import { inviterContext, type Transition } from "./transition.ts"

export interface CommitPlan {
  readonly options: CreateCommitOptions
  readonly invitees: readonly Invitee[]
}

type ChangeIntent = Exclude<Intent, { type: "send" | "leave" | "disband" }>

/** The Commit that a wish asks for; `undefined`: the group is like that already. Throws `IntentRefused`. */
export function planFor(t: Transition, intent: ChangeIntent): CommitPlan | undefined {
  const { mls } = t.tip
  if (mls === undefined) throw new IntentRefused("not_active", "you are no longer a member")
  if (intent.type === "selfUpdate") return planSelfUpdate(t.group.device)
  if (!isActiveAdmin(mls, t.group.device.pubkey)) {
    throw new IntentRefused("not_admin", "only an admin of the group can do this")
  }
  switch (intent.type) {
    case "invite":
      if (intent.again !== true) return planInvite(mls, intent.invitees)
      return planReinvite(mls, intent.invitees, t.group.device.pubkey)
    case "remove":
      return planRemove(mls, intent.members, t.group.device.pubkey)
    case "update":
      return planUpdate(mls, intent, t.env.random)
    case "upgrade":
      return planUpgrade(mls, intent.features, intent.mediaServers)
  }
}

/** The new leaf says what this version of the app can do: that is how a group learns of it (marmot-wire §4.4). */
function planSelfUpdate(device: DeviceIdentity): CommitPlan {
  const { capabilities, leafExtensions } = leafOptions(device)
  return {
    options: { forcePath: true, leafNode: { capabilities, extensions: leafExtensions } },
    invitees: [],
  }
}

/** A replacement of one component's whole state. */
export function replaceComponent(componentId: number, update: Uint8Array): Proposal {
  return { proposalType: proposalTypes.appDataUpdate, componentId, update }
}

export function adminPolicyProposal(admins: readonly string[]): Proposal {
  const keys = [...new Set(admins)].sort().map(hexToBytes)
  return replaceComponent(componentIds.adminPolicy, encodeAdminPolicy({ admins: keys }))
}

/**
 * Makes the Commit and stages its result: stored before it is published, applied once it is acknowledged.
 * `intent` null: nobody waits for it.
 */
export async function stage(t: Transition, intent: Intent | null, plan: CommitPlan): Promise<void> {
  const { tip } = t
  if (tip.mls === undefined) throw new IntentRefused("not_active", "you are no longer a member")
  const created = await createCommit(inviterContext(t.env), tip.mls, plan.options)
  const id = bytesToHex(sha256(created.commit))
  const edge = judgeCommit(tip.mls, created.next, created.summary, t.env.now)
  const event = sealForGroup(t, created.commit, { createdAt: Math.floor(t.env.now / 1000) })
  const { relays } = routeOf(tip.mls)
  const node = {
    id,
    parent: tip.id,
    epoch: tip.epoch + 1,
    mls: created.next,
    edge: { ...edge, own: true },
    judged: true,
  }
  const welcomes = plan.invitees.map((invitee) => welcomeFor(invitee, created.welcome, id, relays))
  t.set({ pending: { intent, node, event, relays, welcomes }, lifecycle: "pendingPublish" })
  t.emit({ type: "publish", purpose: "commit", event, relays, innerId: undefined })
}

export function welcomeFor(
  invitee: Invitee,
  welcome: Uint8Array | undefined,
  stateId: string,
  relays: readonly string[],
): PendingWelcome {
  if (welcome === undefined) throw new IntentRefused("invalid_change", "nobody was added")
  const { pubkey: recipient, keyPackageEventId } = invitee
  return { stateId, recipient, keyPackageEventId, welcome, relays, notBefore: 0 }
}

export function addProposal(invitee: Invitee): Proposal {
  return { proposalType: proposalTypes.add, keyPackage: keyPackageOf(invitee.keyPackage) }
}

function planInvite(mls: GroupState, invitees: readonly Invitee[]): CommitPlan | undefined {
  const { members } = factsOf(mls)
  const fresh = invitees.filter((invitee) => !members.includes(invitee.pubkey))
  if (invitees.length === 0) throw new IntentRefused("invalid_change", "nobody is to be invited")
  if (fresh.length === 0) throw new IntentRefused("already_member", "they are members already")
  return { options: { proposals: fresh.map(addProposal) }, invitees: fresh }
}

/** Joining anew after a loss (behaviour §8.10): the old leaf goes as the new one comes, so nobody is out in between. */
function planReinvite(mls: GroupState, invitees: readonly Invitee[], self: string): CommitPlan {
  const again = new Set(invitees.map(({ pubkey }) => pubkey))
  if (again.size === 0) throw new IntentRefused("invalid_change", "nobody is to be invited")
  if (again.has(self)) throw new IntentRefused("invalid_change", "you can't invite yourself")
  const removes = factsOf(mls)
    .leaves.filter(({ account }) => again.has(account))
    .map((leaf): Proposal => ({ proposalType: proposalTypes.remove, removed: leaf.leafIndex }))
  return { options: { proposals: [...removes, ...invitees.map(addProposal)] }, invitees }
}

function planRemove(mls: GroupState, accounts: readonly string[], self: string): CommitPlan {
  const { leaves, members, admins } = factsOf(mls)
  // An empty Commit would be a self-update.
  if (accounts.length === 0) throw new IntentRefused("invalid_change", "nobody is to be removed")
  if (accounts.includes(self)) {
    throw new IntentRefused("invalid_change", "leave the group instead of removing yourself")
  }
  if (accounts.some((account) => !members.includes(account))) {
    throw new IntentRefused("not_a_member", "that person is not a member")
  }
  const removes = leaves
    .filter((leaf) => accounts.includes(leaf.account))
    .map((leaf): Proposal => ({ proposalType: proposalTypes.remove, removed: leaf.leafIndex }))
  // An admin's last leaf goes together with its place in the policy (marmot-wire §6.4).
  const left = admins.filter((admin) => !accounts.includes(admin))
  const policy = left.length === admins.length ? [] : [adminPolicyProposal(left)]
  return { options: { proposals: [...removes, ...policy] }, invitees: [] }
}

function planUpdate(
  mls: GroupState,
  change: Intent & { type: "update" },
  random: EngineEnv["random"],
): CommitPlan | undefined {
  const { name, description, admins, members, retention } = factsOf(mls)
  const proposals: Proposal[] = []
  const profile = { name: change.name ?? name, description: change.description ?? description }
  if (profile.name !== name || profile.description !== description) {
    proposals.push(replaceComponent(componentIds.groupProfile, encodeGroupProfile(profile)))
  }
  if (change.admins !== undefined && !sameSet(change.admins, admins)) {
    if (change.admins.length === 0) {
      throw new IntentRefused("last_admin", "a group needs at least one admin")
    }
    if (change.admins.some((admin) => !members.includes(admin))) {
      throw new IntentRefused("not_a_member", "only members can be admins")
    }
    proposals.push(adminPolicyProposal(change.admins))
  }
  if (change.retention !== undefined && !isSeconds(change.retention)) {
    throw new IntentRefused("invalid_change", "that is no number of seconds")
  }
  if (change.retention !== undefined && BigInt(change.retention) !== retention) {
    const update = encodeMessageRetention(BigInt(change.retention))
    proposals.push(replaceComponent(componentIds.messageRetention, update))
  }
  proposals.push(...pictureProposals(mls, change))
  if (change.mediaServers !== undefined) proposals.push(...mediaProposals(mls, change.mediaServers))
  const route = routeOf(mls)
  const relays = [...new Set(change.relays ?? route.relays)].sort()
  if (change.newAddress === true || !sameSet(relays, route.relays)) {
    // Random, never derived from anything (marmot-wire §6.5).
    const nostrGroupId = change.newAddress === true ? random(32) : hexToBytes(route.nostrGroupId)
    const update = encodeNostrRouting({ nostrGroupId, relays })
    proposals.push(replaceComponent(componentIds.nostrRouting, update))
  }
  return proposals.length === 0 ? undefined : { options: { proposals }, invitees: [] }
}

/** A picture by its address comes before an image (marmot-wire §6.8), so whoever sets an image takes it away. */
function pictureProposals(
  mls: GroupState,
  { image, avatarUrl }: Pick<Intent & { type: "update" }, "image" | "avatarUrl">,
): Proposal[] {
  const before = avatarOf(mls)
  const proposals: Proposal[] = []
  if (image !== undefined && (image.imageHash.length > 0 || before.image !== undefined)) {
    proposals.push(pictureProposal(mls, componentIds.blossomImage, encodeBlossomImage(image)))
  }
  const url = avatarUrl ?? (image === undefined ? before.url : undefined) ?? ""
  if (url !== (before.url ?? "")) {
    const none = new Uint8Array()
    const update = encodeAvatarUrl({ url, dim: none, thumbhash: none })
    proposals.push(pictureProposal(mls, componentIds.avatarUrl, update))
  }
  return proposals
}

function pictureProposal(mls: GroupState, component: number, update: Uint8Array): Proposal {
  if (!canHavePicture(mls, component)) {
    throw new IntentRefused("unsupported", "the app of a member knows no such group pictures")
  }
  return replaceComponent(component, update)
}

function mediaProposals(mls: GroupState, servers: readonly string[]): Proposal[] {
  const before = factsOf(mls).components.get(componentIds.encryptedMediaV2)
  if (before === undefined) {
    throw new IntentRefused("invalid_change", "the group has no attachments yet")
  }
  // Their order is the order in which they are tried.
  if (servers.join(" ") === blossomServers(mls)?.join(" ")) return []
  return [replaceComponent(componentIds.encryptedMediaV2, mediaPolicy(servers, before))]
}

const isSeconds = (value: number) => Number.isSafeInteger(value) && value >= 0

/** New requirements and the states that they need, in one Commit (behaviour §2). */
export function planUpgrade(
  mls: GroupState,
  names: readonly FeatureName[],
  mediaServers: readonly string[] = [],
): CommitPlan | undefined {
  const chosen = new Map<number, Uint8Array>()
  if (mediaServers.length > 0) chosen.set(componentIds.encryptedMediaV2, mediaPolicy(mediaServers))
  const upgrade = upgradeOf(mls, names.length > 0 ? names : featureNames, chosen)
  if (upgrade === undefined) {
    checkTakenUp(mls, names)
    return undefined
  }
  const { requirements, states } = upgrade
  const { components, extensions, proposals: types } = requirements
  const proposals = [...states].map(([id, state]) => replaceComponent(id, state))
  const before = groupRequirements(mls)
  if (!sameSet(components, before.components)) {
    proposals.push(
      replaceComponent(mlsComponentIds.appComponents, encodeComponentsList(components)),
    )
  }
  if (!sameSet(types, before.proposals)) {
    const current = mls.groupContext.extensions
    const { credentials } = requiredCapabilities(current)
    const next = withRequiredCapabilities(current, { extensions, proposals: types, credentials })
    proposals.push({ proposalType: proposalTypes.groupContextExtensions, extensions: next })
  }
  return { options: { proposals }, invitees: [] }
}

/** Throws `IntentRefused` for a feature that the group has not taken up and can't. */
function checkTakenUp(mls: GroupState, names: readonly FeatureName[]): void {
  const open = names
    .map((name) => featureStatus(mls, name))
    .find((each) => each.status !== "available")
  if (open?.status === "unavailable") {
    const words = featureWords(open.missing).join(", ")
    throw new IntentRefused("invalid_change", `not every member's app can do this yet: ${words}`)
  }
  if (open !== undefined) throw new IntentRefused("invalid_change", "this has to be set up first")
}

function sameSet<T>(a: readonly T[], b: readonly T[]): boolean {
  return new Set([...a, ...b]).size === new Set(a).size && new Set(a).size === new Set(b).size
}
