// Marmot inbound processing: validate, open, classify, and give each input one disposition.

import { sha256 } from "@noble/hashes/sha2.js"
import {
  contentTypes,
  type GroupState,
  type LeafIndex,
  MlsError,
  peekMessage,
  type ProcessedApplication,
  processMessage,
  wireFormats,
} from "../mls/index.ts"
import { bytesToHex, type NostrEvent } from "../nostr/event.ts"
import { decodeAppEvent } from "./app-event.ts"
import { judgeCommit, judgeProposal } from "./commit-edge.ts"
import { scheduleDeparture } from "./departure.ts"
import { askIfDue, opened, refused, somethingMoved } from "./backfill.ts"
import type { AppRecord, MessageId, StateNode } from "./engine-types.ts"
import { MarmotError } from "./error.ts"
import { eventKey } from "./event-key.ts"
import { accountOfLeaf, factsOf, routeOf } from "./group-facts.ts"
import { canonicalIds } from "./graph.ts"
import { parseGroupEvent, type GroupEventPayload } from "./group-event.ts"
import { dispositionOf } from "./ledger.ts"
import { MAX_DEFERRED, MAX_SIBLINGS, MAX_STATES } from "./limits.ts"
import { dropsMessage } from "./media-file.ts"
import { admit, closeFullPass, reconsiderWitness } from "./pass.ts"
import { hasRoomForProposal, proposalContext } from "./proposal-room.ts"
import { adoptAbandoned, confirmPending } from "./publish.ts"
import { openPassed, putPassed } from "./reading.ts"
import { deadlineOf } from "./retention.ts"
import { routesOf } from "./routes.ts"
import { deliver, putApp, show } from "./settle.ts"
import type { Transition } from "./transition.ts"
import { countSweep, isWorthAnotherTry, open, park } from "./unopened.ts"
import {
  accepted,
  BeyondAnchor,
  categorised,
  deferred,
  type InputVerdict,
  verdictOn,
} from "./verdict.ts"

/** One kind 445 event whose id and signature were verified. */
export async function receiveEvent(t: Transition, event: NostrEvent): Promise<void> {
  const verdict = await admitEvent(t, event)
  t.emit({ type: "disposition", eventId: event.id, ...verdict })
}

async function admitEvent(t: Transition, event: NostrEvent): Promise<InputVerdict> {
  if (t.group.unopened.has(event.id)) return categorised("duplicate")
  const { payload, verdict: invalid } = parsed(t, event)
  if (payload === undefined) return invalid
  const found = open(t, event, payload)
  if (found === undefined) {
    const passed = openPassed(t, payload, event.content.length)
    return passed === undefined ? park(t, event) : receivePassed(t, passed)
  }
  const verdict = await receiveOpened(t, found, event.created_at)
  await sweep(t)
  return verdict
}

type Parsed =
  | { readonly payload: GroupEventPayload; readonly verdict?: undefined }
  | { readonly payload?: undefined; readonly verdict: InputVerdict }

function parsed(t: Transition, event: NostrEvent): Parsed {
  try {
    const payload = parseGroupEvent(event)
    if (isOurs(t, payload.nostrGroupId)) return { payload }
    return { verdict: categorised("wrong_recipient") }
  } catch (error) {
    const verdict = verdictOn(error)
    if (verdict === undefined) throw error
    return { verdict }
  }
}

function isOurs(t: Transition, nostrGroupId: string): boolean {
  const { tip } = t
  if (tip.mls !== undefined && routeOf(tip.mls).nostrGroupId === nostrGroupId) return true
  return routesOf(t.group, undefined).some((route) => route.nostrGroupId === nostrGroupId)
}

/** An event's content; what was refused gets another chance once something has moved (behaviour §7). */
async function receiveOpened(
  t: Transition,
  { node, message }: { readonly node: StateNode; readonly message: Uint8Array },
  createdAt: number,
): Promise<InputVerdict> {
  const { tip } = t.group
  const id = bytesToHex(sha256(message))
  const verdict = await receiveMessage(t, node, message, id)
  if (verdict.category === "resource_refused") refused(t, createdAt)
  if (verdict.disposition !== undefined) {
    opened(t, createdAt, node.id === tip && t.group.apps.has(id))
  }
  return verdict
}

/** What was recovered from the outer layer, by the key of `node`. */
async function receiveMessage(
  t: Transition,
  node: StateNode,
  message: Uint8Array,
  id: MessageId,
): Promise<InputVerdict> {
  // Our own Commit came back, or someone builds on it: a relay has accepted it.
  if (t.group.pending?.node.id === id) {
    confirmPending(t)
    return categorised("own_echo")
  }
  if (t.group.pending?.node.id === node.id) confirmPending(t)
  if (t.group.abandoned.has(id)) {
    adoptAbandoned(t, id)
    return categorised("own_echo")
  }
  adoptAbandoned(t, node.id)
  if (isKnown(t, id)) return categorised(isOwn(t, node, message, id) ? "own_echo" : "duplicate")
  // A step before this one may have replaced the state's value.
  const current = t.group.states.get(node.id) ?? node
  try {
    return await classify(t, current, message, id)
  } catch (error) {
    // Not remembered by its id: under the outer key of another state the same bytes may be valid.
    const verdict = verdictOn(error)
    if (verdict === undefined) throw error
    return verdict
  }
}

function isOwn(t: Transition, node: StateNode, message: Uint8Array, id: MessageId): boolean {
  const { states, apps } = t.group
  if (states.get(id)?.edge?.own === true || apps.get(id)?.own === true) return true
  return node.mls !== undefined && peekMessage(message).senderLeaf === node.mls.ownLeafIndex
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
): Promise<InputVerdict> {
  const peeked = peekMessage(message)
  const isApplication = peeked.contentType === contentTypes.application
  const isPrivate = peeked.wireFormat === wireFormats.privateMessage
  // marmot-wire §4.1: handshakes are PublicMessages, application messages PrivateMessages, never otherwise.
  if (isApplication !== isPrivate) throw new MarmotError("invalid_encoding", "mixed carriage")
  if (isApplication) return receiveApplication(t, node, message, id)
  if (peeked.contentType === contentTypes.proposal) return receiveProposal(t, node, message, id)
  if (!hasRoom(t, node, peeked.senderLeaf)) return categorised("resource_refused")
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
): Promise<InputVerdict> {
  if (node.mls === undefined) return categorised("unknown_group")
  const key = eventKey(t.env.crypto, node.mls)
  const processed =
    (await t.ahead?.process(t.mls, node.mls, { message, key })) ??
    (await processMessage(t.mls, node.mls, message))
  if (processed.kind !== "application") throw new MarmotError("invalid_encoding", "mixed carriage")
  t.putState({ ...node, mls: processed.state })
  const app = recordOf(t, { node, mls: node.mls, processed, id })
  putApp(t, app)
  reconsiderWitness(t, app)
  const visible = t.group.lifecycle !== "recovering" && canonicalIds(t.group).has(node.id)
  if (visible) deliver(t, app)
  return verdictFor(t, id)
}

function recordOf(
  t: Transition,
  opened: {
    readonly node: StateNode
    readonly mls: GroupState
    readonly processed: ProcessedApplication
    readonly id: MessageId
  },
): AppRecord {
  const { node, mls, processed, id } = opened
  const account = accountOfLeaf(mls, processed.sender)
  const event = readable(processed.data, account)
  const { retention } = factsOf(mls)
  const reception = { retention, receivedAt: t.env.now, isNews: t.isNews }
  return {
    messageId: id,
    stateId: node.id,
    epoch: node.epoch,
    account,
    innerId: event?.id,
    // It counts as a witness all the same: what is shown is not for the group to decide.
    event: event && dropsMessage(event) ? undefined : event,
    expiresAt: event && deadlineOf({ ...reception, createdAt: event.created_at }),
    shown: "held",
    own: false,
  }
}

/**
 * What only a state opens that the reading of stored history has passed. It witnesses nothing any more, and what is shown
 * of it stays: no selection can leave that state. Its message keys know what was taken before.
 */
async function receivePassed(
  t: Transition,
  { node, message }: { readonly node: StateNode; readonly message: Uint8Array },
): Promise<InputVerdict> {
  try {
    const { contentType, wireFormat } = peekMessage(message)
    const isApplication = contentType === contentTypes.application
    if (!isApplication || wireFormat !== wireFormats.privateMessage) return BeyondAnchor
    if (node.mls === undefined) return categorised("unknown_group")
    const processed = await processMessage(t.mls, node.mls, message)
    if (processed.kind !== "application") return BeyondAnchor
    putPassed(t, { ...node, mls: processed.state })
    const id = bytesToHex(sha256(message))
    const app = recordOf(t, { node, mls: node.mls, processed, id })
    show(t, app, node.mls)
    return app.innerId === undefined ? categorised("invalid_encoding") : accepted
  } catch (error) {
    const verdict = verdictOn(error)
    if (verdict === undefined) throw error
    return verdict
  }
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
): Promise<InputVerdict> {
  if (node.mls === undefined) return categorised("unknown_group")
  const processed = await processMessage(proposalContext(t.mls), node.mls, message)
  if (processed.kind !== "proposal") throw new MarmotError("invalid_encoding", "not a proposal")
  judgeProposal(node.mls, processed)
  if (!hasRoomForProposal(t.group, node.id, node.mls, processed)) {
    return categorised("resource_refused")
  }
  t.putState({ ...node, mls: processed.state })
  remember(t, id, node.epoch)
  t.set({ proposalIds: new Map(t.group.proposalIds).set(bytesToHex(processed.ref), id) })
  if (node.id === t.group.tip) scheduleDeparture(t)
  t.candidatesChanged = true
  return verdictFor(t, id)
}

/**
 * Its signature and membership tag were right, and what its path has for this device is broken. What it has for others
 * may not be: no member can tell (RFC 9420 §7.5 has no proof of it), so the group may go on there without us.
 */
const UNFOLLOWABLE: ReadonlySet<string> = new Set(["aead_failed", "path_public_key"])

async function receiveCommit(
  t: Transition,
  node: StateNode,
  message: Uint8Array,
  id: MessageId,
): Promise<InputVerdict> {
  if (closeFullPass(t, node)) {
    // The end of a pass may end the membership, or the branch.
    const { standing, lifecycle, states } = t.group
    if (lifecycle === "unrecoverable") return categorised("resource_refused")
    if (standing !== "active" || lifecycle === "disbanded") return categorised("unknown_group")
    if (!states.has(node.id)) return BeyondAnchor
  }
  if (node.mls === undefined) return categorised("unknown_group")
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
    if (error instanceof MlsError && UNFOLLOWABLE.has(error.code)) {
      t.set({ unfollowed: Math.max(node.epoch, t.group.unfollowed ?? 0) })
    }
    throw error
  }
  t.candidatesChanged = true
  admit(t)
  return verdictFor(t, id)
}

function verdictFor(t: Transition, id: MessageId): InputVerdict {
  return dispositionOf(t.group, id) ?? deferred
}

/** The proposal that it names may still come. */
function deferCommit(
  t: Transition,
  node: StateNode,
  message: Uint8Array,
  id: MessageId,
): InputVerdict {
  if (t.group.deferred.size >= MAX_DEFERRED) return categorised("resource_refused")
  const input = { messageId: id, stateId: node.id, message, receivedAt: t.env.now }
  t.set({ deferred: new Map(t.group.deferred).set(id, input) })
  return deferred
}

/** New states and proposals may open or complete what was put aside; goes on until nothing moves. */
export async function sweep(t: Transition): Promise<void> {
  let tried = false
  const { isNews } = t
  // What lay here for a while is no news.
  t.isNews = false
  while (t.candidatesChanged) {
    t.candidatesChanged = false
    await retryDeferred(t)
    if (await retryUnopened(t)) tried = true
    somethingMoved(t)
  }
  t.isNews = isNews
  if (tried) countSweep(t)
  askIfDue(t)
}

async function retryDeferred(t: Transition): Promise<void> {
  for (const input of t.group.deferred.values()) {
    const node = t.group.states.get(input.stateId)
    const waiting = new Map(t.group.deferred)
    waiting.delete(input.messageId)
    t.set({ deferred: waiting })
    const verdict = node && (await receiveMessage(t, node, input.message, input.messageId))
    if (verdict?.category === "resource_refused") {
      t.set({ deferred: new Map(t.group.deferred).set(input.messageId, input) })
    }
  }
}

/** Whether the key of some state was tried for the first time. */
async function retryUnopened(t: Transition): Promise<boolean> {
  let tried = false
  for (const { event } of t.group.unopened.values()) {
    if (!isWorthAnotherTry(t, event)) continue
    tried = true
    const { payload } = parsed(t, event)
    if (payload !== undefined) {
      const found = open(t, event, payload)
      if (found === undefined) continue
      const verdict = await receiveOpened(t, found, event.created_at)
      if (verdict.category === "resource_refused") continue
    }
    const unopened = new Map(t.group.unopened)
    unopened.delete(event.id)
    t.set({ unopened })
  }
  return tried
}
