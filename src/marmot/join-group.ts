// Marmot joining, steps 3 to 10: a Welcome becomes a group, tentatively and without any effect.

import { joinGroup, type GroupState, type OwnKeyPackage } from "../mls/index.ts"
import { bytesToHex } from "../nostr/event.ts"
import { validateGroupState } from "./group-rules.ts"
import { newGroup } from "./create-group.ts"
import type { DeviceIdentity, EngineEnv, MarmotGroup, WelcomePreview } from "./engine-types.ts"
import { MarmotError } from "./error.ts"
import { accountOfLeaf, factsOf, isActiveAdmin, routeOf } from "./group-facts.ts"
import { mlsContext } from "./transition.ts"

export interface WelcomeToJoin {
  readonly device: DeviceIdentity
  /** MLSMessage with a Welcome. */
  readonly welcome: Uint8Array
  readonly keyPackages: readonly OwnKeyPackage[]
  /** Author of the seal that the Welcome came in, 64 hex. */
  readonly inviter: string
}

export interface JoinedMarmotGroup {
  readonly group: MarmotGroup
  readonly preview: WelcomePreview
  readonly keyPackageRef: Uint8Array
}

/**
 * Throws `MlsError` or `MarmotError` for a Welcome that must be rejected; nothing of ours has changed then. Whether
 * the group is held already is the caller's question.
 */
export async function joinMarmotGroup(
  env: EngineEnv,
  params: WelcomeToJoin,
): Promise<JoinedMarmotGroup> {
  const { welcome, keyPackages, device } = params
  // The group's states wipe what they own; the KeyPackage may open another invitation.
  const copies = keyPackages.map((own) => ({
    ...own,
    encryptionPrivateKey: own.encryptionPrivateKey.slice(),
  }))
  const joined = await joinGroup(mlsContext(env), { welcome, keyPackages: copies })
  const { state } = joined
  validateGroupState(state)
  const signer = accountOfLeaf(state, joined.signer)
  // Joining §8: only an active admin of the resulting state may have added us.
  if (!isActiveAdmin(state, signer)) {
    throw new MarmotError("not_admin", "the invitation does not come from an admin of the group")
  }
  if (signer !== params.inviter) {
    throw new MarmotError("invalid_identity", "the invitation was not sent by who made it")
  }
  if (factsOf(state).disbanded) throw new MarmotError("disbanded", "the group has ended")
  const epoch = Number(state.groupContext.epoch)
  const groupId = bytesToHex(state.groupContext.groupId)
  const origin = {
    id: `origin:${epoch}`,
    parent: undefined,
    epoch,
    mls: state,
    edge: undefined,
    judged: true,
  }
  return {
    group: { ...newGroup(groupId, device, [origin]), joinedAt: env.now },
    preview: previewOf(groupId, state, signer),
    keyPackageRef: joined.keyPackageRef,
  }
}

function previewOf(groupId: string, state: GroupState, inviter: string): WelcomePreview {
  const { name, description, members, admins } = factsOf(state)
  return { groupId, name, description, inviter, members, admins, relays: routeOf(state).relays }
}
