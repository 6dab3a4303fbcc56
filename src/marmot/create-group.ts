// Marmot group setup: a new group at epoch 0 and, with invitees, the founding Commit to epoch 1.

import { sha256 } from "@noble/hashes/sha2.js"
import {
  createCommit,
  createGroup,
  generateKeyPackage,
  type GroupState,
  type Proposal,
} from "../mls/index.ts"
import { bytesToHex, hexToBytes } from "../nostr/event.ts"
import { foundingRequirements, groupContextExtensions, keyPackageOptions } from "./capabilities.ts"
import { judgeCommit } from "./commit-edge.ts"
import { encodeAdminPolicy } from "./components/admin-policy.ts"
import { encodeGroupLifecycle } from "./components/group-lifecycle.ts"
import { encodeGroupProfile } from "./components/group-profile.ts"
import { encodeNostrRouting } from "./components/nostr-routing.ts"
import type {
  DeviceIdentity,
  Effect,
  EngineEnv,
  Invitee,
  MarmotGroup,
  StateNode,
  Step,
} from "./engine-types.ts"
import { MarmotError } from "./error.ts"
import { keyPackageOf } from "./key-package-event.ts"
import { addProposal, adminPolicyProposal, welcomeFor } from "./local-commit.ts"
import { mediaPolicy } from "./media-policy.ts"
import { componentIds } from "./registry.ts"
import { inviterContext, mlsContext } from "./transition.ts"

export interface NewGroup {
  readonly device: DeviceIdentity
  /** At most 256 bytes of UTF-8. */
  readonly name: string
  /** At most 4,096 bytes of UTF-8. */
  readonly description: string
  /** 1 to 16 relay URLs. */
  readonly relays: readonly string[]
  readonly invitees: readonly Invitee[]
  /** Base URLs of Blossom servers, 1 to 16: where attachments go, if everyone's app knows attachments. Absent: nowhere. */
  readonly mediaServers?: readonly string[]
  /** Invitees who are admins from the beginning, 64 hex each; the creator always is one. */
  readonly admins?: readonly string[]
}

/**
 * The creator is the first admin. The founding Commit has no reader, so it is not published; each Welcome is an
 * independent delivery that may go out at once (group-setup). Throws `MarmotError` or `MlsError` for names, relays
 * or KeyPackages that the profile forbids.
 */
export async function createMarmotGroup(env: EngineEnv, params: NewGroup): Promise<Step> {
  const proposals = founding(params)
  const founded = await foundGroup(env, params)
  const groupId = bytesToHex(founded.groupContext.groupId)
  const origin: StateNode = {
    id: "origin:0",
    parent: undefined,
    epoch: 0,
    mls: founded,
    edge: undefined,
    judged: true,
  }
  if (params.invitees.length === 0) {
    return { group: newGroup(groupId, params.device, [origin]), effects: [] }
  }
  const created = await createCommit(inviterContext(env), founded, { proposals })
  const id = bytesToHex(sha256(created.commit))
  const edge = { ...judgeCommit(founded, created.next, created.summary, env.now), own: true }
  const first = { id, parent: origin.id, epoch: 1, mls: created.next, edge, judged: true }
  const effects: Effect[] = [
    { type: "notify", commitDigest: id, epoch: 1, changes: edge.rows, seenAt: env.now },
    ...params.invitees.map((invitee): Effect => ({
      type: "welcome",
      ...welcomeFor(invitee, created.welcome, id, params.relays),
    })),
  ]
  // Epoch 0 had one member, so no message of it can still arrive.
  const rooted = { ...first, parent: undefined }
  return { group: newGroup(groupId, params.device, [rooted]), effects }
}

/** Who is added, and who of them is an admin: named in the same Commit, since a policy never names strangers. */
function founding({ device, invitees, admins = [] }: NewGroup): Proposal[] {
  const invited = new Set(invitees.map((invitee) => invitee.pubkey))
  if (admins.some((admin) => admin !== device.pubkey && !invited.has(admin))) {
    throw new MarmotError("misuse", "only those who are invited can be admins beside the creator")
  }
  const policy = new Set([device.pubkey, ...admins])
  const adds = invitees.map(addProposal)
  return policy.size === 1 ? adds : [...adds, adminPolicyProposal([...policy])]
}

/** A group whose canonical path is `path`. */
export function newGroup(
  groupId: string,
  device: DeviceIdentity,
  path: readonly [StateNode, ...StateNode[]],
): MarmotGroup {
  return {
    groupId,
    device,
    lifecycle: "stable",
    tip: (path.at(-1) ?? path[0]).id,
    states: new Map(path.map((node) => [node.id, node])),
    apps: new Map(),
    seen: new Map(),
    deferred: new Map(),
    unopened: new Map(),
    intents: [],
    pending: undefined,
    abandoned: new Map(),
    welcomes: [],
    pass: undefined,
    leaving: undefined,
    autoCommitAt: undefined,
    standing: "active",
    refetchSince: undefined,
    priorRoutes: [],
  }
}

async function foundGroup(env: EngineEnv, params: NewGroup): Promise<GroupState> {
  const { device, name, description } = params
  const keyPackage = await generateKeyPackage(
    env.crypto,
    keyPackageOptions(device, Math.floor(env.now / 1000)),
  )
  const routing = { nostrGroupId: env.random(32), relays: [...new Set(params.relays)].sort() }
  const components = new Map<number, Uint8Array>([
    [componentIds.groupProfile, encodeGroupProfile({ name, description })],
    [componentIds.adminPolicy, encodeAdminPolicy({ admins: [hexToBytes(device.pubkey)] })],
    [componentIds.nostrRouting, encodeNostrRouting(routing)],
    [componentIds.groupLifecycle, encodeGroupLifecycle("active")],
  ])
  const invited = params.invitees.map((invitee) => keyPackageOf(invitee.keyPackage).leafNode)
  const optional = params.mediaServers === undefined ? [] : [componentIds.encryptedMediaV2]
  const founders = [keyPackage.keyPackage.leafNode, ...invited]
  const requirements = foundingRequirements(founders, optional)
  const { mediaServers } = params
  if (mediaServers !== undefined && requirements.components.includes(componentIds.encryptedMediaV2))
    components.set(componentIds.encryptedMediaV2, mediaPolicy(mediaServers))
  return createGroup(mlsContext(env), {
    groupId: env.random(32),
    keyPackage,
    extensions: groupContextExtensions(components, requirements),
  })
}
