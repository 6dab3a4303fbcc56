// Marmot conformance §9.5: the canonical state of a group as two members can compare it, and what is left to do.

import { sha256 } from "@noble/hashes/sha2.js"
import {
  encode,
  encodeGroupContext,
  exportSecret,
  type GroupState,
  leafNodeOf,
  type MlsCrypto,
  requiredCapabilities,
} from "../../src/mls/index.ts"
import type { MarmotGroup, StateNode } from "../../src/marmot/engine-types.ts"
import { factsOf, type GroupFacts } from "../../src/marmot/group-facts.ts"
import { pathTo } from "../../src/marmot/graph.ts"
import { bytesToHex } from "../../src/nostr/event.ts"

const COMMITMENT_DOMAIN = "marmot-convergence-conformance-v1"
const EXPORTER_CONTEXT = "convergence-conformance-v1"

/** Equal for two members exactly if they hold the same group; the exporter's secret is only committed to. */
export function canonicalSnapshot(crypto: MlsCrypto, group: MarmotGroup): unknown {
  const state = readableState(group)
  const { groupContext } = state
  const facts = factsOf(state)
  return {
    groupId: bytesToHex(groupContext.groupId),
    epoch: groupContext.epoch.toString(),
    groupContext: bytesToHex(sha256(encode(encodeGroupContext, groupContext))),
    exporter: exporterCommitment(crypto, state),
    leaves: facts.leaves.map(({ leafIndex, account }) => {
      const { signatureKey, capabilities } = leafNodeOf(state, leafIndex)
      return { leafIndex, account, signatureKey: bytesToHex(signatureKey), capabilities }
    }),
    required: requiredCapabilities(groupContext.extensions),
    components: [...facts.components].map(([id, data]) => [id, bytesToHex(data)]),
    lifecycle: group.lifecycle,
    standing: group.standing,
    leaving: group.leaving !== undefined,
  }
}

/** What the application sees of the group; of one that has ended, the last that this client could read. */
export function readableFacts(group: MarmotGroup): GroupFacts {
  return factsOf(readableState(group))
}

/** Names of what the engine has not finished; a parked rival is no work (behaviour §8.9). */
export function pendingWork(group: MarmotGroup): string[] {
  const { pass, pending, intents, welcomes, autoCommitAt, unopened, deferred, leaving } = group
  const left = [
    ["pass", pass !== undefined],
    ["unconfirmed commit", pending !== undefined],
    ["queued intents", intents.length > 0],
    ["owed welcomes", welcomes.length > 0],
    ["departures to commit", autoCommitAt !== undefined],
    ["unopened events", unopened.size > 0],
    ["deferred commits", deferred.size > 0],
    ["unfinished departure", leaving !== undefined],
    ["unrecoverable", group.lifecycle === "unrecoverable"],
  ] as const
  return left.flatMap(([name, there]) => (there ? [name] : []))
}

/** Events that can't be opened here, and Commits that wait for a proposal. */
export function deferredInputs(group: MarmotGroup): number {
  return group.unopened.size + group.deferred.size
}

function exporterCommitment(crypto: MlsCrypto, state: GroupState): string {
  const context = new TextEncoder().encode(EXPORTER_CONTEXT)
  const secret = exportSecret(crypto, state, "marmot", context, 32)
  const domain = new TextEncoder().encode(COMMITMENT_DOMAIN)
  return bytesToHex(sha256(new Uint8Array([...domain, 0, ...secret])))
}

function readableState(group: MarmotGroup): GroupState {
  const path: readonly StateNode[] = pathTo(group.states, group.tip)
  const state = path.map((node) => node.mls).findLast((mls) => mls !== undefined)
  if (state === undefined) throw new Error("no readable state is retained")
  return state
}
