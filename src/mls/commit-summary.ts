// RFC 9420 §12.4: what a commit did, for those who decide about it and show it.

import type { AppliedProposals } from "./apply-proposals.ts"
import type { FramedContent } from "./framing.ts"
import type { CommitSummary } from "./group-types.ts"
import type { GroupContext } from "./key-schedule.ts"
import type { LeafNode } from "./leaf-node.ts"
import type { ProposalList } from "./proposals.ts"
import { senderTypes } from "./registry.ts"
import type { LeafIndex } from "./tree-math.ts"

export interface SummaryInput {
  readonly content: FramedContent
  readonly committer: LeafIndex
  readonly committerLeaf: LeafNode
  readonly list: ProposalList
  readonly applied: AppliedProposals
  readonly hasPath: boolean
  readonly newGroupContext: GroupContext | undefined
  /** Our leaf before the commit. */
  readonly own: LeafIndex
}

export function summarize(input: SummaryInput): CommitSummary {
  const { content, applied, list } = input
  return {
    sender: content.sender,
    committer: input.committer,
    committerLeaf: input.committerLeaf,
    external: content.sender.senderType === senderTypes.newMemberCommit,
    proposals: list.committed.map(({ proposal, sender, byReference, ref }) => ({
      proposal,
      sender,
      byReference,
      ...(ref && { ref }),
    })),
    hasPath: input.hasPath,
    authenticatedData: content.authenticatedData,
    added: applied.added,
    removed: applied.removed,
    selfRemoved: applied.removed.some((member) => member.leafIndex === input.own),
    newGroupContext: input.newGroupContext,
  }
}
