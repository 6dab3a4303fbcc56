// What the user interface is shown, made of records and engine states. Plain data, no protocol state.

import type { Rumor } from "../nostr/event.ts"
import type { GroupSummary, MarmotGroup } from "../marmot/engine-types.ts"
import type {
  AttachmentView,
  ChatView,
  GroupView,
  InviteView,
  MemberView,
  PersonView,
  SystemEvent,
  SystemRowView,
  TimelineItem,
} from "./api.ts"
import { bytesToHex } from "../nostr/event.ts"
import type { GroupAvatar } from "../marmot/group-image.ts"
import { attachmentsOf } from "../marmot/media-file.ts"
import { webPictureName } from "./media-records.ts"
import type { ChatRecord } from "./chats.ts"
import type { InviteRecord } from "./invites.ts"
import { isChatKind } from "./chat-kinds.ts"
import { oneLine } from "./one-line.ts"
import { shownTime } from "./shown-time.ts"
import { timeOf } from "./timeline-records.ts"
import type { RowChange, TimelineRecord } from "./timeline-records.ts"

export interface Viewer {
  /** The account of this device. */
  readonly self: string
  person(pubkey: string): PersonView
}

export function groupView(
  group: MarmotGroup,
  summary: GroupSummary,
  viewer: Viewer,
  more: Pick<GroupView, "undelivered" | "features" | "image" | "webPicture" | "mediaServers">,
): GroupView {
  const { groupId, name, description, epoch, standing, members, admins, retention } = summary
  return {
    groupId,
    name,
    description,
    epoch,
    standing,
    members: memberViews(members, admins, viewer),
    relays: summary.routes[0]?.relays ?? [],
    retentionSeconds: retention,
    canManage: standing === "active" && admins.includes(viewer.self),
    busy: isBusy(group),
    mayBeStranded: summary.seemsStranded,
    ...more,
  }
}

function memberViews(
  members: readonly string[],
  admins: readonly string[],
  viewer: Viewer,
): readonly MemberView[] {
  return members.map((pubkey) => ({
    ...viewer.person(pubkey),
    isAdmin: admins.includes(pubkey),
    isSelf: pubkey === viewer.self,
  }))
}

export function chatView(
  chat: ChatRecord,
  summary: GroupSummary,
  newest: TimelineRecord | undefined,
  params: { readonly viewer: Viewer; readonly now: number; readonly image: string | undefined },
): ChatView {
  const { groupId, name, standing, members } = summary
  // What is dated a little ahead must not stay above what happens meanwhile.
  const at = newest === undefined ? chat.createdAt : Math.min(timeOf(newest), params.now / 1000)
  return {
    groupId,
    name,
    image: params.image,
    standing,
    memberCount: members.length,
    unread: chat.unread,
    lastActivity: Math.floor(at),
    preview: newest === undefined ? undefined : previewOf(newest, params.viewer),
  }
}

/** Names a group's picture; one that is an address on the web (component 0x8007) is shown if the user wants it. */
export function imageName({ image, url }: GroupAvatar, wanted?: string): string | undefined {
  if (url !== undefined) return url === wanted ? webPictureName(url) : undefined
  return image && bytesToHex(image.imageHash)
}

export function inviteView(invite: InviteRecord, viewer: Viewer): InviteView {
  const { groupId, name, description, inviter, members, admins } = invite.preview
  return {
    inviteId: invite.inviteId,
    groupId,
    groupName: name,
    description,
    inviter: viewer.person(inviter),
    members: memberViews(members, admins, viewer),
    receivedAt: invite.receivedAt,
  }
}

export function timelineItem(record: TimelineRecord, viewer: Viewer): TimelineItem {
  if (record.type === "system") {
    const { id, change } = record
    const createdAt = shownTime(timeOf(record))
    const row = record.row && systemRowView(record.row)
    const item = { type: "system", id, createdAt, change: systemEvent(change, viewer) } as const
    return row === undefined ? item : { ...item, row }
  }
  const { id, pubkey, kind, content, tags } = record.rumor
  return {
    type: "message",
    messageId: id,
    author: viewer.person(pubkey),
    own: record.own,
    createdAt: shownTime(timeOf(record)),
    kind,
    content,
    tags,
    delivery: record.delivery,
    attachments: attachmentViews(record.rumor),
    ...(record.expiresAt === undefined ? {} : { expiresAt: record.expiresAt }),
  }
}

const systemRowView = ({ id, pubkey, kind, tags, content }: Rumor): SystemRowView => ({
  messageId: id,
  pubkey,
  kind,
  tags,
  content,
})

const MAX_PIXELS = 100_000

function attachmentViews(rumor: Rumor): readonly AttachmentView[] {
  return Array.from(attachmentsOf(rumor), ([index, { filename, mediaType, dim }]) => ({
    index,
    filename: oneLine(filename) || "file",
    mediaType,
    size: sizeOf(dim),
  }))
}

function sizeOf(dim = ""): AttachmentView["size"] {
  const [, width, height] = /^(\d{1,6})x(\d{1,6})$/.exec(dim) ?? []
  const size = { width: Number(width), height: Number(height) }
  return [size.width, size.height].every((side) => side > 0 && side <= MAX_PIXELS)
    ? size
    : undefined
}

/** Stands for the group in the chat list; reactions, edits and the like do not. */
export function isPreviewable(record: TimelineRecord): boolean {
  return record.type === "system" || isChatKind(record.rumor.kind)
}

function systemEvent(change: RowChange, viewer: Viewer): SystemEvent {
  const person = (pubkey: string) => viewer.person(pubkey)
  switch (change.type) {
    case "member_removed":
      return change.subject === viewer.self
        ? { event: "removed_self", actor: person(change.actor) }
        : { event: change.type, actor: person(change.actor), subject: person(change.subject) }
    case "member_added":
    case "admin_added":
    case "admin_removed":
      return { event: change.type, actor: person(change.actor), subject: person(change.subject) }
    case "member_left":
      return { event: change.type, subject: person(change.subject) }
    case "group_renamed":
      return { event: change.type, actor: person(change.actor), name: change.name }
    case "disappearing_timer_changed":
      return { event: change.type, actor: person(change.actor), seconds: change.after }
    case "description_changed":
    case "group_avatar_changed":
    case "routing_changed":
    case "group_disbanded":
    case "group_created":
    case "joined":
      return { event: change.type, actor: person(change.actor) }
    case "change_lost":
      return { event: change.type, text: change.text }
  }
}

const MAX_PREVIEW = 200

function previewOf(record: TimelineRecord, viewer: Viewer): ChatView["preview"] {
  if (record.type === "message") {
    const author = viewer.person(record.rumor.pubkey)
    const text = record.rumor.content.trim() === "" ? filesText(record.rumor) : undefined
    if (text !== undefined) return { author, text }
    return { author, text: Array.from(record.rumor.content).slice(0, MAX_PREVIEW).join("") }
  }
  return { author: undefined, text: rowText(systemEvent(record.change, viewer)) }
}

/** What stands for a message without words. */
function filesText(rumor: Rumor): string | undefined {
  const [first, ...more] = attachmentViews(rumor)
  if (first === undefined) return undefined
  const isImage = first.mediaType.startsWith("image/")
  const what = isImage ? "Picture" : first.filename
  return more.length === 0 ? what : `${what} and ${more.length} more`
}

const nameOf = ({ name, npub }: PersonView) => name ?? `${npub.slice(0, 10)}…`

/** A system row in one line of English, for the chat list. */
function rowText(row: SystemEvent): string {
  switch (row.event) {
    case "group_created":
      return `${nameOf(row.actor)} made the group`
    case "joined":
      return `${nameOf(row.actor)} joined`
    case "member_added":
      return `${nameOf(row.actor)} added ${nameOf(row.subject)}`
    case "member_removed":
      return `${nameOf(row.actor)} removed ${nameOf(row.subject)}`
    case "member_left":
      return `${nameOf(row.subject)} left`
    case "admin_added":
      return `${nameOf(row.actor)} made ${nameOf(row.subject)} an admin`
    case "admin_removed":
      return `${nameOf(row.subject)} is no admin any more`
    case "group_renamed":
      return `${nameOf(row.actor)} named the group “${row.name}”`
    case "disappearing_timer_changed":
      return row.seconds === 0
        ? `${nameOf(row.actor)} turned off disappearing messages`
        : `${nameOf(row.actor)} turned on disappearing messages`
    case "routing_changed":
      return `${nameOf(row.actor)} changed the group’s relays`
    case "group_avatar_changed":
      return `${nameOf(row.actor)} changed the picture`
    case "description_changed":
      return `${nameOf(row.actor)} changed the description`
    case "removed_self":
      return `${nameOf(row.actor)} removed you`
    case "group_disbanded":
      return `${nameOf(row.actor)} ended the group`
    case "change_lost":
      return row.text
  }
}

function isBusy({ lifecycle, pass, pending, intents }: MarmotGroup): boolean {
  return (
    pending !== undefined || pass !== undefined || intents.length > 0 || lifecycle === "recovering"
  )
}
