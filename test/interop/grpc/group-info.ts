// What one outside a group reads in its GroupInfo.

import { decodeMlsMessage, inspectGroup, wireFormats } from "../../../src/mls/index.ts"
import type { GroupContext, MlsContext } from "../../../src/mls/index.ts"

export function groupContextOf(message: Uint8Array): GroupContext {
  const decoded = decodeMlsMessage(message)
  if (decoded.wireFormat !== wireFormats.groupInfo) throw new Error("no GroupInfo")
  return decoded.groupInfo.groupContext
}

/** The leaf of the one who is to be removed by joining again. */
export async function formerLeaf(
  context: MlsContext,
  groupInfo: Uint8Array,
  ratchetTree: Uint8Array | undefined,
  identity: Uint8Array,
) {
  return leafOf((await inspectGroup(context, groupInfo, ratchetTree)).members, identity)
}

type Inspected = Awaited<ReturnType<typeof inspectGroup>>

export function leafOf(members: Inspected["members"], identity: Uint8Array) {
  const found = members.find(
    ({ leafNode: { credential } }) =>
      credential.kind === "basic" && Buffer.from(credential.identity).equals(identity),
  )
  if (found === undefined) throw new Error("nobody of that name is in the group")
  return found.leafIndex
}
