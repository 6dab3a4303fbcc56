// Marmot engine: messages that MLS can make and no client of ours would, in the small world of `engine.fixture`.

import {
  createCommit,
  type CreateCommitOptions,
  createProposal,
  type GroupState,
  type Proposal,
} from "../mls/index.ts"
import type { NostrEvent } from "../nostr/event.ts"
import { type Member, stateOf } from "./engine.fixture.ts"
import { eventKey } from "./event-key.ts"
import { sealGroupEvent } from "./group-event.ts"
import { routeOf } from "./group-facts.ts"
import { mlsContext } from "./transition.ts"

/** `message` as a kind 445 event of `member`'s epoch, whatever it is. */
export function sealed(member: Member, message: Uint8Array, state = stateOf(member)): NostrEvent {
  return sealGroupEvent({
    key: eventKey(member.world.crypto, state),
    message,
    nostrGroupId: routeOf(state).nostrGroupId,
    createdAt: member.world.seconds,
    random: member.world.random,
  })
}

/** A Commit that MLS can make and that Marmot's rules were not asked about, as a kind 445 event. */
export async function craftCommit(
  member: Member,
  options: CreateCommitOptions,
): Promise<NostrEvent> {
  const created = await createCommit(mlsContext(member.world.env), stateOf(member), options)
  return sealed(member, created.commit)
}

/** A proposal, in the same manner. */
export async function craftProposal(
  member: Member,
  proposal: Proposal,
): Promise<{ event: NostrEvent; message: Uint8Array; ref: Uint8Array; state: GroupState }> {
  const context = mlsContext(member.world.env)
  const created = await createProposal(context, stateOf(member), proposal, {})
  return { ...created, event: sealed(member, created.message) }
}
