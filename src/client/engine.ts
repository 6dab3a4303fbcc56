// The seam between the runtime and the Marmot engine: one object, so that tests of the runtime can stand in for it.

import { apply, nextWake } from "../marmot/engine.ts"
import { createMarmotGroup } from "../marmot/create-group.ts"
import { joinMarmotGroup } from "../marmot/join-group.ts"
import {
  featuresOf,
  fingerprint,
  isContested,
  isOutrun,
  ownLeafKey,
  requirements,
  summary,
} from "../marmot/group-view.ts"
import { groupAvatar, mediaAccess, mediaServers } from "../marmot/group-media.ts"
import { groupRecords, restoreGroup } from "../marmot/group-records.ts"
import { salvageGroup } from "../marmot/salvage.ts"
import { statesOf, wipe } from "../marmot/wipe.ts"

export const marmotEngine = {
  apply,
  nextWake,
  createMarmotGroup,
  joinMarmotGroup,
  summary,
  requirements,
  ownLeafKey,
  featuresOf,
  fingerprint,
  isContested,
  isOutrun,
  mediaAccess,
  mediaServers,
  groupAvatar,
  groupRecords,
  restoreGroup,
  salvageGroup,
  statesOf,
  wipe,
}

export type Engine = typeof marmotEngine
