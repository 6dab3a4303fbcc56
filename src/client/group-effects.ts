// What the engine wants done becomes records: publications, Welcomes to send, rows of the timeline.

import type { Effect, GroupChange, MarmotGroup } from "../marmot/engine-types.ts"
import type { MediaKeys } from "../marmot/media-file.ts"
import { bytesToHex } from "../nostr/event.ts"
import { toBase64 } from "../marmot/base64.ts"
import type { Cursors } from "./cursors.ts"
import type { Draft } from "./draft.ts"
import { intentError } from "./failure.ts"
import type { Outbox } from "./outbox.ts"
import type { Reinviter } from "./reinviter.ts"
import type { SeenEvents } from "./seen-events.ts"
import type { MessageRecord } from "./timeline-records.ts"
import type { Timeline } from "./timeline.ts"
import type { Uploads } from "./uploads.ts"
import type { Waiters } from "./waiters.ts"
import type { WelcomeSender } from "./welcome-sender.ts"

export interface EffectPorts {
  readonly timeline: Timeline
  readonly outbox: Outbox
  readonly welcomes: WelcomeSender
  readonly reinviter: Reinviter
  readonly uploads: Uploads
  readonly cursors: Cursors
  readonly seen: SeenEvents
  readonly waiters: Waiters<{ epoch: number }>
  /** Asks the relays again. */
  refetch(): void
}

/** Drafts every effect; what a `disposition` says of the event just handed in is its bearer's. */
export async function performEffects(
  draft: Draft,
  group: MarmotGroup,
  effects: readonly Effect[],
  ports: EffectPorts,
): Promise<void> {
  const delivered = effects.flatMap((effect) => (effect.type === "deliver" ? [effect.event] : []))
  const noted = effects.flatMap((effect) => (effect.type === "notify" ? [effect.commitDigest] : []))
  await Promise.all([
    ports.timeline.foresee(draft, group.groupId, delivered),
    ports.timeline.foreseeNotices(draft, group.groupId, noted),
  ])
  for (const effect of effects) await perform(draft, group.groupId, effect, ports)
  ports.welcomes.prune(draft, group)
}

async function perform(
  draft: Draft,
  groupId: string,
  effect: Effect,
  ports: EffectPorts,
): Promise<void> {
  const { timeline, outbox, welcomes, reinviter } = ports
  switch (effect.type) {
    case "publish": {
      const { event, purpose, relays, innerId } = effect
      outbox.add(draft, { event, purpose, relays, innerId, groupId })
      if (innerId === undefined) return
      const delivery = { status: "pending" } as const
      return timeline.setDelivery(draft, groupId, innerId, { delivery, eventId: event.id })
    }
    case "welcome": {
      const { stateId, recipient, keyPackageEventId, welcome, relays } = effect
      welcomes.add(draft, {
        stateId,
        recipient,
        keyPackageEventId,
        welcome: toBase64(welcome),
        groupId,
        relays,
      })
      return
    }
    case "deliver":
      return timeline.deliver(draft, groupId, {
        rumor: effect.event,
        own: effect.own,
        expiresAt: effect.expiresAt,
        ...keysOf(effect.mediaKeys),
        delivery: effect.own ? { status: "pending" } : { status: "received" },
      })
    case "withdraw":
      // Our own stays in view: the engine sends it again by itself.
      if (!effect.own) return timeline.withdraw(draft, groupId, effect.innerId)
      return timeline.setDelivery(draft, groupId, effect.innerId, {
        delivery: { status: "pending" },
      })
    case "restore":
      return restore(draft, groupId, effect.innerId, ports)
    case "recall": {
      const { eventId } = (await timeline.message(draft, groupId, effect.innerId)) ?? {}
      if (eventId !== undefined) outbox.cancel(draft, eventId)
      return
    }
    case "notify":
      welcomes.resume(draft, effect.commitDigest)
      reinviter.won(draft, effect.commitDigest)
      return timeline.notify(draft, groupId, {
        digest: effect.commitDigest,
        epoch: effect.epoch,
        changes: effect.changes,
        seenAt: effect.seenAt,
      })
    case "withdrawNotices":
      welcomes.park(draft, effect.commitDigest)
      return timeline.withdrawNotices(draft, groupId, effect.commitDigest)
    case "changeLost":
      reinviter.lost(draft, groupId, effect.commitDigest, invitedBy(effect.changes))
      return timeline.notify(draft, groupId, {
        digest: `lost:${effect.commitDigest}`,
        changes: [{ type: "change_lost", text: lostText(effect.changes) }],
        seenAt: draft.now,
      })
    case "intentDone":
      return intentDone(draft, groupId, effect, ports)
    case "ended":
      draft.change({ topic: "group", groupId })
      draft.change({ topic: "chats" })
      // What is encrypted already may still go out; nothing else will.
      if (effect.how === "unrecoverable") return
      return fail(draft, groupId, outbox.giveUpMessages(draft, groupId), timeline)
    case "refetch":
      ports.cursors.rewind(draft, groupId, effect.since)
      draft.after(() => ports.refetch())
      return
    case "disposition":
      // It was kept for a while and had to make room: when it comes again, it is news.
      if (effect.category === "resource_refused") ports.seen.release(draft, groupId, effect.eventId)
      return
  }
}

/** Messages that nobody will get: to the others, we were gone before. */
async function fail(
  draft: Draft,
  groupId: string,
  messageIds: readonly string[],
  timeline: Timeline,
): Promise<void> {
  const reason = "You are no longer in this group."
  for (const messageId of messageIds) {
    const delivery = { status: "failed", reason, relays: [] } as const
    await timeline.setDelivery(draft, groupId, messageId, { delivery })
  }
}

/** A message that was over before it could be sent stays for so long, to say so (seconds). */
const TOLD_FOR = 3_600

/** Which message an intent to send carries: `send:` is the user's, `resend:` the engine's own. */
const messageOfIntent = (intentId: string) => /^(?:re)?send:([0-9a-f]{64})/.exec(intentId)?.[1]

async function intentDone(
  draft: Draft,
  groupId: string,
  effect: Effect & { readonly type: "intentDone" },
  { timeline, waiters, uploads }: EffectPorts,
): Promise<void> {
  const { intentId, result } = effect
  if (result.ok) {
    draft.after(() => waiters.resolve(intentId, { epoch: result.epoch }))
    return
  }
  const error = intentError(result.code, result.message)
  draft.after(() => waiters.reject(intentId, error))
  const messageId = messageOfIntent(intentId)
  if (messageId === undefined) return
  if (result.code === "media_outdated" && (await uploads.again(draft, groupId, messageId))) return
  await timeline.setDelivery(draft, groupId, messageId, {
    delivery: { status: "failed", reason: error.message, relays: [] },
  })
  if (result.code !== "expired") return
  await timeline.endAt(draft, groupId, messageId, Math.floor(draft.now / 1000) + TOLD_FOR)
}

/** Keys of attachments, as they are stored with their message. */
function keysOf(keys: MediaKeys | undefined): Pick<MessageRecord, "mediaKeys"> {
  if (keys === undefined) return {}
  const listed = Object.entries(keys).map(([index, key]) => [index, [bytesToHex(key)]] as const)
  return { mediaKeys: Object.fromEntries(listed) }
}

/** The branch that the message was sent on won after all. */
async function restore(
  draft: Draft,
  groupId: string,
  innerId: string,
  { timeline }: EffectPorts,
): Promise<void> {
  await timeline.restore(draft, groupId, innerId)
  const record = await timeline.message(draft, groupId, innerId)
  if (record?.own !== true) return
  await timeline.setDelivery(draft, groupId, innerId, { delivery: { status: "sent", relays: [] } })
}

const invitedBy = (changes: readonly GroupChange[]) =>
  changes.flatMap((change) => (change.type === "member_added" ? [change.subject] : []))

function lostText(changes: readonly GroupChange[]): string {
  if (changes.length > 0 && invitedBy(changes).length === changes.length) {
    return "Your invitation met another change and was not made. It will be made again."
  }
  const what = new Set(changes.map(({ type }) => lostWords[type]))
  const list = what.size === 0 ? "Your change" : `Your change (${[...what].join(", ")})`
  return `${list} met another one and was not made. You can try it again.`
}

const lostWords: Record<GroupChange["type"], string> = {
  member_added: "an invitation",
  member_removed: "removing a member",
  member_left: "a departure",
  admin_added: "a new admin",
  admin_removed: "one admin fewer",
  group_renamed: "a new name",
  description_changed: "a new description",
  group_avatar_changed: "a new picture",
  disappearing_timer_changed: "disappearing messages",
  routing_changed: "other relays",
  group_disbanded: "ending the group",
}
