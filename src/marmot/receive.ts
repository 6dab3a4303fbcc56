// Marmot inbound processing: validate, open, classify, and give each input one disposition.

import { sha256 } from "@noble/hashes/sha2.js"
import {
  contentTypes,
  type LeafIndex,
  MlsError,
  peekMessage,
  processMessage,
  wireFormats,
} from "../mls/index.ts"
import { bytesToHex, type NostrEvent } from "../nostr/event.ts"
import { decodeAppEvent } from "./app-event.ts"
import { judgeCommit, judgeProposal } from "./commit-edge.ts"
import { scheduleDeparture } from "./departure.ts"
import type {
  AppRecord,
  DeferredEvent,
  EventDisposition,
  MessageId,
  StateNode,
} from "./engine-types.ts"
import { MarmotError } from "./error.ts"
import { eventKey } from "./event-key.ts"
import { accountOfLeaf, routeOf } from "./group-facts.ts"
import { canonicalIds } from "./graph.ts"
import { openGroupEvent, parseGroupEvent, type GroupEventPayload } from "./group-event.ts"
import {
  MAX_DEFERRED,
  MAX_SIBLINGS,
  MAX_STATES,
  MAX_UNOPENED,
  MAX_UNOPENED_SIZE,
  UNOPENED_LIFETIME_MS,
} from "./limits.ts"
import { admit, closeFullPass, reconsiderWitness } from "./pass.ts"
import { adoptAbandoned, confirmPending } from "./publish.ts"
import { deliver, putApp } from "./settle.ts"
import type { Transition } from "./transition.ts"

/** One kind 445 event whose id and signature were verified. */
export async function receiveEvent(t: Transition, event: NostrEvent): Promise<void> {
  const disposition = await admitEvent(t, event)
  t.emit({ type: "disposition", eventId: event.id, disposition })
}

async function admitEvent(t: Transition, event: NostrEvent): Promise<EventDisposition> {
  if (t.group.unopened.has(event.id)) return "duplicate"
  const payload = parsed(t, event)
  if (payload === undefined) return "rejected"
  const opened = open(t, payload)
  if (opened === undefined) return park(t, event)
  const disposition = await receiveMessage(t, opened.node, opened.message)
  if (disposition === "refused") askAgain(t, event)
  await sweep(t)
  return disposition
}

/** What was refused gets another chance once something has moved (behaviour §7). */
function askAgain(t: Transition, event: NostrEvent): void {
  // Anyone may date an event at will: what was never ours must not have the whole past read again.
  const earliest = Math.floor((t.env.now - UNOPENED_LIFETIME_MS) / 1000)
  const since = Math.max(event.created_at, earliest)
  t.set({ refetchSince: Math.min(t.group.refetchSince ?? since, since) })
}

function parsed(t: Transition, event: NostrEvent): GroupEventPayload | undefined {
  try {
    const payload = parseGroupEvent(event)
    return isOurs(t, payload.nostrGroupId) ? payload : undefined
  } catch (error) {
    if (error instanceof MarmotError) return undefined
    throw error
  }
}

function isOurs(t: Transition, nostrGroupId: string): boolean {
  const routes = [...t.group.states.values()].flatMap((node) => node.mls ?? []).map(routeOf)
  return [...routes, ...t.group.priorRoutes].some((route) => route.nostrGroupId === nostrGroupId)
}

/** Tries the keys of every retained state and of our staged Commit; what opens picks the state, never a branch. */
function open(
  t: Transition,
  payload: GroupEventPayload,
): { node: StateNode; message: Uint8Array } | undefined {
  const { states, pending, abandoned } = t.group
  const own = [...(pending === undefined ? [] : [pending]), ...abandoned.values()]
  const candidates = [t.tip, ...states.values(), ...own.map(({ node }) => node)]
  for (const node of candidates) {
    if (node.mls === undefined) continue
    const message = openGroupEvent(eventKey(t.env.crypto, node.mls), payload)
    if (message !== undefined) return { node, message }
  }
  return undefined
}

/** `transport_deferred`: kept until a state appears that opens it, within bounds. */
function park(t: Transition, event: NostrEvent): EventDisposition {
  const alive = [...t.group.unopened].filter(
    ([, parked]) => t.env.now - parked.receivedAt < UNOPENED_LIFETIME_MS,
  )
  const size = alive.reduce((sum, [, parked]) => sum + parked.event.content.length, 0)
  // One alone may be of any size.
  const isTooMuch = size > 0 && size + event.content.length > MAX_UNOPENED_SIZE
  if (alive.length >= MAX_UNOPENED || isTooMuch) {
    t.set({ unopened: new Map(alive) })
    askAgain(t, event)
    return "refused"
  }
  const parked: DeferredEvent = { event, receivedAt: t.env.now }
  t.set({ unopened: new Map(alive).set(event.id, parked) })
  return "deferred"
}

/** What was recovered from the outer layer, by the key of `node`. */
async function receiveMessage(
  t: Transition,
  node: StateNode,
  message: Uint8Array,
): Promise<EventDisposition> {
  const id = bytesToHex(sha256(message))
  // Our own Commit came back, or someone builds on it: a relay has accepted it.
  if (t.group.pending?.node.id === id) {
    confirmPending(t)
    return "duplicate"
  }
  if (t.group.pending?.node.id === node.id) confirmPending(t)
  if (t.group.abandoned.has(id)) {
    adoptAbandoned(t, id)
    return "duplicate"
  }
  adoptAbandoned(t, node.id)
  if (isKnown(t, id)) return "duplicate"
  // A step before this one may have replaced the state's value.
  const current = t.group.states.get(node.id) ?? node
  try {
    return await classify(t, current, message, id)
  } catch (error) {
    if (error instanceof MlsError && error.code === "too_many_proposals") return "refused"
    // Not remembered by its id: under the outer key of another state the same bytes may be valid.
    if (error instanceof MlsError || error instanceof MarmotError) return "rejected"
    throw error
  }
}

function isActive({ group }: Transition): boolean {
  return group.standing === "active" && group.lifecycle === "stable"
}

function isKnown(t: Transition, id: MessageId): boolean {
  const { states, apps, seen, deferred } = t.group
  return states.has(id) || apps.has(id) || seen.has(id) || deferred.has(id)
}

function remember(t: Transition, id: MessageId, epoch: number): void {
  t.set({ seen: new Map(t.group.seen).set(id, epoch) })
}

async function classify(
  t: Transition,
  node: StateNode,
  message: Uint8Array,
  id: MessageId,
): Promise<EventDisposition> {
  const peeked = peekMessage(message)
  const isApplication = peeked.contentType === contentTypes.application
  const isPrivate = peeked.wireFormat === wireFormats.privateMessage
  // marmot-wire §4.1: handshakes are PublicMessages, application messages PrivateMessages, never otherwise.
  if (isApplication !== isPrivate) throw new MarmotError("invalid_encoding", "mixed carriage")
  if (isApplication) return receiveApplication(t, node, message, id)
  if (peeked.contentType === contentTypes.proposal) return receiveProposal(t, node, message, id)
  if (!hasRoom(t, node, peeked.senderLeaf)) return "refused"
  return receiveCommit(t, node, message, id)
}

/**
 * One member's rivals must not take the room of everybody's Commits, and when all room is taken, there is still some
 * for everyone's first Commit at the tip: the group can always go on.
 */
function hasRoom(t: Transition, node: StateNode, sender: LeafIndex | undefined): boolean {
  if (node.mls === undefined || sender === undefined) return true
  const account = accountOfLeaf(node.mls, sender)
  const siblings = [...t.group.states.values()].filter(
    ({ parent, edge }) => parent === node.id && edge?.committer === account,
  )
  if (t.group.states.size < MAX_STATES) return siblings.length < MAX_SIBLINGS
  return node.id === t.group.tip && siblings.length === 0
}

async function receiveApplication(
  t: Transition,
  node: StateNode,
  message: Uint8Array,
  id: MessageId,
): Promise<EventDisposition> {
  if (node.mls === undefined) return "rejected"
  const processed = await processMessage(t.mls, node.mls, message)
  if (processed.kind !== "application") throw new MarmotError("invalid_encoding", "mixed carriage")
  t.putState({ ...node, mls: processed.state })
  const account = accountOfLeaf(node.mls, processed.sender)
  const event = readable(processed.data, account)
  const app: AppRecord = {
    messageId: id,
    stateId: node.id,
    epoch: node.epoch,
    account,
    innerId: event?.id,
    event,
    shown: "held",
    own: false,
  }
  putApp(t, app)
  reconsiderWitness(t, app)
  const visible = t.group.lifecycle !== "recovering" && canonicalIds(t.group).has(node.id)
  if (visible) deliver(t, app)
  return "processed"
}

/** A payload that breaks the rules of inner events is dropped; the group is not affected (marmot-wire §8.1). */
function readable(data: Uint8Array, account: string) {
  try {
    return decodeAppEvent(data, account)
  } catch (error) {
    if (error instanceof MarmotError) return undefined
    throw error
  }
}

async function receiveProposal(
  t: Transition,
  node: StateNode,
  message: Uint8Array,
  id: MessageId,
): Promise<EventDisposition> {
  if (node.mls === undefined) return "rejected"
  const processed = await processMessage(t.mls, node.mls, message)
  if (processed.kind !== "proposal") throw new MarmotError("invalid_encoding", "not a proposal")
  judgeProposal(node.mls, processed)
  t.putState({ ...node, mls: processed.state })
  remember(t, id, node.epoch)
  t.set({ proposalIds: new Map(t.group.proposalIds).set(bytesToHex(processed.ref), id) })
  if (node.id === t.group.tip) scheduleDeparture(t)
  t.candidatesChanged = true
  return "processed"
}

async function receiveCommit(
  t: Transition,
  node: StateNode,
  message: Uint8Array,
  id: MessageId,
): Promise<EventDisposition> {
  // The end of the pass may have ended the membership, or the branch.
  if (closeFullPass(t, node) && !(isActive(t) && t.group.states.has(node.id))) return "rejected"
  if (node.mls === undefined) return "rejected"
  try {
    const processed = await processMessage(t.mls, node.mls, message)
    if (processed.kind !== "commit") throw new MarmotError("invalid_encoding", "not a Commit")
    const edge = judgeCommit(node.mls, processed.next, processed.commit, t.env.now)
    t.putState({
      id,
      parent: node.id,
      epoch: node.epoch + 1,
      mls: processed.next,
      edge,
      judged: false,
    })
  } catch (error) {
    if (error instanceof MlsError && error.code === "unknown_proposal") {
      return deferCommit(t, node, message, id)
    }
    throw error
  }
  t.candidatesChanged = true
  admit(t)
  return "processed"
}

/** The proposal that it names may still come. */
function deferCommit(
  t: Transition,
  node: StateNode,
  message: Uint8Array,
  id: MessageId,
): EventDisposition {
  if (t.group.deferred.size >= MAX_DEFERRED) return "refused"
  const input = { messageId: id, stateId: node.id, message, receivedAt: t.env.now }
  t.set({ deferred: new Map(t.group.deferred).set(id, input) })
  return "deferred"
}

/** New states and proposals may open or complete what was put aside; goes on until nothing moves. */
export async function sweep(t: Transition): Promise<void> {
  while (t.candidatesChanged) {
    t.candidatesChanged = false
    for (const input of t.group.deferred.values()) {
      const node = t.group.states.get(input.stateId)
      const deferred = new Map(t.group.deferred)
      deferred.delete(input.messageId)
      t.set({ deferred })
      const disposition = node && (await receiveMessage(t, node, input.message))
      if (disposition === "refused") {
        t.set({ deferred: new Map(t.group.deferred).set(input.messageId, input) })
      }
    }
    for (const { event } of t.group.unopened.values()) {
      const payload = parsed(t, event)
      const opened = payload === undefined ? undefined : open(t, payload)
      if (payload !== undefined && opened === undefined) continue
      const disposition = opened && (await receiveMessage(t, opened.node, opened.message))
      if (disposition === "refused") continue
      const unopened = new Map(t.group.unopened)
      unopened.delete(event.id)
      t.set({ unopened })
    }
    if (t.group.refetchSince !== undefined) {
      t.emit({ type: "refetch", since: t.group.refetchSince })
      t.set({ refetchSince: undefined })
    }
  }
}
