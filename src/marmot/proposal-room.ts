// Marmot group messaging §4, §5.6: how many standalone proposals of one epoch are kept, so that nobody takes all the room.

import {
  contentTypes,
  decodeMlsMessage,
  type GroupState,
  type MlsContext,
  type ProcessedProposal,
  wireFormats,
} from "../mls/index.ts"
import { bytesToHex } from "../nostr/event.ts"
import type { MarmotGroup, StateId } from "./engine-types.ts"
import { MAX_DEFERRED, MAX_PROPOSALS, MAX_PROPOSALS_OF_LEAF } from "./limits.ts"

/** MLS's own bound is wider than ours: what a Commit waits for is taken beyond it. */
export function proposalContext(mls: MlsContext): MlsContext {
  const maxCachedProposals = MAX_PROPOSALS * (MAX_DEFERRED + 1)
  return { ...mls, limits: { ...mls.limits, maxCachedProposals } }
}

/**
 * Whether a proposal may enter the cache of the state `id`. Commits may refer to any valid one, so what a waiting Commit
 * refers to is always taken; what is refused is asked for again then.
 */
export function hasRoomForProposal(
  group: MarmotGroup,
  id: StateId,
  state: GroupState,
  { ref, sender }: Pick<ProcessedProposal, "ref" | "sender">,
): boolean {
  const key = bytesToHex(ref)
  if (state.proposals.has(key) || isWanted(group, id, key)) return true
  const leaf = "leafIndex" in sender ? sender.leafIndex : undefined
  const theirs = [...state.proposals.values()].filter(
    (cached) => "leafIndex" in cached.sender && cached.sender.leafIndex === leaf,
  )
  return theirs.length < MAX_PROPOSALS_OF_LEAF && state.proposals.size < MAX_PROPOSALS
}

function isWanted(group: MarmotGroup, id: StateId, key: string): boolean {
  return [...group.deferred.values()].some(
    ({ stateId, message }) => stateId === id && refsOf(message).includes(key),
  )
}

/** What a Commit refers to; it was read before, so it is one. */
function refsOf(message: Uint8Array): string[] {
  const decoded = decodeMlsMessage(message)
  if (decoded.wireFormat !== wireFormats.publicMessage) return []
  const { content } = decoded.publicMessage
  if (content.contentType !== contentTypes.commit) return []
  return content.commit.proposals.flatMap((item) =>
    item.kind === "reference" ? [bytesToHex(item.ref)] : [],
  )
}
