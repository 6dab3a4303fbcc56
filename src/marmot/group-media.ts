// Marmot encrypted media: what an application needs of a group to send attachments and to show its picture.

import type { GroupState, MlsCrypto } from "../mls/index.ts"
import type { MarmotGroup, StateId } from "./engine-types.ts"
import { pathTo, tipOf } from "./graph.ts"
import { avatarOf, type GroupAvatar } from "./group-image.ts"
import { blossomServers, mediaSecret } from "./media-file.ts"

export interface MediaAccess {
  /** The state that the secret belongs to: a message with attachments must be sent in it. */
  readonly stateId: StateId
  /** 32 bytes. */
  readonly secret: Uint8Array
  /** Base URLs of the group's Blossom servers, first choice first. */
  readonly servers: readonly string[]
}

/** How to seal attachments now; `undefined` where the group allows none, or this device is no member. */
export function mediaAccess(crypto: MlsCrypto, group: MarmotGroup): MediaAccess | undefined {
  const { id, mls } = tipOf(group)
  const servers = mls && blossomServers(mls)
  if (mls === undefined || servers === undefined || group.standing !== "active") return undefined
  return { stateId: id, secret: mediaSecret(crypto, mls), servers }
}

/** The group's picture; of a group that has ended without a trace, none. */
export function groupAvatar(group: MarmotGroup): GroupAvatar {
  const state = readable(group)
  return state === undefined ? { image: undefined, url: undefined } : avatarOf(state)
}

/** Where attachments and pictures of the group may be: its Blossom servers. */
export function mediaServers(group: MarmotGroup): readonly string[] {
  const state = readable(group)
  return (state && blossomServers(state)) ?? []
}

function readable(group: MarmotGroup): GroupState | undefined {
  return pathTo(group.states, group.tip).findLast((node) => node.mls !== undefined)?.mls
}
